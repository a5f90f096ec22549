package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
)

// comparison is what two servers hold in one table.
type comparison struct {
	table          string
	source, target int64 // rows
	differing      int64
	first          []string // the first few differences, in words
}

// shownDifferences is enough to see what kind of difference it is.
const shownDifferences = 5

// rowReader gives one row after the other, a nil value for NULL, and io.EOF when
// there are no more. A row is good until the next.
type rowReader interface {
	next() ([][]byte, error)
}

// compareTable reads a table on both sides with ordinary queries and holds one
// row of each at a time.
func compareTable(ctx context.Context, conn *pgx.Conn, web *queryClient, t *demoTable, target string) (c comparison, err error) {
	inPostgres, inClickHouse := t.queries(target)
	rows, err := conn.Query(ctx, inPostgres, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return c, fmt.Errorf("read %s from PostgreSQL: %w", t.name, err)
	}
	defer rows.Close()
	answer, err := web.rows(ctx, inClickHouse, len(t.columns))
	if err != nil {
		return c, fmt.Errorf("read %s from ClickHouse: %w", target, err)
	}
	defer answer.close()
	c, err = t.merge(postgresRows{rows}, answer)
	if err != nil {
		return c, fmt.Errorf("compare %s: %w", t.name, err)
	}
	return c, nil
}

// merge walks along two sorted readers. Rows of equal keys meet one by one, so
// that rows that are there twice have to be there twice on both sides.
func (t *demoTable) merge(source, target rowReader) (c comparison, err error) {
	c.table = t.name
	left, err := advance(source, &c.source)
	if err != nil {
		return c, err
	}
	right, err := advance(target, &c.target)
	if err != nil {
		return c, err
	}
	for left != nil || right != nil {
		order := compareKeys(left, right, t.keys)
		switch {
		case order < 0:
			c.note("%s is in PostgreSQL only", t.describe(left))
		case order > 0:
			c.note("%s is in ClickHouse only", t.describe(right))
		default:
			if what := t.differences(left, right); what != "" {
				c.note("%s: %s", t.describe(left), what)
			}
		}
		if order <= 0 {
			if left, err = advance(source, &c.source); err != nil {
				return c, err
			}
		}
		if order >= 0 {
			if right, err = advance(target, &c.target); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// advance gives the next row, nil at the end.
func advance(r rowReader, count *int64) ([][]byte, error) {
	row, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		*count++
	}
	return row, err
}

func (c *comparison) note(format string, args ...any) {
	c.differing++
	if len(c.first) < shownDifferences {
		c.first = append(c.first, fmt.Sprintf(format, args...))
	}
}

// compareKeys orders rows as both servers do; the end comes after every row, and
// NULL after every value.
func compareKeys(a, b [][]byte, keys int) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	for i := range keys {
		if order := compareValues(a[i], b[i]); order != 0 {
			return order
		}
	}
	return 0
}

func compareValues(a, b []byte) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return bytes.Compare(a, b)
}

// differences says in which columns two rows of the same key differ.
func (t *demoTable) differences(source, target [][]byte) string {
	var all []string
	for i := t.keys; i < len(t.columns); i++ {
		if compareValues(source[i], target[i]) != 0 {
			all = append(all, fmt.Sprintf("%s is %s in PostgreSQL and %s in ClickHouse", t.columns[i].name, shorten(source[i]), shorten(target[i])))
		}
	}
	return strings.Join(all, "; ")
}

// describe names a row by its key.
func (t *demoTable) describe(row [][]byte) string {
	var key []string
	for i := range t.keys {
		key = append(key, t.columns[i].name+"="+shorten(row[i]))
	}
	return t.name + " " + strings.Join(key, " ")
}

func shorten(value []byte) string {
	const enough = 40
	switch {
	case value == nil:
		return "NULL"
	case len(value) > enough:
		return fmt.Sprintf("%q… (%d bytes)", value[:enough], len(value))
	}
	return fmt.Sprintf("%q", value)
}

// postgresRows reads rows whose columns are all text.
type postgresRows struct{ rows pgx.Rows }

func (r postgresRows) next() ([][]byte, error) {
	if r.rows.Next() {
		return r.rows.RawValues(), nil
	}
	if err := r.rows.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
