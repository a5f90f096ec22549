package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
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
	command, err := t.addColumnCommand(ctx, p, i, empty)
	return "ALTER TABLE " + p.name + " " + command, err
}

// addColumnCommand is that of an ALTER TABLE. A *RebuildError says that older rows
// cannot be given what they hold.
func (t *Target) addColumnCommand(ctx context.Context, p *plan, i int, empty bool) (string, error) {
	s, c := p.specs[i], &p.table.Relation.Columns[i]
	definition := ident(s.name) + " " + s.ddl
	switch {
	case c.Missing != nil:
		value, err := t.exactConstant(ctx, s, *c.Missing)
		if err != nil {
			return "", err
		}
		definition += " DEFAULT " + value
	case empty:
	case c.Generated, c.NotNull:
		// PostgreSQL rewrote the table, and says nothing of it in its log.
		return "", untold(s)
	}
	after := " FIRST"
	if i > 0 {
		after = " AFTER " + ident(p.specs[i-1].name)
	}
	return "ADD COLUMN IF NOT EXISTS " + definition + after, nil
}

const copyAgain = "start pgsluice again: the table is then copied anew"

func untold(s *spec) error {
	return apply.Rebuild("the rows that are there hold values of column %s that PostgreSQL's log does not tell", change.QuoteIdent(s.name))
}

// exactConstant is an expression for the value that PostgreSQL prints as given.
// The server is asked what it makes of the expression, and the answer has to be
// the bytes that the value would have been sent as, or it is a *RebuildError.
func (t *Target) exactConstant(ctx context.Context, s *spec, value string) (string, error) {
	want := newColumn(s)
	if err := want.append(change.Datum{Format: change.Text, Bytes: []byte(value)}); err != nil {
		return "", apply.Rebuild("older rows hold %q, which %s cannot: %v", value, s.ddl, err)
	}
	expression := "CAST(" + want.constant(0) + ", " + text(s.ddl) + ")"
	got := newColumn(s)
	err := t.wires.do(ctx, ch.Query{
		Body: "SELECT CAST(" + expression + ", " + text(s.wire) + ") AS v", Settings: selectSettings,
		Result:   proto.Results{{Name: "v", Data: got}},
		OnResult: func(context.Context, proto.Block) error { return nil },
	})
	if codeOf(err) != 0 && !fault.Retryable(t.judge(err)) {
		return "", apply.Rebuild("older rows hold %q; ask for it as a %s: %v", value, s.ddl, err)
	}
	if err != nil {
		return "", fmt.Errorf("older rows hold %q; ask for it as a %s: %w", value, s.ddl, err)
	}
	if s.converted {
		// What is sent is text, and what is made of it the server's to say: it
		// says the same of the expression.
		return expression, nil
	}
	if !got.equal(want) {
		return "", apply.Rebuild("older rows hold %q, and no expression gives exactly that as a %s", value, s.ddl)
	}
	return expression, nil
}

func (c *column) equal(d *column) bool {
	return c.rows == d.rows && bytes.Equal(c.nulls, d.nulls) && bytes.Equal(c.data, d.data) &&
		(c.elem == nil || c.elem.equal(d.elem)) && slices.EqualFunc(c.fields, d.fields, (*column).equal)
}
