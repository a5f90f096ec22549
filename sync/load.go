package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	stdsync "sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// copyOf is what a copy is made under and who it is made for.
type copyOf struct {
	// of is the attempt whose progress the tables are.
	of       *attempt
	snapshot string
	// at is the snapshot's consistent point.
	at change.LSN
	// perform has whoever writes progress do something, and returns what that
	// returned.
	perform func(ctx context.Context, errand func(context.Context) error) error
	// through is called for each table that is copied, or parked, nil for nobody,
	// by who performs. What it copies joins a stream then, and is still being copied as
	// far as the target is told. One that changes meanwhile is left out then, and the
	// others go on.
	through func(*table)
}

// loader copies tables under one exported snapshot; workers do nothing but copy
// chunks.
type loader struct {
	copyOf
	p        *Pipeline
	attempt  *attempt // whose connections and catalog are used
	mark     string   // the catalog's, from before the tables were looked at for the last time
	tasks    chan task
	outcomes chan outcome
	// oldest is the horizon of the snapshot; 0 where no copy could be gone on with.
	oldest uint64
	// todo are the tables that are not begun, queue the chunks of the one that is which
	// nobody has, open how many of a table's are not through, underway how many workers
	// have.
	todo     []*table
	queue    []task
	open     map[*table]int
	underway int
	// out are the tables that were left out, changed why the last of them was.
	out     map[*table]bool
	changed error
}

type task struct {
	table *table
	into  *apply.Table
	chunk snapshot.Chunk
}

type outcome struct {
	table *table
	err   error
	chunk snapshot.Chunk
}

// load copies tables. One that fails on its own is parked and the others go on. That
// tables were left out is an error, once the others are through.
func (a *attempt) load(ctx context.Context, todo []*table, c copyOf) error {
	mark, err := a.catalog.Mark(ctx)
	if err != nil {
		return err
	}
	todo, why, err := a.thoseUnchanged(ctx, todo)
	switch {
	case err != nil:
		return err
	case why != nil && len(todo) == 0:
		return why
	}
	p := a.p
	p.log.Info("copying tables", "tables", len(todo), "consistent_point", c.at.String(), "workers", p.config.Workers)
	l := &loader{
		copyOf: c, p: p, attempt: a, mark: mark, tasks: make(chan task), outcomes: make(chan outcome),
		todo: todo, open: map[*table]int{}, out: map[*table]bool{}, changed: why,
	}
	if l.oldest, err = l.horizon(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers stdsync.WaitGroup
	for range p.config.Workers {
		workers.Go(func() { newWorker(l).run(ctx) })
	}
	err = l.run(ctx)
	if err != nil && !errors.Is(err, errStopped) {
		cancel()
	}
	close(l.tasks)
	workers.Wait()
	if err == nil {
		err = l.changed
	}
	return err
}

// loadFirst copies what is missing before anything streams. at is the snapshot's
// consistent point.
func (a *attempt) loadFirst(ctx context.Context, snapshotName string, at change.LSN) error {
	todo := withoutParked(missing(a.tables))
	if len(todo) == 0 {
		return nil
	}
	a.p.show(func(s *shown) { s.phase = Loading })
	return a.load(ctx, todo, copyOf{
		of: a, snapshot: snapshotName, at: at,
		perform: func(ctx context.Context, errand func(context.Context) error) error { return errand(ctx) },
	})
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
func (l *loader) run(ctx context.Context) error {
	stop, stopping := l.p.stop, false
	for {
		if err := l.fill(ctx); err != nil {
			return err
		}
		var next chan task
		var first task
		if len(l.queue) > 0 {
			next, first = l.tasks, l.queue[0]
		} else if l.underway == 0 {
			if stopping {
				return errStopped
			}
			return nil
		}
		select {
		case next <- first:
			l.queue = l.queue[1:]
			l.underway++
		case o := <-l.outcomes:
			l.underway--
			l.open[o.table]--
			if err := l.leaveOut(o.table, l.settle(ctx, o)); err != nil {
				return err
			}
		case <-stop:
			l.p.log.Info("stopping after the chunks in hand; the same command goes on with the tables that are not whole")
			l.queue, l.todo, stop, stopping = nil, nil, nil, true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fill begins the next table when all chunks of the one before are handed out.
func (l *loader) fill(ctx context.Context) error {
	for len(l.queue) == 0 && len(l.todo) > 0 {
		t := l.todo[0]
		l.todo = l.todo[1:]
		if err := l.begin(ctx, t); err != nil {
			return err
		}
		chunks := snapshot.Chunks(t.source, l.attempt.catalog.Version, l.p.config.ChunkBytes)
		t.leftOver(chunks)
		for _, c := range chunks {
			l.queue = append(l.queue, task{table: t, into: t.prepared, chunk: c})
		}
		l.open[t] = len(chunks)
		if len(chunks) == 0 { // a partitioned table without partitions
			if err := l.leaveOut(t, l.end(ctx, t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaveOut takes out a table that has changed, where the others go on without it. What
// is left of the error is what ends the copy of all.
func (l *loader) leaveOut(t *table, err error) error {
	if !isChanged(err) {
		return err
	}
	l.out[t], l.changed = true, err
	l.queue = slices.DeleteFunc(l.queue, func(of task) bool { return of.table == t })
	return nil
}

// begin remembers that rows of the table are about to be written, so that a
// start after a crash knows to write them anew.
func (l *loader) begin(ctx context.Context, t *table) error {
	return l.perform(ctx, func(ctx context.Context) error {
		t.state.Phase, t.state.CopiedAt, t.state.TruncatedAt = apply.Copying, l.at, change.Position{}
		t.state.Rows, t.state.Bytes, t.state.Reason, t.state.Hint = 0, 0, "", ""
		t.state.Columns, t.state.ShapedAt = apply.Shape(t.query.Relation), change.Position{Commit: l.at}
		t.state.Earlier, t.state.Given = nil, given(t.source)
		t.state.Files = filesOf(t.source)
		if len(t.state.Done) > 0 && tooOld(t.state.Horizon, l.oldest) {
			t.state.Done = nil
			if err := l.remember(ctx, t); err != nil {
				return err
			}
			return fault.Retry(fmt.Errorf("the copy of table %s was cut short too long ago to be gone on with", t.name))
		}
		if len(t.state.Done) > 0 {
			l.p.log.Info("going on with a copy that was cut short", "table", t.name, "since", t.state.Since.String())
		}
		if len(t.state.Done) == 0 {
			t.state.Since, t.state.Horizon, t.state.Filter = l.at, 0, t.query.RowFilter
			if resumer, ok := l.p.target.(apply.Resumer); ok && resumer.Resumes(t.prepared) {
				t.state.Horizon = l.oldest
			}
		}
		t.count.loadedRows.Store(0)
		t.count.loadedBytes.Store(0)
		return l.remember(ctx, t)
	})
}

func (l *loader) end(ctx context.Context, t *table) error {
	if err := l.stillRead(ctx, t); err != nil {
		return err
	}
	return l.perform(ctx, func(ctx context.Context) error {
		if t.again {
			if _, err := l.p.target.Prepare(ctx, t.prepared, apply.DiscardOlder, l.at); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		if err := l.settleCopy(ctx, t); err != nil {
			return err
		}
		if !t.parked.Load() {
			// Only now is it true whatever happens to this process.
			l.p.log.Info("copied", "table", t.name, "rows", t.state.Rows, "bytes", t.state.Bytes)
		}
		l.isThrough(t)
		return nil
	})
}

func (l *loader) isThrough(t *table) {
	if l.through != nil {
		l.through(t)
	}
}

// settleCopy has the target finish the copy, put it in the place of an earlier
// one and remember it as whole, at once where it can.
func (l *loader) settleCopy(ctx context.Context, t *table) error {
	tx, _ := l.p.target.(apply.Transactional)
	if tx != nil {
		if err := tx.Begin(ctx); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	if err := l.finish(ctx, t); err != nil {
		var of *apply.TableError
		if !errors.As(err, &of) || fault.Retryable(err) || ctx.Err() != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		l.p.park(t, err)
	}
	if !t.parked.Load() {
		t.state.Rows, t.state.Bytes, t.state.Shadow = t.count.loadedRows.Load(), t.count.loadedBytes.Load(), ""
		t.state.Horizon, t.state.Done = 0, nil
		if l.through == nil {
			t.state.Phase = apply.Copied
		}
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

func (l *loader) finish(ctx context.Context, t *table) error {
	if settler, ok := l.p.target.(apply.Settler); ok {
		if err := settler.Settle(ctx, t.prepared); err != nil {
			return err
		}
	}
	if t.state.Shadow == "" {
		return nil
	}
	into := t.into(t.query.Relation)
	t.prepared = nil // the stream's relation is prepared anew
	return l.p.target.Swap(ctx, into, t.state.Shadow)
}

func (l *loader) remember(ctx context.Context, t *table) error {
	if err := l.p.target.Remember(ctx, l.of.pipeline, t.state); err != nil {
		return fmt.Errorf("remember the state of %s: %w", t.name, err)
	}
	l.p.showTables(l.of.tables)
	return nil
}

// settle takes note of a chunk.
func (l *loader) settle(ctx context.Context, o outcome) error {
	t := o.table
	var of *apply.TableError
	switch {
	case l.out[t], o.err == nil && t.parked.Load():
		return nil
	case o.err == nil && l.open[t] > 0:
		return l.noteDone(ctx, o)
	case o.err == nil:
		return l.end(ctx, t)
	case !errors.As(o.err, &of), fault.Retryable(o.err), ctx.Err() != nil:
		return o.err // not this table's alone
	case t.parked.Load(): // a second chunk of a table that has failed
		return nil
	}
	return l.perform(ctx, func(ctx context.Context) error {
		l.p.park(t, o.err)
		if err := l.remember(ctx, t); err != nil {
			return err
		}
		l.isThrough(t)
		return nil
	})
}
