package preflight

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

const aTable = `CREATE TABLE t (id int PRIMARY KEY, v text);`

const manyKinds = `
	CREATE TABLE plain (id int PRIMARY KEY, v text, n numeric);
	CREATE SCHEMA "Other One"; CREATE TABLE "Other One"."T.x" ("I d" uuid PRIMARY KEY, "v""w" jsonb);
	CREATE TABLE by_index (a int NOT NULL, b text, UNIQUE (a)); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_a_key;
	CREATE TABLE whole (id int PRIMARY KEY, v text); ALTER TABLE whole REPLICA IDENTITY FULL;
	CREATE VIEW seen AS SELECT * FROM plain;
	INSERT INTO plain SELECT n, repeat('x', 1000), n FROM generate_series(1, 1000) n; ANALYZE plain`

const parts = `
	CREATE TABLE parts (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');`

func TestOfAHealthySourceNothingIsWrong(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(manyKinds)
		if s.major >= 13 {
			s.exec(parts)
		}
		for _, streamed := range []bool{true, false} {
			found := s.check(nil, func(src *Source) { src.Streamed = streamed })
			if wrong := s.wrong(found); len(wrong) > 0 {
				t.Errorf("streamed %v: found wrong:\n%s", streamed, list(wrong))
			}
			want := []string{
				"clock", "direct_connection", "encoding", "exported_snapshot", "foreign_tables", "partitions", "partitions_alone", "patterns",
				"row_security", "schema_usage", "select", "size", "standby", "unlogged_tables", "version", "views",
			}
			if streamed {
				want = append(want, "generated_columns", "long_transactions", "max_replication_slots", "max_slot_wal_keep_size", "max_wal_senders",
					"prepared_transactions", "publication", "replica_identity", "replication_connection", "replication_right", "slot", "toast",
					"wal_level", "wal_sender_timeout")
				if s.major >= 18 {
					want = append(want, "idle_replication_slot_timeout")
				}
			}
			slices.Sort(want)
			if did := checks(found); !slices.Equal(did, want) {
				t.Errorf("streamed %v: looked at\n%v, want\n%v", streamed, did, want)
			}
		}
	})
}

func checks(found fault.Findings) []string {
	var names []string
	for _, f := range found {
		names = append(names, f.Check)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// What is well says so with what was seen.
func TestWhatIsWellIsSaidWithNumbers(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(manyKinds)
		text := list(s.check([]string{"public.*"}, nil))
		for _, words := range []string{
			fmt.Sprintf("the source is PostgreSQL %d", s.major), "wal_level is logical", "of 20 replication slots are free, and 1 needed", "of 20 walsenders are free",
			"3 tables with 7 columns can be read", "3 tables with about 1000 rows in", "less than a minute to copy", "1 view matched and not moved",
			"read back from the target: public.by_index, public.plain", s.fill("publication {pub} is not there yet, and can be made"),
			s.fill("replication slot {slot} is not there yet"), "the database is in UTF8",
		} {
			if !strings.Contains(text, words) {
				t.Errorf("%q is not said:\n%s", words, text)
			}
		}
	})
}

func TestOfAThousandTablesFewQuestionsAreAsked(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		const tables = 1000
		s.exec(fmt.Sprintf(`DO $$ BEGIN FOR n IN 1..%d LOOP EXECUTE format('CREATE TABLE t_%%s (id int PRIMARY KEY, v int)', n); END LOOP; END $$`, tables))
		s.as("")
		s.exec(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; REVOKE SELECT ON t_7, t_999 FROM {role}; GRANT SELECT (id) ON t_999 TO {role}`)
		conn, err := postgres.Connect(t.Context(), s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		src := s.source(conn)
		if len(src.Tables) != tables {
			t.Fatalf("%d tables", len(src.Tables))
		}
		src.Streamed = false
		l := look{Source: src, now: fixedClock}
		found, err := check(t.Context(), &l)
		if err != nil {
			t.Fatal(err)
		}
		if want := tables / probesAtOnce; l.trips != want {
			t.Errorf("%d round trips for the probes, want %d", l.trips, want)
		}
		var wrong []string
		for _, f := range found {
			if f.Check == "select" {
				wrong = append(wrong, f.On+": "+f.Seen)
			}
		}
		want := []string{s.fill("public.t_7: user {role} may not read table public.t_7"), s.fill("public.t_999: user {role} may not read v of table public.t_999")}
		if !slices.Equal(wrong, want) {
			t.Errorf("found %q, want %q", wrong, want)
		}
	})
}
