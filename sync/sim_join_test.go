package sync

import (
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/apply"
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

// named does something to the table of a name, in a transaction of its own.
func (w *simWorkload) named(name string, do func(tx *simOpen, r *change.Relation)) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	tx := w.s.begin()
	for _, t := range w.s.now() {
		if t.relation.Name == name {
			r := *t.relation
			r.Columns = slices.Clone(r.Columns)
			do(tx, &r)
		}
	}
	tx.commit()
}

// changed adds a column to a table, or drops its last.
func (w *simWorkload) changed(name string, add bool) {
	w.named(name, func(tx *simOpen, r *change.Relation) {
		if add {
			w.addColumn(tx, r)
		} else {
			w.dropColumn(r, len(r.Columns)-1)
		}
		w.altered(tx, r)
	})
}

func (w *simWorkload) dropped(name string) {
	w.named(name, func(tx *simOpen, r *change.Relation) { tx.alter(r.OID, nil) })
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

// A table that is dropped before it is copied is shown no more, and remembered as one
// that has left, whichever step meets it first.
func TestATableThatGoesBeforeItJoinsHasLeft(t *testing.T) {
	for _, when := range []string{"start to stream", "begin to create a slot"} {
		t.Run(when, func(t *testing.T) { goesWhen(t, when) })
	}
}

func goesWhen(t *testing.T, when string) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		h.catchUp(1)
		w.made("second")
		var dropped stdsync.Once
		h.at = func(what string) {
			if what == when {
				dropped.Do(func() { w.dropped("second") })
			}
		}
		p := h.pipeline(w.s)
		ended := make(chan error, 1)
		go func() { ended <- p.Run(t.Context()) }()
		left := func() bool { return h.recall().Tables["public.second"].Left }
		for deadline := time.Now().Add(time.Minute); !left() && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
		if state := h.recall().Tables["public.second"]; !state.Left || state.Phase != apply.Pending || state.Reason != "it was dropped in the source" {
			t.Errorf("it is remembered as %+v", state)
		}
		for _, shown := range p.Progress().Tables {
			if shown.Name == "public.second" {
				t.Errorf("it is shown as %s", shown.Phase)
			}
		}
		p.Stop()
		if err := <-ended; err != nil || h.failure != "" {
			t.Errorf("%v, %s", err, h.failure)
		}
	})
}

// A table that comes, and has another name before it is published, joins under that
// one; nothing has failed.
func TestATableThatIsRenamedBeforeItIsPublishedHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		var renamed stdsync.Once
		h.at = func(what string) {
			if what == "add to the publication" {
				renamed.Do(func() {
					w.named("second", func(tx *simOpen, r *change.Relation) {
						r.Name = "other"
						tx.alter(r.OID, r)
					})
				})
			}
		}
		p := h.pipeline(w.s)
		ended := make(chan error, 1)
		go func() { ended <- p.Run(t.Context()) }()
		h.streams(t, "public.first")
		w.made("second")
		h.streams(t, "public.other")
		if is, ok := h.recall().Tables["public.second"]; ok && !is.Left {
			t.Errorf("under its old name it is %s: %s", is.Phase, is.Reason)
		}
		p.Stop()
		if err := <-ended; err != nil || h.failure != "" {
			t.Errorf("%v, %s", err, h.failure)
		}
	})
}

// ALTER TABLE writes a table anew behind the snapshot that it is copied under, which
// makes it empty there, and leaves nothing else to be seen.
func TestATableThatIsRewrittenWhileItIsCopiedIsCopiedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		h.catchUp(1)
		w.made("second")
		var rewritten stdsync.Once
		h.at = func(what string) {
			if what == "copy a chunk" {
				rewritten.Do(func() {
					w.named("second", func(tx *simOpen, r *change.Relation) { w.addRewriting(tx, r) })
					w.changed("second", false)
				})
			}
		}
		h.catchUp(2)
		h.checkEnd()
		if h.failure != "" {
			t.Fatalf("%s\n%s", h.failure, strings.Join(h.lines, "\n"))
		}
	})
}
