package greenplum

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Apply implements [apply.Target]. What is known to be new is copied into the
// table, all other rows into a staging table, from which they are merged:
//
//  1. rows under a new key get their unchanged values from under the old one
//  2. DELETE … USING
//  3. UPDATE … FROM, without the columns that are unchanged; the server can then
//     leave indexes and large values alone, which DELETE and INSERT could not
//  4. INSERT … SELECT of what was not there to be updated
func (t *Target) Apply(ctx context.Context, b *apply.Batch) error {
	if b.Watermark != 0 && b.Pipeline != t.opts.Pipeline {
		return fault.Permanent(fmt.Errorf("a batch of pipeline %q for a target of pipeline %q", b.Pipeline, t.opts.Pipeline), "")
	}
	return t.within(ctx, "apply a batch", func(conn *pgx.Conn) error {
		for _, tb := range b.Tables() {
			if err := t.applyTable(ctx, conn, tb); err != nil {
				return t.blame(ctx, tb.Table, "apply to "+tb.Table.Name, t.aboutLabels(tb.Table, err))
			}
			delete(t.asked, tb.Table.Name)
		}
		t.tx.watermark = max(t.tx.watermark, b.Watermark)
		return nil
	})
}

func (t *Target) applyTable(ctx context.Context, conn *pgx.Conn, tb *apply.TableBatch) error {
	p, err := t.planOf(tb.Table)
	if err != nil {
		return err
	}
	if tb.Truncate != (change.Position{}) {
		if !p.whole {
			return errTruncateShared
		}
		if _, err := conn.Exec(ctx, "TRUNCATE TABLE "+p.quoted); err != nil {
			return err
		}
	}
	var added, merged []int32
	for i := range tb.Len() {
		switch believed := !tb.Table.Shared || len(p.key) == 0; {
		case believed && tb.Appended(i):
			added = append(added, int32(i))
		case believed && tb.CameAndWent(i):
			// Equal keys can be written in two ways (1.0 and 1.00): to delete what was
			// never there could hit another row.
		default:
			merged = append(merged, int32(i))
		}
	}
	if err := t.merge(ctx, conn, p, tb, merged); err != nil {
		return err
	}
	if len(added) == 0 {
		return nil
	}
	rows := newEncoder(p)
	err = copyRows(ctx, conn, p.quoted+p.columnList(), rows, tb, added, func(dst []byte, r *apply.Row) ([]byte, error) { return rows.row(dst, r.Values) })
	t.note(p, rows)
	return err
}

// note keeps what was adjusted until the transaction is committed.
func (t *Target) note(p *plan, e *encoder) {
	if len(e.adjusted) > 0 {
		t.tx.adjusted = append(t.tx.adjusted, adjusting{p, e.adjusted})
	}
}

// aboutLabels has the stream begin again when an enum has got a label, once: if the
// source's catalog does not know it either, the table cannot go on.
func (t *Target) aboutLabels(table *apply.Table, err error) error {
	switch {
	case !unknownLabel(err):
		return err
	case t.asked[table.Name]:
		return fault.Permanent(err, "the label was renamed since the row was written: start pgsluice again, and the table is copied anew")
	}
	t.asked[table.Name] = true
	return fault.Retry(fmt.Errorf("an enum has got a label that the target's has not, and the source is asked for it: %w", err))
}

var errTruncateShared = fault.Permanent(errors.New("the source's table was truncated, and the target's holds rows of others too: which ones are to go cannot be told"),
	"remove them by hand and start pgsluice again, or leave truncate out of stream.operations")

// copyRows copies the given rows of a batch into a table, in the form that they
// can be written in.
func copyRows(ctx context.Context, conn *pgx.Conn, into string, e *encoder, tb *apply.TableBatch, rows []int32, write func([]byte, *apply.Row) ([]byte, error)) error {
	var c *copyin
	var r apply.Row
	began := 0 // the first row of the COPY under way
	finish := func() error {
		if c == nil {
			return nil
		}
		under := c
		c = nil
		_, err := under.close(e.end(nil))
		return e.locate(err, tb, rows[began:])
	}
	defer func() {
		if c != nil {
			c.giveUp()
		}
	}()
	for n := 0; n < len(rows); {
		if c == nil {
			c = startCopy(ctx, conn, "COPY "+into+" FROM STDIN"+e.options(), e.begin(nil))
			began = n
		}
		tb.Row(int(rows[n]), &r)
		filled, err := write(c.filling, &r)
		switch {
		case errors.Is(err, errForm):
			if err := finish(); err != nil {
				return err
			}
			e.text = true
			continue
		case err != nil:
			return e.withKey(err, r.Values)
		}
		c.filling = filled
		if err := c.pass(); err != nil {
			return e.locate(err, tb, rows[began:])
		}
		n++
	}
	return finish()
}

// locate names the row of a batch whose value the server has refused, where the
// COPY began with the first of rows.
func (e *encoder) locate(err error, tb *apply.TableBatch, rows []int32) error {
	v, line := e.plan.badValue(err)
	if v == nil || line < 1 || line > len(rows) || unknownLabel(err) {
		return err
	}
	var r apply.Row
	tb.Row(int(rows[line-1]), &r)
	v.Value = e.shown(e.plan.columnOf(v.Column), r.Values[e.plan.columnOf(v.Column)])
	return e.withKey(v, r.Values)
}

// merge brings rows into the table that may be there already.
func (t *Target) merge(ctx context.Context, conn *pgx.Conn, p *plan, tb *apply.TableBatch, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	s, err := t.stageOf(ctx, conn, p)
	if err != nil {
		return err
	}
	e := newEncoder(p)
	if err := copyRows(ctx, conn, s.name, e, tb, rows, func(dst []byte, r *apply.Row) ([]byte, error) { return s.append(e, dst, r) }); err != nil {
		return err
	}
	t.note(p, e)
	if err := s.fill(ctx, conn); err != nil {
		return err
	}
	if s.count.deleted > 0 {
		if _, err := conn.Exec(ctx, s.deleteSQL()); err != nil {
			return err
		}
	}
	return s.update(ctx, conn)
}

// fill gets the unchanged values of rows that have a new key.
func (s *stage) fill(ctx context.Context, conn *pgx.Conn) error {
	if s.count.moved == 0 {
		return nil
	}
	var filled int64
	for gap, set := range s.sets {
		if gap == 0 {
			continue
		}
		tag, err := conn.Exec(ctx, s.fillSQL(gap, set))
		if err != nil {
			return err
		}
		filled += tag.RowsAffected()
	}
	if filled < s.count.moved {
		return s.lost(ctx, conn, fmt.Sprintf("s._how = %d", howMove), "b%d")
	}
	return nil
}

// update brings the rows into the table that are to be there: those that are there
// by an UPDATE for each set of columns that it leaves as they are.
func (s *stage) update(ctx context.Context, conn *pgx.Conn) error {
	var missing bool
	for gap, want := range s.count.byGap[:min(len(s.sets), maxGaps)] {
		if want == 0 {
			continue
		}
		updated, err := run(ctx, conn, s.updateSQL(s.filter(gap), s.sets[gap]))
		if err != nil {
			return err
		}
		switch {
		case updated == want:
		case updated > want:
			return errTwice
		case gap == 0:
			missing = true
		default:
			return s.lost(ctx, conn, s.filter(gap), "c%d")
		}
	}
	if len(s.sets) > maxGaps {
		var want int64
		for _, n := range s.count.byGap[maxGaps:] {
			want += n
		}
		updated, err := run(ctx, conn, s.updateCasesSQL())
		if err != nil {
			return err
		}
		if updated > want {
			return errTwice
		}
		if updated < want {
			return s.lost(ctx, conn, s.filterCases(), "c%d")
		}
	}
	if !missing {
		return nil
	}
	_, err := conn.Exec(ctx, s.insertSQL())
	return err
}

var errTwice = fault.Permanent(errors.New("a key of the source is in the target's table more than once"),
	"somebody has changed the target's table: start pgsluice again, and the table is copied anew")

// maxGaps bounds the UPDATEs of one batch. Beyond it the server looks at each row
// which columns stay.
const maxGaps = 16

// run tells how many rows a statement was about.
func run(ctx context.Context, conn *pgx.Conn, sql string) (int64, error) {
	tag, err := conn.Exec(ctx, sql)
	return tag.RowsAffected(), err
}

// lost names a row whose unchanged values are nowhere.
func (s *stage) lost(ctx context.Context, conn *pgx.Conn, filter, key string) error {
	var printed []string
	for place, i := range s.plan.key {
		n := place
		if key == "c%d" {
			n = i
		}
		printed = append(printed, fmt.Sprintf("pg_catalog.format('%%s', s."+key+")", n))
	}
	var text string
	err := conn.QueryRow(ctx, fmt.Sprintf("SELECT pg_catalog.concat_ws(', ', %s) FROM %s s WHERE %s AND NOT EXISTS (SELECT 1 FROM %s t WHERE %s) LIMIT 1",
		strings.Join(printed, ", "), s.name, filter, s.plan.quoted, s.match(key))).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return errTwice
	}
	if err != nil {
		return err
	}
	return fault.Permanent(fmt.Errorf("the row with key (%s), which holds unchanged values, is not there", text),
		"somebody has changed the target's table: start pgsluice again, and the table is copied anew")
}
