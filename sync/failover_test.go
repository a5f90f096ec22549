package sync

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/pgsluice/pgsluice/apply"
)

// Of two standbys one is promoted, followed, and lost with what it has committed; the
// other has never heard of it and gives its own timeline the same number.
func TestTwoTimelinesOfOneNumberAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("t", "other")
		h.catchUp(1)
		w.s.standing = w.s.end
		w.rows("t", 1)
		h.catchUp(2)
		w.failOver(0, false)
		w.rows("t", 2)
		h.catchUp(3)
		w.failOver(3, true)
		if w.s.timeline != 2 {
			t.Fatalf("the source is on timeline %d", w.s.timeline)
		}
		w.rows("other", 5)
		h.catchUp(4)
		h.checkEnd()
		h.right(t)
	})
}

// A slot that is the user's is kept by a resync, which begins from where it stands.
func TestResyncBehindAFailoverKeepsTheUsersSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("t", "other")
		h.catchUp(1)
		state := h.recall()
		state.Pipeline.OwnsSlot = false
		if err := h.memory.Remember(context.Background(), state.Pipeline); err != nil {
			t.Fatal(err)
		}
		w.s.standing = w.s.end
		w.rows("t", 2)
		h.catchUp(2)
		w.failOver(2, false)
		w.rows("other", 6)
		slot := w.s.slots[simName]
		h.catchUp(3)
		h.checkEnd()
		h.right(t)
		if w.s.slots[simName] != slot {
			t.Error("the slot is another")
		}
	})
}

// What is remembered of a table that is to be copied anew does not say why, once a
// start has made up its mind to copy it. Without a copy it stands still all the same.
func TestWithoutACopyATableThatWasToBeCopiedStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first", "second")
		h.config.Existing = apply.Truncate
		h.catchUp(1)
		state := h.recall()
		first := state.Tables["public.first"]
		first.Phase, first.Reason = apply.Pending, "it was asked for"
		if err := h.memory.Remember(context.Background(), state.Pipeline, first); err != nil {
			t.Fatal(err)
		}
		began := make(chan *simProcess, 1)
		var killed atomic.Bool
		h.at = func(what string) {
			if what == "begin to create a slot" && !killed.Swap(true) {
				w.rows("first", 1)
				w.rows("second", 1)
				h.applied() // of the others, which stream on
				(<-began).kill("before the copy")
			}
		}
		_, process, done := h.start(2, simTrouble{})
		began <- process
		if err := <-done; !killed.Load() {
			t.Fatalf("the copy did not begin: %v", err)
		}
		h.buried(0)
		h.at = nil
		h.config.Copy, h.mayFail[first.OID] = false, true
		p := h.pipeline(w.s)
		ended := h.runs(t, p)
		h.eventually("the table has failed", func() bool { return h.recall().Tables["public.first"].Phase == apply.Failed })
		ended(p.Stop)
		h.right(t)
	})
}
