package sync

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

// copierOf is a copier without a source, whose errands are done at once.
func copierOf(target apply.Target) *copier {
	a := &attempt{
		p:        New(Config{Name: simName, Log: slog.New(slog.DiscardHandler)}, target),
		pipeline: apply.PipelineState{Name: simName}, before: apply.State{Tables: map[string]apply.TableState{}},
	}
	return &copier{
		attempt: a, wake: make(chan struct{}, 1),
		perform: func(ctx context.Context, errand func(context.Context) error) error { return errand(ctx) },
	}
}

func tableNamed(name string, number int) *table {
	return &table{
		name: "public." + name, number: number, count: &counters{},
		source: &snapshot.Table{Relation: &change.Relation{OID: uint32(number + 1), Schema: "public", Name: name}},
		state:  apply.TableState{Relation: "public." + name, Phase: apply.Pending},
	}
}

// That a table cannot join counts when the target remembers it: else no start after
// a crash would know, and this one not try again.
func TestATableThatCannotJoinArrivesWhenThatIsRemembered(t *testing.T) {
	for _, known := range []bool{true, false} {
		memory, t1 := &applytest.Memory{}, tableNamed("t", 0)
		target := applytest.NewFaulty(memory, applytest.Fault{Method: applytest.Remember, Nth: 1, Kind: applytest.Reject})
		c := copierOf(target.Wrapped())
		if known {
			c.attempt.tables = []*table{t1}
		}
		j := &joining{oid: 1, name: t1.name, number: t1.number}
		why := errors.New("it is in the way")
		if err := c.failed(t.Context(), j, why); !errors.Is(err, applytest.ErrInjected) {
			t.Fatalf("known %v: Remember was rejected, and failed says %v", known, err)
		}
		if arrived := c.arrived.take(); len(arrived) > 0 || j.err != nil || t1.parked.Load() {
			t.Errorf("known %v: not remembered, and yet %d arrived, err %v, parked %v", known, len(arrived), j.err, t1.parked.Load())
		}
		if err := c.failed(t.Context(), j, why); err != nil {
			t.Fatal(err)
		}
		state, err := memory.Recall(t.Context(), simName)
		if err != nil {
			t.Fatal(err)
		}
		if arrived := c.arrived.take(); len(arrived) != 1 || !errors.Is(j.err, why) || t1.parked.Load() != known {
			t.Errorf("known %v: remembered, and %d arrived, err %v, parked %v", known, len(arrived), j.err, t1.parked.Load())
		}
		if is := state.Tables[t1.name]; is.Phase != apply.Failed || is.Reason != why.Error() {
			t.Errorf("known %v: remembered as %s, %q", known, is.Phase, is.Reason)
		}
	}
}
