package sync

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// without takes a column out of a relation.
func without(r *change.Relation, column string) {
	i := position(r, column)
	r.Columns = slices.Delete(r.Columns, i, i+1)
	r.Key = slices.Clone(r.Key)
	for place, k := range r.Key {
		if k > i {
			r.Key[place] = k - 1
		}
	}
}

// applied waits until all that is committed is applied.
func (h *simHistory) applied(t *testing.T) {
	t.Helper()
	h.source.mu.Lock()
	end := h.source.end
	h.source.mu.Unlock()
	for range 600 {
		if h.recall().Pipeline.Watermark >= end || h.failure != "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("not everything is applied")
}

// A look into the catalog finds a column dropped, of which no row has told, while the
// target is busy; the next transaction's commit record starts where the log was at the
// look, and its rows, of yet another schema, come into the same batch.
func TestWhatALookHasFoundIsOlderThanTheNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("t", "other")
		h.config.MaxRows, h.config.FlushInterval = 100, 0
		var busy atomic.Bool
		h.at = func(what string) {
			if what == "Apply" && busy.Swap(false) {
				time.Sleep(20 * time.Second)
			}
		}
		p := h.pipeline(w.s)
		ended := make(chan error, 1)
		go func() { ended <- p.Run(t.Context()) }()
		h.streams(t, "public.t")
		h.streams(t, "public.other")

		w.named("t", func(tx *simOpen, r *change.Relation) {
			without(r, "big")
			tx.alter(r.OID, r)
		})
		w.s.mu.Lock()
		var open *simOpen
		for oid, table := range w.s.now() {
			if table.relation.Name == "t" {
				open = w.s.begin()
				r := *table.relation
				r.Columns = slices.Clone(r.Columns)
				without(&r, "v")
				w.addColumn(open, &r)
				open.alter(oid, &r)
				w.insert(open, oid)
			}
		}
		w.s.mu.Unlock()
		busy.Store(true)
		w.named("other", func(tx *simOpen, r *change.Relation) { w.insert(tx, r.OID) })
		time.Sleep(10 * time.Second) // in which the catalog is looked at
		w.s.mu.Lock()
		open.commit()
		w.s.mu.Unlock()
		time.Sleep(20 * time.Second)
		w.named("t", func(tx *simOpen, r *change.Relation) { w.insert(tx, r.OID) })
		h.applied(t)
		p.Stop()
		if err := <-ended; err != nil || h.failure != "" {
			t.Errorf("%v, %s\n%s", err, h.failure, strings.Join(h.lines, "\n"))
		}
		h.checkEnd()
		if h.failure != "" {
			t.Error(h.failure)
		}
	})
}
