package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
)

// swapTables makes table t and its shadow, with a row each.
func swapTables(t *testing.T, target *Target) (table *apply.Table, shadow string) {
	t.Helper()
	table = applytest.NewTable(0, "t", 1, "#id", "s")
	shadow = target.Shadow(table.Name)
	fresh := *table
	fresh.Name = shadow
	for _, made := range []*apply.Table{table, &fresh} {
		if _, err := target.Prepare(t.Context(), made, apply.Truncate, 0); err != nil {
			t.Fatal(err)
		}
		target.exec(t, "INSERT INTO "+target.tableName(made.Name)+" VALUES (1, '"+made.Name+"', 1, 0)")
	}
	return table, shadow
}

func (t *Target) exec(tb testing.TB, sql string) {
	tb.Helper()
	if err := t.statements.Exec(tb.Context(), sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

// Where a swap has broken off is told by what it has left.
func TestASwapGoesOnWhereItHasBrokenOff(t *testing.T) {
	for _, c := range []struct{ name, done string }{
		{"at the beginning", ""},
		{"when the shadow was marked", "ALTER TABLE %[2]s MODIFY COMMENT '%[4]s'"},
		{"when the tables had changed their names", "ALTER TABLE %[2]s MODIFY COMMENT 'mine%[4]s'; EXCHANGE TABLES %[1]s AND %[2]s"},
		{"when the old table was dropped", "ALTER TABLE %[2]s MODIFY COMMENT '%[4]s'; EXCHANGE TABLES %[1]s AND %[2]s; DROP TABLE %[2]s"},
		{"between two renames", "ALTER TABLE %[2]s MODIFY COMMENT '%[4]s'; RENAME TABLE %[1]s TO %[3]s"},
		{"behind two renames", "ALTER TABLE %[2]s MODIFY COMMENT '%[4]s'; RENAME TABLE %[1]s TO %[3]s, %[2]s TO %[1]s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t, nil)
			table, shadow := swapTables(t, target)
			for _, statement := range strings.Split(fmt.Sprintf(c.done, target.tableName("t"), target.tableName(shadow), target.tableName(third("t")), swapMark), "; ") {
				if c.done != "" {
					target.exec(t, statement)
				}
			}
			if err := target.Swap(t.Context(), table, shadow); err != nil {
				t.Fatal(err)
			}
			if s := target.queryOne(t, "SELECT s FROM "+target.tableName("t")); s != shadow {
				t.Errorf("t holds the row of %s", s)
			}
			if names := target.queryOnes(t, "SELECT name || '/' || comment FROM system.tables WHERE database = "+text(target.address.database)); len(names) != 1 || strings.Contains(names[0], swapMark) {
				t.Errorf("the tables are %v", names)
			}
		})
	}
}

func TestASwapWhereNamesCannotBeExchanged(t *testing.T) {
	target := open(t, nil)
	deprecated := clickhousego.Context(t.Context(), clickhousego.WithSettings(clickhousego.Settings{"allow_deprecated_database_ordinary": 1}))
	if err := target.statements.Exec(deprecated, "CREATE DATABASE "+ident(target.address.database)+" ENGINE = Ordinary"); err != nil {
		t.Fatal(err)
	}
	table, shadow := swapTables(t, target)
	if err := target.Swap(t.Context(), table, shadow); err != nil {
		t.Fatal(err)
	}
	if s := target.queryOne(t, "SELECT s FROM "+target.tableName("t")); s != shadow {
		t.Errorf("t holds the row of %s", s)
	}
	if n := target.queryOne(t, "SELECT toString(count()) FROM system.tables WHERE database = "+text(target.address.database)); n != "1" {
		t.Errorf("there are %s tables", n)
	}
}

func TestShadowsAreLegalNames(t *testing.T) {
	target := open(t, nil)
	for i, name := range []string{strings.Repeat("x", 120), strings.Repeat("x", 119) + "y", strings.Repeat("語", 14), "a/b\\c`d.e %"} {
		table := applytest.NewTable(i, name, 1, "#id", "s")
		fresh := *table
		fresh.Name = target.Shadow(name)
		for _, made := range []*apply.Table{table, &fresh} {
			if created, err := target.Prepare(t.Context(), made, apply.Refuse, 0); err != nil || !created {
				t.Fatalf("%s: %v, %v", made.Name, created, err)
			}
		}
	}
}
