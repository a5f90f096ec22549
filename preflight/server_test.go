package preflight

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

func contains(text, words string) bool { return strings.Contains(text, words) }
func lower(s string) string            { return strings.ToLower(s) }

type major struct {
	number int
	name   string
}

func majors() []major {
	var all []major
	for n := range servers {
		all = append(all, major{n, fmt.Sprintf("PostgreSQL %d", n)})
	}
	slices.SortFunc(all, func(a, b major) int { return a.number - b.number })
	return all
}

// newServer is a scene on a server of its own.
func newServer(t *testing.T, major int, change ...func(*sandbox.PostgresOptions)) *scene {
	t.Helper()
	o := healthy(major)
	for _, c := range change {
		c(&o)
	}
	server, err := sandbox.StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Kill()
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return newScene(t, major, server)
}

// eventually waits until a check finds something wrong, and nothing else does.
func (s *scene) eventually(check string) fault.Finding {
	s.Helper()
	for deadline := time.Now().Add(patience); ; {
		found := s.check(nil, nil)
		for _, f := range s.wrong(found) {
			if f.Check == check {
				return f
			}
			s.Fatalf("found besides: %+v", f)
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s finds nothing:\n%s", check, list(found))
		}
	}
}

// A setting is made bad, the server restarted, the trouble found, its fix done.
func TestSettings(t *testing.T) {
	for _, major := range majors() {
		t.Run(major.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, major.number)
			s.exec(aTable)
			set := func(statements ...string) {
				for _, sql := range statements {
					s.exec(sql)
				}
				s.restart()
			}
			for _, c := range []struct {
				since int
				set   []string
				tr    trouble
			}{
				{0, []string{`ALTER SYSTEM SET wal_level = replica`}, trouble{
					check: "wal_level", level: fault.LevelError,
					seen: "wal_level of the source is replica, and logical is needed", fix: "ALTER SYSTEM SET wal_level = logical;",
				}},
				{0, []string{`ALTER SYSTEM SET max_replication_slots = 1`, `SELECT pg_create_physical_replication_slot('theirs')`}, trouble{
					check: "max_replication_slots", level: fault.LevelError,
					seen: "no free replication slot: 1 of 1 are taken", fix: "ALTER SYSTEM SET max_replication_slots = 6;",
				}},
				{0, []string{`ALTER SYSTEM SET max_wal_senders = 0`}, trouble{
					check: "max_wal_senders", level: fault.LevelError,
					seen: "no free walsender: 0 of 0 are taken", fix: "ALTER SYSTEM SET max_wal_senders = 5;",
				}},
				{0, []string{`ALTER SYSTEM SET wal_sender_timeout = 0`}, trouble{
					check: "wal_sender_timeout", level: fault.LevelWarning,
					seen: "wal_sender_timeout is 0", fix: "IN DATABASE",
				}},
				{0, []string{`ALTER ROLE postgres IN DATABASE {db} SET wal_sender_timeout = '1500ms'`}, trouble{
					check: "wal_sender_timeout", level: fault.LevelWarning,
					seen: "wal_sender_timeout is 1500ms",
				}},
				{13, []string{`ALTER SYSTEM SET max_slot_wal_keep_size = -1`}, trouble{
					check: "max_slot_wal_keep_size", level: fault.LevelWarning,
					seen: "max_slot_wal_keep_size is -1", fix: "64GB",
				}},
				{13, []string{`ALTER SYSTEM SET max_slot_wal_keep_size = '100MB'`}, trouble{
					check: "max_slot_wal_keep_size", level: fault.LevelWarning,
					seen: "max_slot_wal_keep_size is 100MB: when pgsluice falls behind by more",
				}},
				{18, []string{`ALTER SYSTEM SET idle_replication_slot_timeout = '1h'`}, trouble{
					check: "idle_replication_slot_timeout", level: fault.LevelWarning,
					seen: "idle_replication_slot_timeout is 1h", fix: "ALTER SYSTEM SET idle_replication_slot_timeout = 0;",
				}},
			} {
				if major.number < c.since {
					continue
				}
				set(c.set...)
				s.meets(c.tr)
			}
			// Before PostgreSQL 13 nothing can be set.
			if major.number == 12 {
				for _, f := range s.check(nil, nil) {
					if f.Check == "max_slot_wal_keep_size" && (f.Level != fault.LevelWarning || !contains(f.Seen, "PostgreSQL 12 cannot limit")) {
						t.Errorf("%+v", f)
					}
				}
			}
		})
	}
}

func TestASlotThatIsLost(t *testing.T) {
	for _, major := range majors() {
		if major.number < 13 {
			continue
		}
		t.Run(major.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, major.number, func(o *sandbox.PostgresOptions) {
				o.Settings["max_slot_wal_keep_size"], o.Settings["max_wal_size"] = "1MB", "32MB"
			})
			s.exec(aTable)
			s.exec(`SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')`)
			for n := range 4 {
				s.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d)`, n))
				s.exec(`SELECT pg_switch_wal()`)
			}
			s.exec(`CHECKPOINT`)
			s.exec(`ALTER SYSTEM SET max_slot_wal_keep_size = '64GB'`)
			s.restart()
			s.meets(trouble{check: "slot", level: fault.LevelError, seen: "replication slot {slot} is lost", fix: "pg_drop_replication_slot"})
		})
	}
}

func TestTheRightToReplicate(t *testing.T) {
	runTroubles(t, []trouble{
		{
			name: "a user without it", role: "NOREPLICATION", setup: `CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t OWNER TO {role}; GRANT CREATE ON DATABASE {db} TO {role}`,
			check: "replication_right", level: fault.LevelError, seen: "user {role} may not replicate", fix: `ALTER ROLE "{role}" REPLICATION;`,
		},
	})
}
