package applytest

import (
	"errors"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// applyAgain applies a batch of the rows three times over, each time made anew:
// the second and third must change nothing.
func (b *bench) applyAgain(t *testing.T, table *apply.Table, rows []*change.Row, want ...[]string) {
	t.Helper()
	b.goOn(t, table, 0, rows, want...)
}

// goOn is applyAgain of rows of which the target has the first few already. A
// target that is given nothing twice gets the others alone, and once.
func (b *bench) goOn(t *testing.T, table *apply.Table, has int, rows []*change.Row, want ...[]string) {
	t.Helper()
	times := 3
	if b.exact() {
		times, rows = 1, rows[has:]
	}
	for range times {
		b.apply(t, batchOf(t, table, rows...))
		b.expect(t, table, want...)
	}
}

func applyChanges(t *testing.T, b *bench) {
	table := b.table(0, "t", 2, "#id", "part", "s")
	b.prepare(t, table, apply.Refuse, 0)
	first := []*change.Row{
		Inserted(table, At(10, 1), 1, "a", "one"), Inserted(table, At(10, 2), 1, "b", nil), Inserted(table, At(10, 3), 2, "", ""),
	}
	b.applyAgain(t, table, first, []string{"1", "a", "one"}, []string{"1", "b", Null}, []string{"2", "", ""})
	second := []*change.Row{
		Updated(table, At(20, 1), 1, "b", "two"), Deleted(table, At(20, 2), 2, ""), Deleted(table, At(20, 3), 1, "a"),
		Inserted(table, At(20, 4), 1, "a", "again"),
	}
	want := [][]string{{"1", "a", "again"}, {"1", "b", "two"}}
	b.applyAgain(t, table, second, want...)
	// An earlier stretch, alone and with another end.
	b.goOn(t, table, 3, first, want...)
	b.goOn(t, table, 5, append(first[1:3:3], second[:3]...), want...)
	b.goOn(t, table, 2, second[2:], want...)
}

func applyKeyChange(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	rows := []*change.Row{
		Inserted(table, At(10, 1), 1, "one"), Inserted(table, At(10, 2), 2, "two"),
		Rekeyed(table, At(11, 1), []any{1}, 3, "one"),
		Rekeyed(table, At(12, 1), []any{2}, 1, "two"),
		Rekeyed(table, At(12, 2), []any{3}, 2, "one!"),
	}
	b.applyAgain(t, table, rows[:2], []string{"1", "one"}, []string{"2", "two"})
	b.applyAgain(t, table, rows[2:3], []string{"2", "two"}, []string{"3", "one"})
	want := [][]string{{"1", "two"}, {"2", "one!"}}
	b.applyAgain(t, table, rows[3:], want...)
	b.goOn(t, table, 5, rows, want...)
	b.goOn(t, table, 2, rows[2:4], want...)
}

func applyTruncate(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	other := b.table(1, "o", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	b.prepare(t, other, apply.Refuse, 0)
	b.apply(t, batchOf(t, table, Inserted(table, At(10, 1), 1, "old"), Inserted(table, At(10, 2), 2, "old")))
	b.apply(t, batchOf(t, other, Inserted(other, At(10, 3), 1, "stays")))
	truncate := func(rows ...*change.Row) *apply.Batch {
		batch := batchOf(t, table, Inserted(table, At(11, 1), 3, "gone before it was there"))
		batch.Truncate(table, At(12, 1))
		return add(t, batch, table, rows...)
	}
	b.apply(t, truncate())
	b.expect(t, table)
	b.apply(t, batchOf(t, table, Inserted(table, At(13, 1), 2, "new"), Inserted(table, At(13, 2), 4, "new")))
	if !b.exact() {
		// The truncate again, now that there are newer rows.
		b.apply(t, truncate())
		b.expect(t, table, []string{"2", "new"}, []string{"4", "new"})
		b.apply(t, truncate(Inserted(table, At(12, 2), 1, "right behind")))
		b.expect(t, table, []string{"1", "right behind"}, []string{"2", "new"}, []string{"4", "new"})
	}
	b.expect(t, other, []string{"1", "stays"})
	empty := &apply.Batch{Pipeline: "shop"}
	empty.Truncate(table, At(20, 1))
	empty.Truncate(other, At(20, 1))
	b.apply(t, empty)
	b.expect(t, table)
	b.expect(t, other)
}

func applyUnchanged(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "doc", "s", "note")
	b.prepare(t, table, apply.Refuse, 0)
	b.apply(t, batchOf(t, table,
		Inserted(table, At(10, 1), 1, "doc 1", "a", nil), Inserted(table, At(10, 2), 2, "doc 2", "b", ""), Inserted(table, At(10, 3), 3, nil, "c", "n")))
	u := Unchanged{}
	rows := []*change.Row{
		Updated(table, At(20, 1), 1, u, "a1", u),
		Updated(table, At(20, 2), 3, u, "c1", "n1"),
		Rekeyed(table, At(20, 3), []any{2}, 5, u, "b1", u),
		Updated(table, At(20, 4), 5, u, "b2", u),
	}
	want := [][]string{{"1", "doc 1", "a1", Null}, {"3", Null, "c1", "n1"}, {"5", "doc 2", "b2", ""}}
	b.apply(t, batchOf(t, table, rows[:3]...))
	b.goOn(t, table, 3, rows, want...)
	b.goOn(t, table, 2, rows[1:3], want...)
	// The row moves on; the old stretch is replayed with the new one behind it.
	more := []*change.Row{
		Rekeyed(table, At(30, 1), []any{5}, 6, u, "b3", u), Rekeyed(table, At(30, 2), []any{6}, 7, u, "b4", u),
		Inserted(table, At(30, 3), 2, "another doc 2", "x", nil), Updated(table, At(30, 4), 7, u, "b5", u),
	}
	b.apply(t, batchOf(t, table, more[:1]...))
	b.goOn(t, table, 3, append(rows[2:4:4], more[:2]...),
		[]string{"1", "doc 1", "a1", Null}, []string{"3", Null, "c1", "n1"}, []string{"7", "doc 2", "b4", ""})
	want = [][]string{{"1", "doc 1", "a1", Null}, {"2", "another doc 2", "x", Null}, {"3", Null, "c1", "n1"}, {"7", "doc 2", "b5", ""}}
	b.apply(t, batchOf(t, table, more[2]))
	b.goOn(t, table, 5, append(rows[2:4:4], more...), want...)
	b.goOn(t, table, 8, append(rows[:4:4], more...), want...)
}

func applyUnchangedLost(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "doc", "s")
	other := b.table(1, "o", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	b.prepare(t, other, apply.Refuse, 0)
	b.remember(t, shop(1))
	b.apply(t, batchOf(t, table, Inserted(table, At(10, 1), 1, "doc", "s"), Inserted(table, At(10, 2), 4, "doc", "s")))
	b.apply(t, batchOf(t, table, Deleted(table, At(11, 1), 1)))
	for _, r := range []*change.Row{
		Updated(table, At(20, 1), 1, Unchanged{}, "x"),
		Updated(table, At(20, 1), 2, Unchanged{}, "x"),
		Rekeyed(table, At(20, 1), []any{3}, 4, Unchanged{}, "x"),
	} {
		batch := batchOf(t, table, r)
		add(t, batch, other, Inserted(other, At(20, 2), 1, "fine"))
		batch.Watermark = 21
		b.expectTableError(t, batch, table)
		b.expect(t, table, []string{"4", "doc", "s"})
	}
	if w := b.recall(t, "shop").Pipeline.Watermark; w != 1 {
		t.Errorf("the watermark moved to %s past rows that could not be applied", w)
	}
}

func (b *bench) expectTableError(t *testing.T, batch *apply.Batch, table *apply.Table) *apply.TableError {
	t.Helper()
	err := b.target.Apply(b.ctx, batch)
	var failure *apply.TableError
	if !errors.As(err, &failure) || failure.Table != table {
		t.Fatalf("want a *TableError of %s, got %v", table.Name, err)
	}
	return failure
}

func applyKeyless(t *testing.T, b *bench) {
	table := b.table(0, "t", 0, "#n", "s")
	b.prepare(t, table, apply.Refuse, 0)
	rows := []*change.Row{
		Inserted(table, At(10, 1), 1, "x"), Inserted(table, At(10, 2), 1, "x"),
		Inserted(table, At(11, 1), 1, "x"), Inserted(table, At(11, 2), 2, nil),
	}
	b.applyAgain(t, table, rows[:3], []string{"1", "x"}, []string{"1", "x"}, []string{"1", "x"})
	b.goOn(t, table, 3, rows, []string{"1", "x"}, []string{"1", "x"}, []string{"1", "x"}, []string{"2", Null})
}

func applyTableError(t *testing.T, b *bench) {
	good := b.table(0, "good", 1, "#id", "s")
	bad := b.table(1, "bad", 1, "#id", "v")
	bad.Relation.Columns[1].Type = b.subject.Refused
	b.prepare(t, good, apply.Refuse, 0)
	b.prepare(t, bad, apply.Refuse, 0)
	b.remember(t, shop(1))
	batch := batchOf(t, bad, Inserted(bad, At(10, 1), 77, b.subject.RefusedText))
	add(t, batch, good, Inserted(good, At(10, 2), 1, "x"))
	batch.Watermark = 12
	failure := b.expectTableError(t, batch, bad)
	var value *apply.ValueError
	if !errors.As(failure, &value) || value.Column != "v" || value.Key != "77" || value.Value != b.subject.RefusedText {
		t.Errorf("the error does not name column, key and value: %v", failure)
	}
	if w := b.recall(t, "shop").Pipeline.Watermark; w != 1 {
		t.Errorf("the watermark moved to %s", w)
	}
	batch.Remove(bad)
	b.apply(t, batch)
	b.expect(t, good, []string{"1", "x"})
	b.expect(t, bad)
	if w := b.recall(t, "shop").Pipeline.Watermark; w != 12 {
		t.Errorf("the watermark is %s", w)
	}
	l, err := b.target.Load(b.ctx, bad)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	defer l.Abort()
	err = l.Append(Values(78, b.subject.RefusedText), At(9, 0))
	if err == nil {
		err = l.Finish()
	}
	if !errors.As(err, &failure) {
		t.Errorf("a loader took the value: %v", err)
	}
}
