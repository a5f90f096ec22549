package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Load copies the tables once, under one exported snapshot, and needs neither a
// slot nor the right to replicate. A load that was cut short goes on with the
// tables that are missing, under a snapshot of its own. What can pass is tried
// again.
func (p *Pipeline) Load(ctx context.Context) error {
	return p.repeat(ctx, p.loadAttempt)
}

func (p *Pipeline) loadAttempt(ctx context.Context, first bool) error {
	a := &attempt{p: p}
	defer a.close(ctx)
	if err := a.connect(ctx, false, first); err != nil {
		return err
	}
	if err := a.loadAgain(); err != nil {
		return err
	}
	if err := a.settleStates(ctx, first); err != nil {
		return errors.Join(err, a.undo(ctx))
	}
	exported, err := p.source.Export(ctx)
	if err != nil {
		return errors.Join(err, a.undo(ctx))
	}
	defer func() { _ = exported.Close(context.WithoutCancel(ctx)) }()
	a.made = nil
	p.began.Store(true)
	if err := a.loadFirst(ctx, exported.Name, exported.At); err != nil {
		return err
	}
	p.show(func(s *shown) { s.phase, s.since = Done, time.Now() })
	return nil
}

// loadAgain decides what a load means whose tables are all there: with
// load.existing it is done anew, without it is refused.
func (a *attempt) loadAgain() error {
	if a.p.began.Load() || len(missing(a.tables)) > 0 {
		return nil
	}
	if a.p.config.Existing == apply.Refuse {
		return fault.Precondition(fmt.Errorf("pipeline %s has loaded all of its %d tables", a.p.config.Name, len(a.tables)),
			"to load them anew, set load.existing (--existing) to truncate or append; to forget the pipeline, `pgsluice drop`")
	}
	for _, t := range a.tables {
		t.state = apply.TableState{}
	}
	return nil
}
