package apply

// What a check says of a table that a copy makes.
const (
	SeenNew  = "the table does not exist yet"
	SeenAnew = "the table is one that this pipeline has made for other columns, and is empty: it is dropped and made anew"
)

// MadeBy is the comment of a target's table that a pipeline has made. A process that
// is killed between making a table and remembering it leaves it behind; by the comment
// [Target.Prepare] knows it for one that nobody misses as long as it holds nothing.
func MadeBy(pipeline string) string {
	return "made by pgsluice for the pipeline " + pipeline
}

// BeforeCopy says whether Prepare may make such a table anew.
func (e Existing) BeforeCopy() bool { return e == Refuse || e == Truncate || e == Append }
