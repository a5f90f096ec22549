package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Pipeline moves one source's tables into one target. Load or Run is called
// once; Stop, StopForNext and Progress from any goroutine.
type Pipeline struct {
	config Config
	source source
	target apply.Target
	log    *slog.Logger

	stop     chan struct{}
	stopOnce stdsync.Once
	// keep: the claim outlives the run; followed: so it does a run that does not get as
	// far as moving rows. held is one that was taken before the attempt that it is for,
	// nil for none.
	keep     atomic.Bool
	followed bool
	held     claim
	// awaits: Run is a resync's, which does not stand by for ever.
	awaits bool

	mu       stdsync.Mutex
	counters map[string]*counters
	errors   map[string]int64 // by class
	shown    atomic.Pointer[shown]
	// lag is kept apart from what is shown: it moves with every commit.
	lag lag
	// retained is how much log the slot keeps, in bytes.
	retained atomic.Int64
	attempts atomic.Int64
	// batchRows and batchTimes, in nanoseconds, are of the batches with rows.
	batchRows, batchTimes *tally

	// began is set when an attempt has got as far as moving rows: from then on
	// what can pass is waited for, before it the user is told.
	began atomic.Bool
}

// New makes a pipeline. The target stays the caller's to close.
func New(config Config, target apply.Target) *Pipeline {
	if config.IdleSave == 0 {
		config.IdleSave = DefaultIdleSave
	}
	if config.LookEvery == 0 {
		config.LookEvery = DefaultLookEvery
	}
	p := &Pipeline{
		config: config, source: server(config.Source), target: target, log: config.Log.With("pipeline", config.Name),
		stop: make(chan struct{}), counters: map[string]*counters{}, errors: map[string]int64{},
		batchRows: newTally(rowBounds...), batchTimes: newTally(timeBounds...),
	}
	p.shown.Store(&shown{phase: Starting})
	p.began.Store(config.Again)
	return p
}

// Stop asks Load or Run to end after the piece of work in hand.
func (p *Pipeline) Stop() { p.stopOnce.Do(func() { close(p.stop) }) }

// StopForNext is Stop where another pipeline goes on in this process, and other
// processes are to stand by all the while. The claim stays until [Pipeline.Follow]
// or [Pipeline.Release].
func (p *Pipeline) StopForNext() {
	p.keep.Store(true)
	p.Stop()
}

// Follow has Run begin with the claim of a pipeline that has ended by StopForNext,
// where it is one on the same slot of the same source. Should Run fail before it moves
// rows, the claim stays for yet another to follow. Before Run; before may be nil.
func (p *Pipeline) Follow(ctx context.Context, before *Pipeline) {
	if before == nil {
		return
	}
	if before.config.Slot == p.config.Slot && before.source.Same(p.source) {
		p.held, before.held = before.held, nil
		p.followed = p.held != nil
	}
	before.Release(ctx)
}

// Release lets go of what StopForNext has kept: who stands by takes over. After Run.
func (p *Pipeline) Release(ctx context.Context) {
	if p.held != nil {
		_ = p.held.Close(context.WithoutCancel(ctx))
		p.held = nil
	}
}

// Began says whether the pipeline has got as far as moving rows, or as waiting for
// another process to leave it.
func (p *Pipeline) Began() bool { return p.began.Load() }

func (p *Pipeline) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

func (p *Pipeline) countersOf(name string) *counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counters[name]
	if c == nil {
		c = &counters{}
		p.counters[name] = c
	}
	return c
}

// errStopped ends an attempt that was asked to.
var errStopped = errors.New("stopped")

// mostLooks bounds how often a start looks again at a source whose tables change.
const mostLooks = 20

// steady is how long an attempt has to hold for the pauses to begin anew.
const steady = time.Minute

// Run loads what is not loaded and then streams, until Stop, until the LSN the
// configuration names, or until an error that trying again cannot mend. Tables
// that failed are an error at the end of a run that ends.
func (p *Pipeline) Run(ctx context.Context) error {
	return p.repeat(ctx, p.attempt)
}

// repeat makes attempts until one ends well, is stopped, or fails with an error
// that trying again cannot mend. Tables that failed in an earlier process are
// tried once, by the first.
func (p *Pipeline) repeat(ctx context.Context, attempt func(context.Context, bool) error) error {
	pause := newBackoff()
	retryFailed := true
	p.attempts.Store(1)
	for looks := 0; ; {
		started := time.Now()
		err := attempt(ctx, retryFailed)
		var stale staleError
		switch {
		case err == nil:
			return p.failedTables()
		case ctx.Err() != nil: // before the wish to stop: the work in hand was not finished
			return context.Cause(ctx)
		case errors.Is(err, errStopped):
			return nil
		case errors.As(err, &stale) && looks < mostLooks:
			looks++
			p.log.Info("the tables are not what they were when they were looked at; looking again", "error", err)
			continue
		case !p.began.Load() && fault.Retryable(err):
			// Nothing has been moved yet, and the user is likely to be watching.
			p.countError(err)
			return fault.Precondition(err, "")
		case !fault.Retryable(err):
			p.countError(err)
			return err
		}
		p.countError(err)
		retryFailed = false
		if time.Since(started) > steady {
			pause, looks = newBackoff(), 0
		}
		wait := pause.next()
		p.show(func(s *shown) { s.phase, s.lastError, s.lastHint = Waiting, err.Error(), fault.Hint(err) })
		p.log.Warn("the attempt ended; the next one begins from what the target remembers", "error", err, "in", wait, "fix", fault.Hint(err))
		switch err := p.rest(ctx, wait); {
		case errors.Is(err, errStopped):
			return nil
		case err != nil:
			return err
		}
		p.attempts.Add(1)
	}
}

// failedTables is the error of a run that got to its end without some tables.
func (p *Pipeline) failedTables() error {
	var lines []string
	for _, t := range p.shown.Load().tables {
		if t.parked.Load() {
			lines = append(lines, t.name)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fault.Permanent(fmt.Errorf("%d of %d tables failed: %s", len(lines), len(p.shown.Load().tables), strings.Join(lines, ", ")),
		"`pgsluice status` says why; mend the cause and start again: failed tables are then copied anew")
}
