package sync

import (
	"context"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/apply"
)

// watchClaim notes a call of a process behind its first claim during which nobody has
// the claim on the source.
func (h *simHistory) watchClaim(source *simSource) (free func() string) {
	var mu stdsync.Mutex
	var had bool
	var during string
	h.at = func(what string) {
		source.mu.Lock()
		claimed := source.claims[simName] != nil
		source.mu.Unlock()
		mu.Lock()
		defer mu.Unlock()
		if had && !claimed && during == "" {
			during = what
		}
		had = had || claimed
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return during
	}
}

// What a resync has noted is done by the run that follows it: nobody who stands by
// comes in between.
func TestAResyncHoldsTheClaimUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		h.catchUp(1)
		free := h.watchClaim(w.s)
		if err := h.pipeline(w.s).Resync(t.Context(), []string{"public.first"}); err != nil {
			t.Fatal(err)
		}
		if during := free(); during != "" {
			t.Errorf("nobody had the claim during %q", during)
		}
	})
}

// A resync whose connections break finds the pipeline taken by one that stood by, which
// does what the resync had noted: it waits for that, and not for the end of the other.
func TestAResyncThatIsOvertakenWaitsForWhatItAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first", "second")
		h.catchUp(1)
		before := h.recall().Tables["public.first"].CopiedAt
		other := h.pipeline(w.s)
		var overtaken stdsync.Once
		var ended func(func())
		h.at = func(what string) {
			if what == "begin to create a slot" {
				overtaken.Do(func() {
					h.breakSource()
					ended = h.runs(t, other)
				})
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := h.pipeline(w.s).Resync(ctx, []string{"public.first"}); err != nil {
			t.Error(err)
		}
		if is := h.recall().Tables["public.first"]; is.CopiedAt == before || is.Phase != apply.Streaming {
			t.Errorf("the table is %s, copied at %s, as before at %s", is.Phase, is.CopiedAt, before)
		}
		ended(other.Stop)
		h.right(t)
	})
}

// A process that was asked for a resync ends before it is done: who has asked does it.
func TestAResyncGoesOnWhenWhoWasAskedEnds(t *testing.T) {
	for _, when := range []string{"ask who has the claim", "begin to create a slot", "copy a chunk"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := scripted("first", "second")
				h.catchUp(1)
				before := h.recall().Tables["public.first"].CopiedAt
				var asked *Pipeline
				var stopped stdsync.Once
				h.at = func(what string) {
					if what == when {
						stopped.Do(asked.Stop)
					}
				}
				asked = h.pipeline(w.s)
				ended := h.runs(t, asked)
				h.eventually("somebody has the claim", func() bool { return asked.Progress().Stage == Syncing })
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				if err := h.pipeline(w.s).Resync(ctx, []string{"public.first"}); err != nil {
					t.Error(err)
				}
				ended(func() {})
				if is := h.recall().Tables["public.first"]; is.CopiedAt == before || is.Phase != apply.Streaming {
					t.Errorf("the table is %s, copied at %s, as before at %s", is.Phase, is.CopiedAt, before)
				}
				h.right(t)
			})
		})
	}
}

// A process that reads its configuration again stays the one that works, also where
// the new one cannot be begun; on another source it has to have another claim.
func TestAReloadHandsTheClaimOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		free := h.watchClaim(w.s)
		first := h.pipeline(w.s)
		ended := h.runs(t, first)
		h.streams("public.first")
		ended(first.StopForNext)

		h.config.Patterns = nil // of which nothing can be begun
		refused := h.pipeline(w.s)
		refused.Follow(t.Context(), first)
		if refused.Run(t.Context()) == nil {
			t.Fatal("a configuration without tables can be run")
		}
		h.config = first.config
		w.made("second")
		last := h.pipeline(w.s)
		last.Follow(t.Context(), refused)
		ended = h.runs(t, last)
		h.streams("public.second")
		ended(last.StopForNext)
		h.right(t)
		if during := free(); during != "" {
			t.Errorf("nobody had the claim during %q", during)
		}
		other := newSimSource(150001)
		h.pipeline(other).Follow(t.Context(), last)
		if w.s.claims[simName] != nil {
			t.Error("a pipeline on another source has the claim on this one")
		}
	})
}

// A claim that was cut off while it was handed on is taken anew.
func TestAClaimThatIsLostOnTheWayIsTakenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		p := h.pipeline(w.s)
		ended := h.runs(t, p)
		h.streams("public.first")
		ended(p.StopForNext)
		h.breakSource()
		w.made("second")
		next := h.pipeline(w.s)
		next.Follow(t.Context(), p)
		ended = h.runs(t, next)
		h.streams("public.second")
		ended(next.Stop)
		h.right(t)
	})
}

func TestWhereADSNLeads(t *testing.T) {
	const is = "postgres://me:old@db:5432/shop"
	for other, want := range map[string]bool{
		"postgres://me:new@db:5432/shop":         true,
		"host=db port=5432 dbname=shop user=you": true,
		"postgres://me:old@db:5433/shop":         false,
		"postgres://me:old@db:5432/other":        false,
		"postgres://me:old@db,standby/shop":      false,
		"postgres://me:old@db:five/shop":         false,
	} {
		if got := server(is).Same(server(other)); got != want {
			t.Errorf("%s is the source of %s: %v", other, is, got)
		}
	}
}
