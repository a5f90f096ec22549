package applytest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/pause"
)

// Method names a call that a fault can strike.
type Method string

// The methods; those of all Loaders are counted together.
const (
	Recall   Method = "Recall"
	Remember Method = "Remember"
	Prepare  Method = "Prepare"
	Alter    Method = "Alter"
	Swap     Method = "Swap"
	Apply    Method = "Apply"
	Commit   Method = "Commit"
	Load     Method = "Load"
	Append   Method = "Append"
	Finish   Method = "Finish"
)

// Fault is one thing that goes wrong.
type Fault struct {
	Method Method
	// Nth call of the method, from 1; 0 is every call.
	Nth int
	// Kind of trouble.
	Kind Kind
	// Err is what the call returns; ErrInjected, which can be tried again, when
	// nil.
	Err error
	// Slow is how long a call takes that is slowed down.
	Slow time.Duration
}

// Kind is what a fault does.
type Kind int

// The kinds of fault.
const (
	// Reject: the call fails and nothing was done.
	Reject Kind = iota
	// FailAfter: everything was done, and the call fails all the same.
	FailAfter
	// Hold: the call waits until Release, then goes on as if nothing had been.
	Hold
	// Slow: the call takes longer.
	Slow
)

// ErrInjected is what a struck call returns.
var ErrInjected = fault.Retry(errors.New("injected by the fault script"))

// Faulty wraps a target with a script of faults. Where the target is
// transactional, what is to stand in its place is what [Faulty.Wrapped] gives.
type Faulty struct {
	apply.Target

	mu      sync.Mutex
	script  []Fault
	calls   map[Method]int
	held    chan Method
	release chan struct{}
}

var (
	_ apply.Target        = (*Faulty)(nil)
	_ apply.Pacer         = (*Faulty)(nil)
	_ apply.Settler       = (*Faulty)(nil)
	_ apply.Transactional = faultyTransactional{}
)

// NewFaulty wraps a target.
func NewFaulty(target apply.Target, script ...Fault) *Faulty {
	return &Faulty{
		Target: target, script: script, calls: map[Method]int{},
		held: make(chan Method, 64), release: make(chan struct{}, 64),
	}
}

// Wrapped is the target with its faults, transactional where the target is.
func (f *Faulty) Wrapped() apply.Target {
	if tx, ok := f.Target.(apply.Transactional); ok {
		return faultyTransactional{f, tx}
	}
	return f
}

type faultyTransactional struct {
	*Faulty
	tx apply.Transactional
}

func (f faultyTransactional) Begin(ctx context.Context) error { return f.tx.Begin(ctx) }

func (f faultyTransactional) Rollback(ctx context.Context) { f.tx.Rollback(ctx) }

func (f faultyTransactional) Commit(ctx context.Context) error {
	return f.strike(ctx, Commit, func() error { return f.tx.Commit(ctx) })
}

// Add writes more into the script. Nth counts from the first call ever.
func (f *Faulty) Add(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, faults...)
}

// Calls is how often a method was called.
func (f *Faulty) Calls(m Method) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[m]
}

// Held tells of every call that is being held.
func (f *Faulty) Held() <-chan Method { return f.held }

// Release lets one held call go on.
func (f *Faulty) Release() { f.release <- struct{}{} }

// strike runs a call under the script.
func (f *Faulty) strike(ctx context.Context, m Method, call func() error) error {
	f.mu.Lock()
	f.calls[m]++
	n := f.calls[m]
	var now []Fault
	for _, s := range f.script {
		if s.Method == m && (s.Nth == 0 || s.Nth == n) {
			now = append(now, s)
		}
	}
	f.mu.Unlock()
	var after error
	for _, s := range now {
		err := s.Err
		if err == nil {
			err = ErrInjected
		}
		switch s.Kind {
		case Reject:
			return err
		case FailAfter:
			after = err
		case Hold:
			f.held <- m
			select {
			case <-f.release:
			case <-ctx.Done():
				return ctx.Err()
			}
		case Slow:
			if err := pause.For(ctx, s.Slow); err != nil {
				return err
			}
		}
	}
	if err := call(); err != nil {
		return err
	}
	return after
}

// Recall implements [apply.Target].
func (f *Faulty) Recall(ctx context.Context, pipeline string) (s apply.State, err error) {
	err = f.strike(ctx, Recall, func() error {
		s, err = f.Target.Recall(ctx, pipeline)
		return err
	})
	if err != nil {
		return apply.State{}, err
	}
	return s, nil
}

// Remember implements [apply.Target].
func (f *Faulty) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	return f.strike(ctx, Remember, func() error { return f.Target.Remember(ctx, p, tables...) })
}

// Prepare implements [apply.Target].
func (f *Faulty) Prepare(ctx context.Context, t *apply.Table, existing apply.Existing, copiedAt change.LSN) (created bool, err error) {
	err = f.strike(ctx, Prepare, func() error {
		created, err = f.Target.Prepare(ctx, t, existing, copiedAt)
		return err
	})
	return created, err
}

// Alter implements [apply.Target].
func (f *Faulty) Alter(ctx context.Context, t *apply.Table, was []apply.ColumnShape, drop bool) error {
	return f.strike(ctx, Alter, func() error { return f.Target.Alter(ctx, t, was, drop) })
}

// Swap implements [apply.Target].
func (f *Faulty) Swap(ctx context.Context, t *apply.Table, from string) error {
	return f.strike(ctx, Swap, func() error { return f.Target.Swap(ctx, t, from) })
}

// Apply implements [apply.Target].
func (f *Faulty) Apply(ctx context.Context, b *apply.Batch) error {
	return f.strike(ctx, Apply, func() error { return f.Target.Apply(ctx, b) })
}

// Load implements [apply.Target].
func (f *Faulty) Load(ctx context.Context, t *apply.Table) (l apply.Loader, err error) {
	err = f.strike(ctx, Load, func() error {
		l, err = f.Target.Load(ctx, t)
		return err
	})
	if err != nil {
		if l != nil {
			l.Abort()
		}
		return nil, err
	}
	return &faultyLoader{Loader: l, faulty: f, ctx: ctx}, nil
}

// Pace implements [apply.Pacer], for targets that do.
func (f *Faulty) Pace(ctx context.Context) error {
	if p, ok := f.Target.(apply.Pacer); ok {
		return p.Pace(ctx)
	}
	return ctx.Err()
}

// Settle implements [apply.Settler], for targets that do.
func (f *Faulty) Settle(ctx context.Context, t *apply.Table) error {
	if s, ok := f.Target.(apply.Settler); ok {
		return s.Settle(ctx, t)
	}
	return ctx.Err()
}

type faultyLoader struct {
	apply.Loader
	faulty *Faulty
	ctx    context.Context
}

func (l *faultyLoader) Append(values []change.Datum, p change.Position) error {
	return l.faulty.strike(l.ctx, Append, func() error { return l.Loader.Append(values, p) })
}

func (l *faultyLoader) Finish() error {
	return l.faulty.strike(l.ctx, Finish, l.Loader.Finish)
}
