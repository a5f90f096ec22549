package applytest

import (
	"context"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Subject is a kind of target that is to be proved.
type Subject struct {
	// New makes an empty warehouse.
	New func(t *testing.T) Warehouse
	// Refused is a value that the target cannot hold, of the given type, as
	// text. Without a type there is no such value, and what has to happen to it
	// is not tested.
	Refused     *change.Type
	RefusedText string
	// Name writes the name of a table as the target does; nil: as it is.
	Name func(table string) string
	// Unwished: the target has no columns by other names than the source's.
	Unwished bool
	// Again says that an error is one that a reader gets who has waited for a
	// table, and who asks again; nil: there is none.
	Again func(error) bool
	// Unversioned: the rows of the target do not tell their position.
	Unversioned bool
}

// Warehouse is what targets are opened on, one after the other, as one process
// follows another.
type Warehouse interface {
	Open(ctx context.Context) (apply.Target, error)
	// Read gives the table's rows as a reader sees them, in any order: the
	// relation's columns as text, [Null] for NULL.
	Read(ctx context.Context, table *apply.Table) ([][]string, error)
}

// Null is how Read shows a NULL.
const Null = "<NULL>"

type promise struct {
	name string
	test func(*testing.T, *bench)
}

// Run proves a target.
func Run(t *testing.T, s Subject) {
	promises := []promise{
		{"Recall of an unknown pipeline is the zero state", recallOfNothing},
		{"What is remembered is recalled, by another process too", rememberAndRecall},
		{"The watermark never goes back", watermarkNeverBack},
		{"What is forgotten is gone, and its name can be used again", forget},
		{"Prepare creates a table once", prepareTwice},
		{"Prepare refuses, truncates, keeps or discards rows", prepareExisting},
		{"Prepare adds columns, and older rows read as the source says", prepareColumns},
		{"Prepare names the column that cannot be held", prepareMisfit},
		{"Prepare makes anew what it has made for other columns, when it is empty", prepareAnew},
		{"A loader sends more rows than fit one block", loadManyBlocks},
		{"A loader that is given up leaves no trouble", loadAbort},
		{"Rows are inserted, updated and deleted", applyChanges},
		{"A key that changes takes its row along", applyKeyChange},
		{"A truncate removes what stands before it, also when replayed", applyTruncate},
		{"Unchanged values are kept", applyUnchanged},
		{"Unchanged values that are nowhere are an error of the table", applyUnchangedLost},
		{"Equal rows without a key are told apart by position", applyKeyless},
		{"Values are the same from binary and from text", valuesAgree},
		{"Any history, cut, failed and replayed at random, reads as the model", randomHistory},
	}
	promises = append(promises, alterations...)
	promises = append(promises, swaps...)
	promises = append(promises, transactions...)
	if s.Refused != nil { // a target that holds every value cannot fail by one
		promises = append(promises, promise{"A table that fails leaves the others appliable", applyTableError})
	}
	for _, c := range promises {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{subject: s, warehouse: s.New(t), ctx: t.Context()}
			b.open(t)
			t.Cleanup(func() {
				if err := b.target.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, b)
		})
	}
}

// bench is one test's warehouse and the target that is open on it.
type bench struct {
	subject   Subject
	warehouse Warehouse
	target    apply.Target
	ctx       context.Context
}

// table is NewTable's, named as the target names it.
func (b *bench) table(number int, name string, keys int, columns ...string) *apply.Table {
	t := NewTable(number, name, keys, columns...)
	if b.subject.Name != nil {
		t.Name = b.subject.Name(name)
	}
	return t
}

// exact says that the target is transactional: it is given nothing twice.
func (b *bench) exact() bool {
	_, exact := b.target.(apply.Transactional)
	return exact
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	target, err := b.warehouse.Open(b.ctx)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	b.target = target
}

// reopen is what a new process does.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	if err := b.target.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	b.open(t)
}

func (b *bench) prepare(t *testing.T, table *apply.Table, existing apply.Existing, copiedAt change.LSN) (created bool) {
	t.Helper()
	created, err := b.target.Prepare(b.ctx, table, existing, copiedAt)
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	return created
}

func (b *bench) remember(t *testing.T, p apply.PipelineState, tables ...apply.TableState) {
	t.Helper()
	if err := b.target.Remember(b.ctx, p, tables...); err != nil {
		t.Fatalf("remember: %v", err)
	}
}

func (b *bench) recall(t *testing.T, pipeline string) apply.State {
	t.Helper()
	s, err := b.target.Recall(b.ctx, pipeline)
	if err != nil {
		t.Fatalf("recall: %v", err)
	}
	return s
}

func (b *bench) apply(t *testing.T, batch *apply.Batch) {
	t.Helper()
	if err := b.target.Apply(b.ctx, batch); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

// read gives rows in order, for comparing.
func (b *bench) read(t *testing.T, table *apply.Table) [][]string {
	t.Helper()
	rows, err := b.warehouse.Read(b.ctx, table)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	slices.SortFunc(rows, slices.Compare)
	return rows
}

func (b *bench) expect(t *testing.T, table *apply.Table, want ...[]string) {
	t.Helper()
	slices.SortFunc(want, slices.Compare)
	if got := b.read(t, table); !slices.EqualFunc(got, want, slices.Equal) {
		t.Fatalf("a reader of %s sees\n%v\nwant\n%v", table.Name, got, want)
	}
}
