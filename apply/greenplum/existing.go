package greenplum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
)

// found is a table that is there already.
type found struct {
	oid uint32
	// kind and persistence are pg_class's; external tables hold their rows
	// elsewhere.
	kind, persistence string
	external          bool
	comment           string
	columns           map[string]*foundColumn
	order             []string
	unique            []uniqueIndex
	// distribution are the columns that rows are distributed by; none: at random.
	distribution []string
}

type foundColumn struct {
	name string
	// typ is for people: format_type's.
	typ       string
	oid       uint32
	modifier  int32
	notNull   bool
	defaulted bool
	// computed: it takes no values but its own.
	computed bool
	comment  string
}

// dropped says that the source does not have the column any more.
func (c *foundColumn) dropped() bool { return strings.HasSuffix(c.comment, keptMark) }

type uniqueIndex struct {
	name    string
	columns []string
	// partial: of some rows, or of expressions.
	partial bool
}

// describe reads what the server says of a table; nil when there is none.
func (s *server) describe(ctx context.Context, conn *pgx.Conn, schema, name string) (*found, error) {
	f := &found{columns: map[string]*foundColumn{}}
	err := conn.QueryRow(ctx, `SELECT c.oid, c.relkind::text, c.relpersistence::text, `+s.externalSQL()+`,
			coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, schema, name).Scan(&f.oid, &f.kind, &f.persistence, &f.external, &f.comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		err = s.describeColumns(ctx, conn, f)
	}
	if err == nil {
		err = s.describeUnique(ctx, conn, f)
	}
	if err == nil && s.distributes() {
		err = f.describeDistribution(ctx, conn)
	}
	if err != nil {
		return nil, fmt.Errorf("describe table %s: %w", quoted(schema, name), err)
	}
	return f, nil
}

func (s *server) describeColumns(ctx context.Context, conn *pgx.Conn, f *found) error {
	rows, err := conn.Query(ctx, `SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod, a.attnotnull,
			a.atthasdef OR `+s.identitySQL()+` <> '', `+s.computedSQL()+`, coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')
		FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, f.oid)
	if err != nil {
		return err
	}
	var c foundColumn
	_, err = pgx.ForEachRow(rows, []any{&c.name, &c.typ, &c.oid, &c.modifier, &c.notNull, &c.defaulted, &c.computed, &c.comment}, func() error {
		one := c
		f.columns[c.name] = &one
		f.order = append(f.order, c.name)
		return nil
	})
	return err
}

func (s *server) describeUnique(ctx context.Context, conn *pgx.Conn, f *found) error {
	rows, err := conn.Query(ctx, `SELECT c.relname::text, i.indpred IS NOT NULL OR i.indexprs IS NOT NULL,
			ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (`+s.indexKeySQL()+`) ORDER BY a.attnum)
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = $1 AND i.indisunique ORDER BY c.relname`, f.oid)
	if err != nil {
		return err
	}
	f.unique, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u uniqueIndex, err error) {
		return u, row.Scan(&u.name, &u.partial, &u.columns)
	})
	return err
}

// describeDistribution reads gp_distribution_policy. Nothing stands there for what
// lies on the coordinator alone.
func (f *found) describeDistribution(ctx context.Context, conn *pgx.Conn) error {
	err := conn.QueryRow(ctx, `SELECT ARRAY(SELECT a.attname::text FROM unnest(string_to_array(d.distkey::text, ' ')::int2[]) WITH ORDINALITY AS k(attnum, place)
				JOIN pg_catalog.pg_attribute a ON a.attrelid = d.localoid AND a.attnum = k.attnum ORDER BY k.place)
		FROM pg_catalog.gp_distribution_policy d WHERE d.localoid = $1`, f.oid).Scan(&f.distribution)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// isEmpty says whether a table holds no row.
func isEmpty(ctx context.Context, conn *pgx.Conn, table string) (bool, error) {
	var holds bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+" LIMIT 1)").Scan(&holds)
	return !holds, err
}

// hasIndex says whether a unique index is over just these columns, quoted.
func (f *found) hasIndex(names []string) bool {
	for _, u := range f.unique {
		if u.partial || len(u.columns) != len(names) {
			continue
		}
		all := true
		for _, name := range u.columns {
			all = all && slices.Contains(names, change.AlwaysQuote(name))
		}
		if all {
			return true
		}
	}
	return false
}
