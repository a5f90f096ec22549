package sync

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/pause"
)

var (
	errCut    = fault.Retry(errors.New("the simulated connection broke"))
	errKilled = errors.New("the simulated process was killed")
)

// simProcess is one life of a pipeline. Whatever the pipeline does outside its
// own memory passes through step, so that it can be killed before and after
// everything that others see.
type simProcess struct {
	seed, life uint64
	trouble    simTrouble
	cancel     context.CancelCauseFunc
	calls      atomic.Int64
	dead       atomic.Bool
	trace      func(format string, args ...any)
	// at is told of every call, before it has an effect; nil for nobody.
	at func(what string)
}

// simTrouble is how often things go wrong, in thousandths of all calls.
type simTrouble struct {
	killAt    int64 // the call at which the process is killed; 0 for none
	killAfter bool  // and what is done has been done
	slow, cut uint64
	part      uint64 // of all Applies, those that end in the middle
}

// step comes before everything that has an effect. It takes time, breaks, or ends
// the process. after, when it is not nil, comes behind the effect.
func (p *simProcess) step(ctx context.Context, what string, breakable bool) (after func() error, err error) {
	n := p.calls.Add(1)
	if p.at != nil {
		p.at(what)
	}
	if p.dead.Load() {
		return nil, errKilled
	}
	r := p.draw(what, n)
	if r%1000 < p.trouble.slow {
		if err := pause.For(ctx, time.Duration(r>>10%40_000)*time.Microsecond); err != nil {
			return nil, err
		}
	}
	broken := breakable && r>>20%1000 < p.trouble.cut
	switch {
	case n == p.trouble.killAt && !p.trouble.killAfter:
		p.kill(what)
	case broken && r>>40%2 == 0:
		p.trace("%s: cut before", what)
		return nil, errCut
	}
	if p.dead.Load() {
		return nil, errKilled
	}
	return func() error {
		switch {
		case n == p.trouble.killAt:
			p.kill("after " + what)
			return errKilled
		case p.dead.Load():
			return errKilled
		case broken:
			p.trace("%s: cut after", what)
			return errCut
		}
		return nil
	}, nil
}

// draw is random, and the same for the nth call in each run of a seed.
func (p *simProcess) draw(what string, n int64) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, p.seed, p.life, what, n)
	x := h.Sum64()
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

func (p *simProcess) kill(where string) {
	if !p.dead.Swap(true) {
		p.trace("killed: %s", where)
		p.cancel(errKilled)
	}
}
