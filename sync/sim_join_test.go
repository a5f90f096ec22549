package sync

import (
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/pause"
)

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
				h.right(t)
				tables := h.recall().Tables
				if still, again := tables["public.still"].CopiedAt, tables["public.altered"].CopiedAt; still >= again {
					t.Errorf("the table that was altered is copied at %s, the other at %s", again, still)
				}
			})
		})
	}
}

// A target that always has another batch waiting still does what a copy needs of it.
func TestATableJoinsWhileTheTargetIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		h.config.FlushInterval = 0
		h.catchUp(1)
		w.made("second")
		h.config.UntilCaughtUp = true
		h.at = func(what string) {
			switch what {
			case "start to stream":
				w.rows("first", 3)
			case "Apply":
				w.rows("first", 3)
				_ = pause.For(t.Context(), 50*time.Millisecond)
			}
		}
		p := h.pipeline(w.s)
		ended := h.runs(t, p)
		h.streams("public.second")
		ended(p.Stop)
		h.right(t)
	})
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
		ended := h.runs(t, p)
		h.eventually("the table has left", func() bool { return h.recall().Tables["public.second"].Left })
		if state := h.recall().Tables["public.second"]; state.Phase != apply.Pending || state.Reason != "it was dropped in the source" {
			t.Errorf("it is remembered as %+v", state)
		}
		for _, shown := range p.Progress().Tables {
			if shown.Name == "public.second" {
				t.Errorf("it is shown as %s", shown.Phase)
			}
		}
		ended(p.Stop)
		h.right(t)
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
		ended := h.runs(t, p)
		h.streams("public.first")
		w.made("second")
		h.streams("public.other")
		if is, ok := h.recall().Tables["public.second"]; ok && !is.Left {
			t.Errorf("under its old name it is %s: %s", is.Phase, is.Reason)
		}
		ended(p.Stop)
		h.right(t)
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
		h.right(t)
	})
}
