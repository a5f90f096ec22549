package preflight

import (
	"context"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

func once(s *Source) { s.Streamed = false }

// onceWithout is a load that leaves a column out.
func onceWithout(column string) func(*Source) {
	return func(s *Source) {
		once(s)
		for i := range s.Tables {
			var kept []string
			for _, c := range s.Tables[i].Columns {
				if c != column {
					kept = append(kept, c)
				}
			}
			s.Tables[i].Columns = kept
		}
	}
}

func TestRightsToRead(t *testing.T) {
	runTroubles(t, []trouble{
		{
			name: "a table", role: "NOINHERIT", setup: aTable, wish: once,
			check: "select", on: "public.t", level: fault.LevelError, seen: "user {role} may not read table public.t", fix: `GRANT SELECT ON TABLE "public"."t" TO "{role}";`,
		},
		{
			name: "a column", role: "NOINHERIT", setup: `CREATE TABLE t (id int PRIMARY KEY, "The ""V" text, w text); GRANT SELECT (id) ON t TO {role}`, wish: onceWithout("w"),
			check: "select", on: "public.t", level: fault.LevelError, seen: `may not read "The ""V" of table public.t`, fix: `GRANT SELECT ("The ""V") ON TABLE "public"."t" TO "{role}";`,
		},
		{
			name: "the place of rows without a key", role: "NOINHERIT", setup: `CREATE TABLE t (v text); GRANT SELECT (v) ON t TO {role}`, wish: once,
			check: "select", on: "public.t", level: fault.LevelError, seen: "may not read ctid of table public.t", fix: `GRANT SELECT (ctid)`,
		},
		{
			name: "a partition", role: "NOINHERIT", since: 13, setup: parts + `GRANT SELECT ON parts, parts_1 TO {role}`, wish: once,
			check: "select", on: "public.parts_2", level: fault.LevelError, seen: "may not read table public.parts_2", fix: `"parts_2"`,
		},
		{
			name: "a schema", role: "NOINHERIT", setup: `CREATE SCHEMA "Mine"; CREATE TABLE "Mine".t (id int PRIMARY KEY); CREATE TABLE "Mine".u (id int); GRANT SELECT ON ALL TABLES IN SCHEMA "Mine" TO {role}`, wish: once,
			check: "schema_usage", on: `"Mine"`, level: fault.LevelError, seen: `may not use schema "Mine"`, fix: `GRANT USAGE ON SCHEMA "Mine"`,
		},
		{
			name: "rows that a policy hides", role: "NOBYPASSRLS", wish: once,
			setup: aTable + `GRANT SELECT ON t TO {role}; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id < 3)`,
			check: "row_security", on: "public.t", level: fault.LevelError, seen: "row-level security hides rows of table public.t from user {role}", fix: `ALTER ROLE "{role}" BYPASSRLS;`,
		},
	})
}

// A column that is left out need not be readable.
func TestWhatIsNotMovedNeedsNoRight(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.as("")
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, secret text); GRANT SELECT (id) ON t TO {role}; CREATE TABLE other (id int PRIMARY KEY)`)
		if wrong := s.wrong(s.check([]string{"public.t"}, onceWithout("secret"))); len(wrong) > 0 {
			t.Errorf("found:\n%s", list(wrong))
		}
	})
}

// The lock comes after the catalog was read, which needs the size of the table.
func TestATableThatIsLockedIsNotWaitedFor(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(aTable)
		conn, err := postgres.Connect(t.Context(), s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		src := s.source(conn)
		once(&src)
		holder := s.connect(s.server.DSN(s.name))
		s.run(holder, `BEGIN`)
		s.run(holder, `LOCK TABLE t IN ACCESS EXCLUSIVE MODE`)
		found, err := Check(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		wrong := s.wrong(found)
		if len(wrong) != 1 || wrong[0].Check != "select" || wrong[0].On != "public.t" || wrong[0].Level != fault.LevelWarning || !contains(wrong[0].Seen, "is locked by another session") {
			t.Fatalf("found:\n%s", list(wrong))
		}
		s.sound(found)
		s.apply(wrong[0].Fix)
		s.passes("select", nil, once)
	})
}

// A column that the publication leaves out is not copied, and need not be readable.
func TestWhatIsNotPublishedNeedsNoRight(t *testing.T) {
	onEveryMajor(t, 15, 0, func(s *scene) {
		s.as("REPLICATION")
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, secret text); GRANT SELECT (id) ON t TO {role}; CREATE PUBLICATION {pub} FOR TABLE t (id)`)
		s.finds(trouble{check: "publication_columns", on: "public.t", level: fault.LevelWarning, seen: "does not publish secret of table public.t: left out"})
	})
}

// Both to be said, and a superuser to run them.
func TestASchemaAndATableInIt(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.as("")
		s.exec(`CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int PRIMARY KEY); CREATE TABLE hidden.u (id int PRIMARY KEY)`)
		wrong := s.wrong(s.check(nil, once))
		if len(wrong) != 3 || wrong[0].Check != "schema_usage" || wrong[1].On != "hidden.t" || wrong[2].On != "hidden.u" {
			t.Fatalf("found:\n%s", list(wrong))
		}
		for _, f := range wrong {
			s.apply(f.Fix)
		}
		s.passes("select", nil, once)
	})
}
