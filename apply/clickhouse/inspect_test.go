package clickhouse

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

func columnNamed(t *testing.T, p *apply.TablePlan, name string) apply.ColumnPlan {
	t.Helper()
	for _, c := range p.Columns {
		if c.Source == name {
			return c
		}
	}
	t.Fatalf("the plan has no column %s: %+v", name, p.Columns)
	return apply.ColumnPlan{}
}

func TestAPlanIsWhatPrepareDoes(t *testing.T) {
	target := open(t, func(o *Options) { o.OnUnrepresentable = apply.Clamp })
	ctx := context.Background()
	tab := table("planned", 1, "id", int8Type, "d", dateType, "n", numericType(10, 2), "tags", arrayOf(textType, 1), "note", textType, "price", numericType(0, 0))
	tab.Wishes = apply.Wishes{
		Rename:            map[string]string{"d": "day"},
		Types:             map[string]string{"note": "LowCardinality(String)", "price": "Decimal(38,10)"},
		OnUnrepresentable: map[string]apply.Policy{"n": apply.MakeNull, "price": apply.Fail},
		PartitionBy:       "intDiv(id, 1000)",
	}
	p, err := target.Plan(ctx, tab, apply.Refuse)
	if err != nil {
		t.Fatal(err)
	}
	if n := target.queryOne(t, "SELECT toString(count()) FROM system.databases WHERE name = "+text(target.address.database)); n != "0" {
		t.Error("the plan has made the database")
	}
	if p.Table != target.tableName("planned") || len(p.Statements) != 2 || !strings.HasPrefix(p.Statements[0], "CREATE DATABASE") ||
		!strings.Contains(p.Statements[1], "PARTITION BY intDiv(id, 1000)") {
		t.Errorf("%s: %q", p.Table, p.Statements)
	}
	day := columnNamed(t, p, "d")
	if day.Name != "day" || day.SourceType != "date" || day.Type != "Nullable(Date32)" || !day.Nullable ||
		!slices.Contains(day.Edges, apply.EdgePlan{Value: "infinity, -infinity", Becomes: "9999-12-31, 0001-01-01"}) {
		t.Errorf("%+v", day)
	}
	if n := columnNamed(t, p, "n"); n.SourceType != "numeric(10,2)" || !slices.Contains(n.Edges, apply.EdgePlan{Value: "NaN", Becomes: "NULL"}) {
		t.Errorf("%+v", n)
	}
	if price := columnNamed(t, p, "price"); price.Type != "Nullable(Decimal(38, 10))" || !slices.Contains(price.Edges, apply.EdgePlan{Value: "NaN", Becomes: "stops the table"}) {
		t.Errorf("%+v", price)
	}
	if tags := columnNamed(t, p, "tags"); tags.SourceType != "text[]" || tags.Nullable || len(tags.Losses) != 2 {
		t.Errorf("%+v", tags)
	}
	// Run as they stand they make a table that the plan has nothing to add to.
	for _, s := range p.Statements {
		if err := target.statements.Exec(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	prepare(t, target, tab)
	if p, err = target.Plan(ctx, tab, apply.Refuse); err != nil || len(p.Statements) != 0 {
		t.Errorf("a second plan: %q, %v", p.Statements, err)
	}
	tab.Relation.Columns = append(tab.Relation.Columns, change.Column{Name: "more", Type: int4Type})
	tab = &apply.Table{Relation: tab.Relation, Name: tab.Name, Wishes: tab.Wishes}
	if p, err = target.Plan(ctx, tab, apply.Refuse); err != nil || len(p.Statements) != 1 || !strings.Contains(p.Statements[0], "ADD COLUMN IF NOT EXISTS `more`") {
		t.Errorf("with one more column: %+v, %v", p, err)
	}
}

func TestPartitionsKeepAKeyTogether(t *testing.T) {
	target := open(t, nil)
	ctx := context.Background()
	for by, says := range map[string]string{
		"toYYYYMM(created)":         "created is not in the key",
		"(id, created)":             "created is not in the key",
		"`created`":                 "created is not in the key",
		"toYYYYMM(":                 "partition_by toYYYYMM(",
		"1; DROP DATABASE default":  "partition_by",
		"intDiv(id, 1000), created": "created is not in the key",
		"_version":                  "_version is not in the key",
		"toYear(created AS d)":      "created is not in the key",
		"created.size0":             `"created.size0" is not in the key`,
		"(x -> x + id)(1)":          "partition_by",
	} {
		tab := table("parts", 1, "id", int8Type, "created", stampType)
		tab.Wishes.PartitionBy = by
		_, err := target.Plan(ctx, tab, apply.Refuse)
		if err == nil || !fault.IsUsage(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", by, err)
		}
		if _, err := target.Prepare(ctx, tab, apply.Refuse, 0); err == nil {
			t.Errorf("%s: a table was made", by)
		}
	}
	// Rows without a key do not change.
	tab := table("loose", 0, "a", int8Type, "created!", stampType)
	tab.Wishes = apply.Wishes{PartitionBy: "toYYYYMM(created)", OrderBy: []string{"created"}}
	prepare(t, target, tab)
	prepare(t, target, tab)
	if got := target.queryOne(t, "SELECT concat(sorting_key, ' ', partition_key) FROM system.tables WHERE database = "+text(target.address.database)+" AND name = 'loose'"); got != "created, _version toYYYYMM(created)" {
		t.Error(got)
	}
}

// A table that is there is of the wished order and partitions, however written.
func TestATableThatIsThereHasTheWishedOrder(t *testing.T) {
	target := open(t, fast)
	ctx := context.Background()
	tab := func(by string, order ...string) *apply.Table {
		tab := table("o", 2, "a", int8Type, "b", int8Type)
		tab.Wishes = apply.Wishes{PartitionBy: by, OrderBy: order}
		return tab
	}
	for _, by := range []string{"intDiv(a,1000)", "(a%10, intDiv(`b`, 2))", "a::String", "toYear(toDateTime(a)) * 100 + 1", "tuple(a)", "(a)"} {
		if err := target.Drop(ctx, "o"); err != nil {
			t.Fatal(err)
		}
		prepare(t, target, tab(by))
		prepare(t, target, tab(by))
		prepare(t, target, tab("")) // nothing is wanted
		for _, other := range []string{"intDiv(a, 2000)", "b"} {
			if _, err := target.Prepare(ctx, tab(other), apply.Keep, 0); err == nil || !fault.Unmet(err) || !strings.Contains(err.Error(), "partitioned by") {
				t.Errorf("by %s where %s is there: %v", other, by, err)
			}
		}
	}
	prepare(t, target, tab("", "a", "b"))
	if _, err := target.Prepare(ctx, tab("", "b", "a"), apply.Keep, 0); err == nil || !fault.Unmet(err) {
		t.Errorf("ordered otherwise: %v", err)
	}
	if err := target.Drop(ctx, "o"); err != nil {
		t.Fatal(err)
	}
	prepare(t, target, tab(""))
	if _, err := target.Prepare(ctx, tab("a"), apply.Keep, 0); err == nil || !strings.Contains(err.Error(), "not partitioned") {
		t.Errorf("without partitions: %v", err)
	}
}

func TestOrderByAndRename(t *testing.T) {
	target := open(t, nil)
	tab := table("ordered", 2, "b", int8Type, "a", textType, "v", textType)
	tab.Wishes = apply.Wishes{OrderBy: []string{"a", "b"}, Rename: map[string]string{"a": "tenant id", "v": "b?"}}
	prepare(t, target, tab)
	prepare(t, target, tab)
	if got := target.queryOne(t, "SELECT sorting_key FROM system.tables WHERE database = "+text(target.address.database)+" AND name = 'ordered'"); got != "`tenant id`, b" {
		t.Error(got)
	}
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 1, "x", "v"), insertRow(tab, at(1, 2), 2, "x", "w")))
	applyBatch(t, target, batch(t, tab, updateRow(tab, at(2, 1), 1, "x", unchanged), deleteRow(tab, at(2, 2), 2, "x", null)))
	if got := target.queryOnes(t, "SELECT concat(toString(b), `tenant id`, ifNull(`b?`, 'NULL')) FROM "+target.tableName("ordered")+" FINAL"); !slices.Equal(got, []string{"1xv"}) {
		t.Error(got)
	}
	for _, names := range []map[string]string{{"a": "b"}, {"a": "_version"}, {"a": ""}} {
		tab := table("ordered", 2, "b", int8Type, "a", textType)
		tab.Wishes.Rename = names
		if _, err := target.newPlan(tab); err == nil || fault.Hint(err) == "" {
			t.Errorf("%v: %v", names, err)
		}
	}
}

// findings gives those of a check about something.
func findings(t *testing.T, target *Target, check string, existing apply.Existing, tables ...*apply.Table) fault.Findings {
	t.Helper()
	all, err := target.Check(context.Background(), tables, existing)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f fault.Finding) bool { return f.Check != check })
}

func finding(t *testing.T, f fault.Findings, level fault.Level, words ...string) fault.Finding {
	t.Helper()
	if len(f) != 1 || f[0].Level != level {
		t.Fatalf("%+v, want one finding of level %s", f, level)
	}
	for _, w := range words {
		if !strings.Contains(f[0].Seen, w) {
			t.Errorf("%q does not say %q", f[0].Seen, w)
		}
	}
	if (f[0].Fix == "") != (level == fault.LevelOK) {
		t.Errorf("level %s with the fix %q", level, f[0].Fix)
	}
	return f[0]
}

func TestChecksOfATable(t *testing.T) {
	target := open(t, nil)
	ctx := context.Background()
	run := func(statement string) {
		t.Helper()
		if err := target.statements.Exec(ctx, statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	tab := table("t", 1, "id", int8Type, "v", textType)
	finding(t, findings(t, target, apply.CheckRights, apply.Refuse, tab), fault.LevelOK, "does not exist", "can make it")
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelOK, "does not exist yet")
	finding(t, findings(t, target, apply.CheckServer, apply.Refuse), fault.LevelOK, target.version.String(), "Time64", "JSON", "0001 to 9999")
	prepare(t, target, tab)
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelOK, "is there")

	// It holds rows.
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 1, "v")))
	f := finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelError, "holds rows already")
	finding(t, findings(t, target, apply.CheckTable, apply.Keep, tab), fault.LevelOK)
	statement, _, _ := strings.Cut(f.Fix, ";")
	run(statement)
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelOK)

	// It cannot hold the rows.
	for _, ddl := range []string{
		"id Int64, v Nullable(String)) ENGINE = MergeTree ORDER BY id",
		"id Int64, v Nullable(FixedString(3)), _version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id",
		"id Int64, v Nullable(String), k Int8, _version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (id, k)",
	} {
		run("DROP TABLE " + target.tableName("t"))
		run("CREATE TABLE " + target.tableName("t") + " (" + ddl)
		finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelError, "cannot hold the rows exactly")
	}
	run("DROP TABLE " + target.tableName("t"))
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelOK)

	// It lacks a column.
	prepare(t, target, tab)
	wider := table("t", 1, "id", int8Type, "v", textType, "w", int4Type)
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, wider), fault.LevelOK, "column w will be added")

	// Wishes, keys and types.
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, wishing(table("u", 1, "id", int8Type), map[string]string{"id": "UUID"})), fault.LevelError, "cannot be UUID")
	finding(t, findings(t, target, apply.CheckKey, apply.Refuse, table("u", 1, "id", float8Type)), fault.LevelWarning, "floating-point")
	finding(t, findings(t, target, apply.CheckKey, apply.Refuse, table("u", 1, "id", numericType(0, 0))), fault.LevelOK)
	arrays := table("u", 1, "id", int8Type, "tags", arrayOf(textType, 1))
	finding(t, findings(t, target, apply.CheckTypes, apply.Refuse, arrays), fault.LevelWarning, "column tags: a NULL becomes an empty Array")
	arrays = table("u", 1, "id", int8Type, "tags!", arrayOf(textType, 1))
	finding(t, findings(t, target, apply.CheckTypes, apply.Refuse, arrays), fault.LevelOK)
	finding(t, findings(t, target, apply.CheckTypes, apply.Refuse, wishing(table("u", 1, "id", int8Type, "doc", jsonbType), map[string]string{"doc": "JSON"})), fault.LevelWarning, "column doc does not keep")
	finding(t, findings(t, target, apply.CheckTypes, apply.Refuse, wishing(arrays, map[string]string{"tags": "String"})), fault.LevelOK)

	finding(t, findings(t, target, apply.CheckKey, apply.Refuse, table("u", 1, "id", int8Type), table("v", 1, "id", int8Type), table("w", 0, "a", int8Type)), fault.LevelOK, "3 tables")

	if left := target.queryOnes(t, "SELECT name FROM system.tables WHERE database = "+text(target.address.database)); !slices.Equal(left, []string{"t"}) {
		t.Errorf("the checks have left %v", left)
	}
}

// What the server alone can say is said before the run, by a table that is made
// and gone again.
func TestTheServerIsAskedForWishes(t *testing.T) {
	target := open(t, nil)
	prepare(t, target, table("other", 1, "id", int8Type))
	wished := func(typ *change.Type, wish string) *apply.Table {
		return wishing(table("t", 1, "id", int8Type, "c", typ), map[string]string{"c": wish})
	}
	for _, tab := range []*apply.Table{
		wished(weatherType, "Enum8('sun' = 300)"), wished(weatherType, "Enum8('sun' = 1, 'rain' = 1)"), wished(stampTZType, "DateTime64(6, 'Mars/Base')"),
	} {
		f := finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelError, "the server refuses")
		if !f.Usage {
			t.Errorf("%s is not the configuration's fault", tab.Wishes.Types["c"])
		}
	}
	for _, by := range []string{"rand()", "no_such_function(id)"} {
		tab := table("t", 1, "id", int8Type)
		tab.Wishes.PartitionBy = by
		finding(t, findings(t, target, apply.CheckTable, apply.Refuse, tab), fault.LevelError, "the server refuses")
	}
	finding(t, findings(t, target, apply.CheckTable, apply.Refuse, wished(weatherType, "Enum8('sun' = 1)")), fault.LevelOK)
	if err := target.sweep(context.Background(), 0); err != nil {
		t.Error(err)
	}
	all := "SELECT name FROM system.tables WHERE database = " + text(target.address.database)
	if left := target.queryOnes(t, all); !slices.Equal(left, []string{"other"}) {
		t.Errorf("the checks have left %v", left)
	}
	// A check that was killed leaves one, and a later one removes it.
	if err := target.statements.Exec(context.Background(), "CREATE TABLE "+target.tableName(throwaways+"left")+" (a Int8) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	finding(t, findings(t, target, apply.CheckRights, apply.Refuse), fault.LevelOK)
	if left := target.queryOnes(t, all+" ORDER BY name"); len(left) != 2 {
		t.Errorf("a table that another check may be using was removed: %v", left)
	}
	if err := target.sweep(context.Background(), 0); err != nil {
		t.Error(err)
	}
	if left := target.queryOnes(t, all); !slices.Equal(left, []string{"other"}) {
		t.Errorf("%v is left", left)
	}
}

func TestPlansSayWhatPoliciesDo(t *testing.T) {
	target := open(t, func(o *Options) { o.OnUnrepresentable = apply.MakeNull })
	tab := wishing(table("t", 1, "id", int8Type, "dates!", arrayOf(dateType, 1), "days", arrayOf(dateType, 1), "d!", dateType), map[string]string{"days": "Array(Date)"})
	p, err := target.Plan(context.Background(), tab, apply.Refuse)
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string][]apply.EdgePlan{
		"dates": {{Value: "infinity, -infinity", Becomes: "NULL"}, {Value: "other dimensions than 1", Becomes: "stops the table"}},
		"days":  {{Value: "infinity, -infinity", Becomes: "stops the table"}, {Value: "NULL inside", Becomes: "stops the table"}, {Value: "other dimensions than 1", Becomes: "empty"}},
		"d":     {{Value: "infinity, -infinity", Becomes: "stops the table"}},
	} {
		for _, e := range want {
			if c := columnNamed(t, p, column); !slices.Contains(c.Edges, e) {
				t.Errorf("column %s: %+v, want %+v", column, c.Edges, e)
			}
		}
	}
}

func TestChecksOfRights(t *testing.T) {
	ctx := context.Background()
	server, err := sandbox.StartClickHouse(ctx, sandbox.ClickHouseOptions{Further: map[string][]string{"limited": {"GRANT SHOW ON *.*"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	// A client that stays would hold up the restarts.
	as := func(user, database string, do func(*Target)) {
		t.Helper()
		target, err := Open(ctx, Options{DSN: strings.Replace(server.DSN(database), "default@", user+"@", 1), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		do(target)
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	}
	run := func(statement string) {
		t.Helper()
		as("default", "default", func(admin *Target) {
			if err := admin.statements.Exec(ctx, statement); err != nil {
				t.Error(statement, err)
			}
		})
	}
	run("CREATE DATABASE there")
	var granted []string
	// repair runs what a finding says. Rights are kept in a file here, which has
	// no place for the user that the statement ends with.
	repair := func(f fault.Finding) {
		t.Helper()
		for _, line := range strings.Split(f.Fix, "\n") {
			statement, _, _ := strings.Cut(line, ";")
			if grant, ok := strings.CutSuffix(statement, " TO `limited`"); ok {
				granted = append(granted, grant)
				continue
			}
			if statement != "" {
				run(statement)
			}
		}
		if err := server.Grant("limited", append(granted, "GRANT SHOW ON *.*")...); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}

	// A database that has yet to be made.
	looked := func(database string) (all fault.Findings) {
		t.Helper()
		as("limited", database, func(limited *Target) { all = findings(t, limited, apply.CheckRights, apply.Refuse) })
		return all
	}
	repair(finding(t, looked("missing"), fault.LevelError, "does not exist"))
	finding(t, looked("missing"), fault.LevelOK, "can make it")

	// One that is there, with no right at all, and then all but one.
	repair(finding(t, looked("there"), fault.LevelError, "CREATE TABLE", "Not enough privileges"))
	engine := finding(t, looked("there"), fault.LevelError, "CREATE TABLE", "TABLE ENGINE")
	repair(engine)
	finding(t, looked("there"), fault.LevelOK)
	for _, right := range rights[1:] {
		granted = nil
		for _, other := range rights {
			if other != right {
				granted = append(granted, "GRANT "+other+" ON there.*")
			}
		}
		repair(engine)
		all := looked("there")
		if all.Worst() != fault.LevelError {
			t.Fatalf("without %s: %+v", right, all)
		}
		for _, f := range all {
			if !strings.Contains(f.Fix, "GRANT "+right+" ON") {
				t.Errorf("without %s: %+v", right, f)
			}
			repair(f)
		}
		finding(t, looked("there"), fault.LevelOK)
	}
	as("default", "there", func(admin *Target) {
		if left := admin.queryOnes(t, "SELECT name FROM system.tables WHERE database = 'there'"); len(left) > 0 {
			t.Errorf("the checks have left %v", left)
		}
	})
}
