package sync

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/pgsluice/pgsluice/change"
)

// A look into the catalog finds a column dropped, of which no row has told, while the
// target is busy; the next transaction's commit record starts where the log was at the
// look, and its rows, of yet another schema, come into the same batch.
func TestWhatALookHasFoundIsOlderThanTheNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("t", "other")
		h.config.MaxRows, h.config.FlushInterval = 100, 0
		var hold, busy, looked atomic.Bool
		ready := make(chan struct{})
		h.at = func(what string) {
			switch {
			case what == "Apply" && hold.Swap(false):
				busy.Store(true)
				<-ready
			case what == "read a table's definition" && busy.Load():
				looked.Store(true)
			}
		}
		p := h.pipeline(w.s)
		ended := h.runs(t, p)
		h.streams("public.t")
		h.streams("public.other")

		hold.Store(true)
		w.rows("other", 1)
		h.eventually("the target is busy", busy.Load)
		w.named("t", func(tx *simOpen, r *change.Relation) {
			without(r, "big")
			tx.alter(r.OID, r)
		})
		commit := w.opened("t", func(tx *simOpen, r *change.Relation) {
			w.addColumn(tx, r)
			tx.alter(r.OID, r)
			w.insert(tx, r.OID)
		})
		h.eventually("the catalog is looked at", looked.Load)
		commit()
		h.eventually("the row is received", func() bool { return h.traced(": I public.t ") })
		synctest.Wait()
		close(ready)
		w.rows("t", 1)
		h.applied()
		h.streams("public.t")
		ended(p.Stop)
		h.checkEnd()
		h.right(t)
	})
}
