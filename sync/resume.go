package sync

import (
	"context"
	"reflect"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

// A first copy that was cut short is gone on with, where the target lets a later
// row win, at a new consistent point:
//
//	             C1: copied    cut short            C2: gone on with
//	pages 0–9    all rows                           rows written since C1's horizon
//	pages 10–…                                      all rows
//	stream                     keys that are gone ◀─┴─▶ everything
//
// What was written since, wherever it lies now, is copied at C2 and wins; what is
// gone since, deleted or with another key, the stream tells from C1 on. Rows that
// were rewritten as a whole, or truncated, lie in other files, and the copy begins
// anew.

// mostBehind bounds how old, in transactions, a horizon may be: half a turn of the
// counter makes old of new.
const mostBehind = 1 << 30

// resumes says whether the copy that a table's state tells of can be gone on with.
func (a *attempt) resumes(t *table, was *apply.TableState) bool {
	resumer, ok := a.p.target.(apply.Resumer)
	return ok && was.Phase == apply.Copying && len(was.Done) > 0 && was.Shadow == "" && was.Target == t.target && !t.recopy &&
		was.Since != 0 && a.pipeline.Watermark != 0 && a.pipeline.Watermark <= was.Since &&
		was.OID == t.source.Relation.OID && slices.Equal(was.Columns, apply.Shape(t.query.Relation)) &&
		slices.Equal(was.Files, filesOf(t.source)) && was.Filter == t.query.RowFilter && reflect.DeepEqual(was.Wanted, t.wish.wanted()) && resumer.Resumes(t.into(t.query.Relation))
}

// horizon is where the next copy's snapshot begins, for tables that could be gone
// on with. 0 where no table can.
func (l *loader) horizon(ctx context.Context) (uint64, error) {
	if _, ok := l.p.target.(apply.Resumer); !ok || l.through != nil || l.of.pipeline.Watermark == 0 {
		return 0, nil
	}
	reader, err := l.p.source.Read(ctx, l.snapshot)
	if err != nil {
		return 0, err
	}
	defer func() { _ = reader.Close(context.WithoutCancel(ctx)) }()
	return reader.Horizon(ctx)
}

// leftOver marks the chunks of a copy that is gone on with, of which only what was
// written since is to be copied.
func (t *table) leftOver(chunks []snapshot.Chunk) {
	for i := range chunks {
		c := &chunks[i]
		if c.To > 0 && slices.ContainsFunc(t.state.Done, func(p apply.Piece) bool { return p.OID == c.Leaf.OID && p.From <= c.From && c.To <= p.To }) {
			c.Newer = uint32(t.state.Horizon)
		}
	}
}

// noteDone notes a chunk that is in the target.
func (l *loader) noteDone(ctx context.Context, o outcome) error {
	t, c := o.table, o.chunk
	if t.state.Horizon == 0 || c.To == 0 || c.Newer > 0 {
		return nil
	}
	return l.perform(ctx, func(ctx context.Context) error {
		t.state.Done = addPiece(t.state.Done, apply.Piece{OID: c.Leaf.OID, From: c.From, To: c.To})
		return l.remember(ctx, t)
	})
}

// addPiece puts a piece among others, in one with its neighbours.
func addPiece(pieces []apply.Piece, p apply.Piece) []apply.Piece {
	joined := make([]apply.Piece, 0, len(pieces)+1)
	for _, other := range pieces {
		switch {
		case other.OID != p.OID || other.To < p.From || p.To < other.From:
			joined = append(joined, other)
		default:
			p.From, p.To = min(p.From, other.From), max(p.To, other.To)
		}
	}
	return append(joined, p)
}

// tooOld says that a horizon cannot be compared with any more.
func tooOld(horizon, now uint64) bool { return now-horizon > mostBehind }

// gone is what a row from before the copy's last consistent point, and not before
// its first, means: the key that it had is gone. ok is false where it keeps it.
func (g *gatherer) gone(row *change.Row) (*change.Row, bool) {
	if row.Op == change.Insert || row.Old == nil {
		return nil, false
	}
	g.left = *row
	g.left.Op, g.left.New = change.Delete, nil
	return &g.left, true
}
