package greenplum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Enums and composites are made in the target under the names that they have in
// the source, and kept in step with it: a label or an attribute that comes to it
// there comes to it here. None is taken away, because rows may hold it.

// statement is one that Prepare runs.
type statement struct {
	sql string
	// enum is the type that it gives a label to. Servers before PostgreSQL 12 do
	// that outside of a transaction alone, and the others use the label only when
	// it is committed, so it always runs on a connection of its own.
	enum *change.Type
}

// foundType is a type of the target's that has the name of one that is needed.
type foundType struct {
	typeFact
	// relation is pg_class.relkind of what the type is the row of.
	relation  string
	labels    []string
	names     []string
	types     []int64
	modifiers []int32
}

const foundTypeSQL = `SELECT t.oid, t.typarray, t.typtype::text, coalesce(c.relkind::text, ''),
	ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
	ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
	ARRAY(SELECT a.atttypid::int8 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
	ARRAY(SELECT a.atttypmod FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE n.nspname = $1 AND t.typname = $2`

// findType looks a type up; nil when there is none.
func findType(ctx context.Context, conn *pgx.Conn, t *change.Type) (*foundType, error) {
	var f foundType
	var kind string
	err := conn.QueryRow(ctx, foundTypeSQL, t.Schema, t.Name).Scan(&f.oid, &f.array, &kind, &f.relation, &f.labels, &f.names, &f.types, &f.modifiers)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for type %s: %w", t, err)
	}
	f.kind, f.schema, f.receives = change.Kind(kind[0]), t.Schema, true
	return &f, nil
}

// makeTypes are the statements by which the plan's types come to be there. What is
// there already the plan remembers.
func (s *server) makeTypes(ctx context.Context, conn *pgx.Conn, p *plan) (all []statement, err error) {
	p.types = map[string]typeFact{}
	for _, t := range p.made {
		f, err := findType(ctx, conn, t)
		if err != nil {
			return nil, err
		}
		if f == nil {
			all = append(all, statement{sql: s.createType(t)})
			continue
		}
		var more []statement
		switch {
		case f.kind != t.Kind || t.Kind == change.KindComposite && f.relation != "c":
			err = fmt.Errorf("the target has something else of this name: %s", f.called())
		case t.Kind == change.KindEnum:
			more = addLabels(t, f.labels)
		default:
			more, err = s.addAttributes(p, t, f)
		}
		if err != nil {
			name := change.QuoteIdent(p.neededBy(s, t))
			return nil, fault.Precondition(fmt.Errorf("column %s is of type %s, and cannot be so there: %w", name, t, err),
				fmt.Sprintf("types: {%s: text}", name))
		}
		all = append(all, more...)
		p.types[Name(t.Schema, t.Name)] = f.typeFact
	}
	return all, nil
}

// called says in words what a type is.
func (f *foundType) called() string {
	switch f.kind {
	case change.KindComposite:
		if f.relation != "c" {
			return "the row type of a table or view"
		}
		return "a composite"
	case change.KindEnum:
		return "an enum"
	case change.KindDomain:
		return "a domain"
	case change.KindRange, change.KindMultirange:
		return "a range"
	case change.KindBase, change.KindArray:
	}
	return "a type of another sort"
}

// neededBy is the first column that a type is made for.
func (p *plan) neededBy(s *server, t *change.Type) string {
	for _, c := range p.columns {
		if c.typ != nil && slices.ContainsFunc(s.mapType(c.source.Type).made, func(m *change.Type) bool { return m.Schema == t.Schema && m.Name == t.Name }) {
			return c.source.Name
		}
	}
	return ""
}

func (s *server) createType(t *change.Type) string {
	var parts []string
	for _, l := range t.Labels {
		parts = append(parts, literal(l))
	}
	for _, f := range t.Fields {
		parts = append(parts, change.AlwaysQuote(f.Name)+" "+s.mapType(f.Type).ddl)
	}
	as := " AS ("
	if t.Kind == change.KindEnum {
		as = " AS ENUM ("
	}
	return "CREATE TYPE " + quoted(t.Schema, t.Name) + as + strings.Join(parts, ", ") + ")"
}

// addLabels gives an enum the labels it lacks, each in the source's place.
func addLabels(t *change.Type, have []string) (all []statement) {
	for i, label := range t.Labels {
		if slices.Contains(have, label) {
			continue
		}
		sql := "ALTER TYPE " + quoted(t.Schema, t.Name) + " ADD VALUE IF NOT EXISTS " + literal(label)
		if i > 0 {
			sql += " AFTER " + literal(t.Labels[i-1])
		} else if next := slices.IndexFunc(t.Labels, func(l string) bool { return slices.Contains(have, l) }); next > 0 {
			sql += " BEFORE " + literal(t.Labels[next])
		}
		all = append(all, statement{sql: sql, enum: t})
	}
	return all
}

// addAttributes gives a composite the attributes it lacks. PostgreSQL puts new ones
// behind the others, so those that are there have to be the first.
func (s *server) addAttributes(p *plan, t *change.Type, f *foundType) (all []statement, err error) {
	name := quoted(t.Schema, t.Name)
	if len(f.names) > len(t.Fields) {
		return nil, fmt.Errorf("it has attribute %s there, which the source's has not", change.QuoteIdent(f.names[len(t.Fields)]))
	}
	for i, field := range t.Fields {
		m := s.mapType(field.Type)
		switch {
		case i >= len(f.names):
			all = append(all, statement{sql: "ALTER TYPE " + name + " ADD ATTRIBUTE " + change.AlwaysQuote(field.Name) + " " + m.ddl})
		case f.names[i] != field.Name:
			return nil, fmt.Errorf("its attribute %s is called %s there (ALTER TYPE %s RENAME ATTRIBUTE %s TO %s)", change.QuoteIdent(field.Name),
				change.QuoteIdent(f.names[i]), name, change.AlwaysQuote(f.names[i]), change.AlwaysQuote(field.Name))
		case uint32(f.types[i]) != p.oidOf(s, m.typ) || f.modifiers[i] != m.typ.Modifier:
			return nil, fmt.Errorf("its attribute %s is of another type there than %s", change.QuoteIdent(field.Name), m.ddl)
		}
	}
	return all, nil
}

// oidOf is the OID of a type in the target; 0 while it is not there.
func (p *plan) oidOf(s *server, t *change.Type) uint32 {
	t = t.Underlying()
	if t.Kind == change.KindArray {
		if t.Elem == nil {
			return 0
		}
		return p.factOf(s, t.Elem.Underlying()).array
	}
	return p.factOf(s, t).oid
}

func (p *plan) factOf(s *server, t *change.Type) typeFact {
	if f, ok := s.fact(t); ok {
		return f
	}
	return p.types[Name(t.Schema, t.Name)]
}
