package main

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/sync"
)

const wishful = `
name: shop
source: {dsn: "postgres://me:secret@localhost:5432/shop"}
target: {dsn: "clickhouse://default@localhost:9000/shop"}
tables:
  - public.*
  - name: '"My Schema"."Order Items"'
    target: items
    exclude: [secret, "Odd, Name"]
    rename: {ts: happened_at}
    types: {payload: JSON, price: "Decimal(38,10)"}
    where: tenant_id = ${TENANT}
    order_by: [tenant_id, id]
    partition_by: toYYYYMM(created_at)
    on_unrepresentable: {price: clamp, ts: null, "quoted": "null"}
  - {name: Sales.X}
`

func TestTheWishesOfATableArrive(t *testing.T) {
	t.Setenv("TENANT", "42")
	s, err := settingsOf(t, wishful, flags{flush: -1})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]sync.TableWish{
		`"My Schema"."Order Items"`: {
			Target: "items", Exclude: []string{"secret", "Odd, Name"}, Where: "tenant_id = 42",
			Wishes: apply.Wishes{
				Rename: map[string]string{"ts": "happened_at"}, Types: map[string]string{"payload": "JSON", "price": "Decimal(38,10)"},
				OnUnrepresentable: map[string]apply.Policy{"price": apply.Clamp, "ts": apply.MakeNull, "quoted": apply.MakeNull},
				OrderBy:           []string{"tenant_id", "id"}, PartitionBy: "toYYYYMM(created_at)",
			},
		},
		"sales.x": {},
	}
	if !reflect.DeepEqual(s.Wishes, want) {
		t.Fatalf("%+v", s.Wishes)
	}
	var patterns []string
	for _, p := range s.Patterns {
		patterns = append(patterns, p.String())
	}
	if got := strings.Join(patterns, " "); got != `public.* "My Schema"."Order Items" Sales.X` {
		t.Fatalf("patterns %s", got)
	}
}

func TestTablesThatFlagsNameKeepTheirWishes(t *testing.T) {
	t.Setenv("TENANT", "42")
	s, err := settingsOf(t, wishful, flags{flush: -1, tables: []string{"sales.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Collect(maps.Keys(s.Wishes)); len(s.Patterns) != 1 || len(names) != 1 || names[0] != "sales.x" {
		t.Fatalf("%v, wishes of %v", s.Patterns, names)
	}
}

func TestMistakesInWishesAreNamedWithTheirLine(t *testing.T) {
	table := func(lines string) string {
		return strings.Replace(minimal, "tables: [public.*]", "tables:\n  - name: public.t\n"+lines, 1)
	}
	cases := []mistake{
		{"an unknown key", table("    wehre: x\n"), `line 7: unknown key "wehre" of a table`},
		{"two at once", table("    wehre: x\n    exclud: [x]\n"), `line 8: unknown key "exclud"`},
		{"a key twice", table("    where: x\n    where: y\n"), `line 8: key "where" is there already, in line 7`},
		{"no name", strings.Replace(minimal, "[public.*]", "[{where: x}]", 1), "line 5: a table with wishes needs its name"},
		{"an empty name", strings.Replace(minimal, "[public.*]", "[{name: ''}]", 1), "line 5: name is empty"},
		{"a list for a table", strings.Replace(minimal, "[public.*]", "[[a]]", 1), "line 5: expected a pattern, or name and wishes"},
		{"a star", strings.Replace(minimal, "[public.*]", "[{name: public.*}]", 1), `line 5: table "public.*": wishes are for one table`},
		{"an exclusion", strings.Replace(minimal, "[public.*]", "[{name: '!public.t'}]", 1), "wishes are for one table"},
		{"no schema", strings.Replace(minimal, "[public.*]", "[{name: t}]", 1), "line 5: table pattern \"t\": the schema is missing"},
		{"a table twice", table("    where: x\n  - {name: '\"public\".\"t\"'}\n"), "line 8: table public.t has its wishes already, in line 6"},
		{"a text for a list", table("    exclude: secret\n"), "line 7: expected a list"},
		{"a list for a map", table("    rename: [a, b]\n"), "line 7: expected keys and values"},
		{"a list for a text", table("    where: [a, b]\n"), "line 7: expected a text"},
		{"a map for a list", table("    order_by: {a: b}\n"), "line 7: expected a list"},
		{"an empty list", table("    exclude: []\n"), "line 7: exclude is empty"},
		{"an empty text", table("    where: '  '\n"), "line 7: where is empty"},
		{"nothing behind a key", table("    where:\n    target: x\n"), "where is empty"},
		{"an empty column", table("    order_by: [id, '']\n"), "line 7: order_by is empty"},
		{"an empty type", table("    types: {id: ''}\n"), "line 7: types is empty"},
		{"a column twice", table("    exclude: [a, b, a]\n"), `line 6: exclude of table public.t names column "a" twice`},
		{"a column twice in a map", table("    types: {id: A, id: B}\n"), "line 7"},
		{"a bad policy", table("    on_unrepresentable: {d: ignore}\n"), `line 6: on_unrepresentable of column "d": "ignore" is not a policy`},
		{"Greenplum's wish", table("    distributed_by: [id]\n"), "line 6: table public.t: distributed_by is for Greenplum, and the target is ClickHouse"},
		{"Greenplum's storage", table("    storage: heap\n"), "line 6: table public.t: storage is for Greenplum, and the target is ClickHouse"},
		{"ClickHouse's wish", "name: p\nsource: {dsn: postgres://h/d}\ntarget: {dsn: greenplum://h/d}\ntables:\n  - name: public.t\n    order_by: [id]\n", "line 5: table public.t: order_by is for ClickHouse, and the target is Greenplum"},
		{"a name that is none", "name: p\nsource: {dsn: postgres://h/d}\ntarget: {dsn: greenplum://h/d}\ntables:\n  - name: public.t\n    target: a.b.c\n", `line 5: target of table public.t: "a.b.c" is not the name of a table`},
		{"a variable that is not there", table("    where: ${PGSLUICE_TEST_NOT_THERE}\n"), "line 7: ${PGSLUICE_TEST_NOT_THERE}: the environment has no"},
	}
	refuses(t, cases)
}

func TestTheDocumentationNamesEveryWishAndNoOther(t *testing.T) {
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(raw))
	for key := range (&tableWish{}).wishKeys() {
		if !regexp.MustCompile(`(?m)^ *(- |# )?` + key + `:`).MatchString(block[1]) {
			t.Errorf("docs/configuration.md does not show %s", key)
		}
	}
}

func TestTablesInGreenplumHaveASchema(t *testing.T) {
	for template, want := range map[string]string{
		"":                          `public.orders "My Schema"."Order.Items"`,
		"{schema}_{table}":          `public.public_orders "My Schema"."My Schema_Order.Items"`,
		"staging.{table}":           `staging.orders staging."Order.Items"`,
		"dw_{schema}.x_{table}":     `dw_public.x_orders "dw_My Schema"."x_Order.Items"`,
		"{schema}.{table}_{schema}": `public.orders_public "My Schema"."Order.Items_My Schema"`,
	} {
		if got := schemaName(template, "public", "orders") + " " + schemaName(template, "My Schema", "Order.Items"); got != want {
			t.Errorf("%q: %s, want %s", template, got, want)
		}
	}
	source := &change.Relation{Schema: "sales", Name: "t"}
	for wish, want := range map[string]string{
		"events": "sales.events", "dw.events": "dw.events", `"My Events"`: `sales."My Events"`, `dw."a.b""c"`: `dw."a.b""c"`, "Events": `sales."Events"`,
		"a.b.c": "", "": "", `"x`: "", "a.": "", ".b": "",
	} {
		got, err := greenplumNamed(wish, source)
		if (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %s, %v, want %s", wish, got, err, want)
		}
	}
}
