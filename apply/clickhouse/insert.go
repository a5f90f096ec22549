package clickhouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/ch-go"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/crash"
)

// How many tables of a batch are written at the same time. A small block is mostly
// waiting, so more than there are cores.
const parallelTables = 8

// Apply implements [apply.Target]. Each table's rows are one INSERT of one
// block, which the server makes visible at once or not at all; only when all
// are answered is the watermark written.
func (t *Target) Apply(ctx context.Context, b *apply.Batch) error {
	// Tables do not stop each other: what is written stays written, and the
	// caller learns which table is to blame.
	var group errgroup.Group
	group.SetLimit(parallelTables)
	tables := b.Tables()
	errs := make([]error, len(tables))
	for i, tb := range tables {
		group.Go(func() error {
			errs[i] = t.applyTable(ctx, tb)
			return nil
		})
	}
	_ = group.Wait()
	if err := worst(errs); err != nil {
		return err
	}
	return t.advance(ctx, b.Pipeline, b.Watermark)
}

// worst picks the error to act upon. One table's own comes first: no new
// attempt gets past it.
func worst(errs []error) error {
	var first error
	for _, err := range errs {
		var table *apply.TableError
		if errors.As(err, &table) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (t *Target) applyTable(ctx context.Context, tb *apply.TableBatch) error {
	p, err := t.planned(tb.Table)
	if err != nil {
		return &apply.TableError{Table: tb.Table, Err: err}
	}
	if tb.Truncate.Commit != 0 {
		if err := t.truncate(ctx, p, tb.Truncate); err != nil {
			return t.insertFailed(ctx, "truncate "+tb.Table.Relation.String(), p, err)
		}
	}
	if tb.Len() == 0 {
		return nil
	}
	if err := t.writeTable(ctx, p, tb); err != nil {
		return t.insertFailed(ctx, fmt.Sprintf("apply %d rows to %s", tb.Len(), tb.Table.Relation), p, err)
	}
	return nil
}

// insert sends one block as one INSERT.
func (t *Target) insert(ctx context.Context, b *block) error {
	crash.At("block-insert")
	err := t.wires.do(ctx, ch.Query{Body: b.plan.insert, Settings: insertSettings, Input: b.input})
	if err != nil {
		return err
	}
	crash.At("block-inserted")
	t.report(b)
	t.pace.spend(1)
	return nil
}

// insertFailed is [Target.failed] for what happens to one table: an answer that
// only this table's INSERT would meet is the table's.
func (t *Target) insertFailed(ctx context.Context, doing string, p *plan, err error) error {
	var table *apply.TableError
	if errors.As(err, &table) {
		return err
	}
	judged := t.failed(ctx, doing+" (ClickHouse table "+p.name+")", err)
	if blamesTable(err) {
		return &apply.TableError{Table: p.table, Err: judged}
	}
	return judged
}
