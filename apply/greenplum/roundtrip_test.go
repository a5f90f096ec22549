package greenplum

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// source is a database of the newest PostgreSQL, from which values come as they
// come in a run.
type source struct {
	*testing.T
	conn *pgx.Conn
}

func newSource(t *testing.T, statements ...string) *source {
	t.Helper()
	dsns(t)
	majors := make([]int, 0, len(servers.postgres))
	for major := range servers.postgres {
		majors = append(majors, major)
	}
	conn, err := postgres.Connect(t.Context(), database(t, servers.postgres[slices.Max(majors)].DSN("")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	s := &source{t, conn}
	s.exec(statements...)
	return s
}

func (s *source) exec(statements ...string) {
	s.Helper()
	for _, sql := range statements {
		if _, err := s.conn.Exec(context.Background(), sql); err != nil {
			s.Fatalf("%s: %v", sql, err)
		}
	}
}

// table reads the relation, as the conductor does.
func (s *source) table(name string, wishes apply.Wishes) *apply.Table {
	s.Helper()
	var oid uint32
	if err := s.conn.QueryRow(context.Background(), "SELECT $1::text::regclass::oid", name).Scan(&oid); err != nil {
		s.Fatal(err)
	}
	catalog, err := snapshot.NewCatalog(context.Background(), s.conn)
	if err != nil {
		s.Fatal(err)
	}
	found, err := catalog.Table(context.Background(), oid)
	if err != nil {
		s.Fatal(err)
	}
	r := found.Relation
	return &apply.Table{Relation: r, Name: Name(r.Schema, r.Name), Wishes: wishes}
}

// rows gives all rows in the given forms.
func (s *source) rows(table *apply.Table, binary func(column int) bool) [][]change.Datum {
	s.Helper()
	names, formats := make([]string, len(table.Relation.Columns)), make([]int16, len(table.Relation.Columns))
	for i, c := range table.Relation.Columns {
		names[i] = change.AlwaysQuote(c.Name)
		if binary(i) {
			formats[i] = 1
		}
	}
	sql := fmt.Sprintf("SELECT %s FROM %s ORDER BY 1", strings.Join(names, ", "), quoted(table.Relation.Schema, table.Relation.Name))
	result := s.conn.PgConn().ExecParams(context.Background(), sql, nil, nil, nil, formats).Read()
	if result.Err != nil {
		s.Fatalf("%s: %v", sql, result.Err)
	}
	var all [][]change.Datum
	for _, values := range result.Rows {
		row := make([]change.Datum, len(values))
		for i, v := range values {
			switch {
			case v == nil:
			case formats[i] == 1:
				row[i] = change.Datum{Format: change.Binary, Bytes: v}
			default:
				row[i] = change.Datum{Format: change.Text, Bytes: v}
			}
		}
		all = append(all, row)
	}
	return all
}

// printed are all rows as the server prints them.
func printed(t *testing.T, conn *pgx.Conn, table *apply.Table, schema, name string) [][]string {
	t.Helper()
	columns := make([]string, len(table.Relation.Columns))
	for i, c := range table.Relation.Columns {
		columns[i] = fmt.Sprintf("coalesce(%s::text, 'NULL')", change.AlwaysQuote(c.Name))
	}
	sql := fmt.Sprintf("SELECT %s FROM %s ORDER BY %s", strings.Join(columns, ", "), quoted(schema, name), change.AlwaysQuote(table.Relation.Columns[0].Name))
	results, err := conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var all [][]string
	for _, values := range results[0].Rows {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
		}
		all = append(all, row)
	}
	return all
}

// load brings the rows into the target's table.
func load(ctx context.Context, target *Target, table *apply.Table, rows [][]change.Datum) error {
	l, err := target.Load(ctx, table)
	if err != nil {
		return err
	}
	defer l.Abort()
	for _, row := range rows {
		if err := l.Append(row, change.Position{Commit: 1}); err != nil {
			return err
		}
	}
	return l.Finish()
}

// sameRows copies a table in binary and then as text, and holds what the target
// prints against what the source does.
func sameRows(t *testing.T, s *source, target *Target, table *apply.Table) {
	t.Helper()
	want := printed(t, s.conn, table, table.Relation.Schema, table.Relation.Name)
	schema, name, err := parseName(table.Name)
	if err != nil {
		t.Fatal(err)
	}
	for form, binary := range map[string]func(int) bool{
		"binary": func(i int) bool { return target.Binary(table, i) },
		"text":   func(int) bool { return false },
	} {
		if _, err := target.Prepare(t.Context(), table, apply.Truncate, 0); err != nil {
			t.Fatal(err)
		}
		if err := load(t.Context(), target, table, s.rows(table, binary)); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		conn, err := target.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := printed(t, conn, table, schema, name)
		_ = conn.Close(t.Context())
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", form, len(got), len(want))
		}
		for i := range want {
			for k := range want[i] {
				if got[i][k] != want[i][k] {
					t.Errorf("%s: row %d, column %s: %q, want %q", form, i, table.Relation.Columns[k].Name, got[i][k], want[i][k])
				}
			}
		}
	}
}

// everyType are columns of all sorts, each with values that PostgreSQL prints the
// same whatever its version. Types that a target lacks are text there.
var everyType = []struct{ typ, values string }{
	{"smallint", "-32768|32767"},
	{"integer", "-2147483648|0"},
	{"bigint", "9223372036854775807|-1"},
	{"real", "1.5|-0"},
	{"double precision", "0.5|NaN|-Infinity"},
	{"numeric", "NaN|1e-20|-12345678901234567890.123"},
	{"numeric(10,2)", "12345678.90|-0.01"},
	{"numeric(3,-2)", "12300|-99900"},
	{"numeric(2,4)", "0.0012"},
	{"money", "12.34|-1"},
	{"boolean", "t|f"},
	{"text", "naïve|a\tb\\c|"},
	{"varchar(10)", "abc"},
	{"varchar", "x"},
	{"char(5)", "ab"},
	{"bpchar", "ab"},
	{`"char"`, "x"},
	{"name", "n"},
	{"bytea", `\x00ff27`},
	{"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{"date", "infinity|0044-03-15 BC|2026-11-21"},
	{"time", "24:00:00|12:34:56.789"},
	{"time(3)", "12:34:56.789"},
	{"timetz", "12:00:00+05:30"},
	{"timestamp", "-infinity|1999-12-31 23:59:59.999999"},
	{"timestamp(0)", "1999-12-31 23:59:59"},
	{"timestamptz", "2000-01-01 00:00:00+00|infinity"},
	{"interval", "1 year -2 days 03:04:05.6|-178000000 years"},
	{"interval year to month", "14 months"},
	{"interval second(2)", "1.25"},
	{"interval(3)", "1.125"},
	{"json", `{"a": 1.000, "a": null}`},
	{"jsonb", `{"a": [1, null]}`},
	{"jsonpath", "$.a[*]"},
	{"xml", "<a>b</a>"},
	{"tsvector", "'a':1A 'b'"},
	{"inet", "10.0.0.1/8|::1"},
	{"cidr", "10.0.0.0/8"},
	{"macaddr", "08:00:2b:01:02:03"},
	{"macaddr8", "08:00:2b:01:02:03:04:05"},
	{"point", "(1,2.5)"},
	{"line", "{1,2,3}"},
	{"lseg", "[(0,0),(1,1)]"},
	{"box", "(1,1),(0,0)"},
	{"path", "((0,0),(1,1))"},
	{"polygon", "((0,0),(1,1),(1,0))"},
	{"circle", "<(0,0),1>"},
	{"bit", "1"},
	{"bit(3)", "101"},
	{"varbit(8)", "1011"},
	{"bit varying", "1"},
	{"oid", "4294967295"},
	{"xid", "7"},
	{"cid", "7"},
	{"tid", "(1,2)"},
	{"xid8", "99"},
	{"pg_lsn", "16/B374D848"},
	{"txid_snapshot", "10:20:10,14"},
	{"pg_snapshot", "10:20:10,14"},
	{"int4range", "[1,5)|empty"},
	{"numrange", "(1.5,]"},
	{"tstzrange", "[2000-01-01 00:00:00+00,)"},
	{"int4multirange", "{[1,3),[5,9)}"},
	{"regclass", "pg_class"},
	{"regtype", "integer"},
	{"aclitem", "postgres=r/postgres"},
	{"int2vector", "1 2 3"},
	{"oidvector", "1 2"},
	{"refcursor", "c"},
	{"integer[]", "{1,NULL,3}|[0:1]={1,2}|{}"},
	{"text[][]", "{{a,NULL},{\"b,c\",d}}"},
	{"numeric(5,2)[]", "{1.25}"},
	{"jsonb[]", `{"{\"a\": 1}"}`},
	{"macaddr8[]", "{08:00:2b:01:02:03:04:05}"},
	{"xml[]", "{<a/>}"},
	{"box[]", "{(1,1),(0,0);(2,2),(0,0)}"},
	{"interval[]", "{01:00:00}"},
	{"public.mood", "sad|it's \\ fine"},
	{"public.mood[]", "{sad,NULL}"},
	{"public.price", "12.50"},
	{"public.price[]", "{12.50,1.00}"},
	{"public.prices", "{12.50,1.00}"},
	{"public.tag", "abcde"},
	{"public.pair", `(1,"a,b")|(,)`},
	{"public.pair[]", `{"(1,x)",NULL}`},
	{"public.deep", `(sad,"{""(1,x)""}",12.50,{sad})`},
	{"public.lost", "(08:00:2b:01:02:03:04:05)"},
	{"public.floats", "[1.5,2.5)"},
}

var everyTypeMade = []string{
	`CREATE TYPE public.mood AS ENUM ('sad', E'it''s \\ fine', 'happy')`, "CREATE DOMAIN public.price AS numeric(12,2)", "CREATE DOMAIN public.prices AS public.price[]",
	"CREATE DOMAIN public.short AS varchar(5)", "CREATE DOMAIN public.tag AS public.short", "CREATE TYPE public.pair AS (a integer, b text)",
	"CREATE TYPE public.deep AS (m public.mood, p public.pair[], d public.price, ms public.mood[])", "CREATE TYPE public.lost AS (m macaddr8)",
	"CREATE TYPE public.floats AS RANGE (subtype = float8)",
}

// everyTypeTable makes the table in the source, two columns of each type: one with
// values, one of NULLs.
func everyTypeTable(s *source) {
	s.Helper()
	columns, rows := []string{"id integer PRIMARY KEY"}, map[int][]string{}
	for i, c := range everyType {
		columns = append(columns, fmt.Sprintf("c%d %s", i, c.typ))
		for row, v := range strings.Split(c.values, "|") {
			rows[row] = append(rows[row], fmt.Sprintf("c%d = %s::%s", i, change.QuoteLiteral(v), c.typ))
		}
	}
	s.exec(everyTypeMade...)
	s.exec("CREATE TABLE public.every (" + strings.Join(columns, ", ") + ")")
	for row, assign := range rows {
		s.exec(fmt.Sprintf("INSERT INTO public.every (id) VALUES (%d)", row), fmt.Sprintf("UPDATE public.every SET %s WHERE id = %d", strings.Join(assign, ", "), row))
	}
	s.exec("INSERT INTO public.every (id) VALUES (99)")
}

func TestEveryTypeIsTheSameInTheTarget(t *testing.T) {
	s := newSource(t, "CREATE TABLE public.queries (id integer PRIMARY KEY, q tsquery, b bytea, a text[])",
		`INSERT INTO public.queries VALUES (1, '''a'' & !''b'':*', '\x00ff', '{"a\\b","tab\t"}'), (2, '', NULL, NULL)`)
	everyTypeTable(s)
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		table := s.table("public.every", apply.Wishes{})
		sameRows(t, s, target, table)
		p, err := target.planOf(table)
		if err != nil {
			t.Fatal(err)
		}
		if p.textual {
			t.Error("the table is copied as text")
		}
		// One column that is read from text makes all of them text.
		queries := s.table("public.queries", apply.Wishes{})
		if target.Binary(queries, 0) {
			t.Error("a table with a tsquery is asked for in binary")
		}
		sameRows(t, s, target, queries)
		var asText []string
		for i, c := range p.columns[1:] {
			if c.asText {
				asText = append(asText, everyType[i].typ)
			}
		}
		want := "regclass regtype aclitem public.floats"
		if target.server.number < 140000 {
			want = "jsonpath xml macaddr8 xid8 pg_snapshot int4multirange regclass regtype aclitem macaddr8[] xml[] public.lost public.floats"
		}
		if got := strings.Join(asText, " "); got != want && strings.ReplaceAll(want, "xml ", "") != got {
			t.Errorf("kept as text: %s", got)
		}
	})
}
