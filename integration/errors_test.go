package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// as is the source's DSN for another user.
func (s *scene) as(user, password string) string {
	s.Helper()
	dsn, err := url.Parse(s.sourceDSN())
	if err != nil {
		s.Fatal(err)
	}
	dsn.User = url.UserPassword(user, password)
	return dsn.String()
}

// role makes a login with the options, for this test alone, and gives its DSN.
func (s *scene) role(options string) (name, dsn string) {
	s.Helper()
	name = "role_" + s.name
	s.exec(`CREATE ROLE %s LOGIN PASSWORD '%s' %s`, name, sourcePassword, options)
	s.Cleanup(func() {
		if s.Failed() {
			return
		}
		// What it owns went with the database.
		conn, err := pgx.Connect(context.Background(), s.postgres.DSN(""))
		if err != nil {
			return
		}
		defer conn.Close(context.Background())
		_, _ = conn.Exec(context.Background(), "DROP ROLE IF EXISTS "+name)
	})
	return name, s.as(name, sourcePassword)
}

// nobody is an address that nobody listens on.
func (s *scene) nobody() string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const oneTable = `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v')`

// refused runs both commands that move rows, wants the same answer of both, and
// wants that they leave nothing behind.
func (s *scene) refused(source, target string, code int, words ...string) {
	s.Helper()
	for _, command := range []string{"run", "load"} {
		p := s.pgsluice(append([]string{command, "--table", "public.*"}, s.flags(source, target)...)...).exits(code, words...)
		for _, secret := range []string{"wr0ng"} {
			if strings.Contains(p.said(), secret) {
				s.Errorf("a password is in the output:\n%s", p.said())
			}
		}
	}
	s.nothingLeft()
}

func TestServersThatCannotBeReached(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable)
		nobody := s.nobody()
		s.refused(s.sourceAt(nobody), s.targetDSN(), 3, "connect to PostgreSQL at "+nobody, "refused", "what to do: see that the server runs")
		s.refused(s.sourceDSN(), s.targetAt(nobody), 3, "connect to "+s.target.product()+" at "+nobody, "refused", "what to do:")
		s.refused(s.as("postgres", "wr0ng-password"), s.targetDSN(), 3, "password authentication failed", "what to do: check user and password")
		s.refused(s.as("nobody_of_that_name", "wr0ng-password"), s.targetDSN(), 3, "nobody_of_that_name", "what to do: check user and password")
		s.refused(strings.Replace(s.sourceDSN(), s.name, "no_such_database", 1), s.targetDSN(), 3, "no_such_database", "check the database's name")
		s.refused(s.sourceDSN(), strings.Replace(s.targetDSN(), targetPassword, "wr0ng-password", 1), 3, differs(s, "ClickHouse does not let user", "password authentication failed for user"), targetUser)
	})
}

func TestRightsThatAreMissing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable + `; CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int PRIMARY KEY)`)
		role, dsn := s.role("")
		run := func(command string, patterns ...string) *process {
			args := append([]string{command}, s.flags(dsn, s.targetDSN())...)
			for _, p := range patterns {
				args = append(args, "--table", p)
			}
			return s.pgsluice(args...)
		}
		run("load", "*.*").exits(3, "user "+role+" may not read table public.t", "user "+role+" may not read table hidden.t",
			fmt.Sprintf(`GRANT SELECT ON TABLE "public"."t" TO "%s";`, role), fmt.Sprintf(`GRANT USAGE ON SCHEMA "hidden" TO "%s";`, role))
		run("run", "*.*").exits(3, "may not replicate", fmt.Sprintf(`ALTER ROLE "%s" REPLICATION;`, role))
		s.nothingLeft()
		s.exec(`ALTER ROLE %s REPLICATION`, role)
		run("run", "public.*").exits(3, "may not read table public.t", "GRANT SELECT")
		s.nothingLeft()
		s.exec(`GRANT SELECT ON t TO %s`, role)
		run("run", "public.*").exits(3, "may not CREATE publication pgsluice_"+s.name, "permission denied", "with CREATE on the database", `CREATE PUBLICATION "pgsluice_`+s.name+`"`)
		s.nothingLeft()
		s.exec(`CREATE PUBLICATION mine FOR TABLE t`)
		config := s.configure(fmt.Sprintf("source: {dsn: '%s', publication: mine}\ntables: ['public.*']", dsn))
		p := s.pgsluice("run", "-c", config, "--until", "caught-up")
		p.exits(0)
		s.equal("t")
	})
}

func TestASourceThatIsNotReadyForReplication(t *testing.T) {
	onNewest(t, func(s *scene) {
		server, err := sandbox.StartPostgres(s.ctx, sandbox.PostgresOptions{
			Major: s.major, Password: sourcePassword,
			Settings: map[string]string{"wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "3"},
		})
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			if err := errors.Join(server.Kill(), server.Stop()); err != nil {
				s.Error(err)
			}
		})
		shared := s.postgres
		s.postgres = server
		defer func() { s.postgres = shared }()
		s.execOn(s.connect(""), "CREATE DATABASE "+s.name)
		open := func() { s.source = s.connect(s.name) }
		open()
		s.exec(oneTable)
		s.command("run", "--table", "public.*").exits(3, "wal_level of the source is replica", "ALTER SYSTEM SET wal_level = logical;", "restart")
		s.nothingLeft()
		s.command("load", "--table", "public.*").exits(0) // which needs none of it
		s.equal("t")
		s.command("drop", "--with-data").exits(0)

		s.exec(`ALTER SYSTEM SET wal_level = logical`)
		if err := server.Restart(s.ctx); err != nil {
			s.Fatal(err)
		}
		open()
		s.exec(`SELECT pg_create_physical_replication_slot('somebody_elses')`)
		s.command("run", "--table", "public.*").exits(3, "no free replication slot: 1 of 1 are taken", "ALTER SYSTEM SET max_replication_slots", "drop a slot nobody uses")
		s.is("publications that are left", s.ask(`SELECT count(*) FROM pg_publication`), "0")
		s.exec(`SELECT pg_drop_replication_slot('somebody_elses')`)
		s.nothingLeft()

		// A slot for the stream and none for the copy of a table that joins.
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.exec(`CREATE TABLE joins (id int PRIMARY KEY)`)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(3, "no free replication slot")
		s.command("drop").exits(0)

		// The same name and database on another system.
		s.command("run", "--table", "public.*", "--existing", "truncate", "--until", "caught-up").exits(0)
		elsewhere := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.flags(shared.DSN(s.name), s.targetDSN())...)...)
		elsewhere.exits(3, "the target knows pipeline "+s.name, "on system", "--name", "pgsluice drop")
	})
}

func TestASlotThatIsInUse(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable)
		first := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.both()...)...).says("msg=streaming")
		second := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.both()...)...).says("standing by to take over")
		s.exec(`INSERT INTO t VALUES (2, 'the first goes on')`)
		s.eventuallyEqual("t")
		s.command("drop").exits(1, s.slot())
		second.signal(os.Interrupt)
		second.exits(0)
		first.signal(os.Interrupt)
		first.exits(0)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.equal("t")
	})
}

func TestATableWithoutAKeyIsWarnedOf(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE log (v text); INSERT INTO log VALUES ('a')`)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0, "level=WARN", "table public.log has no primary key", "ADD PRIMARY KEY")
		again := s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		if strings.Contains(again.said(), "WARN") {
			s.Errorf("warned of twice:\n%s", again.said())
		}
	})
}

func TestAConfigurationThatIsWrong(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable)
		wrong := func(yaml string, words ...string) {
			s.Helper()
			path := filepath.Join(s.dir(), "wrong.yaml")
			if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
				s.Fatal(err)
			}
			p := s.pgsluice("run", "-c", path)
			p.exits(2, words...)
		}
		dsn := fmt.Sprintf("source: {dsn: '%s'}\ntarget: {dsn: '%s'}\n", s.sourceDSN(), s.targetDSN())
		wrong(dsn+"tables: [public.*]\nload:\n  wokers: 3\n", `line 5: unknown key "wokers"`)
		wrong(dsn+"tables: [public.*]\nload:\n  wokers: 3\n  workers: many\nstream: {max_bytes: large}\nflush: 1\n",
			`line 5: unknown key "wokers"`, "line 6: expected a whole number", "line 7: expected a size", `line 8: unknown key "flush"`)
		wrong(dsn+"name: No Good\ntables: [nodot]\nload: {existing: maybe, workers: 100}\non_unrepresentable: perhaps\n",
			"No Good", "nodot", "load.existing", "load.workers 100", "on_unrepresentable")
		wrong("source: {dsn: '${NO_SUCH_VARIABLE_HERE}'}\ntables: [public.*]\n", "line 1", "NO_SUCH_VARIABLE_HERE")
		wrong("", "empty")
		s.pgsluice("run", "-c", "/no/such/file.yaml").exits(2, "/no/such/file.yaml")
		s.pgsluice("run", "--no-such-flag").exits(2, "no-such-flag")
		s.pgsluice("walk").exits(2, "walk")

		s.refused("postgres://u:"+sourcePassword+"@host:port/db", s.targetDSN(), 2, "source's DSN cannot be read", "postgres://user:password@host")
		s.refused("", s.targetDSN(), 2, "no source is named", "--source")
		s.refused(s.sourceDSN(), "mysql://u:"+targetPassword+"@host/db", 2, "target's DSN cannot be read", "clickhouse://user:password@host")
		for _, command := range []string{"run", "load"} {
			s.command(command, "--table", "nothing.*").exits(2, "no table of the source matches nothing.*", "schema.table")
			s.command(command, "--table", "public.*", "--table", "!public.t").exits(2, "no table of the source matches")
			s.command(command).exits(2, "no tables are named", "--table")
		}
		if !s.transactional() { // whose tables have schemas
			s.exec(`CREATE SCHEMA a; CREATE SCHEMA a_b; CREATE TABLE a.b_c (id int PRIMARY KEY); CREATE TABLE a_b.c (id int PRIMARY KEY)`)
			s.command("run", "--table", "a*.*").exits(2, "a.b_c and a_b.c would both be written to a_b_c", "template")
		}
		s.nothingLeft()
	})
}

func TestAPipelineOfAnotherSource(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		other := newScene(s.T, s.major, s.postgres, s.target)
		other.exec(oneTable)
		for _, command := range []string{"run", "load"} {
			p := s.pgsluice(append([]string{command, "--table", "public.*"}, s.flags(other.sourceDSN(), s.targetDSN())...)...)
			p.exits(3, "the target knows pipeline "+s.name, "database "+s.name, "database "+other.name, "--name", "pgsluice drop")
		}
		other.nothingOnSource()
		s.command("load", "--table", "public.*").exits(3, "is kept in sync by `pgsluice run`", "--name")
		s.exec(`INSERT INTO t VALUES (2, 'still')`)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.equal("t")
	})
}

func TestASlotThatWasTakenAway(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable)
		run := func() *process { return s.command("run", "--table", "public.*", "--until", "caught-up") }
		run().exits(0)
		s.exec(`SELECT pg_drop_replication_slot('%s')`, s.slot())
		s.exec(`INSERT INTO t VALUES (2, 'lost')`)
		run().exits(1, "replication slot "+s.slot()+" is gone from the source", "pgsluice resync")
		s.command("status").exits(0, s.slot()+" is GONE")
		s.command("drop").exits(0)
		s.command("run", "--table", "public.*", "--existing", "truncate", "--until", "caught-up").exits(0)
		s.equal("t")

		s.exec(`INSERT INTO t VALUES (3, 'taken by somebody else'); SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())`, s.slot())
		s.exec(`INSERT INTO t VALUES (4, 'later'); SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())`, s.slot())
		run().exits(1, "replication slot "+s.slot()+" has been moved", "past the target's watermark", "pgsluice resync")
		s.is("rows that were not seen", s.count("t", "id > 2"), "0")

		// A slot of the name that is not this pipeline's.
		s.command("drop", "--with-data").exits(0)
		s.exec(`SELECT pg_create_logical_replication_slot('%s', 'pgoutput')`, s.slot())
		run().exits(3, "replication slot "+s.slot()+" is there already", "source.slot")
		s.exec(`SELECT pg_drop_replication_slot('%s')`, s.slot())
		s.nothingLeft()
	})
}

// A user who may read, but whose rows a policy hides, would copy a part of the
// table without noticing.
func TestRowsThatAPolicyHides(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10);
			ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id < 3)`)
		role, dsn := s.role("")
		s.exec(`GRANT SELECT ON t TO %s`, role)
		p := s.pgsluice(append([]string{"load", "--table", "public.*"}, s.flags(dsn, s.targetDSN())...)...)
		p.exits(3, "row-level security", "public.t", "BYPASSRLS")
		s.nothingLeft()
	})
}
