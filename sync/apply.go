package sync

import (
	"context"
	"errors"
	"fmt"
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
	errands := l.exchange.errands
	if l.inside {
		errands = nil // the target has an open transaction that is not theirs
	}
	for {
		select {
		case <-gone:
			return errStopped // the gather loop's error is the one that counts
		default:
		}
		// Also where another batch is always due; but what a turn says of a table goes
		// before what is done about it.
		if !l.exchange.turning() {
			select {
			case e := <-errands:
				e.done <- e.do(ctx)
			default:
			}
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
	began := time.Now()
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
		l.applied(b, time.Since(began))
	}
	l.p.lag.applied()
	return nil
}

// saveDue says whether a batch's watermark is to be remembered with it; otherwise
// a later one, or [applyLoop.save], will do.
func (l *applyLoop) saveDue(b *apply.Batch) bool {
	return l.tx != nil || b.Empty() || time.Since(l.savedAt) >= saveEvery || l.exchange.until != 0 && b.Watermark >= l.exchange.until
}

// send has the target apply the batch. A table that it cannot apply is taken out, and
// parked. A partitioned one is copied anew where it is not a value that stands in the
// way: rows may have come or gone with a partition, of which the log says nothing.
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
		var value *apply.ValueError
		if t.source.Partitioned && l.p.config.Copy && !errors.As(err, &value) {
			l.again(t, of.Err.Error())
		} else {
			l.p.park(t, err)
		}
		b.Remove(of.Table)
		if err := l.remember(ctx, []apply.TableState{t.state}); err != nil {
			return err
		}
	}
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
func (l *applyLoop) applied(b *apply.Batch, took time.Duration) {
	for _, tb := range b.Tables() {
		l.byNumber[tb.Table.Number].count.add(tb)
	}
	if !b.Empty() {
		l.p.batchRows.add(int64(b.Rows()))
		l.p.batchTimes.add(int64(took))
	}
	l.p.show(func(s *shown) {
		s.watermark = l.attempt.pipeline.Watermark
		s.applied += int64(b.Rows())
		if !b.CommitTime.IsZero() {
			s.commit = b.CommitTime
		}
	})
}
