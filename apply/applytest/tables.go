package applytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// awkward is a table whose names need every kind of quoting.
func (b *bench) awkward(number int) *apply.Table {
	t := b.table(number, "it's a \"t`a\\ble\".ünï {x}", 2, "#select", "a`b\\n\"c'.é", "?", "{p:String}")
	return t
}

func prepareTwice(t *testing.T, b *bench) {
	table := b.awkward(0)
	if !b.prepare(t, table, apply.Refuse, 0) {
		t.Error("the first Prepare did not say that it made the table")
	}
	if b.prepare(t, table, apply.Refuse, 0) {
		t.Error("the second Prepare said that it made the table")
	}
	b.apply(t, batchOf(t, table, Inserted(table, At(1, 1), 1, "k'\\", nil, "x")))
	b.reopen(t)
	b.prepare(t, table, apply.Keep, 0)
	b.expect(t, table, []string{"1", `k'\`, Null, "x"})
	for range 2 {
		if err := b.target.Drop(b.ctx, table.Name); err != nil {
			t.Fatalf("drop: %v", err)
		}
	}
	if !b.prepare(t, table, apply.Refuse, 0) {
		t.Error("a dropped table was still there")
	}
	b.expect(t, table)
}

func prepareExisting(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	fill := func() {
		b.prepare(t, table, apply.Truncate, 0)
		b.apply(t, batchOf(t, table, Inserted(table, At(50, 9), 1, "before"), Inserted(table, At(100, 0), 2, "copied"), Inserted(table, At(130, 1), 3, "streamed")))
	}
	fill()
	if _, err := b.target.Prepare(b.ctx, table, apply.Refuse, 0); err == nil {
		t.Error("a table with rows was not refused")
	}
	b.prepare(t, table, apply.Keep, 0)
	b.expect(t, table, []string{"1", "before"}, []string{"2", "copied"}, []string{"3", "streamed"})
	b.prepare(t, table, apply.Discard, 100)
	if b.subject.Unversioned { // all of them are this target's own
		b.expect(t, table)
	} else {
		b.expect(t, table, []string{"1", "before"})
	}
	b.prepare(t, table, apply.Truncate, 0)
	b.expect(t, table)
	b.prepare(t, table, apply.Refuse, 0)
}

func prepareColumns(t *testing.T, b *bench) {
	old := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, old, apply.Refuse, 0)
	b.apply(t, batchOf(t, old, Inserted(old, At(1, 1), 1, "a"), Inserted(old, At(1, 2), 2, "b")))

	text, number := `it's "new" \`, "42"
	table := b.table(0, "t", 1, "#id", "plain", "s", "said!", "#n")
	table.Relation.Columns[3].Missing = &text
	table.Relation.Columns[4].Missing = &number
	b.prepare(t, table, apply.Keep, 0)
	b.prepare(t, table, apply.Keep, 0)
	b.expect(t, table, []string{"1", Null, "a", text, "42"}, []string{"2", Null, "b", text, "42"})

	b.reopen(t)
	b.prepare(t, table, apply.Keep, 0)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, "p", "c", "new", nil), Updated(table, At(2, 2), 2, nil, "b", "upd", 7)))
	b.expect(t, table,
		[]string{"1", Null, "a", text, "42"}, []string{"2", Null, "b", "upd", "7"}, []string{"3", "p", "c", "new", Null})

	untold := b.table(0, "t", 1, "#id", "plain", "s", "said!", "#n", "untold!")
	if _, err := b.target.Prepare(b.ctx, untold, apply.Keep, 0); err == nil || !strings.Contains(err.Error(), "untold") {
		t.Errorf("a NOT NULL column of which older rows hold nobody knows what: %v", err)
	}
	b.prepare(t, untold, apply.Truncate, 0)
	b.expect(t, untold)
}

func prepareMisfit(t *testing.T, b *bench) {
	b.prepare(t, b.table(0, "t", 1, "#id", "s", "#number"), apply.Refuse, 0)
	retyped := b.table(0, "t", 1, "#id", "s", "number")
	if _, err := b.target.Prepare(b.ctx, retyped, apply.Keep, 0); err == nil || !strings.Contains(err.Error(), "number") {
		t.Errorf("a column of another type: %v", err)
	}
	b.prepare(t, b.table(0, "t", 1, "#id", "s"), apply.Keep, 0)
}

func prepareAnew(t *testing.T, b *bench) {
	for n, existing := range []apply.Existing{apply.Refuse, apply.Append, apply.Truncate} {
		of := func(name string, columns ...string) *apply.Table {
			return b.table(n, fmt.Sprint(name, n), 1, columns...)
		}
		b.prepare(t, of("empty", "#id", "#v"), apply.Refuse, 0)
		b.reopen(t)
		table := of("empty", "#id", "v")
		if inspector, ok := b.target.(apply.Inspector); ok {
			found, err := inspector.Check(b.ctx, []*apply.Table{table}, existing)
			if err != nil || !slices.ContainsFunc(found, func(f fault.Finding) bool { return f.Seen == apply.SeenAnew }) {
				t.Errorf("a check does not say so: %+v, %v", found, err)
			}
		}
		if b.prepare(t, table, existing, 0) {
			t.Error("there was no such table before")
		}
		b.apply(t, batchOf(t, table, Inserted(table, At(1, 1), 1, "one")))
		b.expect(t, table, []string{"1", "one"})

		full := of("full", "#id", "#v")
		b.prepare(t, full, apply.Refuse, 0)
		b.apply(t, batchOf(t, full, Inserted(full, At(1, 1), 1, 7)))
		if _, err := b.target.Prepare(b.ctx, of("full", "#id", "v"), existing, 0); err == nil {
			t.Error("a table with a row was not refused")
		}
		b.prepare(t, full, apply.Keep, 0)
		b.expect(t, full, []string{"1", "7"})
	}
}

func loadManyBlocks(t *testing.T, b *bench) {
	pieces := []int{70_000, 3_000}
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	errs := make(chan error, len(pieces))
	rows := 0
	for _, n := range pieces {
		from := rows
		go func() { errs <- b.load(table, from, n) }()
		rows += n
	}
	for range pieces {
		if err := <-errs; err != nil {
			t.Fatalf("load: %v", err)
		}
	}
	got := b.read(t, table)
	if len(got) != rows {
		t.Fatalf("%d rows, want %d", len(got), rows)
	}
	for _, r := range got {
		if r[1] != "row "+r[0] {
			t.Fatalf("row %v", r)
		}
	}
}

// load appends n rows, using the memory of the values again.
func (b *bench) load(table *apply.Table, from, n int) error {
	l, err := b.target.Load(b.ctx, table)
	if err != nil {
		return err
	}
	defer l.Abort()
	values := make([]change.Datum, 2)
	for i := from; i < from+n; i++ {
		values[0] = change.Datum{Format: change.Text, Bytes: fmt.Append(values[0].Bytes[:0], i)}
		values[1] = change.Datum{Format: change.Text, Bytes: fmt.Append(values[1].Bytes[:0], "row ", i)}
		if err := l.Append(values, At(10, 0)); err != nil {
			return err
		}
	}
	return l.Finish()
}

func loadAbort(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	for _, n := range []int{0, 10, 70_000} {
		l, err := b.target.Load(b.ctx, table)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		for i := range n {
			if err := l.Append(Values(i, "x"), At(10, 0)); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		l.Abort()
		l.Abort()
	}
	b.prepare(t, table, apply.Truncate, 0)
	if err := b.load(table, 0, 3); err != nil {
		t.Fatalf("load: %v", err)
	}
	b.expect(t, table, []string{"0", "row 0"}, []string{"1", "row 1"}, []string{"2", "row 2"})
}
