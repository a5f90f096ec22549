package applytest

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

// transactions are what a target promises that is [apply.Transactional]; of any
// other nothing is wanted here.
var transactions = []promise{
	{"A transaction is seen at its end, all at once", onlyExact(transactionAtOnce)},
	{"A transaction that is not ended comes to nothing", onlyExact(transactionLost)},
	{"A call that fails leaves the rest of its transaction", onlyExact(transactionGoesOn)},
	{"What stood before a batch is known without a row of it", onlyExact(freshRows)},
}

func onlyExact(test func(*testing.T, *bench, apply.Transactional)) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		if tx, ok := b.target.(apply.Transactional); ok {
			test(t, b, tx)
		}
	}
}

func begin(t *testing.T, b *bench, tx apply.Transactional) {
	t.Helper()
	if err := tx.Begin(b.ctx); err != nil {
		t.Fatalf("begin: %v", err)
	}
}

func commit(t *testing.T, b *bench, tx apply.Transactional) {
	t.Helper()
	if err := tx.Commit(b.ctx); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func transactionAtOnce(t *testing.T, b *bench, tx apply.Transactional) {
	one, two := b.table(0, "one", 1, "#id", "s"), b.table(1, "two", 1, "#id", "s")
	b.prepare(t, one, apply.Refuse, 0)
	b.prepare(t, two, apply.Refuse, 0)
	b.remember(t, shop(1))
	begin(t, b, tx)
	begin(t, b, tx)
	partial := batchOf(t, one, Inserted(one, At(10, 1), 1, "a"))
	partial.Partial = true
	b.apply(t, partial)
	b.remember(t, shop(1), apply.TableState{Relation: "public.two", TruncatedAt: At(10, 2)})
	batch := batchOf(t, two, Inserted(two, At(10, 3), 1, "b"))
	batch.Watermark = 11
	b.apply(t, batch)
	b.expect(t, one)
	b.expect(t, two)
	wider := b.table(1, "two", 1, "#id", "s", "more")
	b.prepare(t, wider, apply.Keep, 0)
	b.apply(t, batchOf(t, wider, Inserted(wider, At(10, 4), 2, "c", "d")))
	commit(t, b, tx)
	b.expect(t, one, []string{"1", "a"})
	b.expect(t, wider, []string{"1", "b", Null}, []string{"2", "c", "d"})
	b.reopen(t)
	state := b.recall(t, "shop")
	if state.Pipeline.Watermark != 11 || state.Tables["public.two"].TruncatedAt != At(10, 2) {
		t.Errorf("recalled %+v", state)
	}
}

func transactionLost(t *testing.T, b *bench, tx apply.Transactional) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	b.remember(t, shop(1))
	for _, after := range []func(){func() { b.recall(t, "shop") }, func() { b.reopen(t) }} {
		begin(t, b, tx)
		batch := batchOf(t, table, Inserted(table, At(10, 1), 1, "a"))
		batch.Watermark = 11
		b.apply(t, batch)
		b.prepare(t, b.table(0, "t", 1, "#id", "s", "gone"), apply.Keep, 0)
		after()
		b.expect(t, table)
		if w := b.recall(t, "shop").Pipeline.Watermark; w != 1 {
			t.Errorf("the watermark is %s", w)
		}
	}
}

func transactionGoesOn(t *testing.T, b *bench, tx apply.Transactional) {
	good, bad := b.table(0, "good", 1, "#id", "s"), b.table(1, "bad", 1, "#id", "doc")
	b.prepare(t, good, apply.Refuse, 0)
	b.prepare(t, bad, apply.Refuse, 0)
	b.remember(t, shop(1))
	begin(t, b, tx)
	b.apply(t, batchOf(t, good, Inserted(good, At(10, 1), 1, "first")))
	batch := batchOf(t, good, Inserted(good, At(10, 2), 2, "second"))
	add(t, batch, bad, Updated(bad, At(10, 3), 7, Unchanged{}))
	batch.Watermark = 11
	b.expectTableError(t, batch, bad)
	if _, err := b.target.Prepare(b.ctx, b.table(1, "bad", 1, "#id", "#doc"), apply.Keep, 0); err == nil {
		t.Error("a column of another type was taken")
	}
	b.remember(t, shop(1), apply.TableState{Relation: "public.bad", Phase: apply.Failed})
	batch.Remove(bad)
	b.apply(t, batch)
	commit(t, b, tx)
	b.expect(t, good, []string{"1", "first"}, []string{"2", "second"})
	b.expect(t, bad)
	if s := b.recall(t, "shop"); s.Pipeline.Watermark != 11 || s.Tables["public.bad"].Phase != apply.Failed {
		t.Errorf("recalled %+v", s)
	}
}

// freshRows: a target that believes what a batch says of its keys has to be right
// also where others write.
func freshRows(t *testing.T, b *bench, _ apply.Transactional) {
	own, shared := b.table(0, "own", 1, "#id", "s"), b.table(1, "shared", 1, "#id", "s")
	shared.Shared = true
	b.prepare(t, own, apply.Refuse, 0)
	b.prepare(t, shared, apply.Refuse, 0)
	for _, table := range []*apply.Table{own, shared} {
		b.apply(t, batchOf(t, table, Inserted(table, At(10, 1), 1, "a"), Inserted(table, At(10, 2), 2, "b")))
		b.apply(t, batchOf(t, table,
			Deleted(table, At(11, 1), 1), Inserted(table, At(11, 2), 1, "again"), Rekeyed(table, At(11, 3), []any{2}, 3, "moved"),
			Inserted(table, At(11, 4), 4, "new"), Deleted(table, At(11, 5), 4), Inserted(table, At(11, 6), 2, "new"), Updated(table, At(11, 7), 3, "moved on")))
		b.expect(t, table, []string{"1", "again"}, []string{"2", "new"}, []string{"3", "moved on"})
	}
	b.apply(t, batchOf(t, shared, Inserted(shared, At(12, 1), 1, "theirs is replaced"), Updated(shared, At(12, 2), 9, "was not there"), Deleted(shared, At(12, 3), 8)))
	b.expect(t, shared, []string{"1", "theirs is replaced"}, []string{"2", "new"}, []string{"3", "moved on"}, []string{"9", "was not there"})
}
