package sync

import (
	"context"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/pause"
	"github.com/pgsluice/pgsluice/snapshot"
)

func (c *simConn) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed
}

func (c *simConn) Horizon(context.Context) (uint64, error) { return 0, nil }

// Copy reads under the snapshot what is not taken from under it.
func (c *simConn) Copy(ctx context.Context, q snapshot.Query, chunk snapshot.Chunk, sink snapshot.Sink) (rows, size int64, err error) {
	var found []*simRow
	var rel *change.Relation
	for waiting := true; waiting; {
		err := c.ask(ctx, "copy a chunk", func() (err error) {
			waiting = slices.ContainsFunc(c.simSource.open, func(tx *simOpen) bool { return tx.locked[chunk.Leaf.OID] })
			if waiting {
				return nil
			}
			rel, found, err = c.visible(q, chunk)
			return err
		})
		if err == nil && waiting {
			err = pause.For(ctx, 20*time.Millisecond)
		}
		if err != nil {
			c.shut()
			return 0, 0, err
		}
	}
	c.process.trace("copy %s at %s, %d rows", chunk, c.at, len(found))
	for _, r := range found {
		values, bytes := r.copied(rel, q)
		c.process.trace("copy %s", brief(values))
		seq := uint64(0)
		if !q.Relation.Keyed() {
			seq = change.CopiedAt(chunk.Number, uint32(r.id/simPageRows), uint16(r.id%simPageRows+1))
		}
		after, err := c.process.step(ctx, "copy a row", true)
		if err == nil {
			err = sink(values, seq)
		}
		if err == nil {
			err = after()
		}
		if err != nil {
			c.shut()
			return rows, size, err
		}
		rows, size = rows+1, size+bytes
		for _, v := range values {
			for i := range v.Bytes {
				v.Bytes[i] = '?' // it was valid until the sink returned
			}
		}
	}
	return rows, size, nil
}

// visible are the rows of a chunk, and the table's relation as it is now: names are
// looked up in it, whatever the snapshot.
func (c *simConn) visible(q snapshot.Query, chunk snapshot.Chunk) (*change.Relation, []*simRow, error) {
	oid := chunk.Leaf.OID
	current := c.now()[oid]
	if current == nil || current.relation.Name != chunk.Leaf.Name {
		return nil, nil, answer("42P01", "relation does not exist")
	}
	for _, column := range q.Relation.Columns {
		if position(current.relation, column.Name) < 0 {
			return nil, nil, answer("42703", "column does not exist")
		}
	}
	var rows []*simRow
	if c.emptied[oid] >= c.at {
		// The log may bring changes of large rows that the copy does not have.
		c.torn(oid, c.at)
	} else if then := c.simSource.at(c.at)[oid]; then != nil {
		for _, r := range then.rows {
			if page := uint32(r.id / simPageRows); page >= chunk.From && (chunk.To == 0 || page < chunk.To) {
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b *simRow) int { return int(a.id - b.id) })
	return current.relation, rows, nil
}

// copied is a row as COPY sends it, by the names of the query.
func (r *simRow) copied(rel *change.Relation, q snapshot.Query) (values []change.Datum, size int64) {
	for i, column := range q.Relation.Columns {
		c := &rel.Columns[position(rel, column.Name)]
		format := change.Binary
		if q.AsText[i] {
			format = change.Text
		}
		d := datum(r.value(c), format)
		values, size = append(values, d), size+int64(len(d.Bytes))
	}
	return values, size
}

func datum(v *string, format change.Format) change.Datum {
	if v == nil {
		return change.Datum{}
	}
	return change.Datum{Format: format, Bytes: []byte(*v)}
}
