package preflight

import (
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
)

func named(s *Source) { s.PublicationNamed = true }

const canRead = aTable + `GRANT SELECT ON t TO {role};`

func TestPublications(t *testing.T) {
	runTroubles(t, []trouble{
		{
			name: "somebody else's tables", role: "REPLICATION", setup: canRead + `GRANT CREATE ON DATABASE {db} TO {role}`,
			check: "publication", level: fault.LevelError, seen: "user {role} may not CREATE publication {pub}: must be owner of table t", fix: `CREATE PUBLICATION "{pub}" FOR TABLE ONLY "public"."t"`,
		},
		{
			name: "no right on the database", role: "REPLICATION", setup: canRead + `ALTER TABLE t OWNER TO {role}`,
			check: "publication", level: fault.LevelError, seen: "user {role} may not CREATE publication {pub}: permission denied for database", fix: `CREATE PUBLICATION`,
		},
		{
			name: "a user's that lacks tables", setup: aTable + `CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE w (id int PRIMARY KEY); CREATE PUBLICATION {pub} FOR TABLE t`, wish: named,
			check: "publication", level: fault.LevelError, seen: "publication {pub} does not publish table public.u, public.w", fix: `ALTER PUBLICATION "{pub}" ADD TABLE ONLY "public"."u", ONLY "public"."w";`,
		},
		{
			name: "one that lacks tables and is another's", role: "REPLICATION", setup: canRead + `CREATE PUBLICATION {pub} WITH (publish = 'insert, update, delete, truncate')`,
			check: "publication", level: fault.LevelError, seen: "user {role} may not ALTER publication {pub}: must be owner of publication", fix: `ALTER PUBLICATION "{pub}" ADD TABLE`,
		},
		{
			name: "too few operations", setup: aTable + `CREATE PUBLICATION {pub} FOR TABLE t WITH (publish = 'insert, truncate')`,
			check: "publication_operations", level: fault.LevelError, seen: `publishes "insert, truncate", and the pipeline wants "insert, update, delete, truncate"`, fix: "SET (publish =",
		},
		{
			name: "partitions and not their table", since: 13, setup: parts + `CREATE PUBLICATION {pub} FOR ALL TABLES`,
			check: "publication_root", level: fault.LevelError, seen: "publishes partitions and not their root, table public.parts", fix: "publish_via_partition_root = true", also: []string{"publication"},
		},
		{
			name: "too few columns", since: 15, setup: `CREATE TABLE t (id int PRIMARY KEY, v text, w text); CREATE PUBLICATION {pub} FOR TABLE t (id, v)`,
			check: "publication_columns", on: "public.t", level: fault.LevelWarning, seen: "does not publish w of table public.t",
		},
	})
}

func TestPublicationsThatAreWell(t *testing.T) {
	for _, c := range []struct {
		name, setup, seen string
		since             int
		wish              func(*Source)
	}{
		{name: "its owner adds tables", setup: aTable + `CREATE TABLE u (id int PRIMARY KEY); CREATE PUBLICATION {pub} FOR TABLE t`, seen: "does not publish table public.u yet, and it can be added"},
		{name: "for all tables", setup: aTable + `CREATE PUBLICATION {pub} FOR ALL TABLES`, wish: named, seen: "publication {pub} publishes every table"},
		{name: "for a schema", since: 15, setup: aTable + `CREATE PUBLICATION {pub} FOR TABLES IN SCHEMA public`, wish: named, seen: "publication {pub} publishes every table"},
		{name: "with rows of its own choice", since: 15, setup: aTable + `CREATE PUBLICATION {pub} FOR TABLE t WHERE (id > 3)`, wish: named, seen: "publication {pub} publishes every table"},
		{name: "with the rows that are wanted", since: 15, setup: aTable + `CREATE PUBLICATION {pub} FOR TABLE t WHERE (id > 3 AND id < 9)`, wish: where("(id)>3 and 9>id"), seen: "publication {pub} publishes every table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEveryMajor(t, c.since, 0, func(s *scene) {
				s.exec(c.setup)
				found := s.check(nil, c.wish)
				if c.name == "with the rows that are wanted" {
					// 9 > id is not written like id < 9, and nobody has said that they are the same.
					if wrong := s.wrong(found); len(wrong) != 1 || wrong[0].Check != "publication" {
						t.Errorf("found:\n%s", list(wrong))
					}
					found = s.check(nil, where(" id>3  AND id < 9"))
				}
				if wrong := s.wrong(found); len(wrong) > 0 {
					t.Errorf("found:\n%s", list(wrong))
				}
				if !contains(list(found), s.fill(c.seen)) {
					t.Errorf("%q is not said:\n%s", s.fill(c.seen), list(found))
				}
			})
		})
	}
}

// An ALTER TABLE or VACUUM is not waited for, let alone cancelled.
func TestAPublicationThatWouldHaveToWait(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(aTable)
		holder := s.connect(s.server.DSN(s.name))
		s.run(holder, `BEGIN`)
		s.run(holder, `LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE`)
		s.finds(trouble{check: "publication", level: fault.LevelWarning, seen: "was not seen: a table is locked", fix: "check again"})
		s.run(holder, `ROLLBACK`)
		s.passes("publication", nil, nil)
	})
}

func TestSlots(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(aTable)
		s.exec(`SELECT pg_create_physical_replication_slot('{slot}')`)
		s.meets(trouble{check: "slot", level: fault.LevelError, seen: `replication slot {slot} is one for plugin "" in database ""`, fix: `pg_drop_replication_slot('{slot}');`})

		s.run(s.connect(s.server.DSN("")), `SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')`)
		s.meets(trouble{check: "slot", level: fault.LevelError, seen: `replication slot {slot} is one for plugin "pgoutput" in database "postgres"`, fix: `pg_drop_replication_slot('{slot}');`})

		// A temporary slot is its session's all the time.
		s.run(s.connect(s.server.DSN(s.name)), `SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput', true)`)
		s.meets(trouble{check: "slot", level: fault.LevelWarning, seen: "replication slot {slot} is in use by server process", fix: "pg_terminate_backend"})

		s.exec(`SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')`)
		s.passes("slot", nil, nil)
		if text := list(s.check(nil, nil)); !contains(text, s.fill("replication slot {slot} is there, with")) {
			t.Error(text)
		}
	})
}
