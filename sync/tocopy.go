package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Which tables are to be copied, and where their rows go, is decided here.

// settleStates decides what is to be done with each table, from what is
// remembered of it, and makes the target ready for those to be copied.
func (a *attempt) settleStates(ctx context.Context, retryFailed bool) error {
	p := a.p
	var todo []*table
	for _, t := range a.tables {
		if a.planCopy(t, retryFailed) {
			todo = append(todo, t)
		}
	}
	if err := a.dropShadows(ctx, todo); err != nil {
		return err
	}
	// Remembered before a row is touched: whatever becomes of this attempt, no
	// later one takes what an earlier copy left for what is there. In a first
	// attempt it is remembered together with the slot.
	if !a.first && len(todo) > 0 {
		if err := p.target.Remember(ctx, a.pipeline, states(todo)...); err != nil {
			return fmt.Errorf("remember the state of tables: %w", err)
		}
	}
	for _, t := range todo {
		if a.joins() {
			continue // when its turn comes
		}
		if err := a.prepare(ctx, t); err != nil {
			return err
		}
	}
	p.showTables(a.tables)
	return nil
}

// dropShadows removes what copies that were cut short have left: of tables that are
// copied anew, and of those that are gone from the source. Only then is a shadow
// forgotten.
func (a *attempt) dropShadows(ctx context.Context, todo []*table) error {
	var gone []apply.TableState
	for name, was := range a.before.Tables {
		named := func(t *table) bool { return t.name == name }
		there := slices.ContainsFunc(a.tables, named)
		if was.Shadow == "" || there && !slices.ContainsFunc(todo, named) {
			continue
		}
		if err := a.p.target.Drop(ctx, was.Shadow); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		crash.At("shadow-dropped")
		if !there {
			was.Phase, was.Shadow = apply.Pending, ""
			gone = append(gone, was)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := a.p.target.Remember(ctx, a.pipeline, gone...); err != nil {
		return fmt.Errorf("remember the state of tables: %w", err)
	}
	return nil
}

// joins says that tables which have to be copied join the stream, instead of going
// before it: where others stream, and where readers have an earlier copy until the
// new one takes its place. A first load goes before.
func (a *attempt) joins() bool {
	return a.p.config.Copy && a.before.Pipeline.Slot != "" && slices.ContainsFunc(a.tables, func(t *table) bool {
		was := a.before.Tables[t.name]
		again := was.Phase == apply.Pending && was.CopiedAt != 0 || was.Shadow != ""
		return !t.parked.Load() && (t.state.Phase == apply.Streaming && !t.recopy || again)
	})
}

// planCopy decides, from what is remembered of it, whether a table is to be
// copied, and gives it a new state then.
func (a *attempt) planCopy(t *table, retryFailed bool) bool {
	was := t.state
	t.takeSkips(&was)
	if a.staysAsIs(t, &was, retryFailed) {
		return false
	}
	if a.resumes(t, &was) {
		return true
	}
	if t.recopy {
		a.p.log.Info("other wishes than when the table was copied: it is copied anew", "table", t.name)
	}
	if was.Target != t.target {
		was.CopiedAt = 0 // what is in the other table is not this pipeline's
		if was.Target != "" {
			a.p.log.Warn("the table it was written to before stays as it is", "table", t.name, "before", was.Target)
		}
	}
	t.state = apply.TableState{
		Relation: t.name, OID: t.source.Relation.OID, Target: t.target, Phase: apply.Pending, CopiedAt: was.CopiedAt,
		Columns: apply.Shape(t.query.Relation), Wanted: t.wish.wanted(),
	}
	t.skipBefore, t.truncatedAt, t.recopy = 0, change.Position{}, false
	return true
}

// staysAsIs says whether a table is not to be copied: because it streams on, or
// because it stands still, and is parked.
func (a *attempt) staysAsIs(t *table, was *apply.TableState, retryFailed bool) bool {
	switch {
	case t.parked.Load(): // by its description
		return true
	case was.Phase == apply.Failed && !retryFailed:
		t.parked.Store(true)
		return true
	case !a.p.config.Copy && was.Phase == apply.Failed:
		t.state.Hint = copyIsOff
		t.parked.Store(true)
		a.left = append(a.left, t.state)
		return true
	case !a.p.config.Copy && t.missed() != "":
		t.fail(fault.Permanent(errors.New(t.missed()), copyIsOff))
		t.state.Left = false
		a.left = append(a.left, t.state)
		return true
	case (was.Phase == apply.Copied || was.Phase == apply.Streaming) && !t.remade() && !t.recopy:
		return true
	}
	return false
}

// missed is why a table that streamed, or was being copied, cannot be gone on with
// from here but by a copy; empty where it can, or is new.
func (t *table) missed() string {
	was := &t.state
	switch {
	case t.remade():
		return fmt.Sprintf("table %s was dropped and made again", was.Relation)
	case was.Left:
		return fmt.Sprintf("table %s had left the pipeline", was.Relation)
	case was.Phase == apply.Copying:
		return fmt.Sprintf("the copy of table %s was cut short", was.Relation)
	case was.Phase == apply.Pending && was.Reason == "" && was.CopiedAt != 0:
		return fmt.Sprintf("table %s was to be copied anew", was.Relation)
	case was.Phase == apply.Pending:
		return was.Reason
	}
	return ""
}

// remade says that the table is another one than that of which something is
// remembered.
func (t *table) remade() bool { return t.state.OID != 0 && t.state.OID != t.source.Relation.OID }

const copyIsOff = "with load.copy: false pgsluice cannot bring back what the table has missed: set it to true and start again"

// prepare makes the target ready for a table to be copied.
func (a *attempt) prepare(ctx context.Context, t *table) error {
	p := a.p
	created, err := a.makeRoom(ctx, t, a)
	if created {
		a.made = append(a.made, func(ctx context.Context) error { return p.target.Drop(ctx, t.target) })
	}
	switch {
	case err == nil:
		return nil
	case a.first || fault.Retryable(err) || ctx.Err() != nil:
		return fmt.Errorf("table %s: %w", t.name, err)
	}
	p.park(t, err)
	if err := p.target.Remember(ctx, a.pipeline, t.state); err != nil {
		return fmt.Errorf("remember the state of %s: %w", t.name, err)
	}
	return nil
}

// makeRoom prepares the table that a copy is written to: beside the one that users
// read, where that has an earlier copy of the pipeline's own. of is the attempt
// whose progress the table is.
func (a *attempt) makeRoom(ctx context.Context, t *table, of *attempt) (created bool, err error) {
	target := a.p.target
	again := t.state.CopiedAt != 0
	existing, at := a.existing(again), change.LSN(0)
	switch {
	case len(t.state.Done) > 0: // gone on with
		existing, again = apply.Keep, false
	case existing == apply.Discard:
		at = t.state.CopiedAt
	}
	into := t.into(t.query.Relation)
	t.again = again && existing == apply.Truncate
	if t.again {
		into.Name = target.Shadow(t.target)
		t.state.Shadow = into.Name
		// Remembered before it is made, so that a start after a crash removes it.
		if err := target.Remember(ctx, of.pipeline, t.state); err != nil {
			return false, fmt.Errorf("remember the state of %s: %w", t.name, err)
		}
		if err := target.Drop(ctx, into.Name); err != nil {
			return false, err
		}
	}
	if created, err = target.Prepare(ctx, into, existing, at); err != nil {
		return created, err
	}
	crash.At("room-made")
	t.prepared = into
	t.state.Columns = apply.Shape(t.query.Relation)
	return created, nil
}

// existing is what to do with the rows of a table that is to be copied; again says
// that those are an earlier copy's.
func (a *attempt) existing(again bool) apply.Existing {
	config := &a.p.config
	switch {
	case !config.Copy:
		return apply.Keep
	case again && config.Existing == apply.Keep:
		return apply.Discard
	case again:
		return apply.Truncate
	}
	if config.Existing == apply.Keep {
		return apply.Append
	}
	return config.Existing
}
