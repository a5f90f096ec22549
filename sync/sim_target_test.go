package sync

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

// simTarget is a target as one process reaches it: the memory target under its
// fault script, in a process that can be killed between any two calls and in the
// middle of an Apply.
type simTarget struct {
	apply.Target
	process *simProcess
	history *simHistory
}

// do runs a call that has an effect, and looks at what it has left.
func (t *simTarget) do(ctx context.Context, what applytest.Method, call func() error) error {
	after, err := t.process.step(ctx, string(what), false)
	if err != nil {
		return err
	}
	called := call()
	t.undo(what, called)
	t.process.trace("%s: %v", what, called)
	t.history.check(string(what))
	if err := after(); err != nil {
		return err
	}
	return called
}

// undo: an error that the fault script makes up undoes what one of the target's own
// would have undone.
func (t *simTarget) undo(what applytest.Method, err error) {
	var of *apply.TableError
	alone := []applytest.Method{applytest.Prepare, applytest.Alter, applytest.Swap, applytest.Finish}
	if err != nil && t.history.exact != nil && !errors.As(err, &of) && !slices.Contains(alone, what) {
		t.history.exact.Rollback(context.Background())
		t.history.restored()
	}
}

func (t *simTarget) Recall(ctx context.Context, pipeline string) (s apply.State, err error) {
	err = t.do(ctx, applytest.Recall, func() error {
		s, err = t.Target.Recall(ctx, pipeline)
		return err
	})
	return s, err
}

func (t *simTarget) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	t.process.trace("remember %s on timeline %d, %d tables", p.Watermark, p.Timeline, len(tables))
	return t.do(ctx, applytest.Remember, func() error {
		err := t.Target.Remember(ctx, p, tables...)
		if err == nil {
			t.history.remembered(tables)
		}
		return err
	})
}

func (t *simTarget) Forget(ctx context.Context, pipeline string) error {
	return t.do(ctx, "Forget", func() error {
		t.history.forget() // a first attempt takes back what it has made
		return t.Target.Forget(ctx, pipeline)
	})
}

func (t *simTarget) Drop(ctx context.Context, name string) error {
	return t.do(ctx, "Drop", func() error { return t.Target.Drop(ctx, name) })
}

func (t *simTarget) Prepare(ctx context.Context, table *apply.Table, existing apply.Existing, at change.LSN) (created bool, err error) {
	err = t.do(ctx, applytest.Prepare, func() error {
		created, err = t.Target.Prepare(ctx, table, existing, at)
		return err
	})
	return created, err
}

func (t *simTarget) Alter(ctx context.Context, table *apply.Table, was []apply.ColumnShape, drop bool) error {
	return t.do(ctx, applytest.Alter, func() error {
		t.history.reshaped(table.Name, table.Relation)
		return t.Target.Alter(ctx, table, was, drop)
	})
}

func (t *simTarget) Swap(ctx context.Context, table *apply.Table, from string) error {
	return t.do(ctx, applytest.Swap, func() error {
		err := t.Target.Swap(ctx, table, from)
		if err == nil {
			t.history.reshaped(table.Name, nil)
		}
		return err
	})
}

func (t *simTarget) Apply(ctx context.Context, b *apply.Batch) error {
	t.history.checkBatch(b)
	t.process.trace("apply %d rows up to %s, partial %v", b.Rows(), b.Watermark, b.Partial)
	return t.do(ctx, applytest.Apply, func() error {
		if part := t.history.applyInPart(t.process, b); part != nil {
			defer part()
		}
		return interrupted(t.Target.Apply(ctx, b))
	})
}

// interrupted makes of the refusal that ends an Apply in its middle what that is.
func interrupted(err error) error {
	var of *apply.ValueError
	if errors.As(err, &of) && of.Reason == simInterrupted {
		return errCut
	}
	return err
}

func (t *simTarget) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	into, err := t.Target.Load(ctx, table)
	if err != nil {
		return nil, err
	}
	return &simLoader{Loader: into, target: t, ctx: ctx}, nil
}

// simTransactional is the same for a target that has transactions. What a process
// that is killed had open is undone, as the server does when a connection ends.
type simTransactional struct {
	*simTarget
	tx apply.Transactional
}

func (t simTransactional) Begin(ctx context.Context) error {
	return t.do(ctx, "Begin", func() error { return t.tx.Begin(ctx) })
}

func (t simTransactional) Commit(ctx context.Context) error {
	return t.do(ctx, applytest.Commit, func() error { return t.tx.Commit(ctx) })
}

func (t simTransactional) Rollback(ctx context.Context) {
	_ = t.do(ctx, "Rollback", func() error {
		t.tx.Rollback(ctx)
		t.history.restored()
		return nil
	})
}

// simWarehouse is the memory target with loaders of which some show nothing before
// Finish. In others rows are visible as they come, which is as good.
type simWarehouse struct {
	apply.Target
	process *simProcess
}

// simWarehouseTx is one that has transactions.
type simWarehouseTx struct {
	simWarehouse
	tx apply.Transactional
}

func (w simWarehouseTx) Begin(ctx context.Context) error { return w.tx.Begin(ctx) }

func (w simWarehouseTx) Commit(ctx context.Context) error { return w.tx.Commit(ctx) }

func (w simWarehouseTx) Rollback(ctx context.Context) { w.tx.Rollback(ctx) }

// target is the memory target as a process reaches it.
func (h *simHistory) target(p *simProcess, script []applytest.Fault) apply.Target {
	at := &simTarget{process: p, history: h}
	if h.exact == nil {
		at.Target = applytest.NewFaulty(simWarehouse{h.memory, p}, script...).Wrapped()
		return simLeading{at}
	}
	faulty := applytest.NewFaulty(simWarehouseTx{simWarehouse{h.exact, p}, h.exact}, script...).Wrapped()
	at.Target = faulty
	return simTransactional{at, faulty.(apply.Transactional)}
}

func (w simWarehouse) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	into, err := w.Target.Load(ctx, table)
	if err == nil && w.process.draw("loader", w.process.calls.Load())%2 == 0 {
		into = &simGathering{Loader: into}
	}
	return into, err
}

type simGathering struct {
	apply.Loader
	rows      [][]change.Datum
	positions []change.Position
}

func (l *simGathering) Append(values []change.Datum, p change.Position) error {
	row := slices.Clone(values)
	for i := range row {
		row[i].Bytes = bytes.Clone(row[i].Bytes)
	}
	l.rows, l.positions = append(l.rows, row), append(l.positions, p)
	return nil
}

func (l *simGathering) Finish() error {
	for i, row := range l.rows {
		if err := l.Loader.Append(row, l.positions[i]); err != nil {
			return err
		}
	}
	return l.Loader.Finish()
}

type simLoader struct {
	apply.Loader
	target *simTarget
	ctx    context.Context
}

func (l *simLoader) Append(values []change.Datum, p change.Position) error {
	if l.target.process.dead.Load() {
		return errKilled
	}
	return interrupted(l.Loader.Append(values, p))
}

func (l *simLoader) Finish() error {
	return l.target.do(l.ctx, applytest.Finish, func() error { return interrupted(l.Loader.Finish()) })
}

const simInterrupted = "interrupted"

// applyInPart has the next Apply of the target end in the middle, now and then, as
// one of a warehouse does that has no transactions: some tables have their rows,
// the others and the watermark are missing. The function it returns ends that.
func (h *simHistory) applyInPart(p *simProcess, b *apply.Batch) func() {
	draw := p.draw("part", p.calls.Load())
	tables := b.Tables()
	if draw%1000 >= p.trouble.part || len(tables) < 2 {
		return nil
	}
	h.parting.Store(&tables[1+draw>>20%uint64(len(tables)-1)].Table.Relation.Columns[0])
	return func() { h.parting.Store(nil) }
}

// refuse is what the target cannot hold.
func (h *simHistory) refuse(c *change.Column, d change.Datum) string {
	switch {
	case h.parting.Load() == c:
		return simInterrupted
	case h.poisonous.Load() && strings.HasPrefix(string(d.Bytes), simPoison):
		return "poison"
	}
	return ""
}

const simPoison = "poison"
