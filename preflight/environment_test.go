package preflight

import (
	"context"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

func fixedClock() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestVersions(t *testing.T) {
	runTroubles(t, []trouble{
		{name: "too old", setup: aTable, wish: pretending(110022), check: "version", level: fault.LevelError, seen: "the source is PostgreSQL 11", fix: "12 or later", otherwise: pretending(180000), until: 18, since: 18},
		{name: "not tested", since: 18, setup: aTable, wish: pretending(190000), check: "version", level: fault.LevelWarning, seen: "PostgreSQL 19, with which this version of pgsluice has not been tested", fix: "PostgreSQL 12 to 18", otherwise: pretending(180000)},
	})
}

// Both clocks are this machine's, so one of them is turned here.
func TestClocksThatAreApart(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		conn, err := postgres.Connect(t.Context(), s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		for _, c := range []struct {
			turned time.Duration
			level  fault.Level
			seen   string
		}{
			{0, fault.LevelOK, "less than"},
			{3 * time.Second, fault.LevelOK, "less than"},
			{-10 * time.Minute, fault.LevelWarning, "ahead of this machine's"},
			{10 * time.Minute, fault.LevelWarning, "behind this machine's"},
		} {
			l := look{Source: Source{SQL: conn}, now: func() time.Time { return time.Now().Add(c.turned) }}
			if err := l.clock(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.sound(l.found)
			if f := l.found[0]; f.Level != c.level || !contains(f.Seen, c.seen) {
				t.Errorf("turned by %v: %s %s", c.turned, f.Level, f.Seen)
			}
		}
	})
}

func TestEncodings(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		for _, c := range []struct {
			encoding string
			level    fault.Level
			seen     string
			gives    string // what a text of the byte E9 arrives as
		}{
			{"SQL_ASCII", fault.LevelWarning, "a row with such as are not UTF-8 cannot be read", "22021"},
			{"LATIN1", fault.LevelOK, "LATIN1, and the server converts it", "é"},
		} {
			name := s.name + "_" + lower(c.encoding)
			s.run(s.admin, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+c.encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
			other := &scene{T: t, major: s.major, server: s.server, name: name, dsn: s.server.DSN(name), admin: s.connect(s.server.DSN(name))}
			other.exec(aTable)
			found := other.check(nil, nil)
			wrong := other.wrong(found)
			if c.level == fault.LevelOK && len(wrong) > 0 || c.level != fault.LevelOK && (len(wrong) != 1 || wrong[0].Check != "encoding" || wrong[0].Level != c.level) {
				t.Errorf("%s: found wrong:\n%s", c.encoding, list(wrong))
			}
			if !contains(list(found), c.seen) {
				t.Errorf("%s: %q is not said:\n%s", c.encoding, c.seen, list(found))
			}
			conn, err := postgres.Connect(t.Context(), other.dsn)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if err := conn.QueryRow(t.Context(), `SELECT chr(233)`).Scan(&got); err != nil {
				got = postgres.Code(err)
			}
			_ = conn.Close(context.Background())
			if got != c.gives {
				t.Errorf("%s: the byte E9 arrives as %q, want %q", c.encoding, got, c.gives)
			}
		}
	})
}

func TestTransactionsThatASlotWouldWaitFor(t *testing.T) {
	for _, major := range majors() {
		t.Run(major.name, func(t *testing.T) {
			t.Parallel()
			// On a server of its own: a slot waits for the transactions of all databases.
			s := newServer(t, major.number)
			s.exec(`CREATE TABLE t (id int PRIMARY KEY)`)
			s.passes("long_transactions", nil, nil)
			open := s.connect(s.server.DSN(s.name))
			s.run(open, `BEGIN`)
			s.run(open, `INSERT INTO t VALUES (1)`)
			f := s.eventually("long_transactions")
			if f.Level != fault.LevelWarning || !contains(f.Seen, s.fill("of postgres in database {db}")) {
				t.Errorf("%+v", f)
			}
			s.apply(f.Fix)
			s.passes("long_transactions", nil, nil)

			s.exec(`BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left '' over'`)
			f = s.eventually("prepared_transactions")
			if f.Level != fault.LevelWarning || !contains(f.Seen, s.fill("prepared transaction 'left '' over' of postgres in database {db}")) {
				t.Errorf("%+v", f)
			}
			// A run that has its slot waits for nobody.
			if wrong := s.wrong(s.check(nil, func(src *Source) { src.Slots = 0 })); len(wrong) > 0 {
				t.Errorf("with a slot:\n%s", list(wrong))
			}
			s.apply(f.Fix)
			s.passes("prepared_transactions", nil, nil)
		})
	}
}
