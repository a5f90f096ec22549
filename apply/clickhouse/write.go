package clickhouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Read-back values can be larger than the batch that wants them. They are
// fetched in portions of about this size, and written in blocks of not much
// more than blockBytes.
const (
	fetchBytes = 16 << 20
	fetchFirst = 64 // keys of the first portion, before the size of values is known
	blockBytes = 64 << 20
)

// writer puts one table's part of a batch into the table: as one block, unless
// values that were read back make it too large.
type writer struct {
	t     *Target
	plan  *plan
	batch *apply.TableBatch
	block *block
	row   apply.Row
}

func (t *Target) writeTable(ctx context.Context, p *plan, tb *apply.TableBatch) error {
	w := &writer{t: t, plan: p, batch: tb, block: t.blocks.get(p)}
	defer t.blocks.put(w.block)
	if err := w.rows(ctx); err != nil {
		var value *apply.ValueError
		var table *apply.TableError
		if errors.As(err, &value) && !errors.As(err, &table) {
			err = &apply.TableError{Table: tb.Table, Err: err}
		}
		return err
	}
	return w.flush(ctx)
}

func (w *writer) rows(ctx context.Context) error {
	var moved, still, needed []int
	for i := range w.batch.Len() {
		w.batch.Row(i, &w.row)
		var err error
		switch {
		case w.row.Deleted:
			err = w.block.appendTombstone(w.row.Values, w.row.Position)
		case w.row.Base == nil:
			err = w.block.append(w.row.Values, w.row.Position)
		case len(w.row.Steps) > 0:
			moved = append(moved, i)
		default:
			still = append(still, i)
		}
		if err != nil {
			return err
		}
		if w.row.Base != nil {
			needed = addUnchanged(needed, w.row.Values)
		}
	}
	// A row that left its key needs the old key's row, and that row's tombstone
	// is among those above: it must not be written alone.
	if err := w.moved(ctx, needed, moved); err != nil {
		return err
	}
	return w.resolveInPortions(ctx, needed, still)
}

func addUnchanged(to []int, values []change.Datum) []int {
next:
	for i := range values {
		if values[i].Format != change.Unchanged {
			continue
		}
		for _, have := range to {
			if have == i {
				continue next
			}
		}
		to = append(to, i)
	}
	return to
}

func (w *writer) resolveInPortions(ctx context.Context, needed, rows []int) error {
	portion := fetchFirst
	for len(rows) > 0 {
		n := min(portion, len(rows))
		size, err := w.resolve(ctx, needed, rows[:n])
		if err != nil {
			return err
		}
		rows = rows[n:]
		portion = max(1, min(fetchBytes/max(size/n, 1), 1<<20))
		if w.block.size() >= blockBytes {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve appends rows with unchanged values, and tells how much memory the
// values took that were fetched for them.
func (w *writer) resolve(ctx context.Context, needed, rows []int) (size int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	r := newReadback(w.plan, needed)
	for _, i := range rows {
		w.batch.Row(i, &w.row)
		if err := r.want(w.row.Base); err != nil {
			return 0, w.blame(err)
		}
		for _, s := range w.row.Steps {
			if err := r.want(s.Key); err != nil {
				return 0, w.blame(err)
			}
		}
	}
	if err := r.fetch(ctx, w.t); err != nil {
		return 0, fmt.Errorf("read back values that the log left out: %w", err)
	}
	for _, i := range rows {
		w.batch.Row(i, &w.row)
		from, err := r.source(&w.row)
		if err == nil && from != superseded {
			err = w.block.appendResolved(&w.row, r, from)
		}
		if err != nil {
			return 0, w.blame(err)
		}
	}
	return r.size(), nil
}

func (w *writer) blame(err error) error {
	var table *apply.TableError
	if errors.As(err, &table) {
		return err
	}
	return &apply.TableError{Table: w.batch.Table, Err: err}
}

// superseded: the table holds the row already, or a newer one of its key.
const superseded = -1

// source finds the row of the answer that holds the unchanged values of a row.
//
// The table can stand anywhere between the batch's start and some point behind
// it, when the stretch is replayed. The row's keys tell where: under the key it
// had at that point stands a row of it, which is neither older than the step
// that brought it there nor as new as the next one.
func (r *readback) source(row *apply.Row) (int, error) {
	next := row.Position
	for s := len(row.Steps) - 1; s >= 0; s-- {
		i, err := r.newest(row.Steps[s].Key)
		switch {
		case err != nil:
			return 0, err
		case i < 0 || r.position(i).Compare(row.Steps[s].Position) < 0:
			// it has not come this far
		case s == len(row.Steps)-1 && r.position(i).Compare(next) >= 0:
			return superseded, nil
		case r.live(i) && r.position(i).Compare(next) < 0:
			return i, nil
		}
		next = row.Steps[s].Position
	}
	i, err := r.newest(row.Base)
	switch {
	case err != nil:
		return 0, err
	case i >= 0 && len(row.Steps) == 0 && r.position(i).Compare(next) >= 0:
		return superseded, nil
	case r.live(i) && r.position(i).Compare(next) < 0:
		return i, nil
	}
	return 0, r.lost(row, i)
}

// lost: the values are nowhere, and nothing may stand in for them.
func (r *readback) lost(row *apply.Row, i int) error {
	key := ""
	for n, c := range r.keys.columns {
		if n > 0 {
			key += ", "
		}
		key += describe(c.spec, row.Base[n])
	}
	what := "is not in the table"
	if i >= 0 {
		what = fmt.Sprintf("was deleted or replaced at %s", r.position(i))
	}
	return fault.Permanent(
		fmt.Errorf("the row at %s has large values that did not change and that PostgreSQL therefore did not send; the row that holds them, with key (%s), %s",
			row.Position, key, what),
		"start pgsluice again and the table is copied anew; ALTER TABLE … REPLICA IDENTITY FULL in the source makes PostgreSQL send such values")
}

// appendResolved adds a row whose unchanged values are those of row from of the
// answer.
func (b *block) appendResolved(row *apply.Row, r *readback, from int) error {
	for i, c := range b.columns {
		if row.Values[i].Format != change.Unchanged {
			if err := c.append(row.Values[i]); err != nil {
				return b.explain(c, row.Values, row.Values[i], err)
			}
			continue
		}
		if b.plan.inKey[i] {
			return fmt.Errorf("key column %s is unchanged and was not sent", change.QuoteIdent(c.name))
		}
		c.copyFrom(r.values[i], from, from+1)
	}
	b.finish(row.Position, 0)
	return nil
}

// flush sends the block and empties it.
func (w *writer) flush(ctx context.Context) error {
	if w.block.rows == 0 {
		return nil
	}
	if err := w.t.insert(ctx, w.block); err != nil {
		return err
	}
	w.block.reset()
	return nil
}
