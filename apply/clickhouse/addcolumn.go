package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// addColumn adds a column that the source got after the table was made. Rows
// that are there already never arrive again, so what PostgreSQL shows for them,
// [change.Column].Missing, becomes the column's default: it is what ClickHouse
// computes for parts that lack the column, and for rows from before the change
// that are replayed behind it. All others name all columns, and never meet it.
func (t *Target) addColumn(ctx context.Context, p *plan, i int, empty bool) error {
	statement, err := t.addColumnStatement(ctx, p, i, empty)
	if err == nil {
		err = t.statements.Exec(ctx, statement)
	}
	if err != nil {
		return fmt.Errorf("add column %s: %w", change.QuoteIdent(p.specs[i].name), err)
	}
	return nil
}

func (t *Target) addColumnStatement(ctx context.Context, p *plan, i int, empty bool) (string, error) {
	s, c := p.specs[i], &p.table.Relation.Columns[i]
	definition := ident(s.name) + " " + s.ddl
	switch {
	case c.Missing != nil:
		value, err := t.exactConstant(ctx, s, *c.Missing)
		if err != nil {
			return "", fault.Permanent(err, copyAgain)
		}
		definition += " DEFAULT " + value
	case empty:
	case c.Generated, c.NotNull:
		// PostgreSQL rewrote the table, and says nothing of it in its log.
		return "", fault.Permanent(errors.New("the rows that are there hold values of it that PostgreSQL's log does not tell"), copyAgain)
	}
	after := " FIRST"
	if i > 0 {
		after = " AFTER " + ident(p.specs[i-1].name)
	}
	return "ALTER TABLE " + p.name + " ADD COLUMN IF NOT EXISTS " + definition + after, nil
}

const copyAgain = "start pgsluice again: the table is then copied anew"

// exactConstant is an expression for the value that PostgreSQL prints as given.
// The server is asked what it makes of the expression, and the answer has to be
// the bytes that the value would have been sent as.
func (t *Target) exactConstant(ctx context.Context, s *spec, value string) (string, error) {
	want := newColumn(s)
	if err := want.append(change.Datum{Format: change.Text, Bytes: []byte(value)}); err != nil {
		return "", fmt.Errorf("older rows hold %q, which %s cannot: %w", value, s.ddl, err)
	}
	expression := "CAST(" + want.constant(0) + ", " + text(s.ddl) + ")"
	got := newColumn(s)
	err := t.wires.do(ctx, ch.Query{
		Body: "SELECT CAST(" + expression + ", " + text(s.wire) + ") AS v", Settings: selectSettings,
		Result:   proto.Results{{Name: "v", Data: got}},
		OnResult: func(context.Context, proto.Block) error { return nil },
	})
	if err != nil {
		return "", fmt.Errorf("older rows hold %q; ask for it as a %s: %w", value, s.ddl, err)
	}
	if s.converted {
		// What is sent is text, and what is made of it the server's to say: it
		// says the same of the expression.
		return expression, nil
	}
	if !got.equal(want) {
		return "", fmt.Errorf("older rows hold %q, and no expression gives exactly that as a %s", value, s.ddl)
	}
	return expression, nil
}

func (c *column) equal(d *column) bool {
	return c.rows == d.rows && bytes.Equal(c.nulls, d.nulls) && bytes.Equal(c.data, d.data) &&
		(c.elem == nil || c.elem.equal(d.elem)) && slices.EqualFunc(c.fields, d.fields, (*column).equal)
}
