package clickhouse

import (
	"context"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func TestTablesThatAreThereAreLookedAtClosely(t *testing.T) {
	target := open(t, fast)
	if err := target.createDatabase(context.Background()); err != nil {
		t.Fatal(err)
	}
	const end = "_version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY "
	tab := table("t", 2, "id", int8Type, "part", int4Type, "n", int4Type, "s!", textType, "mood", moodType, "at", timeType)
	columns := "(id Int64, part Int32, n Nullable(Int32), s String, mood LowCardinality(Nullable(String)), at Nullable(Time64(6)), "
	replaced := func(old, new string) string { return strings.Replace(columns, old, new, 1) }
	for name, c := range map[string]struct {
		ddl  string
		word string // in the error; empty: it fits
	}{
		"as it would be made":             {columns + end + "(id, part)", ""},
		"the key in another order":        {columns + end + "(part, id)", ""},
		"columns of the user's own":       {columns + "mine String DEFAULT 'x', more Int64 MATERIALIZED id + 1, " + end + "(id, part)", ""},
		"NULLs where the source has none": {replaced("s String", "s Nullable(String)") + end + "(id, part)", ""},
		"an enum as String":               {replaced("LowCardinality(Nullable(String))", "Nullable(String)") + end + "(id, part)", ""},
		"a time as String":                {replaced("Nullable(Time64(6))", "Nullable(String)") + end + "(id, part)", ""},
		"partitioned by the key":          {columns + strings.Replace(end, "ORDER BY", "PARTITION BY intDiv(id, 1000) ORDER BY", 1) + "(id, part)", ""},
		"a time without its NULLs":        {replaced("Nullable(Time64(6))", "String") + end + "(id, part)", "at"},
		"a wider number":                  {replaced("n Nullable(Int32)", "n Nullable(Int64)") + end + "(id, part)", ""},
		"a narrower number":               {replaced("n Nullable(Int32)", "n Nullable(Int16)") + end + "(id, part)", "n is Nullable(Int16)"},
		"another type":                    {replaced("n Nullable(Int32)", "n Nullable(UUID)") + end + "(id, part)", "n is Nullable(UUID)"},
		"another type of the server's":    {replaced("n Nullable(Int32)", "n Variant(Int32, String)") + end + "(id, part)", "n is Variant(Int32, String)"},
		"no NULLs":                        {replaced("n Nullable(Int32)", "n Int32") + end + "(id, part)", "n is Int32"},
		"a computed column":               {replaced("n Nullable(Int32)", "n Nullable(Int32) MATERIALIZED 1") + end + "(id, part)", "MATERIALIZED"},
		"a key column is missing":         {replaced("part Int32, ", "") + end + "id", "ordered by"},
		"part of the key":                 {columns + end + "id", "ordered by"},
		"more than the key":               {columns + end + "(id, part, s)", "ordered by"},
		"an expression":                   {columns + end + "(id, intDiv(part, 2))", "ordered by"},
		"another engine":                  {columns + strings.Replace(end, "ReplacingMergeTree(_version, _deleted)", "MergeTree", 1) + "(id, part)", "engine is MergeTree"},
		"no tombstones":                   {columns + strings.Replace(end, "(_version, _deleted) O", "(_version) O", 1) + "(id, part)", "without (_version, _deleted)"},
		"a smaller version":               {strings.Replace(columns+end, "UInt128", "UInt64", 1) + "(id, part)", "_version UInt128"},
		"partitioned by another column":   {columns + strings.Replace(end, "ORDER BY", "PARTITION BY s ORDER BY", 1) + "(id, part)", "partitioned by column s"},
	} {
		if err := target.Drop(context.Background(), "t"); err != nil {
			t.Fatal(err)
		}
		if err := target.statements.Exec(context.Background(), "CREATE TABLE "+target.tableName("t")+c.ddl); err != nil {
			t.Fatal(name, err)
		}
		_, err := target.Prepare(context.Background(), tab, apply.Keep, 0)
		if c.word != "" {
			if err == nil || !strings.Contains(err.Error(), c.word) || !fault.Unmet(err) || fault.Hint(err) == "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 1, 2, null, "s", "ok", "01:02:03")))
		applyBatch(t, target, batch(t, tab, updateRow(tab, at(2, 1), 1, 2, 5, unchanged, unchanged, unchanged)))
		got := target.queryText(t, "SELECT toString(n), toString(s), toString(mood), left(toString(at), 8) FROM "+target.tableName("t")+" FINAL")
		if len(got) != 1 || strings.Join(got[0], " ") != "5 s ok 01:02:03" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A table that was made without wishes is no table with them, and a type that
// bends what the source's own does not is none for its rows.
func TestATableThatIsThereHasTheWishedTypes(t *testing.T) {
	target := open(t, fast)
	ctx := context.Background()
	const end = ", _version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id"
	for _, c := range []struct {
		typ          *change.Type
		wish, column string
		fits         bool
	}{
		{numericType(0, 0), "Decimal(38,10)", "Nullable(String)", false},
		{numericType(0, 0), "Decimal(38,10)", "Nullable(Decimal(38, 10))", true},
		{jsonbType, "JSON", "Nullable(String)", false},
		{dateType, "Date", "Nullable(Date32)", false},
		{numericType(10, 2), "", "Nullable(Float64)", false},
		{numericType(10, 2), "", "Nullable(Decimal(12, 2))", true},
		{numericType(10, 2), "", "Nullable(Decimal(10, 1))", false},
		{dateType, "", "Nullable(Date)", false},
		{arrayOf(dateType, 1), "", "Array(Nullable(Date))", false},
		{stampType, "", "Nullable(DateTime64(9, 'UTC'))", false},
		{stampType, "", "Nullable(DateTime64(3, 'UTC'))", false},
		{arrayOf(int4Type, 1), "", "Array(Array(Nullable(Int32)))", false},
		{arrayOf(int4Type, 1), "", "Array(Nullable(Int64))", true},
		{arrayOf(int4Type, 1), "", "Array(Int32)", false},
		{jsonbType, "", "Nullable(JSON)", false},
		{moodType, "Enum8('ok' = 2, 'sad' = 1)", "Nullable(Enum8('ok' = 2, 'sad' = 1))", true},
		{
			&change.Type{OID: 16711, Kind: change.KindComposite, Name: "keywords", Modifier: -1, Fields: []change.Field{{Name: "table", Type: int4Type}, {Name: "a\tb", Type: int4Type}}},
			"Tuple(table Nullable(Int32), `a\tb` Nullable(Int32))", "Tuple(`table` Nullable(Int32), `a\\tb` Nullable(Int32))", true,
		},
	} {
		if err := target.Drop(ctx, "there"); err != nil {
			t.Fatal(err)
		}
		tab := table("there", 1, "id", int8Type, "c", c.typ)
		if c.wish != "" {
			tab = wishing(tab, map[string]string{"c": c.wish})
		}
		prepare(t, target, table("other", 1, "id", int8Type)) // the database
		if err := target.statements.Exec(ctx, "CREATE TABLE "+target.tableName("there")+" (id Int64, c "+c.column+end); err != nil {
			t.Fatal(c.column, err)
		}
		if _, err := target.Prepare(ctx, tab, apply.Keep, 0); (err == nil) != c.fits {
			t.Errorf("%s, wished as %q, where %s is there: %v", c.typ.Declared(), c.wish, c.column, err)
		}
	}
}

// What a second start meets is what the first has made.
func TestATableFitsItself(t *testing.T) {
	target := open(t, fast)
	for _, w := range grantedWishes {
		if err := target.Drop(context.Background(), "itself"); err != nil {
			t.Fatal(err)
		}
		if _, err := target.newPlan(wishing(table("itself", 1, "c", w.typ), map[string]string{"c": w.wish})); err != nil {
			continue // not in a key
		}
		for range 2 {
			prepare(t, target, wishing(table("itself", 1, "c", w.typ), map[string]string{"c": w.wish}))
		}
	}
}
