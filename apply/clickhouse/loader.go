package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ClickHouse/ch-go"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// A block for bulk is as long as ClickHouse likes them, and no larger than a
// piece of memory one does not mind having twice per loader.
const (
	loadRows  = 64 << 10
	loadBytes = 8 << 20
)

// loader is one INSERT of many blocks. Two blocks take turns: one is filled
// here while the other is on its way.
//
//	Append ──▶ block ──full──▶ send (goroutine): INSERT ──▶ server
//	             ▲                │
//	             └─────free───────┘
//
// The goroutine starts with the first full block and ends with the INSERT.
// Finish and Abort wait for it.
type loader struct {
	t      *Target
	plan   *plan
	ctx    context.Context
	cancel context.CancelFunc

	block   *block   // being filled; nil when the loader is used up
	owned   []*block // all blocks, for the pool in the end
	started bool
	full    chan *block
	free    chan *block
	done    chan struct{}
	err     error // of the INSERT; to be read after done
}

// Binary implements [apply.Target].
func (t *Target) Binary(table *apply.Table, column int) bool {
	return typemap.Resolve(table.Relation.Columns[column].Type).BinaryOK
}

// Load implements [apply.Target].
func (t *Target) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	p, err := t.planned(table)
	if err != nil {
		return nil, err
	}
	l := &loader{
		t: t, plan: p,
		full: make(chan *block), free: make(chan *block, 2), done: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.block = l.newBlock()
	return l, nil
}

var errLoaderUsed = errors.New("the loader was finished or given up before")

// Append implements [apply.Loader].
func (l *loader) Append(values []change.Datum, p change.Position) error {
	b := l.block
	if b == nil {
		return errLoaderUsed
	}
	if err := b.append(values, p); err != nil {
		return err
	}
	if b.rows >= loadRows || b.oversized() {
		return l.pass()
	}
	return nil
}

// oversized is asked for every row, and so looks into containers only now and
// then; what large ones brought counts at once.
func (b *block) oversized() bool {
	n := b.rows * b.plan.fixed
	for _, c := range b.loose {
		n += len(c.data) + c.weight
	}
	return n >= loadBytes || b.rows&31 == 0 && b.size() >= loadBytes
}

// pass hands the full block over and takes the other one.
func (l *loader) pass() error {
	if !l.started {
		l.started = true
		go l.send()
	}
	select {
	case l.full <- l.block:
	case <-l.done:
		return l.failed()
	}
	if len(l.owned) < 2 {
		l.block = l.newBlock()
		return nil
	}
	select {
	case l.block = <-l.free:
		return nil
	case <-l.done:
		return l.failed()
	}
}

// send is the INSERT. ch-go calls next whenever a block has been written to the
// socket, which is when its memory is free again.
func (l *loader) send() {
	defer close(l.done)
	// ch-go keeps this slice and reads it anew for each block. At first it is
	// empty, which makes ch-go call next.
	input := slices.Clone(newBlock(l.plan).input)
	var sent *block
	next := func(ctx context.Context) error {
		if sent != nil {
			// Reset before the end is told: ch-go sends a block that is not
			// empty at io.EOF once more.
			sent.reset()
			l.free <- sent
			sent = nil
		}
		select {
		case b, more := <-l.full:
			if !more {
				return io.EOF
			}
			copy(input, b.input)
			sent = b
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.err = l.t.wires.do(l.ctx, ch.Query{
		Body: l.plan.insert, Settings: insertSettings, Input: input, OnInput: next,
	})
}

// Finish implements [apply.Loader].
func (l *loader) Finish() error {
	b := l.block
	if b == nil {
		return errLoaderUsed
	}
	defer l.release()
	if !l.started {
		return l.finishSmall(b)
	}
	if b.rows > 0 {
		select {
		case l.full <- b:
		case <-l.done:
			return l.failed()
		}
	}
	close(l.full)
	<-l.done
	if l.err != nil {
		return l.failed()
	}
	l.reportAll()
	l.t.pace.spend(1)
	return nil
}

// finishSmall sends what never filled a block.
func (l *loader) finishSmall(b *block) error {
	if b.rows == 0 {
		return nil
	}
	if err := l.t.insert(l.ctx, b); err != nil {
		return l.t.insertFailed(l.ctx, "load "+l.plan.table.Relation.String(), l.plan, err)
	}
	return nil
}

// Abort implements [apply.Loader].
func (l *loader) Abort() {
	if l.block == nil {
		return
	}
	l.cancel()
	l.release()
}

// release waits for the goroutine and gives the blocks back. The loader is used
// up then.
func (l *loader) release() {
	l.cancel()
	if l.started {
		<-l.done
	}
	for _, b := range l.owned {
		l.t.blocks.put(b)
	}
	l.block, l.owned = nil, nil
}

func (l *loader) newBlock() *block {
	b := l.t.blocks.get(l.plan)
	l.owned = append(l.owned, b)
	return b
}

func (l *loader) reportAll() {
	for _, b := range l.owned {
		l.t.report(b)
	}
}

// failed is why the INSERT ended before its time.
func (l *loader) failed() error {
	err := l.err
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return l.t.insertFailed(l.ctx, fmt.Sprintf("load %s", l.plan.table.Relation), l.plan, err)
}

// Resumes implements [apply.Resumer]: of a key the row of the latest position
// stays. A table that others write to has rows without one.
func (t *Target) Resumes(table *apply.Table) bool { return table.Relation.Keyed() && !table.Shared }
