package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTablesAreMadeLikeThis(t *testing.T) {
	domain := &change.Type{OID: 16700, Schema: "public", Name: "price", Kind: change.KindDomain, Modifier: -1, Base: numericType(12, 2)}
	money := &change.Type{OID: 790, Schema: "pg_catalog", Name: "money", Kind: change.KindBase, Modifier: -1}
	hstore := &change.Type{OID: 16800, Schema: "public", Name: "hstore", Extension: "hstore", Kind: change.KindBase, Modifier: -1}
	types := func(suffix string) []any {
		var columns []any
		for _, t := range []*change.Type{
			int2Type, int4Type, int8Type, oidType, lsnType, float4Type, float8Type, boolType, textType, bpcharType, varcharType, byteaType,
			numericType(9, 0), numericType(18, 2), numericType(38, 10), numericType(76, 76), numericType(77, 2), numericType(0, 0),
			money, domain, uuidType, dateType, stampType, stampTZType, timeType, jsonbType, moodType, hstore,
			arrayOf(int4Type, 1), arrayOf(textType, 3), arrayOf(numericType(5, 2), 0), arrayOf(moodType, 1), vectorType,
		} {
			columns = append(columns, strings.ReplaceAll(t.Name, " ", "_")+t.FormatModifier()+suffix, t)
		}
		return columns
	}
	latest := version{26, 7}
	for _, c := range []struct {
		file    string
		table   *apply.Table
		version version
		durable bool
	}{
		{"every_type.sql", table("every_type", 0, types("")...), latest, false},
		{"every_type_not_null.sql", table("every_type", 0, types("!")...), latest, false},
		{"before_time64.sql", table("old", 0, "t", timeType, "n!", timeType), version{25, 11}, false},
		{"key.sql", table("orders", 1, "id", int8Type, "note", textType), latest, false},
		{"composite_key.sql", &apply.Table{Name: "lines", Relation: &change.Relation{
			Schema: "public", Name: "lines", Key: []int{2, 0},
			Columns: []change.Column{{Name: "line", Type: int4Type, NotNull: true}, {Name: "note", Type: textType}, {Name: "mood", Type: moodType, NotNull: true}},
		}}, latest, false},
		{"no_key_durable.sql", table("events", 0, "payload!", jsonbType), latest, true},
		{"awkward_names.sql", table("it's a \"t`a\\ble\".ünï\n{x}", 1, "select", int8Type, "a`b\\n\"c'.é", textType), latest, false},
	} {
		target := offline()
		target.version, target.address.durable, target.address.database = c.version, c.durable, "my`db"
		p, err := target.newPlan(c.table)
		if err != nil {
			t.Fatal(err)
		}
		got := p.createTable(target.tableEnd()) + ";\n"
		file := filepath.Join("testdata", c.file)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.file, got, want)
		}
	}
}

func TestRelationsThatCannotBeATable(t *testing.T) {
	for name, c := range map[string]struct {
		table *apply.Table
		word  string
	}{
		"a column named _version": {table("t", 1, "id", int8Type, "_version", int8Type), "_version"},
		"a column named _deleted": {table("t", 1, "id", int8Type, "_deleted", int8Type), "_deleted"},
		"no columns":              {table("t", 0), "no columns"},
	} {
		_, err := offline().newPlan(c.table)
		if err == nil || !fault.Unmet(err) || fault.Hint(err) == "" || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ClickHouse orders by no array and no map; their text tells rows apart as well.
func TestContainersInAKeyAreText(t *testing.T) {
	target := open(t, fast)
	tab := table("t", 2, "ids", arrayOf(int4Type, 1), "h", hstoreType, "v", textType)
	prepare(t, target, tab)
	prepare(t, target, tab)
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), "{1,2}", `"a"=>"1"`, "x"), insertRow(tab, at(1, 2), "{}", "", "y"), insertRow(tab, at(1, 3), "{NULL}", "", "z")))
	moved := updateRow(tab, at(2, 1), "{2,1}", `"a"=>"1"`, unchanged)
	moved.Old = values("{1,2}", `"a"=>"1"`, null)
	applyBatch(t, target, batch(t, tab, moved, deleteRow(tab, at(2, 2), "{}", "", null)))
	got := target.queryText(t, "SELECT ids, h, ifNull(v, 'NULL') FROM "+target.tableName("t")+" FINAL ORDER BY ids")
	if fmt.Sprint(got) != `[[{2,1} "a"=>"1" x] [{NULL}  z]]` {
		t.Errorf("%q", got)
	}
}

func TestSortingKeysAreReadBack(t *testing.T) {
	for list, want := range map[string][]string{
		"id": {"id"}, "(id)": {"id"}, "a, b1": {"a", "b1"}, "`b\\`\\\\ \"é.x`, c": {"b`\\ \"é.x", "c"}, "`a, b`": {"a, b"}, "": nil,
	} {
		got, ok := unquoteList(list)
		if !ok || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: %q %v", list, got, ok)
		}
	}
	for _, list := range []string{"toDate(a)", "a, b DESC", "`open", "a,", "tuple()", "-a"} {
		if got, ok := unquoteList(list); ok {
			t.Errorf("%q was read as %q", list, got)
		}
	}
}
