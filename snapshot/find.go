package snapshot

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Finder reads single rows of a table as they are now. One goroutine.
type Finder struct {
	conn    *pgx.Conn
	query   Query
	table   *Table
	formats []int16
}

// Row is a row that was looked up; its values are valid until the next one.
type Row struct {
	Values []change.Datum
	// Written is another one when the row was written again.
	Written string
	// Texts are the values as PostgreSQL prints them, shortened; nil for NULL.
	Texts []*string
}

const (
	findName = "pgsluice_find"
	// textRoom is how many characters of a value are printed.
	textRoom = 200
)

// NewFinder prepares for looking up rows by their key. The connection stays the
// caller's.
func NewFinder(ctx context.Context, conn *pgx.Conn, q Query, t *Table) (*Finder, error) {
	f := &Finder{conn: conn, query: q, table: t}
	var selected, texts, conditions []string
	for i, col := range q.Relation.Columns {
		name := change.AlwaysQuote(col.Name)
		printed := fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM NULL THEN pg_catalog.format('%%s', %[1]s) END", name)
		format := int16(1)
		if q.AsText[i] {
			name, format = printed, 0
		}
		selected, f.formats = append(selected, name), append(f.formats, format)
		texts = append(texts, fmt.Sprintf("pg_catalog.left(%s, %d)", printed, textRoom))
	}
	f.formats = append(f.formats, make([]int16, len(texts)+1)...)
	for n, i := range q.Relation.Key {
		conditions = append(conditions, fmt.Sprintf("%s = $%d", change.AlwaysQuote(q.Relation.Columns[i].Name), n+1))
	}
	if q.RowFilter != "" {
		conditions = append(conditions, "("+q.RowFilter+")")
	}
	sql := "SELECT " + strings.Join(append(append(selected, texts...), "xmin::text"), ", ") + " FROM " + t.from() + " WHERE " + strings.Join(conditions, " AND ")
	_ = conn.PgConn().Deallocate(ctx, findName)
	if _, err := conn.PgConn().Prepare(ctx, findName, sql, nil); err != nil {
		return nil, postgres.Doing(err, "prepare to look up rows of %s by key", q.Relation)
	}
	return f, nil
}

// Find calls each for the row of a key, if there is one.
func (f *Finder) Find(ctx context.Context, key []change.Datum, each func(Row) error) error {
	params, formats := make([][]byte, len(key)), make([]int16, len(key))
	for i, d := range key {
		params[i] = d.Bytes
		if d.Format == change.Binary {
			formats[i] = 1
		}
	}
	results := f.conn.PgConn().ExecPrepared(ctx, findName, params, formats, f.formats)
	for results.NextRow() {
		if err := each(f.row(results.Values())); err != nil {
			_, _ = results.Close()
			return err
		}
	}
	_, err := results.Close()
	return postgres.Doing(err, "look up a row of %s", f.query.Relation)
}

func (f *Finder) row(values [][]byte) Row {
	n := len(f.query.Relation.Columns)
	row := Row{Values: make([]change.Datum, n), Texts: make([]*string, n), Written: string(values[2*n])}
	for i := range n {
		if values[i] == nil {
			continue
		}
		row.Values[i] = change.Datum{Format: change.Binary, Bytes: values[i]}
		if f.query.AsText[i] {
			row.Values[i].Format = change.Text
		}
		text := string(values[n+i])
		row.Texts[i] = &text
	}
	return row
}
