package applytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Transactions is a [Memory] that is [apply.Transactional]: what is done between
// Begin and Commit is done to a copy, which then takes the place of what readers
// see. Loaders write to both.
type Transactions struct {
	// Memory is what readers see.
	*Memory

	mu      sync.Mutex
	working *Memory // nil when no transaction is open
}

var (
	_ apply.Transactional = (*Transactions)(nil)
	_ Warehouse           = (*Transactions)(nil)
)

// clone is a copy that has nothing in common with the original but values, which
// are never changed.
func (m *Memory) clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := &Memory{Refuse: m.Refuse, Print: m.Print, tables: map[string]*memoryTable{}, states: map[string]apply.State{}}
	for name, t := range m.tables {
		c := &memoryTable{columns: slices.Clone(t.columns), kept: maps.Clone(t.kept), key: t.key, rows: make(map[string]*memoryRow, len(t.rows))}
		for key, r := range t.rows {
			c.rows[key] = &memoryRow{position: r.position, deleted: r.deleted, values: maps.Clone(r.values)}
		}
		n.tables[name] = c
	}
	for name, s := range m.states {
		n.states[name] = cloneState(s)
	}
	return n
}

func (m *Memory) become(n *Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables, m.states = n.tables, n.states
}

// Open implements [Warehouse]. Whoever opened it before has lost what was not
// committed.
func (x *Transactions) Open(ctx context.Context) (apply.Target, error) {
	x.Rollback(ctx)
	return x, nil
}

// Close implements [apply.Target].
func (x *Transactions) Close() error {
	x.Rollback(context.Background())
	return nil
}

// Begin implements [apply.Transactional].
func (x *Transactions) Begin(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.working == nil && ctx.Err() == nil {
		x.working = x.clone()
	}
	return ctx.Err()
}

// Commit implements [apply.Transactional].
func (x *Transactions) Commit(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	working := x.working
	x.working = nil
	if err := ctx.Err(); err != nil {
		return err
	}
	if working == nil {
		return fault.Retry(errors.New("commit: no transaction is open"))
	}
	x.become(working)
	return nil
}

// Rollback implements [apply.Transactional].
func (x *Transactions) Rollback(context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.working = nil
}

// in makes a call in the transaction that is open, or in one of its own. own says
// of an error that it undoes the call alone; any other undoes the transaction.
func (x *Transactions) in(call func(*Memory) error, own func(error) bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	into := x.working
	if into == nil {
		into = x.Memory
	}
	before := into.clone()
	err := call(into)
	if err == nil {
		return nil
	}
	into.become(before)
	if !own(err) {
		x.working = nil
	}
	return err
}

func always(error) bool { return true }

func ofOneTable(err error) bool {
	var of *apply.TableError
	return errors.As(err, &of)
}

// Recall implements [apply.Target].
func (x *Transactions) Recall(ctx context.Context, pipeline string) (apply.State, error) {
	x.Rollback(ctx)
	return x.Memory.Recall(ctx, pipeline)
}

// Remember implements [apply.Target].
func (x *Transactions) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	return x.in(func(m *Memory) error { return m.Remember(ctx, p, tables...) }, ofOneTable)
}

// Forget implements [apply.Target].
func (x *Transactions) Forget(ctx context.Context, pipeline string) error {
	return x.in(func(m *Memory) error { return m.Forget(ctx, pipeline) }, ofOneTable)
}

// Drop implements [apply.Target].
func (x *Transactions) Drop(ctx context.Context, name string) error {
	return x.in(func(m *Memory) error { return m.Drop(ctx, name) }, ofOneTable)
}

// Prepare implements [apply.Target].
func (x *Transactions) Prepare(ctx context.Context, t *apply.Table, existing apply.Existing, copiedAt change.LSN) (created bool, err error) {
	err = x.in(func(m *Memory) error {
		created, err = m.Prepare(ctx, t, existing, copiedAt)
		return err
	}, always)
	return created, err
}

// Alter implements [apply.Target]. Columns are renamed one after the other, as
// statements do it, so that no two can change places.
func (x *Transactions) Alter(ctx context.Context, t *apply.Table, was []apply.ColumnShape, drop bool) error {
	d, err := apply.Differ(t, was)
	for i := 0; err == nil && i < len(d.From); i++ {
		name := t.Wishes.Name(t.Relation.Columns[i].Name)
		if d.From[i] != "" && d.From[i] != name && slices.Contains(d.From, name) {
			err = apply.Rebuild("column %s takes another's name", name)
		}
	}
	if err != nil {
		return fmt.Errorf("alter %s: %w", t.Name, err)
	}
	return x.in(func(m *Memory) error { return m.Alter(ctx, t, was, drop) }, always)
}

// Swap implements [apply.Target].
func (x *Transactions) Swap(ctx context.Context, t *apply.Table, from string) error {
	return x.in(func(m *Memory) error { return m.Swap(ctx, t, from) }, always)
}

// Apply implements [apply.Target].
func (x *Transactions) Apply(ctx context.Context, b *apply.Batch) error {
	return x.in(func(m *Memory) error { return m.Apply(ctx, b) }, ofOneTable)
}

// Load implements [apply.Target].
func (x *Transactions) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	l, err := x.Memory.Load(ctx, table)
	return &loaderOfBoth{Loader: l, x: x, ctx: ctx, table: table}, err
}

type loaderOfBoth struct {
	apply.Loader
	x     *Transactions
	ctx   context.Context
	table *apply.Table
}

func (l *loaderOfBoth) Append(values []change.Datum, p change.Position) error {
	l.x.mu.Lock()
	defer l.x.mu.Unlock()
	if err := l.Loader.Append(values, p); err != nil || l.x.working == nil {
		return err
	}
	also, err := l.x.working.Load(l.ctx, l.table)
	if err != nil {
		return err
	}
	return also.Append(values, p)
}
