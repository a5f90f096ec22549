package clickhouse

import (
	"slices"
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
	const (
		markNew  = "ALTER TABLE {shadow} MODIFY COMMENT 'mine" + newMark + "'; "
		markOld  = "ALTER TABLE {t} MODIFY COMMENT 'mine" + oldMark + "'; "
		exchange = "EXCHANGE TABLES {t} AND {shadow}; "
		aside    = "RENAME TABLE {t} TO {third}; "
	)
	for _, c := range []struct{ name, done string }{
		{"at the beginning", ""},
		{"when the shadow was marked", markNew},
		{"when both were marked", markNew + markOld},
		{"when the tables had changed their names", markNew + markOld + exchange},
		{"when the old table was dropped", markNew + markOld + exchange + "DROP TABLE {shadow}"},
		{"between two renames", markNew + markOld + aside},
		{"behind two renames", markNew + markOld + aside + "RENAME TABLE {shadow} TO {t}"},
		{"behind the one before it, whose mark has stayed", "ALTER TABLE {t} MODIFY COMMENT 'mine" + newMark + "'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t, nil)
			table, shadow := swapTables(t, target)
			target.exec(t, "ALTER TABLE "+target.tableName("t")+" MODIFY COMMENT 'mine'")
			names := strings.NewReplacer("{t}", target.tableName("t"), "{shadow}", target.tableName(shadow), "{third}", target.tableName(third("t")))
			for statement := range strings.SplitSeq(names.Replace(c.done), "; ") {
				if statement != "" {
					target.exec(t, statement)
				}
			}
			if err := target.Swap(t.Context(), table, shadow); err != nil {
				t.Fatal(err)
			}
			if s := target.queryOne(t, "SELECT s FROM "+target.tableName("t")); s != shadow {
				t.Errorf("t holds the row of %s", s)
			}
			if names := target.queryOnes(t, "SELECT name || '/' || comment FROM system.tables WHERE database = "+text(target.address.database)); !slices.Equal(names, []string{"t/mine"}) {
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
