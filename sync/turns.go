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

// What the apply loop does about tables, before a batch and behind it.

// settle acts upon the tables' turns, makes the target ready for the batch, and
// takes out of it what cannot be applied.
func (l *applyLoop) settle(ctx context.Context, b *apply.Batch, turns []turn) error {
	var dirty []apply.TableState
	for _, turn := range turns {
		if l.act(turn) {
			dirty = append(dirty, turn.table.state)
		}
	}
	for _, t := range l.attempt.tables {
		// Not by parked: the gather loop sets that, and rows from before its
		// reason are good.
		if t.state.Phase == apply.Failed || t.state.Phase == apply.Pending {
			b.Remove(&apply.Table{Number: t.number})
		}
	}
	for _, tb := range append([]*apply.TableBatch(nil), b.Tables()...) {
		moved, err := l.prepare(ctx, b, tb)
		if err != nil {
			return err
		}
		if moved {
			dirty = append(dirty, l.byNumber[tb.Table.Number].state)
		}
	}
	return l.remember(ctx, dirty)
}

// act takes note of a table's turn; moved says that its state is another.
func (l *applyLoop) act(turn turn) (moved bool) {
	t := turn.table
	switch turn.kind {
	case fails:
		l.p.park(t, turn.err)
		return true
	case leaves:
		l.p.log.Warn("the table is copied anew; the others go on", "table", t.name, "why", turn.why)
		markPending(&t.state, turn.why)
		return true
	case departs:
		l.p.log.Info("the table has left the pipeline; the target's stays as it is", "table", t.name, "target", t.target, "why", turn.why)
		markLeft(&t.state, turn.why)
		l.attempt.before.Tables[t.name] = t.state
		l.attempt.leaveOut(t)
		return true
	case enters:
		l.byNumber[t.number] = t
		l.attempt.enter(t)
	case moves:
		t.state.Files = turn.files
		return true
	case joined, reshapes: // once the batch is applied
	}
	return false
}

// follow does what is to be done once the batch is applied: tables have joined,
// whose rows it has brought up to where the others are, and tables have another
// schema behind its rows. What is remembered is so when the transaction, if there is
// one, is committed.
func (l *applyLoop) follow(ctx context.Context, turns []turn) (remembered bool, err error) {
	var dirty []apply.TableState
	for _, turn := range turns {
		t := turn.table
		switch {
		case turn.kind == joined && t.state.Phase == apply.Copying:
			t.state.Phase = apply.Streaming
			l.p.log.Info("the table has joined the stream", "table", t.name)
		case turn.kind == reshapes && t.state.Phase == apply.Streaming && t.prepared != turn.into &&
			turn.into.Since.Compare(t.state.ShapedAt) >= 0: // else rows of the batch have said more since
			if err := l.reshape(ctx, t, turn.into); err != nil {
				return false, err
			}
		default:
			continue
		}
		dirty = append(dirty, t.state)
	}
	if len(dirty) == 0 {
		return false, nil
	}
	crash.At("follow")
	if err := l.p.target.Remember(ctx, l.attempt.pipeline, dirty...); err != nil {
		return false, fmt.Errorf("remember the state of tables: %w", err)
	}
	crash.At("followed")
	l.p.showTables(l.attempt.tables)
	return true, nil
}

// prepare makes the target able to hold what the stream has announced since, and
// remembers a truncate before it happens. moved says that the table's state has
// changed.
func (l *applyLoop) prepare(ctx context.Context, b *apply.Batch, tb *apply.TableBatch) (moved bool, err error) {
	t := l.byNumber[tb.Table.Number]
	if t.prepared != tb.Table {
		if err := l.reshape(ctx, t, tb.Table); err != nil {
			return false, err
		}
		if t.state.Phase == apply.Failed || t.state.Phase == apply.Pending {
			b.Remove(tb.Table)
			return true, nil
		}
		moved = true
	}
	if tb.Truncate != (change.Position{}) {
		t.state.TruncatedAt = tb.Truncate
		crash.At("truncate")
		moved = true
	}
	return moved, nil
}

// reshape has the target's table stand for another relation. Where the target
// cannot, the table is copied anew, or fails.
func (l *applyLoop) reshape(ctx context.Context, t *table, to *apply.Table) error {
	err := l.alter(ctx, t, to)
	var again *apply.RebuildError
	switch {
	case err == nil:
	case fault.Retryable(err) || ctx.Err() != nil:
		return fmt.Errorf("table %s: %w", t.name, err)
	case errors.As(err, &again) && l.p.config.Copy:
		l.again(t, again.Reason)
	default:
		l.p.park(t, err)
	}
	return nil
}

// again has a table copied anew.
func (l *applyLoop) again(t *table, why string) {
	markPending(&t.state, why)
	l.exchange.recopy(t, why)
}

// alter has the target's table stand for another relation.
func (l *applyLoop) alter(ctx context.Context, t *table, to *apply.Table) error {
	older := to.Since.Compare(t.state.ShapedAt) < 0
	was, is := t.state.Columns, apply.Shape(to.Relation)
	if older || len(was) == 0 {
		// Rows that are applied again have no more columns than the table.
		if _, err := l.p.target.Prepare(ctx, to, apply.Keep, 0); err != nil {
			return err
		}
		t.prepared = to
		return nil
	}
	if err := l.p.target.Alter(ctx, to, was, !l.p.config.KeepDropped); err != nil {
		return err
	}
	crash.At("altered")
	if !slices.Equal(was, is) {
		l.p.log.Info("the table's schema has changed", "table", t.name, "columns", len(is), "before", len(was))
	}
	t.prepared = to
	if slices.Equal(was, is) {
		return nil
	}
	// What is applied again begins behind the watermark that is remembered.
	earlier := append(slices.Clone(t.state.Earlier), apply.Shaped{At: t.state.ShapedAt, Columns: was})
	for len(earlier) > 1 && earlier[1].At.Commit <= l.saved {
		earlier = earlier[1:]
	}
	t.state.Columns, t.state.ShapedAt, t.state.Earlier = is, to.Since, earlier
	return nil
}
