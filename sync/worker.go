package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// worker copies one chunk after the other. While the target works off the end of
// one (sorting and writing what it has gathered), the source is read for the
// next: without that, each side would wait for the other at every chunk's end.
//
//	COPY chunk 1 ─▶ Finish 1 ─┐
//	                COPY chunk 2 ─▶ (wait for it) Finish 2 ─┐
//	                                COPY chunk 3 ─▶ …
type worker struct {
	*loader
	reader chunkReader
	// finishing is closed when the chunk before is through.
	finishing chan struct{}
}

func newWorker(l *loader) *worker {
	w := &worker{loader: l, finishing: make(chan struct{})}
	close(w.finishing)
	return w
}

// run takes tasks until there are no more, and returns when all it took are
// through.
func (w *worker) run(ctx context.Context) {
	defer func() {
		<-w.finishing
		if w.reader != nil {
			_ = w.reader.Close(context.WithoutCancel(ctx))
		}
	}()
	for task := range w.tasks {
		if task.table.parked.Load() {
			w.report(ctx, outcome{table: task.table})
			continue
		}
		into, err := w.copy(ctx, task)
		<-w.finishing
		if err != nil {
			w.report(ctx, outcome{table: task.table, err: fmt.Errorf("copy %s: %w", task.chunk, err)})
			continue
		}
		w.finishing = make(chan struct{})
		go w.finish(ctx, into, task, w.finishing)
	}
}

func (w *worker) finish(ctx context.Context, into apply.Loader, task task, done chan struct{}) {
	defer close(done)
	err := into.Finish()
	into.Abort()
	if err != nil {
		err = fmt.Errorf("copy %s: %w", task.chunk, err)
	}
	w.report(ctx, outcome{table: task.table, err: err, chunk: task.chunk})
}

func (w *worker) report(ctx context.Context, o outcome) {
	select {
	case w.outcomes <- o:
	case <-ctx.Done():
	}
}

const undefinedColumn, undefinedTable, undefinedSchema = "42703", "42P01", "3F000"

// isGone says whether an error of the source's is that a table has another name, or
// none, by now.
func isGone(err error) bool {
	code := postgres.Code(err)
	return code == undefinedTable || code == undefinedSchema
}

// countEvery keeps the shared counters out of the row loop.
const countEvery = 1024

// copy reads a chunk into a loader, which the caller finishes. It opens another
// connection when an error has cost it the last one.
func (w *worker) copy(ctx context.Context, task task) (into apply.Loader, err error) {
	if w.reader == nil || !w.reader.Alive() {
		if w.reader, err = w.p.source.Read(ctx, w.snapshot); err != nil {
			return nil, err
		}
	}
	if into, err = w.p.target.Load(ctx, task.into); err != nil {
		return nil, err
	}
	count := task.table.count
	position := change.CopyPosition(w.at, task.into.Relation.Keyed())
	var pending int64
	_, bytes, err := w.reader.Copy(ctx, task.table.query, task.chunk, func(values []change.Datum, seq uint64) error {
		position.Seq = seq
		if pending++; pending == countEvery {
			count.loadedRows.Add(pending)
			pending = 0
		}
		return into.Append(values, position)
	})
	count.loadedRows.Add(pending)
	count.loadedBytes.Add(bytes)
	if err == nil {
		return into, nil
	}
	into.Abort()
	var of *apply.TableError
	switch code := postgres.Code(err); {
	case errors.As(err, &of) || code == "":
	case code == undefinedColumn || isGone(err):
		// It was altered behind the consistent point, and is to be looked at again.
		err = fault.Retry(changedError{err})
	case fault.ClassOf(err).Policy == fault.PolicyPark:
		// What the source answers to one COPY is that table's, unless it is about
		// the server or the connection.
		err = &apply.TableError{Table: task.into, Err: err}
	}
	return nil, err
}
