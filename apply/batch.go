package apply

import (
	"errors"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Batch is a stretch of the stream, grouped by table and compacted: of a key
// only the last state is left. It copies what it is given into an arena, and a
// Reset keeps the memory, so that a pipeline in steady state allocates nothing
// per row. Not safe for concurrent use.
type Batch struct {
	// Pipeline says whose watermark it is; a Reset leaves it.
	Pipeline string
	// Watermark: every transaction whose commit record ends at or below it is
	// wholly in this batch or an earlier one. 0 means "as before": the batch
	// ends inside a transaction, or a later one's will do.
	Watermark change.LSN
	// Partial: the batch ends inside a transaction, of which the next one brings
	// more. It has no Watermark then.
	Partial bool
	// CommitTime is the source's clock at the commit of the last transaction
	// that the batch has rows of.
	CommitTime time.Time

	arena    []byte
	tables   []*TableBatch
	byNumber []*TableBatch
	spare    []*TableBatch
	rows     int
}

// Add takes a row of the table. The table must be one that Fits. A row that the
// table's key cannot place is a *TableError.
func (b *Batch) Add(t *Table, r *change.Row) error {
	tb := b.table(t)
	before := len(tb.entries)
	if err := tb.add(b, r); err != nil {
		return &TableError{Table: t, Err: err}
	}
	b.rows += len(tb.entries) - before
	return nil
}

// Truncate empties the table at a position: rows gathered so far are gone, and
// the target removes what stands before the position.
func (b *Batch) Truncate(t *Table, p change.Position) {
	tb := b.table(t)
	b.rows -= len(tb.entries)
	tb.clear()
	tb.Truncate = p
	tb.Changes.Truncated++
}

// Fits says whether a row of the table can be added: not when the batch holds
// rows of an earlier relation of the same table.
func (b *Batch) Fits(t *Table) bool {
	return t.Number >= len(b.byNumber) || b.byNumber[t.Number] == nil || b.byNumber[t.Number].Table == t
}

// Tables are the tables with rows or a truncate, in order of first appearance.
func (b *Batch) Tables() []*TableBatch { return b.tables }

// Rows counts the rows that are left after compaction.
func (b *Batch) Rows() int { return b.rows }

// Bytes is the memory that the batch's rows occupy, those included that
// compaction has overwritten.
func (b *Batch) Bytes() int { return len(b.arena) + b.rows*entrySize }

// Empty says that the batch carries neither rows nor truncates; it may carry a
// watermark.
func (b *Batch) Empty() bool { return len(b.tables) == 0 }

// Remove takes a table out, rows, truncate and all.
func (b *Batch) Remove(t *Table) {
	for i, tb := range b.tables {
		if tb.Table.Number == t.Number {
			b.rows -= len(tb.entries)
			b.tables = append(b.tables[:i], b.tables[i+1:]...)
			b.byNumber[t.Number] = nil
			b.spare = append(b.spare, tb)
			return
		}
	}
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for _, tb := range b.tables {
		b.byNumber[tb.Table.Number] = nil
		b.spare = append(b.spare, tb)
	}
	clear(b.tables)
	b.tables = b.tables[:0]
	b.arena = b.arena[:0]
	b.rows = 0
	b.Watermark, b.Partial = 0, false
	b.CommitTime = time.Time{}
}

func (b *Batch) table(t *Table) *TableBatch {
	for t.Number >= len(b.byNumber) {
		b.byNumber = append(b.byNumber, nil)
	}
	if tb := b.byNumber[t.Number]; tb != nil {
		return tb
	}
	var tb *TableBatch
	if n := len(b.spare); n > 0 {
		tb, b.spare = b.spare[n-1], b.spare[:n-1]
		tb.clear()
	} else {
		tb = &TableBatch{}
	}
	tb.Table, tb.batch, tb.Truncate, tb.Changes = t, b, change.Position{}, Changes{}
	b.byNumber[t.Number] = tb
	b.tables = append(b.tables, tb)
	return tb
}

var (
	errNoKey = fault.Permanent(
		errors.New("the table has no primary key, and an UPDATE or DELETE arrived: which of its rows it means cannot be told"),
		"give the table a primary key (or a unique index over NOT NULL columns with ALTER TABLE … REPLICA IDENTITY USING INDEX …), or leave the table out")
	errNoOldKey = errors.New("a DELETE arrived without the old row's key")
)
