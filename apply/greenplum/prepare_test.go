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
	"github.com/pgsluice/pgsluice/internal/fault"
)

// coreType is a type of pg_catalog with a modifier.
func coreType(oid uint32, name string, modifier int32) *change.Type {
	return &change.Type{OID: oid, Schema: "pg_catalog", Name: name, Kind: change.KindBase, Modifier: modifier}
}

var (
	int4Type  = coreType(23, "int4", -1)
	textType  = coreType(25, "text", -1)
	timeStamp = coreType(1114, "timestamp", -1)
)

func numericType(precision, scale int32) *change.Type {
	return coreType(1700, "numeric", precision<<16|scale&0x7ff+4)
}

func arrayOf(t *change.Type) *change.Type {
	return &change.Type{OID: t.OID + 100000, Schema: t.Schema, Name: "_" + t.Name, Kind: change.KindArray, Elem: t, Modifier: t.Modifier, Dimensions: 1}
}

func enumType(name string, labels ...string) *change.Type {
	return &change.Type{OID: 90001, Schema: "public", Name: name, Kind: change.KindEnum, Modifier: -1, Labels: labels}
}

func compositeType(name string, fields ...change.Field) *change.Type {
	return &change.Type{OID: 90003, Schema: "public", Name: name, Kind: change.KindComposite, Modifier: -1, Fields: fields}
}

// tableOf is public.name with the first keys columns as its key; columns are pairs
// of name and type. A ! ends the name of one that is NOT NULL.
func tableOf(name string, keys int, columns ...any) *apply.Table {
	r := &change.Relation{OID: 80000, Schema: "public", Name: name, Identity: change.IdentityDefault}
	for i := 0; i < len(columns); i += 2 {
		c := change.Column{Name: columns[i].(string), Type: columns[i+1].(*change.Type), Attnum: int16(i/2 + 1), NotNull: i/2 < keys}
		c.Name, c.NotNull = strings.TrimSuffix(c.Name, "!"), c.NotNull || strings.HasSuffix(c.Name, "!")
		if i/2 < keys {
			r.Key = append(r.Key, i/2)
		}
		r.Columns = append(r.Columns, c)
	}
	return &apply.Table{Relation: r, Name: Name("public", name)}
}

func prepare(t *testing.T, target *Target, table *apply.Table, existing apply.Existing) {
	t.Helper()
	if _, err := target.Prepare(t.Context(), table, existing, 0); err != nil {
		t.Fatalf("%v\n%s", err, fault.Hint(err))
	}
}

func TestTablesThatAreThereAreHeldAgainstThePlan(t *testing.T) {
	cases := []struct {
		there    string
		table    *apply.Table
		existing apply.Existing
		// refused is part of what is said; empty: it fits.
		refused string
	}{
		{"CREATE TABLE %s (id integer PRIMARY KEY, s text)", tableOf("", 1, "id", int4Type, "s", textType), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, s varchar(5))", tableOf("", 1, "id", int4Type, "s", textType), apply.Refuse, "column s is character varying(5) there"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, s text)", tableOf("", 1, "id", int4Type, "s", coreType(1043, "varchar", 9)), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, s varchar(9))", tableOf("", 1, "id", int4Type, "s", coreType(1043, "varchar", 9)), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, s varchar(4))", tableOf("", 1, "id", int4Type, "s", coreType(1043, "varchar", 9)), apply.Refuse, "column s"},
		{"CREATE TABLE %s (id bigint PRIMARY KEY)", tableOf("", 1, "id", int4Type), apply.Refuse, "column id is bigint there, the source's column needs integer"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, n numeric)", tableOf("", 1, "id", int4Type, "n", numericType(5, 2)), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, n numeric(9,2))", tableOf("", 1, "id", int4Type, "n", numericType(5, 2)), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, n numeric(9,3))", tableOf("", 1, "id", int4Type, "n", numericType(5, 2)), apply.Refuse, "column n"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, n numeric(4,2))", tableOf("", 1, "id", int4Type, "n", numericType(5, 2)), apply.Refuse, "column n"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, t timestamp)", tableOf("", 1, "id", int4Type, "t", coreType(1114, "timestamp", 3)), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, t timestamptz)", tableOf("", 1, "id", int4Type, "t", timeStamp), apply.Refuse, "column t"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, a text[])", tableOf("", 1, "id", int4Type, "a", arrayOf(coreType(1043, "varchar", -1))), apply.Refuse, "column a"},
		{"CREATE TABLE %s (s text)", tableOf("", 1, "id", int4Type, "s", textType), apply.Refuse, "column id of the key is missing"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, more text)", tableOf("", 1, "id", int4Type), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, more text NOT NULL DEFAULT 'x')", tableOf("", 1, "id", int4Type), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY, more text NOT NULL)", tableOf("", 1, "id", int4Type), apply.Refuse, "column more, which the source does not have, is NOT NULL"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, s text NOT NULL)", tableOf("", 1, "id", int4Type, "s", textType), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer, k integer, UNIQUE (id))", tableOf("", 2, "id", int4Type, "k", int4Type), apply.Refuse, "unique without column k of the key"},
		{"CREATE TABLE %s (id integer PRIMARY KEY, k integer, UNIQUE (id, k))", tableOf("", 1, "id", int4Type, "k!", int4Type), apply.Refuse, ""},
		{"CREATE TABLE %s (id integer PRIMARY KEY)", tableOf("", 0, "id!", int4Type), apply.Refuse, "is unique, and the source's table has no key"},
		{"CREATE VIEW %s AS SELECT 1 AS id", tableOf("", 1, "id", int4Type), apply.Refuse, "it is a view"},
		{"CREATE UNLOGGED TABLE %s (id integer PRIMARY KEY)", tableOf("", 1, "id", int4Type), apply.Refuse, "it is unlogged"},
		{"CREATE TABLE %[1]s (id integer PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", tableOf("", 1, "id", int4Type), apply.Refuse, "holds rows already"},
		{"CREATE TABLE %[1]s (id integer PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", tableOf("", 1, "id", int4Type), apply.Truncate, ""},
		{"CREATE TABLE %[1]s (id integer PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", tableOf("", 1, "id", int4Type, "new", textType), apply.Keep, ""},
		{"CREATE TABLE %[1]s (id integer PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", tableOf("", 1, "id", int4Type, "new!", textType), apply.Keep, `add column "new"`},
		{"CREATE TABLE %[1]s (id integer PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", tableOf("", 1, "id", int4Type), apply.Discard, ""},
	}
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		for i, c := range cases {
			name := fmt.Sprintf("t%d", i)
			query(t, dsn, fmt.Sprintf(c.there, "public."+name))
			table := *c.table
			table.Name = Name("public", name)
			_, err := target.Prepare(t.Context(), &table, c.existing, 0)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("%s: %v", c.there, err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || fault.Hint(err) == ""):
				t.Errorf("%s: %v, want %q and a hint", c.there, err, c.refused)
			case c.refused == "":
				prepare(t, target, &table, apply.Keep)
			}
		}
	})
}

func TestADistributionThatIsThereHasToBeOfTheKey(t *testing.T) {
	onGreenplum(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		for i, c := range []struct {
			there  string
			wishes apply.Wishes
			want   string
		}{
			{"CREATE TABLE %s (id integer, k integer, s text) DISTRIBUTED BY (s)", apply.Wishes{}, "distributed by column s, which is not in the key"},
			{"CREATE TABLE %s (id integer, k integer, s text) DISTRIBUTED BY (k)", apply.Wishes{}, ""},
			{"CREATE TABLE %s (id integer, k integer, s text) DISTRIBUTED BY (k)", apply.Wishes{DistributedBy: []string{"id"}}, `by (k), and not by ("id")`},
			{"CREATE TABLE %s (id integer, k integer, s text) DISTRIBUTED RANDOMLY", apply.Wishes{}, ""},
			{"CREATE TABLE %s (id integer, k integer, s text) DISTRIBUTED REPLICATED", apply.Wishes{}, ""},
			{"CREATE TABLE %s (id integer, k integer, s text) WITH (appendoptimized=true) DISTRIBUTED BY (id)", apply.Wishes{}, ""},
		} {
			name := fmt.Sprintf("t%d", i)
			query(t, dsn, fmt.Sprintf(c.there, "public."+name))
			table := tableOf(name, 2, "id", int4Type, "k", int4Type, "s", textType)
			table.Wishes = c.wishes
			_, err := target.Prepare(t.Context(), table, apply.Refuse, 0)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v", c.there, err)
			}
		}
	})
}

func TestEnumsAndCompositesAreKeptInStep(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		labels := func() string {
			return query(t, dsn, "SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = 'public.mood'::regtype")[0][0]
		}
		prepare(t, target, tableOf("t", 1, "id", int4Type, "m", enumType("mood", "b", "d")), apply.Refuse)
		prepare(t, target, tableOf("t", 1, "id", int4Type, "m", enumType("mood", "a", "b", "c", "it's \\", "d", "e")), apply.Keep)
		if got := labels(); got != `a,b,c,it's \,d,e` {
			t.Errorf("labels %s", got)
		}
		prepare(t, target, tableOf("t", 1, "id", int4Type, "m", enumType("mood", "b", "z")), apply.Keep)
		if got := labels(); got != `a,b,z,c,it's \,d,e` {
			t.Errorf("labels %s", got)
		}

		pair := compositeType("pair", change.Field{Name: "a", Type: int4Type}, change.Field{Name: "b", Type: numericType(5, 2)})
		table := tableOf("c", 1, "id", int4Type, "p", pair, "ps", arrayOf(pair))
		prepare(t, target, table, apply.Refuse)
		row := []change.Datum{{Format: change.Text, Bytes: []byte("1")}, {Format: change.Text, Bytes: []byte("(1,2.50)")}, {Format: change.Text, Bytes: []byte(`{"(3,4.00)"}`)}}
		if err := load(t.Context(), target, table, [][]change.Datum{row}); err != nil {
			t.Fatal(err)
		}
		wider := compositeType("pair", append(slices.Clone(pair.Fields), change.Field{Name: "c", Type: enumType("mood", "b")})...)
		prepare(t, target, tableOf("c", 1, "id", int4Type, "p", wider, "ps", arrayOf(wider)), apply.Keep)
		if got := query(t, dsn, "SELECT p::text FROM public.c")[0][0]; got != "(1,2.50,)" {
			t.Errorf("an older row is %s", got)
		}
		for want, fields := range map[string][]change.Field{
			"attribute b there, which the source's has not": wider.Fields[:1],
			"its attribute x is called b there":             {wider.Fields[0], {Name: "x", Type: numericType(5, 2)}, wider.Fields[2]},
			"its attribute b is of another type there":      {wider.Fields[0], {Name: "b", Type: numericType(6, 2)}, wider.Fields[2]},
		} {
			_, err := target.Prepare(t.Context(), tableOf("c", 1, "id", int4Type, "p", compositeType("pair", fields...)), apply.Keep, 0)
			if err == nil || !strings.Contains(err.Error(), want) || fault.Hint(err) != "types: {p: text}" || !fault.Unmet(err) {
				t.Errorf("%v, want %q (%s)", err, want, fault.Hint(err))
			}
		}
	})
}

// A label that is added in the transaction in which its enum was made.
func TestALabelFollowsItsEnumInOneTransaction(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		if err := target.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		prepare(t, target, tableOf("t", 1, "id", int4Type, "m", enumType("mood", "a")), apply.Refuse)
		_, err := target.Prepare(t.Context(), tableOf("t", 1, "id", int4Type, "m", enumType("mood", "a", "b")), apply.Keep, 0)
		if target.server.addValueInTransaction() && err != nil || !target.server.addValueInTransaction() && !fault.Retryable(err) {
			t.Errorf("%v", err)
		}
	})
}

func TestANameThatIsTakenIsSaid(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		query(t, dsn, "CREATE TABLE public.person (a integer); CREATE DOMAIN public.mood AS text; CREATE TYPE public.pair AS ENUM ('x')")
		for want, typ := range map[string]*change.Type{
			"the row type of a table": compositeType("person", change.Field{Name: "a", Type: int4Type}),
			"a domain":                enumType("mood", "x"),
			"an enum":                 compositeType("pair", change.Field{Name: "a", Type: int4Type}),
		} {
			table := tableOf("t", 1, "id", int4Type, "c", arrayOf(typ))
			_, err := target.Prepare(t.Context(), table, apply.Refuse, 0)
			if !fault.Unmet(err) || !strings.Contains(err.Error(), want) || fault.Hint(err) != "types: {c: text}" {
				t.Errorf("%s: %v (%s)", want, err, fault.Hint(err))
			}
			table.Wishes.Types = map[string]string{"c": "text"}
			if _, err := target.Prepare(t.Context(), table, apply.Refuse, 0); err != nil {
				t.Errorf("%s, as text: %v", want, err)
			}
		}
	})
}

// Whose the rows are outlives a process, and a table of the same name is another.
func TestDiscardTakesNobodyElsesRows(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		table := tableOf("t", 1, "id", int4Type)
		count := func() string { return query(t, dsn, "SELECT count(*) FROM public.t")[0][0] }
		target := open(t, dsn, nil)
		prepare(t, target, table, apply.Keep) // which makes it
		query(t, dsn, "INSERT INTO public.t VALUES (1)")

		target = open(t, dsn, nil)
		prepare(t, target, table, apply.DiscardOlder)
		if got := count(); got != "1" {
			t.Errorf("%s rows after DiscardOlder", got)
		}
		prepare(t, target, table, apply.Discard)
		if got := count(); got != "0" {
			t.Errorf("%s rows are left of a table of the pipeline's own", got)
		}

		query(t, dsn, "DROP TABLE public.t; CREATE TABLE public.t (id integer PRIMARY KEY); INSERT INTO public.t VALUES (7)")
		prepare(t, target, table, apply.Discard) // none of its rows can be this pipeline's
		if got := count(); got != "1" {
			t.Errorf("%s rows of another table of the name", got)
		}
		l := load(t.Context(), target, table, [][]change.Datum{{{Format: change.Text, Bytes: []byte("8")}}})
		if l != nil {
			t.Fatal(l)
		}
		if err := target.Settle(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != "2" {
			t.Errorf("%s rows after the copy has joined", got)
		}
		_, err := target.Prepare(t.Context(), table, apply.Discard, 0)
		if !fault.Unmet(err) || !strings.Contains(err.Error(), "rows do not say whose they are") {
			t.Errorf("mixed rows: %v", err)
		}
		prepare(t, target, table, apply.Keep)

		// Another pipeline writes to it too, from when on nobody's Discard may.
		prepare(t, target, table, apply.Truncate)
		other := open(t, dsn, func(o *Options) { o.Pipeline = "other" })
		prepare(t, other, table, apply.Keep)
		query(t, dsn, "INSERT INTO public.t VALUES (9)")
		prepare(t, target, table, apply.Discard)
		if got := count(); got != "1" {
			t.Errorf("%s rows, of which some may be another pipeline's", got)
		}
		if err := target.within(t.Context(), "forget", func(conn *pgx.Conn) error { return disown(t.Context(), conn, "other") }); err != nil {
			t.Fatal(err)
		}
		if got := query(t, dsn, "SELECT string_agg(pipeline, ',') FROM pgsluice.owned")[0][0]; got != "shop" {
			t.Errorf("the owners are %s", got)
		}
		if err := target.Drop(t.Context(), table.Name); err != nil {
			t.Fatal(err)
		}
		if got := query(t, dsn, "SELECT count(*) FROM pgsluice.owned")[0][0]; got != "0" {
			t.Errorf("%s owners of a table that is gone", got)
		}
		if err := target.Drop(context.Background(), table.Name); err != nil {
			t.Errorf("drop again: %v", err)
		}
	})
}
