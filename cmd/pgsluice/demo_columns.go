package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
)

// demoColumn is a column and the two expressions, one for each server, that
// write a value of it as the same text when it is the same value.
type demoColumn struct {
	name, inPostgres, inClickHouse string
}

// demoTable is a table to compare. The columns it is ordered by stand first: its
// key, or all of them where it has none.
type demoTable struct {
	name    string
	columns []demoColumn
	keys    int
}

// rendering says in plain SQL how a type's values are written, by the name that
// format_type gives it; () stands for a modifier. Nothing of pgsluice's own
// mapping is used: the point is not to believe it.
var rendering = map[string][2]string{
	"smallint":            {"%s::text", "toString(%s)"},
	"integer":             {"%s::text", "toString(%s)"},
	"bigint":              {"%s::text", "toString(%s)"},
	"numeric()":           {"trim_scale(%s)::text", "toString(%s)"},
	"numeric":             {"%s::text", "toString(%s)"},
	"boolean":             {"%s::text", "toString(%s)"},
	"text":                {"%s", "%s"},
	"character varying()": {"%s::text", "%s"},
	// A cast to text would drop the padding.
	"character()": {"encode(bpcharsend(%s), 'hex')", "lower(hex(%s))"},
	"bytea":       {"encode(%s, 'hex')", "lower(hex(%s))"},
	"uuid":        {"%s::text", "toString(%s)"},
	"jsonb":       {"%s::text", "%s"},
	"date":        {"to_char(%s, 'YYYY-MM-DD')", "toString(%s)"},
	"time without time zone": {
		"to_char(%s, 'HH24:MI:SS.US')",
		"toString(%s)",
	},
	"timestamp without time zone": {"(extract(epoch FROM %s) * 1000000)::bigint::text", "toString(toUnixTimestamp64Micro(%s))"},
	"timestamp with time zone":    {"(extract(epoch FROM %s) * 1000000)::bigint::text", "toString(toUnixTimestamp64Micro(%s))"},
	// The eight bytes, so that neither side's way to print a float matters.
	"double precision": {"encode(float8send(%s), 'hex')", "lower(hex(reverse(reinterpretAsFixedString(%s))))"},
	"enum":             {"%s::text", "toString(%s)"},
	"text[]":           renderArray,
	"integer[]":        renderArray,
}

// Every element ends in a semicolon, so that no element, an empty one and a NULL
// are three things.
var renderArray = [2]string{
	`(SELECT coalesce(string_agg(coalesce('=' || encode(convert_to(e::text, 'UTF8'), 'hex'), 'NULL') || ';', '' ORDER BY i), '') FROM unnest(%s) WITH ORDINALITY AS u (e, i))`,
	`arrayStringConcat(arrayMap(e -> concat(ifNull(concat('=', lower(hex(toString(e)))), 'NULL'), ';'), %s))`,
}

var modifier = regexp.MustCompile(`\(.*\)`)

// demoTables asks PostgreSQL for the tables of schema public and plans how to
// compare each.
func demoTables(ctx context.Context, conn *pgx.Conn) ([]demoTable, error) {
	rows, err := conn.Query(ctx, `
		SELECT c.relname, a.attname,
		       CASE WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END,
		       coalesce(a.attnum = ANY (i.indkey), false), count(i.indexrelid) OVER (PARTITION BY c.oid) > 0
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
		ORDER BY c.relname, array_position(i.indkey::int2[], a.attnum), a.attnum`)
	if err != nil {
		return nil, err
	}
	var tables []demoTable
	var table, name, kind string
	var inKey, keyed bool
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &kind, &inKey, &keyed}, func() error {
		if len(tables) == 0 || tables[len(tables)-1].name != table {
			tables = append(tables, demoTable{name: table})
		}
		t := &tables[len(tables)-1]
		how, known := rendering[modifier.ReplaceAllString(kind, "()")]
		if !known {
			return fmt.Errorf("column %s of table %s: the comparison does not know the type %s", name, table, kind)
		}
		quoted := change.AlwaysQuote(name)
		t.columns = append(t.columns, demoColumn{name, fmt.Sprintf(how[0], quoted), fmt.Sprintf(how[1], quoted)})
		if inKey || !keyed {
			t.keys++
		}
		return nil
	})
	return tables, err
}

// queries read all of the table on either side, in the same order: that of the
// bytes of the text that the key is written as.
func (t *demoTable) queries(target string) (postgres, clickhouse string) {
	var p, c, byP, byC []string
	for i, col := range t.columns {
		p = append(p, col.inPostgres)
		c = append(c, "toNullable("+col.inClickHouse+")")
		if i < t.keys {
			byP = append(byP, "("+col.inPostgres+`) COLLATE "C"`)
			byC = append(byC, col.inClickHouse)
		}
	}
	postgres = "SELECT " + strings.Join(p, ", ") + " FROM public." + change.AlwaysQuote(t.name) + " ORDER BY " + strings.Join(byP, ", ")
	clickhouse = "SELECT " + strings.Join(c, ", ") + " FROM " + change.AlwaysQuote(target) + " FINAL ORDER BY " + strings.Join(byC, ", ") + " FORMAT RowBinary"
	return postgres, clickhouse
}
