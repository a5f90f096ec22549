package sync

import (
	"context"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/apply"
)

// simPipeline is a pipeline of a scripted history, over the source given.
func (h *simHistory) pipeline(source *simSource) *Pipeline {
	_, cancel := context.WithCancelCause(context.Background())
	process := &simProcess{seed: h.seed, cancel: cancel, trace: h.trace, at: h.at}
	p := New(h.config, h.target(process, nil))
	p.source = &simClient{simSource: source, process: process, confirming: h.confirming, torn: h.torn}
	return p
}

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

// streams waits for a table to.
func (h *simHistory) streams(t *testing.T, name string) {
	t.Helper()
	for range 600 {
		if h.recall().Tables[name].Phase == apply.Streaming {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s does not stream\n%s", name, strings.Join(h.lines, "\n"))
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

// A process that reads its configuration again stays the one that works, also where
// the new one cannot be begun; on another source it has to have another claim.
func TestAReloadHandsTheClaimOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		free := h.watchClaim(w.s)
		var last *Pipeline
		begin := func(source *simSource) (p *Pipeline, ended chan error) {
			p, ended = h.pipeline(source), make(chan error, 1)
			p.Follow(t.Context(), last)
			last = p
			go func() { ended <- p.Run(t.Context()) }()
			return p, ended
		}
		p, ended := begin(w.s)
		h.streams(t, "public.first")
		p.StopForNext()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		h.config.Patterns = nil // of which nothing can be begun
		if _, ended = begin(w.s); <-ended == nil {
			t.Fatal("a configuration without tables can be run")
		}
		h.config = p.config
		w.made("second")
		p, ended = begin(w.s)
		h.streams(t, "public.second")
		p.StopForNext()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
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
		ended := make(chan error, 1)
		go func() { ended <- p.Run(t.Context()) }()
		h.streams(t, "public.first")
		p.StopForNext()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		h.breakSource()
		w.made("second")
		next := h.pipeline(w.s)
		next.Follow(t.Context(), p)
		go func() { ended <- next.Run(t.Context()) }()
		h.streams(t, "public.second")
		next.Stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
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
