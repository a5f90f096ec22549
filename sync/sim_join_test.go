package sync

import (
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"

	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

// scripted is a history without chance in what happens: a source and a target in
// memory, and tables of which some are there from the beginning.
func scripted(tables ...string) (*simHistory, *simWorkload) {
	h := &simHistory{seed: 1}
	h.begin()
	h.keys, h.source = 1000, newSimSource(150001)
	h.memory = &applytest.Memory{Refuse: h.refuse, Print: func(_ *change.Type, d change.Datum) string { return string(d.Bytes) }}
	h.config = h.randomConfig()
	h.config.Workers = 1
	w := &simWorkload{Rand: h.Rand, s: h.source, h: h}
	w.made(tables...)
	return h, w
}

// made makes tables with a row each.
func (w *simWorkload) made(tables ...string) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	tx := w.s.begin()
	for _, name := range tables {
		w.create(tx, name)
		w.insert(tx, w.s.oid)
	}
	tx.commit()
}

// changed adds a column to a table, or drops its last.
func (w *simWorkload) changed(name string, add bool) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	tx := w.s.begin()
	for _, t := range w.s.now() {
		if t.relation.Name != name {
			continue
		}
		r := *t.relation
		r.Columns = slices.Clone(r.Columns)
		if add {
			w.addColumn(tx, &r)
		} else {
			w.dropColumn(&r, len(r.Columns)-1)
		}
		w.altered(tx, &r)
	}
	tx.commit()
}

// Of two tables that are copied for a stream at one consistent point one is altered
// meanwhile: it is copied again, at another, and the other is not.
func TestATableThatIsAlteredWhileItJoinsBeginsAgainAlone(t *testing.T) {
	for _, when := range []struct {
		name, call string
		add        bool
	}{
		{"before the point", "begin to create a slot", true},
		{"while it is copied", "copy a chunk", false},
	} {
		t.Run(when.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := scripted("first")
				h.catchUp(1)
				w.made("still", "altered")
				var altered stdsync.Once
				h.at = func(what string) {
					if what == when.call {
						altered.Do(func() { w.changed("altered", when.add) })
					}
				}
				h.catchUp(2)
				if h.failure != "" {
					t.Fatalf("%s\n%s", h.failure, strings.Join(h.lines, "\n"))
				}
				tables := h.recall().Tables
				if still, again := tables["public.still"].CopiedAt, tables["public.altered"].CopiedAt; still >= again {
					t.Errorf("the table that was altered is copied at %s, the other at %s", again, still)
				}
			})
		})
	}
}
