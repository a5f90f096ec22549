package greenplum

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// consult asks the server what only it can say of the plan's types: whether it has
// those that the user wishes for, and how it writes the modifiers of an
// extension's.
func (s *server) consult(ctx context.Context, conn *pgx.Conn, p *plan) error {
	for _, c := range p.columns {
		var err error
		switch {
		case c.wish != "":
			err = c.consultWish(ctx, conn)
		case c.typ != nil && c.typ.Modifier >= 0 && extensionOf(c.typ) != "":
			err = conn.QueryRow(ctx, "SELECT pg_catalog.format_type($1, $2)", p.oidOf(s, c.typ), c.typ.Modifier).Scan(&c.ddl)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", change.QuoteIdent(c.source.Name), err)
		}
	}
	return nil
}

// extensionOf is the extension of a type, or of an array's elements.
func extensionOf(t *change.Type) string {
	if t.Kind == change.KindArray {
		return t.Elem.Extension
	}
	return t.Extension
}

// consultWish has the server describe a NULL of the type, which is how it tells a
// type with its modifier.
func (c *column) consultWish(ctx context.Context, conn *pgx.Conn) error {
	refused := func(err error) error {
		return fault.Usage(fmt.Errorf("types wishes for %s, which the target does not take: %w", c.wish, err),
			"wish for a type that the target has, written as in CREATE TABLE, with its schema unless it is in pg_catalog")
	}
	described, err := conn.Prepare(ctx, "", "SELECT NULL::"+c.wish)
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && answer.Code[:2] == "42" || errors.As(err, &answer) && answer.Code[:2] == "22":
		return refused(errors.New(answer.Message))
	case err != nil:
		return err
	case len(described.Fields) != 1:
		return refused(errors.New("it is no name of a type"))
	}
	c.oid, c.modifier = described.Fields[0].DataTypeOID, described.Fields[0].TypeModifier
	var schema, kind string
	err = conn.QueryRow(ctx, `SELECT pg_catalog.format_type(t.oid, $2), n.nspname::text, t.typtype::text
		FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1`, c.oid, c.modifier).Scan(&c.ddl, &schema, &kind)
	c.ddl = usualName(c.ddl)
	if err == nil && kind == "p" {
		return refused(errors.New("columns cannot be of it"))
	}
	if err == nil && schema != "pg_catalog" && kind == "b" {
		c.operators = change.AlwaysQuote(schema)
	}
	return err
}

// expect notes what the columns' types are called in the target's catalog, as far
// as they are there.
func (p *plan) expect(s *server) {
	for _, c := range p.columns {
		switch {
		case c.asText:
			c.oid, c.modifier = textOID, -1
		case c.typ != nil:
			c.oid, c.modifier = p.oidOf(s, c.typ), c.typ.Modifier
		}
	}
}

// bind makes rewritings for the types as they are there. It is called when
// everything that the plan needs has been made.
func (s *server) bind(ctx context.Context, conn *pgx.Conn, p *plan) error {
	p.types = map[string]typeFact{}
	for _, t := range p.made {
		f, err := findType(ctx, conn, t)
		if err != nil {
			return err
		}
		if f == nil {
			return fault.Retry(fmt.Errorf("type %s is gone again", t))
		}
		p.types[Name(t.Schema, t.Name)] = f.typeFact
	}
	p.expect(s)
	r := &rewriter{server: s, oidOf: func(t *change.Type) uint32 { return p.oidOf(s, t) }}
	for _, c := range p.columns {
		if c.typ != nil {
			c.rewrite = r.of(c.source.Type)
		}
	}
	return nil
}
