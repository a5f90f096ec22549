package sync

import (
	"context"
	"errors"
	"fmt"
	stdsync "sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// loader copies tables under one exported snapshot. Its run is the only writer
// of progress while it lasts; workers do nothing but copy chunks.
type loader struct {
	p        *Pipeline
	attempt  *attempt
	snapshot string
	at       change.LSN
	tasks    chan task
	outcomes chan outcome
}

type task struct {
	table *table
	into  *apply.Table
	chunk snapshot.Chunk
}

type outcome struct {
	table *table
	err   error
}

// load copies what is missing under the snapshot, whose consistent point is at.
// A table that fails on its own is parked and the others go on.
func (a *attempt) load(ctx context.Context, snapshotName string, at change.LSN) error {
	todo := withoutParked(missing(a.tables))
	if len(todo) == 0 {
		return nil
	}
	p := a.p
	p.show(func(s *shown) { s.phase = Loading })
	p.log.Info("copying tables", "tables", len(todo), "consistent_point", at.String(), "workers", p.config.Workers)
	l := &loader{p: p, attempt: a, snapshot: snapshotName, at: at, tasks: make(chan task), outcomes: make(chan outcome)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers stdsync.WaitGroup
	for range p.config.Workers {
		workers.Go(func() { newWorker(l).run(ctx) })
	}
	err := l.run(ctx, todo)
	if err != nil && !errors.Is(err, errStopped) {
		cancel()
	}
	close(l.tasks)
	workers.Wait()
	return err
}

func withoutParked(tables []*table) []*table {
	var left []*table
	for _, t := range tables {
		if !t.parked.Load() {
			left = append(left, t)
		}
	}
	return left
}

// run hands out chunks and gathers outcomes until every table is through.
func (l *loader) run(ctx context.Context, todo []*table) error {
	var queue []task
	open := map[*table]int{} // chunks that are not through yet
	underway := 0
	stop, stopping := l.p.stop, false
	for {
		if len(queue) == 0 && len(todo) > 0 {
			t := todo[0]
			todo = todo[1:]
			for _, c := range snapshot.Chunks(t.source, l.attempt.catalog.Version, l.p.config.ChunkBytes) {
				queue = append(queue, task{table: t, into: t.prepared, chunk: c})
			}
			open[t] = len(queue)
			if err := l.begin(ctx, t); err != nil {
				return err
			}
			if len(queue) == 0 { // a partitioned table without partitions
				if err := l.end(ctx, t); err != nil {
					return err
				}
				continue
			}
		}
		var next chan task
		var first task
		if len(queue) > 0 {
			next, first = l.tasks, queue[0]
		} else if underway == 0 {
			if stopping {
				return errStopped
			}
			return nil
		}
		select {
		case next <- first:
			queue = queue[1:]
			underway++
		case o := <-l.outcomes:
			underway--
			open[o.table]--
			if err := l.settle(ctx, o, open[o.table] == 0); err != nil {
				return err
			}
		case <-stop:
			l.p.log.Info("stopping after the chunks in hand; the same command goes on with the tables that are not whole")
			queue, todo, stop, stopping = nil, nil, nil, true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// begin remembers that rows of the table are about to be written, so that a
// start after a crash knows to write them anew.
func (l *loader) begin(ctx context.Context, t *table) error {
	t.state.Phase, t.state.CopiedAt, t.state.TruncatedAt = apply.Copying, l.at, change.Position{}
	t.state.Rows, t.state.Bytes, t.state.Reason, t.state.Hint = 0, 0, "", ""
	t.state.Columns = apply.Shape(t.query.Relation)
	t.count.loadedRows.Store(0)
	t.count.loadedBytes.Store(0)
	return l.remember(ctx, t)
}

func (l *loader) end(ctx context.Context, t *table) error {
	if t.again {
		if _, err := l.p.target.Prepare(ctx, t.prepared, apply.DiscardOlder, l.at); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	if err := l.settleCopy(ctx, t); err != nil {
		return err
	}
	if t.parked.Load() {
		return nil
	}
	// Only now is it true whatever happens to this process.
	l.p.log.Info("copied", "table", t.name, "rows", t.state.Rows, "bytes", t.state.Bytes)
	return nil
}

// settleCopy has the target finish the copy and remember it as whole, at once
// where it can.
func (l *loader) settleCopy(ctx context.Context, t *table) error {
	tx, _ := l.p.target.(apply.Transactional)
	if tx != nil {
		if err := tx.Begin(ctx); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	if settler, ok := l.p.target.(apply.Settler); ok {
		if err := settler.Settle(ctx, t.prepared); err != nil {
			var of *apply.TableError
			if !errors.As(err, &of) || fault.Retryable(err) || ctx.Err() != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			l.p.park(t, err)
		}
	}
	if !t.parked.Load() {
		t.state.Phase, t.state.Rows, t.state.Bytes = apply.Copied, t.count.loadedRows.Load(), t.count.loadedBytes.Load()
	}
	if err := l.remember(ctx, t); err != nil {
		return err
	}
	if tx != nil {
		if err := tx.Commit(ctx); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

func (l *loader) remember(ctx context.Context, t *table) error {
	if err := l.p.target.Remember(ctx, l.attempt.pipeline, t.state); err != nil {
		return fmt.Errorf("remember the state of %s: %w", t.name, err)
	}
	l.p.showTables(l.attempt.tables)
	return nil
}

// settle takes note of a chunk; last says that it was its table's last.
func (l *loader) settle(ctx context.Context, o outcome, last bool) error {
	t := o.table
	var of *apply.TableError
	switch {
	case o.err == nil && t.parked.Load():
		return nil
	case o.err == nil && !last:
		return nil
	case o.err == nil:
		return l.end(ctx, t)
	case !errors.As(o.err, &of), fault.Retryable(o.err), ctx.Err() != nil:
		return o.err // not this table's alone
	case t.parked.Load(): // a second chunk of a table that has failed
		return nil
	}
	l.p.park(t, o.err)
	return l.remember(ctx, t)
}
