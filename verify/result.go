package verify

import (
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// Verdict is what came out for a table.
type Verdict string

// The verdicts.
const (
	// Equal: each row is on both sides the same.
	Equal Verdict = "equal"
	// Different: there are differences.
	Different Verdict = "different"
	// Undecided: no difference is known, but there are rows of which it cannot be
	// told.
	Undecided Verdict = "undecided"
	// NotCompared: the table could not be compared, and Reason says why.
	NotCompared Verdict = "not compared"
)

// Result is what came out for a pipeline.
type Result struct {
	Pipeline string  `json:"pipeline"`
	Verdict  Verdict `json:"verdict"`
	// Fence is up to where the source's log was seen to be applied; empty for a
	// one-shot load.
	Fence  string        `json:"fence,omitempty"`
	Tables []TableResult `json:"tables"`
}

// TableResult is what came out for a table.
type TableResult struct {
	Relation string  `json:"relation"`
	Target   string  `json:"target"`
	Verdict  Verdict `json:"verdict"`
	// Reason says why a table was not compared, or rows are undecided.
	Reason string `json:"reason,omitempty"`
	// SourceRows and TargetRows were read; they need not be the same moment's.
	SourceRows int64 `json:"source_rows"`
	TargetRows int64 `json:"target_rows"`
	// LeftOut are columns that were not compared, and why.
	LeftOut map[string]string `json:"left_out,omitempty"`
	// Differing counts the differences; More says that there are others, which were
	// not looked at. Differences are the first of them.
	Differing   int64        `json:"differing"`
	More        bool         `json:"more,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
	// Changing counts rows that changed too fast to be held against each other, Lost
	// those that could not be looked up in the source.
	Changing int64         `json:"changing,omitempty"`
	Lost     int64         `json:"not_looked_up,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// Kind is what is wrong with a row.
type Kind string

// The kinds of difference.
const (
	// Missing: it is not in the target.
	Missing Kind = "missing"
	// Surplus: it is not in the source.
	Surplus Kind = "surplus"
	// Changed: it has other values.
	Changed Kind = "changed"
	// Repeated: the target has it more than once.
	Repeated Kind = "repeated"
	// Counted: a table without a key has it in another number.
	Counted Kind = "counted"
)

// Difference is a row that is not the same on both sides.
type Difference struct {
	Kind Kind `json:"kind"`
	// Row is its key, or of a table without one all of it: shortened, as the source
	// prints it, or else the target.
	Row []Value `json:"row"`
	// Columns are those that differ.
	Columns []Pair `json:"columns,omitempty"`
	// SourceCount and TargetCount are how often it is there.
	SourceCount int64 `json:"source_count"`
	TargetCount int64 `json:"target_count"`
}

// Value is a column's; nil for NULL.
type Value struct {
	Column string  `json:"column"`
	Text   *string `json:"value"`
}

// Pair is a column's value on both sides.
type Pair struct {
	Column string  `json:"column"`
	Source *string `json:"source"`
	Target *string `json:"target"`
}

// Progress is how far a run is.
type Progress struct {
	Table string
	// Step says what is being done, in a few words.
	Step string
	// Tables are those that are done, of OfTables.
	Tables, OfTables int
	// SourceRows and TargetRows are what the step has read, OfRows the planner's
	// estimate.
	SourceRows, TargetRows, OfRows int64
}

// settle makes the verdict of what was found.
func (t *TableResult) settle() {
	switch {
	case t.Verdict == NotCompared:
	case t.Differing > 0:
		t.Verdict = Different
	case t.Changing+t.Lost > 0 || t.More || t.Reason != "":
		t.Verdict = Undecided
	default:
		t.Verdict = Equal
	}
}

// worse are the verdicts from the best to the worst.
var worse = map[Verdict]int{Equal: 0, NotCompared: 1, Undecided: 2, Different: 3}

func (r *Result) settle(fence change.LSN) {
	r.Verdict = Equal
	for i := range r.Tables {
		if v := r.Tables[i].Verdict; worse[v] > worse[r.Verdict] {
			r.Verdict = v
		}
	}
	if fence > 0 {
		r.Fence = fence.String()
	}
}
