package greenplum

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func TestPlanSaysWhatPrepareRuns(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		mood := enumType("mood", "a")
		table := tableOf("t", 1, "id", int4Type, "m", mood, "i!", coreType(1186, "interval", -1), "n", coreType(2205, "regclass", -1))
		table.Relation.Schema, table.Name = "Sales", Name("Sales", "t")
		plan, err := target.Plan(t.Context(), table, apply.Refuse)
		if err != nil {
			t.Fatal(err)
		}
		var starts []string
		for _, sql := range plan.Statements {
			starts = append(starts, strings.Join(strings.Fields(sql)[:2], " "))
			query(t, dsn, sql) // one can run them by hand
		}
		if got := strings.Join(starts, ", "); got != "CREATE SCHEMA, CREATE TYPE, CREATE TABLE, COMMENT ON" || plan.Table != `"Sales".t` {
			t.Errorf("%s of %s", got, plan.Table)
		}
		if c := plan.Columns[2]; c.Nullable || c.Type != "interval" || (len(c.Edges) == 0) != target.server.infiniteIntervals() || len(c.Edges) > 0 && c.Edges[0].Becomes != "stops the table" {
			t.Errorf("%+v", c)
		}
		if c := plan.Columns[3]; c.Type != "text" || !c.Nullable || c.SourceType != "regclass" || len(c.Losses) != 1 {
			t.Errorf("%+v", c)
		}
		if plan, err = target.Plan(t.Context(), table, apply.Refuse); err != nil || len(plan.Statements) != 0 {
			t.Errorf("of a table that fits: %v %v", plan, err)
		}
		query(t, dsn, `INSERT INTO "Sales".t VALUES (1, 'a', '0', 'x')`)
		query(t, dsn, `ALTER TABLE "Sales".t ALTER COLUMN m SET NOT NULL`)
		more := *table.Relation
		more.Columns = append(slices.Clone(more.Columns), change.Column{Name: "new", Type: enumType("mood", "a", "b")})
		plan, err = target.Plan(t.Context(), &apply.Table{Relation: &more, Name: table.Name}, apply.Truncate)
		want := `TRUNCATE TABLE "Sales"."t"; ALTER TABLE "Sales"."t" ALTER COLUMN "m" DROP NOT NULL; ALTER TABLE "Sales"."t" ADD COLUMN "new" "public"."mood"`
		if err != nil || strings.Join(plan.Statements, "; ") != want {
			t.Errorf("%+v %v", plan, err)
		}
		if s := target.Server(); !strings.Contains(s.Version, "PostgreSQL") || len(s.Features) == 0 || !slices.Contains(s.Settings, "TimeZone = UTC") {
			t.Errorf("%+v", s)
		}
		if got := query(t, dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'")[0][0]; got != "0" {
			t.Error("planning has left something behind")
		}
	})
}

// check gives the findings of one name.
func check(t *testing.T, target *Target, name string, existing apply.Existing, tables ...*apply.Table) (all fault.Findings) {
	t.Helper()
	findings, err := target.Check(t.Context(), tables, existing)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Check == name {
			all = append(all, f)
		}
		if f.Level == fault.LevelError && f.Fix == "" {
			t.Errorf("nobody is told how to mend it: %+v", f)
		}
	}
	return all
}

func TestACheckTriesEverythingAndLeavesNothing(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		table := tableOf("t", 1, "id", int4Type, "m", enumType("mood", "a"))
		other := tableOf("o", 0, "id", int4Type)
		for _, name := range []string{apply.CheckServer, apply.CheckRights, apply.CheckTable, apply.CheckKey, apply.CheckTypes} {
			if got := check(t, target, name, apply.Refuse, table, other); len(got) == 0 || got.Worst() != fault.LevelOK {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if got := query(t, dsn, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname IN ('public', 'pgsluice')")[0][0]; got != "0" {
			t.Errorf("%s tables are left behind", got)
		}
		if got := query(t, dsn, "SELECT count(*) FROM pg_type WHERE typname = 'mood'")[0][0]; got != "0" {
			t.Error("a type is left behind")
		}

		// What is not the plan's to know the server says.
		table.Wishes.Types = map[string]string{"m": "nothing"}
		if got := check(t, target, apply.CheckTable, apply.Refuse, table); got[0].Level != fault.LevelError || !got[0].Usage || !strings.Contains(got[0].Seen, "nothing") {
			t.Errorf("%+v", got)
		}
		table.Wishes = apply.Wishes{Storage: aoRow, Compression: "lz4"}
		if got := check(t, target, apply.CheckTable, apply.Refuse, table); target.server.distributes() && (got[0].Level != fault.LevelError || !strings.Contains(got[0].Seen, "lz4")) {
			t.Errorf("%+v", got)
		}

		query(t, dsn, "CREATE TABLE public.t (id integer, m text); INSERT INTO public.t VALUES (1)")
		table.Wishes = apply.Wishes{Types: map[string]string{"m": "text"}}
		if got := check(t, target, apply.CheckTable, apply.Refuse, table); got[0].Level != fault.LevelError || !strings.Contains(got[0].Seen, holdsRows) {
			t.Errorf("%+v", got)
		}
		if got := check(t, target, apply.CheckTable, apply.Truncate, table); got[0].Level != fault.LevelOK {
			t.Errorf("%+v", got)
		}
		got := check(t, target, apply.CheckKey, apply.Keep, table)
		if slow := got[0].Level == fault.LevelWarning; slow == target.server.distributes() {
			t.Errorf("%+v", got)
		} else if slow {
			query(t, dsn, got[0].Fix)
			if got := check(t, target, apply.CheckKey, apply.Keep, table); got[0].Level != fault.LevelOK {
				t.Errorf("%+v", got)
			}
		}
		table.Relation.Columns[1].Type = int4Type
		table.Wishes = apply.Wishes{}
		if got := check(t, target, apply.CheckTable, apply.Keep, table); got[0].Level != fault.LevelError || !strings.Contains(got[0].Seen, "column m is text there") {
			t.Errorf("%+v", got)
		}
	})
}

func TestACheckNamesTheExtensionThatIsMissing(t *testing.T) {
	shape := &change.Type{OID: 95002, Schema: "app", Name: "shape", Kind: change.KindBase, Extension: "shapes", Modifier: -1}
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		table := tableOf("t", 1, "id", int4Type, "s", shape, "ss", arrayOf(shape))
		got := check(t, target, apply.CheckTypes, apply.Refuse, table)
		if got[0].Level != fault.LevelWarning || got[0].Fix != `CREATE EXTENSION "shapes";` {
			t.Errorf("%+v", got)
		}
		table.Wishes.Types = map[string]string{"s": "text", "ss": "text"}
		if got := check(t, target, apply.CheckTypes, apply.Refuse, table); got[0].Level != fault.LevelOK {
			t.Errorf("%+v", got)
		}
	})
}

// Each right that is missing is named with the statement that grants it, and when
// all of them were run nothing is missing.
func TestMissingRightsAreNamedWithTheirGrants(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		database := strings.TrimPrefix(u.Path, "/")
		role := "limited_" + database
		query(t, dsn, fmt.Sprintf("CREATE ROLE %s LOGIN", role))
		t.Cleanup(func() { query(t, dsn, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %s", role, role)) })
		query(t, dsn, fmt.Sprintf("REVOKE ALL ON SCHEMA public FROM public; REVOKE TEMPORARY ON DATABASE %s FROM public; CREATE SCHEMA sales; CREATE TABLE sales.there (id integer PRIMARY KEY)", database))
		query(t, dsn, "GRANT USAGE ON SCHEMA sales TO "+role)
		u.User = url.User(role)
		target := open(t, u.String(), nil)
		tables := []*apply.Table{tableOf("t", 1, "id", int4Type, "m", enumType("mood", "a")), tableOf("there", 1, "id", int4Type), tableOf("far", 1, "id", int4Type)}
		tables[1].Name, tables[2].Name = Name("sales", "there"), Name("Far away", "t")
		missing := check(t, target, apply.CheckRights, apply.Refuse, tables...)
		var on []string
		for _, f := range missing {
			on = append(on, f.On)
		}
		slices.Sort(on)
		if want := []string{database, database, database, "public", "sales.there"}; !slices.Equal(on, want) {
			t.Errorf("missing on %v, want %v: %+v", on, want, missing)
		}
		for range 3 { // a table that is to be read can be seen only when its rights are there
			for _, f := range check(t, target, apply.CheckRights, apply.Refuse, tables...) {
				if f.Level == fault.LevelError {
					query(t, dsn, f.Fix)
				}
			}
		}
		if got := check(t, target, apply.CheckRights, apply.Refuse, tables...); got.Worst() != fault.LevelOK {
			t.Errorf("with all of that granted: %+v", got)
		}
		tables[1].Relation.Columns = append(tables[1].Relation.Columns, change.Column{Name: "new", Type: textType})
		if got := check(t, target, apply.CheckRights, apply.Refuse, tables...); got.Worst() != fault.LevelError || !strings.HasPrefix(got[0].Fix, "ALTER TABLE") {
			t.Errorf("a table of another's to be altered: %+v", got)
		}
	})
}
