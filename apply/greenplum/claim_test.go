package greenplum

import (
	"errors"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func items() *apply.Table {
	t := applytest.NewTable(0, "items", 1, "#id", "s")
	t.Name = Name("public", "items")
	return t
}

// batchOf makes a batch of inserted rows by their keys.
func batchOf(t *testing.T, table *apply.Table, watermark uint64, ids ...int) *apply.Batch {
	t.Helper()
	b := &apply.Batch{Pipeline: "shop"}
	for i, id := range ids {
		if err := b.Add(table, applytest.Inserted(table, applytest.At(watermark-1, uint64(i)+1), id, "x")); err != nil {
			t.Fatal(err)
		}
	}
	b.Watermark = applytest.At(watermark, 0).Commit
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnOlderProcessWritesNothingMore has two processes of one pipeline: what the
// first has left open, or does late, comes to nothing once the second writes.
func TestAnOlderProcessWritesNothingMore(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		old := open(t, dsn, nil)
		_, err := old.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		must(t, old.Remember(ctx, apply.PipelineState{Name: "shop"}))
		must(t, old.Apply(ctx, batchOf(t, table, 10, 1)))
		loader, err := old.Load(ctx, table)
		must(t, err)
		must(t, loader.Append(applytest.Values(2, "late"), applytest.At(1, 0)))
		must(t, loader.Finish())

		// The next process recalls, and the old one commits all the same.
		next := open(t, dsn, nil)
		state, err := next.Recall(ctx, "shop")
		must(t, err)
		if state.Pipeline.Watermark != 10 {
			t.Fatalf("recalled %+v", state)
		}
		must(t, old.Apply(ctx, batchOf(t, table, 20, 3)))
		if err := next.Apply(ctx, batchOf(t, table, 20, 3)); !fault.Retryable(err) {
			t.Fatalf("what was applied meanwhile is applied again: %v", err)
		}
		state, err = next.Recall(ctx, "shop")
		must(t, err)
		if state.Pipeline.Watermark != 20 {
			t.Fatalf("recalled %+v", state)
		}
		_, err = next.Prepare(ctx, table, apply.Keep, 0)
		must(t, err)
		must(t, next.Apply(ctx, batchOf(t, table, 30, 4)))

		for name, late := range map[string]func() error{
			"a batch":  func() error { return old.Apply(ctx, batchOf(t, table, 31, 5)) },
			"a state":  func() error { return old.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: 40}) },
			"a loader": func() error { l, err := old.Load(ctx, table); _ = l; return err },
		} {
			err := late()
			var of *apply.TableError
			if err == nil || fault.Retryable(err) || errors.As(err, &of) {
				t.Errorf("%s of a process that was followed by another: %v", name, err)
			}
			// Each is the first that notices.
			old.claim = claim{}
			old.setOwner("of before")
		}
		got := query(t, dsn, "SELECT string_agg(id::text, ' ' ORDER BY id), (SELECT watermark FROM pgsluice.pipelines) FROM items")
		if got[0][0] != "1 2 3 4" || got[0][1] != "0/1E" {
			t.Errorf("the table holds %v", got)
		}
	})
}

// Two processes take turns: who has stood by goes on, and the other does not.
func TestAProcessThatStoodByTakesUpAgain(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		processes := []*Target{open(t, dsn, nil), open(t, dsn, nil)}
		for turn := range 5 {
			works, stands := processes[turn%2], processes[1-turn%2]
			_, err := works.Recall(ctx, "shop")
			must(t, err)
			must(t, works.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: change.LSN(turn + 1)}))
			if turn > 0 {
				if err := stands.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: 100}); !errors.Is(err, errTaken) {
					t.Errorf("turn %d: the other: %v", turn, err)
				}
			}
		}
	})
}

// TestEmptyingATableWaitsForACopyThatIsUnderWay: a copy of a process that was killed
// either ends before the table is emptied, or finds that it may not begin.
func TestEmptyingATableWaitsForACopyThatIsUnderWay(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		old := open(t, dsn, nil)
		_, err := old.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		loader, err := old.Load(ctx, table)
		must(t, err)
		must(t, loader.Append(applytest.Values(1, "late"), applytest.At(1, 0)))

		next := open(t, dsn, nil)
		emptied := make(chan error, 1)
		go func() {
			_, err := next.Prepare(ctx, items(), apply.Truncate, 0)
			emptied <- err
		}()
		waitFor(t, func() bool {
			return query(t, dsn, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass")[0][0] != "0"
		})
		must(t, loader.Finish())
		must(t, <-emptied)
		if got := query(t, dsn, "SELECT count(*) FROM items")[0][0]; got != "0" {
			t.Errorf("%s rows of the copy came after the table was emptied", got)
		}
		if _, err := old.Load(ctx, table); err == nil {
			t.Error("a copy begins in a process that was followed by another")
		}
	})
}
