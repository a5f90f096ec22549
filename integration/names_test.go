package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// odd are names that PostgreSQL takes.
var odd = []string{
	"Capital", "with space", `quo"te`, "do.t", `back\slash`, "emoji 🙂 ünïcode", strings.Repeat("ä", 31) + "x", "'single'", "`tick`",
	"percent%s", "select", "{table}", "new\nline", "tab\t", "_", "1st", "a,b", "a;b--", "$1", "?",
}

func TestNamesOfEveryKind(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		for n, name := range odd {
			q := quoteSQL(name)
			other := quoteSQL(odd[(n+1)%len(odd)])
			s.exec("%s", fmt.Sprintf(`CREATE TABLE %[1]s (%[1]s int, %[2]s text, v int[], PRIMARY KEY (%[1]s)); INSERT INTO %[1]s VALUES (1, 'copied')`, q, other))
		}
		s.exec(`CREATE SCHEMA "Sch ema.""x"; CREATE TYPE "Sch ema.""x"."Ty pe" AS ENUM ('A b'); CREATE TABLE "Sch ema.""x"."Ta ble" (id int PRIMARY KEY, "Ty pe" "Sch ema.""x"."Ty pe")`)
		s.config.patterns = []string{"public.*", `"Sch ema.""x".*`}
		s.catchUp()
		change := func(n int) {
			s.exec(`INSERT INTO "Sch ema.""x"."Ta ble" VALUES (%d, 'A b')`, n)
			for i, name := range odd {
				s.exec("%s", fmt.Sprintf(`INSERT INTO %[1]s VALUES (%[3]d, 'streamed'); UPDATE %[1]s SET %[2]s = 'changed' WHERE %[1]s = 1; UPDATE %[1]s SET %[1]s = %[3]d + 100 WHERE %[1]s = %[3]d`,
					quoteSQL(name), quoteSQL(odd[(i+1)%len(odd)]), n))
			}
		}
		change(2)
		s.catchUp()
		for _, name := range odd {
			s.exec("%s", fmt.Sprintf(`ALTER TABLE %s ADD "added ""%s" text DEFAULT 'it''s \'`, quoteSQL(name), strings.ReplaceAll(firstLetter(name), `"`, "")))
		}
		change(3)
		s.catchUp()
		for _, name := range odd {
			s.equalTo(quoteSQL(name), s.there(name))
		}
		s.equalTo(`"Sch ema.""x"."Ta ble"`, s.target.name(`Sch ema."x`, "Ta ble"))
		s.command("status").exits(0, `public."with space"`, `"Sch ema.""x"."Ta ble"`)
		s.command("drop", "--with-data").exits(0)
		s.nothingLeft()
	})
}

// firstLetter leaves room for more within 63 bytes.
func firstLetter(name string) string { return string([]rune(name)[:1]) }

func TestPatternsSelectTables(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."Order Items" (id int PRIMARY KEY); CREATE TABLE "My Schema".other (id int PRIMARY KEY);
			CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE audit_1 (id int PRIMARY KEY); CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
			CREATE VIEW a_view AS SELECT 1; CREATE TEMPORARY TABLE temporary (id int); CREATE MATERIALIZED VIEW seen AS SELECT 1 AS id;
			CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO heir VALUES (2)`)
		s.command("run", "--table", "public.*", "--table", `"My Schema"."Order Items"`, "--table", "!public.audit_*", "--until", "caught-up").exits(0)
		want := []string{s.target.name("My Schema", "Order Items"), s.there("heir"), s.there("orders"), s.there("parent")}
		s.is("tables", strings.Join(s.tablesThere(), ", "), strings.Join(want, ", "))
		s.exec(`INSERT INTO parent VALUES (3); INSERT INTO heir VALUES (4); UPDATE parent SET id = id + 10`)
		s.command("run", "--table", "public.*", "--table", `"My Schema"."Order Items"`, "--table", "!public.audit_*", "--until", "caught-up").exits(0)
		s.is("the parent's own rows", s.warehouse(`SELECT id FROM %s ORDER BY id`, s.from("parent")), "11\n13")
		s.is("the heir's rows", s.warehouse(`SELECT id FROM %s ORDER BY id`, s.from("heir")), "12\n14")
	})
}

// PostgreSQL has 1,600 columns in a table at most, and so has a staging table in a
// target of its family, of which three are not the table's. Large values, stored outside
// the row, stand first, in the middle and last; the log leaves them out of the
// UPDATEs that do not touch them.
func TestATableOfManyColumns(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		columns, values := []string{"id int PRIMARY KEY"}, []string{}
		most := differs(s, 1600, 1597)
		last := most - 3 // beside id, from zero, and one that is added later
		for n := range last + 1 {
			if n == 0 || n == 800 || n == last {
				columns, values = append(columns, fmt.Sprintf("c%d text", n)), append(values, fmt.Sprintf("repeat('%d', 5000)", n+1))
			} else {
				columns, values = append(columns, fmt.Sprintf("c%d int", n)), append(values, fmt.Sprint(n))
			}
		}
		s.exec(`CREATE TABLE wide (%s); ALTER TABLE wide ALTER c0 SET STORAGE EXTERNAL, ALTER c800 SET STORAGE EXTERNAL, ALTER c%d SET STORAGE EXTERNAL`, strings.Join(columns, ", "), last)
		row := func(id int) { s.exec(`INSERT INTO wide VALUES (%d, %s)`, id, strings.Join(values, ", ")) }
		row(1)
		row(2)
		s.catchUp()
		row(3)
		s.exec(`UPDATE wide SET c7 = NULL WHERE id = 1; DELETE FROM wide WHERE id = 2; ALTER TABLE wide ADD more text DEFAULT 'more'; UPDATE wide SET id = 30 WHERE id = 3`)
		s.catchUp()
		s.exec(`UPDATE wide SET c1590 = -1, c800 = 'short' WHERE id = 30; UPDATE wide SET c1 = 0`)
		s.catchUp()
		s.is("columns", fmt.Sprint(len(strings.Fields(s.columnsThere("wide")))), fmt.Sprint(most))
		s.is("large values", s.warehouse(`SELECT id, length(c0), length(c800), length(c%d) FROM %s ORDER BY id`, last, s.from("wide")), "1\t5000\t15000\t20000\n30\t5000\t5\t20000")
		s.equal("wide")
	})
}

// What is refused is refused before anything is made.
func TestATableOfTooManyColumns(t *testing.T) {
	onFamily(t, func(s *scene) {
		columns := []string{"id int PRIMARY KEY"}
		for n := range 1599 {
			columns = append(columns, fmt.Sprintf("c%d int", n))
		}
		s.exec(`CREATE TABLE wide (%s)`, strings.Join(columns, ", "))
		for _, command := range []string{"check", "run"} {
			s.command(command, "--table", "public.*").exits(3, "public.wide", "it has 1600 columns, and a staging table of it would have more than the server's 1600")
		}
		s.nothingLeft()
	})
}

func TestManySmallTables(t *testing.T) {
	onNewest(t, func(s *scene) {
		const tables = 100
		s.exec(`DO $$ BEGIN FOR n IN 1..%d LOOP
			EXECUTE format('CREATE TABLE t%%s (id int PRIMARY KEY, v text)', n); EXECUTE format('INSERT INTO t%%s SELECT n, ''v'' FROM generate_series(1, 10) n', n); END LOOP; END $$`, tables)
		began := time.Now()
		r := s.start().streaming()
		s.Logf("%d tables stream after %v", tables, time.Since(began).Round(time.Millisecond))
		s.exec(`DO $$ BEGIN FOR n IN 1..%d LOOP EXECUTE format('UPDATE t%%s SET v = ''w'' WHERE id = 5', n); END LOOP; END $$`, tables)
		r.here()
		r.halt()
		for _, n := range []int{1, 99, tables} {
			s.equal(fmt.Sprintf("t%d", n))
		}
		s.is("tables that stream", fmt.Sprint(len(s.state().Tables)), fmt.Sprint(tables))
	})
}
