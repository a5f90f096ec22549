package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Resync copies tables anew and joins them to the stream; none named means all. A
// process that runs the pipeline is asked to, and waited for; where there is none,
// this one runs it until all is caught up. A pipeline whose slot is gone or lost
// gets a new one, and all of its tables are copied. Tables are named as
// change.Relation.String writes them.
func (p *Pipeline) Resync(ctx context.Context, names []string) error {
	if !p.config.Copy {
		return fault.Usage(errors.New("the configuration has load.copy: false, and a resync copies"), "set it to true")
	}
	state, err := p.target.Recall(ctx, p.config.Name)
	if err != nil {
		return err
	}
	if names, err = p.toResync(state, names); err != nil {
		return err
	}
	if len(p.config.Patterns) == 0 {
		if p.config.Patterns, err = exactly(state); err != nil {
			return err
		}
	}
	for asked := false; ; asked = true {
		mine, err := p.haveResynced(ctx, state, names, asked)
		if err != nil || !mine {
			return err
		}
		p.config.UntilCaughtUp, p.awaits = true, true
		if err = p.Run(ctx); !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

// errOvertaken: between two attempts of a resync another process has taken the
// pipeline, and with it what the resync had noted.
var errOvertaken = fault.Permanent(errors.New("another process runs the pipeline"), "")

func (p *Pipeline) toResync(state apply.State, names []string) ([]string, error) {
	if !state.Known() || state.Pipeline.Slot == "" {
		return nil, fault.Precondition(fmt.Errorf("pipeline %s does not stream: the target knows of no slot of it", p.config.Name),
			"`pgsluice run` begins one; a one-shot load is done anew by `pgsluice load --existing truncate`")
	}
	known := followed(state)
	if len(names) == 0 {
		return known, nil
	}
	var missing []string
	for _, name := range names {
		if !slices.Contains(known, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fault.Usage(fmt.Errorf("pipeline %s has no table %s", p.config.Name, strings.Join(missing, ", ")), "its tables are "+strings.Join(known, ", "))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// followed names a state's tables, sorted, without those that have left.
func followed(state apply.State) (names []string) {
	for name, t := range state.Tables {
		if !t.Left {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// resyncPatience is how long a running process has to take a request up.
const resyncPatience = time.Minute

// haveResynced has whoever runs the pipeline copy the tables, and returns when they are
// where the others are. Where nobody runs it, any more, mine is true: the target
// remembers what is still to be copied, and the claim is held for the run that does it,
// so that nobody comes in between who would not know that he is awaited. asked says that
// whoever runs it knows already.
func (p *Pipeline) haveResynced(ctx context.Context, before apply.State, names []string, asked bool) (mine bool, err error) {
	c, err := p.source.Claim(ctx, p.config.Slot)
	if err != nil {
		return false, err
	}
	defer func() {
		if mine && err == nil {
			p.held = c
			return
		}
		_ = c.Close(context.WithoutCancel(ctx))
	}()
	ticker := time.NewTicker(claimEvery)
	defer ticker.Stop()
	taken := map[string]bool{} // those that are, or have been, on their way
	for began := time.Now(); ; {
		if mine, err = c.Try(ctx); err != nil {
			return false, err
		}
		// Behind the claim: somebody may have written it until a moment ago.
		now, err := p.target.Recall(ctx, p.config.Name)
		if err != nil {
			return false, err
		}
		left, failed := resyncing(before, now, names, taken)
		switch {
		case len(left) == 0 && len(failed) == 0:
			return false, nil
		case len(left) == 0:
			return false, fault.Permanent(errors.New(strings.Join(failed, "; ")), "`pgsluice status` says what to do")
		case mine:
			return true, p.markForResync(ctx, now, left)
		case !asked:
			for _, name := range names {
				if err := c.Ask(ctx, requestResync+name); err != nil {
					return false, err
				}
			}
			asked = true
			p.log.Info("asked the process that runs the pipeline", "tables", len(names))
		case len(taken) < len(names) && time.Since(began) > resyncPatience:
			return false, fault.Permanent(fmt.Errorf("the process that runs pipeline %s has not come to the request", p.config.Name),
				"the request stands; a long transaction, or a first load, goes before it: see `pgsluice status` and the log of that process")
		}
		select {
		case <-ticker.C:
		case <-p.stop:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// markForResync has the target remember that tables are to be copied; with a slot
// that cannot be gone on from, all of them, from a new one.
func (p *Pipeline) markForResync(ctx context.Context, state apply.State, names []string) error {
	usable, err := p.slotUsable(ctx, state)
	if err != nil {
		return err
	}
	// All of them need nothing of what the slot keeps, and whether it can be gone on
	// from is not always to be seen: behind the drop of its publication it decodes
	// nothing any more, though there is a publication of that name again.
	if !usable || len(names) == len(followed(state)) {
		return p.startOver(ctx, state, true)
	}
	var tables []apply.TableState
	for _, name := range names {
		t := state.Tables[name]
		markPending(&t, "it was asked for")
		tables = append(tables, t)
	}
	crash.At("resync-mark")
	if err := p.target.Remember(ctx, state.Pipeline, tables...); err != nil {
		return err
	}
	crash.At("resync-marked")
	return nil
}

func (p *Pipeline) slotUsable(ctx context.Context, state apply.State) (bool, error) {
	conn, err := p.source.Replicate(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	slot, err := conn.FindSlot(ctx, state.Pipeline.Slot)
	if err != nil {
		return false, err
	}
	watermark := state.Pipeline.Watermark
	return slot != nil && !slot.Lost && (watermark == 0 || slot.Confirmed <= watermark), nil
}

// startOver has the target remember that the pipeline begins again: the next start makes a
// slot and copies all tables into the place of what is there. A slot of the user's own
// can be kept, and is then begun from where it stands.
func (p *Pipeline) startOver(ctx context.Context, state apply.State, keep bool) error {
	conn, err := p.source.Replicate(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	slot, err := conn.FindSlot(ctx, state.Pipeline.Slot)
	if err != nil {
		return err
	}
	foreign := slot != nil && !state.Pipeline.OwnsSlot
	if foreign && (slot.Lost || !keep) {
		return fault.Permanent(fmt.Errorf("replication slot %s is not pgsluice's to drop", state.Pipeline.Slot),
			"drop it, SELECT pg_drop_replication_slot("+change.QuoteLiteral(state.Pipeline.Slot)+"); and `pgsluice resync` makes a new one and copies all tables anew")
	}
	// Before the slot is dropped: with one that is still there a start goes on, with
	// one that is gone it would not know that it may. In one step: a pipeline of which
	// nothing is remembered would not know its own tables.
	state.Pipeline.Watermark, state.Pipeline.GivenUp = 0, true
	var tables []apply.TableState
	for _, t := range state.Tables {
		markPending(&t, "the slot was given up")
		t.TruncatedAt = change.Position{}
		tables = append(tables, t)
	}
	p.log.Info("the slot is given up; all tables are copied anew by the next run", "slot", state.Pipeline.Slot)
	if err := p.target.Remember(ctx, state.Pipeline, tables...); err != nil {
		return err
	}
	crash.At("given-up")
	if slot == nil || foreign {
		return nil
	}
	if err := conn.DropSlot(ctx, state.Pipeline.Slot); err != nil {
		return err
	}
	crash.At("slot-dropped")
	return nil
}

// dropSlot ends a run whose slot keeps too much.
func (a *attempt) dropSlot(ctx context.Context) error {
	p := a.p
	if a.conn != nil {
		_ = a.conn.Close(ctx)
		a.conn = nil
	}
	state, err := p.target.Recall(ctx, p.config.Name)
	if err != nil {
		return err
	}
	if err := p.startOver(ctx, state, false); err != nil {
		return err
	}
	return fault.Permanent(fmt.Errorf("replication slot %s kept more than max_retained_wal (%d bytes) and was dropped", p.config.Slot, p.config.MaxRetained),
		"on_limit is drop_slot: the next `pgsluice run` makes a new slot and copies all tables anew")
}

// resyncing gives those of the tables that are not where the others are yet, and those
// that failed, with the reason; taken are all that have been seen on their way.
func resyncing(before, now apply.State, names []string, taken map[string]bool) (left, failed []string) {
	for _, name := range names {
		t, was := now.Tables[name], before.Tables[name]
		if t.CopiedAt != was.CopiedAt || t.Phase == apply.Pending || t.Phase == apply.Copying || !t.FailedAt.Equal(was.FailedAt) {
			taken[name] = true
		}
		switch {
		case t.Left, taken[name] && t.Phase == apply.Failed:
			failed = append(failed, name+": "+t.Reason)
		case !taken[name] || t.Phase != apply.Streaming:
			left = append(left, name)
		}
	}
	return left, failed
}

// exactly selects the tables of a state.
func exactly(state apply.State) ([]snapshot.Pattern, error) {
	var patterns []snapshot.Pattern
	for _, name := range followed(state) {
		p, err := snapshot.ParsePattern(name)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}
