package greenplum

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func TestWishesThatCannotBeGrantedAreSaid(t *testing.T) {
	plain := pretended(postgreSQL, "18", 180000)
	long := strings.Repeat("n", longestName+1)
	for _, c := range []struct {
		server *server
		wishes apply.Wishes
		want   string
	}{
		{greenplum6(), apply.Wishes{OrderBy: []string{"id"}}, "order_by and partition_by are for ClickHouse"},
		{greenplum6(), apply.Wishes{PartitionBy: "id"}, "order_by and partition_by are for ClickHouse"},
		{plain, apply.Wishes{DistributedBy: []string{"id"}}, "distributed_by is for Greenplum, and the target is PostgreSQL"},
		{greenplum6(), apply.Wishes{DistributedBy: []string{"s"}}, "column s, which is not in the key"},
		{greenplum6(), apply.Wishes{DistributedBy: []string{"x"}}, "column x, which is not there"},
		{greenplum6(), apply.Wishes{DistributedBy: []string{"m"}}, "cannot distribute rows by values of money"},
		{greenplum6(), apply.Wishes{DistributedBy: []string{"id", "id"}}, "column id twice"},
		{plain, apply.Wishes{Storage: "ao_row"}, "has no storage ao_row"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": "id"}}, "columns id and s would both be named id"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": ""}}, "column s is to have no name"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": "ctid"}}, "named ctid, which is a system column"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": "gp_segment_id"}}, "named gp_segment_id, which is a system column"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": "oid"}}, "named oid, which is a system column"},
		{greenplum6(), apply.Wishes{Rename: map[string]string{"s": long}}, "would be 64 bytes long"},
		{plain, apply.Wishes{Rename: map[string]string{"s": "gp_segment_id"}}, ""},
		{plain, apply.Wishes{Rename: map[string]string{"s": "oid"}}, ""},
		{greenplum6(), apply.Wishes{Storage: "ao_row", Types: map[string]string{"id": "text", "m": "numeric"}}, "column m is in the key, and cannot be numeric"},
	} {
		table := tableOf("t", 2, "id", int4Type, "m", coreType(790, "money", -1), "s", textType)
		table.Wishes = c.wishes
		_, err := c.server.newPlan(table, &Options{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !fault.IsUsage(err) || fault.Hint(err) == "") {
			t.Errorf("%+v: %v (%s), want %q", c.wishes, err, fault.Hint(err), c.want)
		}
	}
	for _, table := range []*apply.Table{tableOf("t", 0), tableOf("t", 1, "xmin", int4Type)} {
		if _, err := plain.newPlan(table, &Options{}); !fault.Unmet(err) {
			t.Errorf("%+v: %v", table.Relation.Columns, err)
		}
	}
	if _, err := plain.newPlan(&apply.Table{Relation: tableOf("t", 0, "c", int4Type).Relation, Name: Name("public", long)}, &Options{}); !fault.IsUsage(err) {
		t.Errorf("a table with a long name: %v", err)
	}
}

// A type that the user wishes for reads the values' text.
func TestWishedTypesReadTheText(t *testing.T) {
	s := newSource(t, "CREATE TYPE public.mood AS ENUM ('sad', 'glad')",
		"CREATE TABLE public.wished (id integer PRIMARY KEY, n numeric, d date, m public.mood, b bytea, i integer, a integer[], v varchar(10), o text)",
		`INSERT INTO public.wished VALUES (1, 12.345, '2026-11-21', 'glad', '\x00ff', 7, '{1,2}', 'abc', '9'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		table := s.table("public.wished", apply.Wishes{
			Types:  map[string]string{"n": "numeric(10,1)", "d": "timestamp with time zone", "m": "text", "b": "text", "i": "INT4", "a": "text[]", "v": "character  varying(10)", "o": "pg_catalog.int8"},
			Rename: map[string]string{"n": "N\"1"},
		})
		for i, c := range table.Relation.Columns {
			if target.Binary(table, i) {
				t.Errorf("column %s of a table that is copied as text is asked for in binary", c.Name)
			}
		}
		prepare(t, target, table, apply.Refuse)
		prepare(t, target, table, apply.Refuse)
		if err := load(t.Context(), target, table, s.rows(table, func(i int) bool { return target.Binary(table, i) })); err != nil {
			t.Fatal(err)
		}
		got := query(t, dsn, `SET timezone = 'UTC'; SELECT "N""1"::text, d::text, m, b, i::text, a::text, v, o::text FROM public.wished ORDER BY id LIMIT 1`)[0]
		want := []string{"12.3", "2026-11-21 00:00:00+00", "glad", `\x00ff`, "7", "{1,2}", "abc", "9"}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q, want %q", got, want)
		}
		plan, err := target.Plan(t.Context(), table, apply.Keep)
		if err != nil || len(plan.Statements) != 0 {
			t.Errorf("%v %v", plan, err)
		}
		types := map[string]string{}
		for _, c := range plan.Columns {
			types[c.Source] = c.Type
		}
		if fmt.Sprint(types) != "map[a:text[] b:text d:timestamptz i:integer id:integer m:text n:numeric(10,1) o:bigint v:varchar(10)]" {
			t.Errorf("%v", types)
		}
		for _, wrong := range []string{"nothing", "integer, 1", "integer; DROP TABLE x", "record", "numeric(10,", "varchar(0)", "serial"} {
			table.Wishes.Types = map[string]string{"o": wrong}
			if _, err := target.Plan(t.Context(), table, apply.Keep); !fault.IsUsage(err) || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), "column o") {
				t.Errorf("%s: %v", wrong, err)
			}
		}
	})
}

// Text alone does not make the table's other columns text.
func TestWhichColumnsAreAskedForInBinary(t *testing.T) {
	tree := &change.Type{OID: 95000, Schema: "public", Name: "ltree", Kind: change.KindBase, Extension: "ltree", Modifier: -1}
	own := &change.Type{OID: 95001, Schema: "public", Name: "own", Kind: change.KindBase, Modifier: -1}
	sendless := coreType(25, "text", -1)
	sendless.TextOnly = true
	for _, c := range []struct {
		name  string
		typ   *change.Type
		wish  string
		other bool // whether the other columns are
		own   bool
	}{
		{"a type of both", textType, "", true, true},
		{"a number as text", int4Type, "text", true, true},
		{"bytes as text are read by the target", coreType(17, "bytea", -1), "text", false, false},
		{"the same type by another name", int4Type, "int4", true, true},
		{"another type", int4Type, "bigint", false, false},
		{"a type that the target lacks and pgsluice prints", coreType(774, "macaddr8", -1), "", true, true},
		{"a type that pgsluice does not print", own, "", true, false},
		{"a type that the target does not receive", tree, "", false, false},
		{"and an array of it", arrayOf(tree), "", false, false},
		{"and a composite with it", compositeType("c", change.Field{Name: "t", Type: tree}), "", false, false},
		{"and as text", tree, "text", true, true},
		{"a type that the source does not send", sendless, "", false, false},
	} {
		target := &Target{server: greenplum6(), drafts: map[string]*plan{}}
		table := tableOf("t", 1, "id", int4Type, "c", c.typ)
		if c.wish != "" {
			table.Wishes.Types = map[string]string{"c": c.wish}
		}
		if other, own := target.Binary(table, 0), target.Binary(table, 1); other != c.other || own != c.own {
			t.Errorf("%s: %v, and of the other columns %v", c.name, own, other)
		}
	}
}

func TestNamesOfTypesAreWrittenInOneWay(t *testing.T) {
	for name, want := range map[string]string{
		"INT4": "integer", " pg_catalog.int8 ": "bigint", "character  varying ( 10 )": "varchar(10)", "timestamp (3) with time zone": "timestamptz(3)", "timestamp(3)": "timestamp(3)",
		"numeric(10, -2)[]": "numeric(10,-2)[]", "double precision": "double precision", "time with time zone": "timetz", `public."Mood"`: `public."Mood"`, "DECIMAL": "numeric", "bit varying(3)[][]": "bit varying(3)[][]",
	} {
		if got := usualName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
