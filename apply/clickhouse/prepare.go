package clickhouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Prepare implements [apply.Target].
func (t *Target) Prepare(ctx context.Context, table *apply.Table, existing apply.Existing, copiedAt change.LSN) (created bool, err error) {
	doing := fmt.Sprintf("prepare table %s for %s", t.tableName(table.Name), table.Relation)
	p, err := t.newPlan(table)
	if err != nil {
		return false, err
	}
	created, err = t.prepare(ctx, p, existing, copiedAt)
	if err != nil {
		return false, t.failed(ctx, doing, err)
	}
	t.keepPlan(p)
	return created, nil
}

func (t *Target) prepare(ctx context.Context, p *plan, existing apply.Existing, copiedAt change.LSN) (created bool, err error) {
	found, missing, anew, err := t.meet(ctx, p, existing)
	if err != nil {
		return false, err
	}
	if anew {
		t.log.Info("the table that is there was made for other columns, and is empty: it is made anew", "table", p.name)
		if err := t.statements.Exec(ctx, dropTable(p.name)); err != nil {
			return false, err
		}
	}
	if found == nil {
		if err := t.createDatabase(ctx); err != nil {
			return false, err
		}
		return !anew, t.statements.Exec(ctx, p.createTable(t.tableEnd()))
	}
	empty, err := t.makeRoom(ctx, p, existing, copiedAt)
	if err != nil {
		return false, err
	}
	for _, i := range missing {
		if err := t.addColumn(ctx, p, i, empty); err != nil {
			return false, err
		}
	}
	return false, nil
}

// makeRoom does with the rows that are there what existing says, and tells
// whether none is left.
func (t *Target) makeRoom(ctx context.Context, p *plan, existing apply.Existing, copiedAt change.LSN) (empty bool, err error) {
	switch existing {
	case apply.Truncate:
		return true, t.statements.Exec(ctx, "TRUNCATE TABLE "+p.name)
	case apply.Discard:
		from := change.CopyPosition(copiedAt, false)
		if err := t.deleteWhere(ctx, p.name, versionColumn+" >= "+versionOf(from)); err != nil {
			return false, err
		}
	case apply.DiscardOlder:
		if err := t.deleteWhere(ctx, p.name, versionColumn+" < "+versionOf(change.CopyPosition(copiedAt, false))); err != nil {
			return false, err
		}
	}
	// A tombstone counts: its version may be above that of rows to come.
	empty, err = t.isEmpty(ctx, p)
	if err == nil && !empty && existing == apply.Refuse {
		err = fault.Precondition(errors.New(holdsRows), p.makeRoomHint())
	}
	return empty, err
}

const holdsRows = "the table holds rows already"

func (p *plan) makeRoomHint() string {
	return fmt.Sprintf("TRUNCATE TABLE %s;  -- or choose what becomes of the rows with load.existing: truncate or append", p.name)
}

func (t *Target) isEmpty(ctx context.Context, p *plan) (bool, error) {
	var n uint64
	err := t.statements.QueryRow(ctx, "SELECT count() FROM (SELECT 1 FROM "+p.name+" LIMIT 1)").Scan(&n)
	return n == 0, err
}

// HasFrom implements [apply.Leading].
func (t *Target) HasFrom(ctx context.Context, name string, at change.LSN) (has bool, err error) {
	copied := versionOf(change.CopyPosition(at, true)) // what stands there is a copy's
	err = t.statements.QueryRow(ctx, fmt.Sprintf("SELECT count() > 0 FROM (SELECT 1 FROM %s WHERE %s > %s LIMIT 1)", t.tableName(name), versionColumn, copied)).Scan(&has)
	if code := codeOf(err); code == codeUnknownTable || code == codeUnknownDatabase {
		return false, nil
	}
	return has, t.failed(ctx, "look for later rows in table "+t.tableName(name), err)
}

func dropTable(name string) string { return "DROP TABLE IF EXISTS " + name + " SYNC" }

// Drop implements [apply.Target].
func (t *Target) Drop(ctx context.Context, name string) error {
	err := t.statements.Exec(ctx, dropTable(t.tableName(name)))
	if codeOf(err) == codeUnknownDatabase {
		return nil
	}
	return t.failed(ctx, "drop table "+t.tableName(name), err)
}
