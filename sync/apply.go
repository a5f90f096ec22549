package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// applyLoop applies batches and is the only writer of progress while a pipeline
// streams. The order in it is the product: rows durable, then the watermark
// remembered, with the batch or later, and only then the source told.
type applyLoop struct {
	p        *Pipeline
	attempt  *attempt
	exchange *exchange
	byNumber map[int]*table
	tx       apply.Transactional // nil where the target is none
	last     time.Time           // when the last batch was taken
	// saved is the watermark that the target remembers, since savedAt.
	saved   change.LSN
	savedAt time.Time
	// inside: the last batch ended inside a transaction.
	inside bool
}

// saveEvery is how often, at most, a watermark is remembered: a row of state is
// as dear to a warehouse as a row of data, and one for each of many small batches
// would be a good part of its work. What is applied and not remembered is applied
// again after a crash, which changes nothing.
const saveEvery = 500 * time.Millisecond

func newApplyLoop(a *attempt, x *exchange) *applyLoop {
	tx, _ := a.p.target.(apply.Transactional)
	l := &applyLoop{tx: tx, p: a.p, attempt: a, exchange: x, byNumber: map[int]*table{}, saved: a.pipeline.Watermark}
	for _, t := range a.tables {
		l.byNumber[t.number] = t
	}
	return l
}

// run goes on until the watermark reaches the exchange's until, the pipeline is
// stopped or the gather loop is gone. A batch in hand is finished first, and what
// is applied is remembered, unless it was the target that failed.
func (l *applyLoop) run(ctx context.Context, gone <-chan struct{}) error {
	err := l.loop(ctx, gone)
	if errors.Is(err, errStopped) {
		if saving := l.save(ctx); saving != nil {
			return saving
		}
	}
	return err
}

func (l *applyLoop) loop(ctx context.Context, gone <-chan struct{}) error {
	pacer, _ := l.p.target.(apply.Pacer)
	for {
		if err := l.wait(ctx, gone); err != nil {
			return err
		}
		if pacer != nil {
			if err := pacer.Pace(ctx); err != nil {
				return err
			}
		}
		b, turns, err := l.take(ctx, gone)
		if err != nil {
			return err
		}
		l.last = time.Now()
		l.inside = b.Partial
		if err := l.apply(ctx, b, turns); err != nil {
			return err
		}
		reached := l.exchange.until != 0 && l.saved >= l.exchange.until
		l.exchange.giveBack(b)
		if reached && l.exchange.settled() {
			return errCaughtUp
		}
	}
}

// wait returns when a batch is due.
func (l *applyLoop) wait(ctx context.Context, gone <-chan struct{}) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-gone:
			return errStopped // the gather loop's error is the one that counts
		default:
		}
		sleep := time.Hour
		if l.saved < l.attempt.pipeline.Watermark {
			if sleep = time.Until(l.savedAt.Add(saveEvery)); sleep <= 0 {
				if err := l.save(ctx); err != nil {
					return err
				}
				continue
			}
		}
		if at, ok := l.exchange.due(l.last, l.p.config.FlushInterval, l.p.config.IdleSave); ok {
			if sleep = min(sleep, time.Until(at)); sleep <= 0 {
				return nil
			}
		}
		timer.Reset(sleep)
		errands := l.exchange.errands
		if l.inside {
			errands = nil // the target has an open transaction that is not theirs
		}
		select {
		case e := <-errands:
			e.done <- e.do(ctx)
		case <-l.exchange.changed:
		case <-timer.C:
		case <-gone:
		case <-l.p.stop:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take gets the batch that is due, when its last transaction has come whole or
// cannot come before there is room.
func (l *applyLoop) take(ctx context.Context, gone <-chan struct{}) (*apply.Batch, []turn, error) {
	for {
		if b, turns, ok := l.exchange.take(); ok {
			return b, turns, nil
		}
		select {
		case <-l.exchange.changed:
		case <-gone:
			return nil, nil, errStopped
		case <-l.p.stop:
			return nil, nil, errStopped
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// apply has the target take the batch, and moves on what it is known to have.
func (l *applyLoop) apply(ctx context.Context, b *apply.Batch, turns []turn) error {
	if l.tx != nil {
		if err := l.tx.Begin(ctx); err != nil {
			return fmt.Errorf("begin a transaction in the target: %w", err)
		}
	}
	if err := l.settle(ctx, b, turns); err != nil {
		return err
	}
	crash.At("settled")
	nothing := b.Empty() && b.Watermark <= l.attempt.pipeline.Watermark
	reached := b.Watermark
	if !nothing {
		if !l.saveDue(b) {
			b.Watermark = 0
		}
		if err := l.send(ctx, b); err != nil {
			return err
		}
		if b.Partial {
			crash.At("applied-a-part")
		}
		crash.At("applied")
	}
	l.attempt.pipeline.Watermark = max(l.attempt.pipeline.Watermark, reached)
	followed, err := l.follow(ctx, turns)
	if err != nil {
		return err
	}
	if l.tx != nil && !b.Partial {
		if err := l.tx.Commit(ctx); err != nil {
			return fmt.Errorf("commit a batch: %w", err)
		}
	}
	if b.Watermark > 0 && !nothing || followed {
		crash.At("watermark-remembered")
		l.remembered()
	}
	if !nothing {
		l.applied(b)
	}
	return nil
}

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
		t.state.Phase, t.state.Reason = apply.Pending, turn.why
		return true
	case departs:
		l.p.log.Info("the table has left the pipeline; the target's stays as it is", "table", t.name, "target", t.target, "why", turn.why)
		t.state.Phase, t.state.Reason = apply.Pending, turn.why
		l.attempt.before.Tables[t.name] = t.state
		l.attempt.tables = slices.DeleteFunc(slices.Clone(l.attempt.tables), func(other *table) bool { return other == t })
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
		case turn.kind == reshapes && t.state.Phase == apply.Streaming && t.prepared != turn.into:
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

// saveDue says whether a batch's watermark is to be remembered with it; otherwise
// a later one, or [applyLoop.save], will do.
func (l *applyLoop) saveDue(b *apply.Batch) bool {
	return l.tx != nil || b.Empty() || time.Since(l.savedAt) >= saveEvery || l.exchange.until != 0 && b.Watermark >= l.exchange.until
}

// send has the target apply the batch. A table that it cannot apply is parked and
// taken out.
func (l *applyLoop) send(ctx context.Context, b *apply.Batch) error {
	for {
		err := l.p.target.Apply(ctx, b)
		var of *apply.TableError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &of), fault.Retryable(err), ctx.Err() != nil:
			return fmt.Errorf("apply a batch: %w", err)
		}
		t := l.byNumber[of.Table.Number]
		l.p.park(t, err)
		b.Remove(of.Table)
		if err := l.remember(ctx, []apply.TableState{t.state}); err != nil {
			return err
		}
	}
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
		t.state.Phase, t.state.Reason = apply.Pending, again.Reason
		l.exchange.rebuild(t, again.Reason)
	default:
		l.p.park(t, err)
	}
	return nil
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

func (l *applyLoop) remember(ctx context.Context, dirty []apply.TableState) error {
	if len(dirty) == 0 {
		return nil
	}
	crash.At("tables-remember")
	if err := l.p.target.Remember(ctx, l.attempt.pipeline, dirty...); err != nil {
		return fmt.Errorf("remember the state of tables: %w", err)
	}
	crash.At("tables-remembered")
	l.p.showTables(l.attempt.tables)
	l.remembered()
	return nil
}

// save has the target remember what is applied.
func (l *applyLoop) save(ctx context.Context) error {
	if l.saved == l.attempt.pipeline.Watermark || ctx.Err() != nil {
		return nil
	}
	crash.At("watermark-save")
	if err := l.p.target.Remember(ctx, l.attempt.pipeline); err != nil {
		return fmt.Errorf("remember the watermark: %w", err)
	}
	crash.At("watermark-saved")
	l.remembered()
	return nil
}

// remembered: the target remembers the watermark, and the source may forget what
// is below it.
func (l *applyLoop) remembered() {
	l.saved, l.savedAt = l.attempt.pipeline.Watermark, time.Now()
	l.exchange.confirmed.Store(uint64(l.saved))
}

// applied counts and shows a batch.
func (l *applyLoop) applied(b *apply.Batch) {
	for _, tb := range b.Tables() {
		l.byNumber[tb.Table.Number].count.applied.Add(int64(tb.Len()))
	}
	l.p.show(func(s *shown) {
		s.watermark = l.attempt.pipeline.Watermark
		s.applied += int64(b.Rows())
		s.batches++
		if !b.CommitTime.IsZero() {
			s.commit = b.CommitTime
		}
	})
}
