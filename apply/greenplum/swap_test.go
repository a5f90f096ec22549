package greenplum

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// swapTables makes table t with a shadow of other columns.
func swapTables(t *testing.T, target *Target) (old, table *apply.Table, shadow string) {
	t.Helper()
	old = applytest.NewTable(0, "t", 1, "#id", "s", "gone")
	table = applytest.NewTable(0, "t", 1, "#id", "more", "s")
	old.Name, table.Name = Name("public", "t"), Name("public", "t")
	shadow = target.Shadow(table.Name)
	fresh := *table
	fresh.Name = shadow
	for _, made := range []*apply.Table{old, &fresh} {
		if _, err := target.Prepare(t.Context(), made, apply.Truncate, 0); err != nil {
			t.Fatal(err)
		}
	}
	return old, table, shadow
}

func TestASwapKeepsWhoOwnsAndWhoMayRead(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		_, table, shadow := swapTables(t, target)
		n := databases.Add(1) // roles are the whole server's
		roles := []string{fmt.Sprintf(`"a reader %d_%d"`, os.Getpid(), n), fmt.Sprintf(`"an owner %d_%d"`, os.Getpid(), n)}
		for _, role := range roles {
			query(t, dsn, "CREATE ROLE "+role)
			t.Cleanup(func() { query(t, dsn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
		}
		query(t, dsn, "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT DELETE ON TABLES TO PUBLIC")
		t.Cleanup(func() { query(t, dsn, "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE DELETE ON TABLES FROM PUBLIC") })
		query(t, dsn, fmt.Sprintf(`GRANT SELECT ON public.t TO %[1]s WITH GRANT OPTION; GRANT INSERT (s), UPDATE (gone, s) ON public.t TO %[1]s; GRANT SELECT ON public.t TO PUBLIC;
			COMMENT ON TABLE public.t IS 'it''s \mine'; COMMENT ON COLUMN public.t.s IS 'said'; COMMENT ON COLUMN public.t.gone IS 'gone';
			CREATE INDEX "t's own" ON public.t (s) WHERE id > 3; CREATE INDEX "t's other" ON public.t (gone); ALTER TABLE public.t OWNER TO %[2]s`, roles[0], roles[1]))
		rights := `SELECT relacl::text, pg_get_userbyid(relowner), (SELECT attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 's'),
			obj_description(oid), col_description(oid, (SELECT attnum FROM pg_attribute WHERE attrelid = c.oid AND attname = 's')) FROM pg_class c WHERE oid = 'public.t'::regclass`
		before := query(t, dsn, rights)
		for range 2 {
			if err := target.Swap(t.Context(), table, shadow); err != nil {
				t.Fatal(err)
			}
			if after := query(t, dsn, rights); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("rights are\n%v\nand were\n%v", after, before)
			}
			fresh := *table
			fresh.Name = shadow
			if _, err := target.Prepare(t.Context(), &fresh, apply.Truncate, 0); err != nil {
				t.Fatal(err)
			}
		}
		if names := query(t, dsn, "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'public.t'::regclass ORDER BY 1"); len(names) != 2 {
			t.Errorf("its indexes are %v", names)
		}
		if name := query(t, dsn, "SELECT conname FROM pg_constraint WHERE conrelid = 'public.t'::regclass AND contype = 'p'"); fmt.Sprint(name) != "[[t_pkey]]" {
			t.Errorf("its key is named %v", name)
		}
	})
}

func TestASwapBreaksNothingOfOthers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		_, table, shadow := swapTables(t, target)
		query(t, dsn, "INSERT INTO t VALUES (1, 's', 'g')")
		for _, c := range []struct{ named, make, drop string }{
			{"view public.looks", "CREATE VIEW looks AS SELECT s FROM t", "DROP VIEW looks"},
			{"function", "CREATE FUNCTION reads(t) RETURNS bigint LANGUAGE sql AS 'SELECT $1.id'", "DROP FUNCTION reads(t)"},
			{"trigger fires", "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER fires BEFORE TRUNCATE ON t EXECUTE PROCEDURE nothing()", "DROP TRIGGER fires ON t"},
			{"rule minds", "CREATE RULE minds AS ON DELETE TO t DO INSTEAD NOTHING", "DROP RULE minds ON t"},
			{"constraint short", "ALTER TABLE t ADD CONSTRAINT short CHECK (length(s) < 10)", "ALTER TABLE t DROP CONSTRAINT short"},
			{"policy mine", "CREATE POLICY mine ON t USING (true)", "DROP POLICY mine ON t"},
			{"publication onward", "CREATE PUBLICATION onward FOR TABLE t", "DROP PUBLICATION onward"},
			{"public.lines", "CREATE TABLE lines (t bigint REFERENCES t)", "DROP TABLE lines"},
			{"table public.child", "CREATE TABLE child () INHERITS (t)", "DROP TABLE child"},
		} {
			if target.server.distributes() && !slices.Contains([]string{"view", "function", "rule", "constraint", "table"}, strings.Fields(c.named)[0]) {
				continue // not every Greenplum has them
			}
			query(t, dsn, c.make)
			var of *apply.TableError
			err := target.Swap(t.Context(), table, shadow)
			if !errors.As(err, &of) || !strings.Contains(err.Error(), c.named) || fault.Hint(err) == "" {
				t.Errorf("with %s: %v, hint %q", c.named, err, fault.Hint(err))
			}
			if rows := query(t, dsn, "SELECT s, gone FROM t"); fmt.Sprint(rows) != "[[s g]]" {
				t.Errorf("with %s the table holds %v", c.named, rows)
			}
			query(t, dsn, c.drop)
		}
		if err := target.Swap(t.Context(), table, shadow); err != nil {
			t.Fatal(err)
		}
	})
}

func TestASwapKeepsToRowsOfItsOwn(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		old, table, shadow := swapTables(t, target)
		other := open(t, dsn, func(o *Options) { o.Pipeline = "mall" })
		if _, err := other.Prepare(t.Context(), old, apply.Keep, 0); err != nil {
			t.Fatal(err)
		}
		var of *apply.TableError
		if err := target.Swap(t.Context(), table, shadow); !errors.As(err, &of) || !strings.Contains(err.Error(), "others") {
			t.Errorf("swap a table that another pipeline writes to: %v", err)
		}
		if err := other.Forget(t.Context(), "mall"); err != nil {
			t.Fatal(err)
		}
		if err := target.Swap(t.Context(), table, shadow); err != nil {
			t.Fatal(err)
		}
		// It is known to be its own still, and so can be emptied and dropped.
		if _, err := target.Prepare(t.Context(), table, apply.Discard, 1); err != nil {
			t.Error(err)
		}
		if rows := query(t, dsn, "SELECT name, whole FROM pgsluice.owned"); fmt.Sprint(rows) != "[[public.t t]]" {
			t.Errorf("what is remembered is %v", rows)
		}
		if err := target.Drop(t.Context(), table.Name); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAlterNamesWhatReliesOnAColumn(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		old, _, _ := swapTables(t, target)
		query(t, dsn, "CREATE VIEW looks AS SELECT gone FROM t")
		table := applytest.NewTable(0, "t", 1, "#id", "s")
		table.Name = old.Name
		var of *apply.TableError
		err := target.Alter(t.Context(), table, apply.Shape(old.Relation), true)
		if !errors.As(err, &of) || !strings.Contains(err.Error(), "view public.looks") || fault.Hint(err) == "" {
			t.Errorf("drop a column that a view shows: %v", err)
		}
		if err := target.Alter(t.Context(), table, apply.Shape(old.Relation), false); err != nil {
			t.Error(err)
		}
		if comment := query(t, dsn, "SELECT col_description('t'::regclass, 3)"); comment[0][0] != keptMark {
			t.Errorf("what is kept says %v", comment)
		}
	})
}
