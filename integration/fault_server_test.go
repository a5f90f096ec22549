package integration

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/internal/sandbox"
	"github.com/pgsluice/pgsluice/sync"
)

// ownSource gives the scene a source of its own, which the test may stop.
func (s *scene) ownSource(settings map[string]string) {
	s.Helper()
	shared := s.postgres
	s.Cleanup(func() { s.postgres = shared })
	s.postgres = s.startPostgres(sandbox.PostgresOptions{Password: sourcePassword, Settings: settings})
	s.execOn(s.connect(""), "CREATE DATABASE "+s.name)
	s.source = s.connect(s.name)
}

// startPostgres starts a server of the scene's major, which ends with the test.
func (s *scene) startPostgres(options sandbox.PostgresOptions) *sandbox.Postgres {
	s.Helper()
	options.Major = s.major
	server, err := sandbox.StartPostgres(s.ctx, options)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := errors.Join(server.Kill(), server.Stop()); err != nil {
			s.Error(err)
		}
	})
	return server
}

// ownFamily gives the scene a PostgreSQL of its own as target.
func (s *scene) ownFamily() *sandbox.Postgres {
	s.Helper()
	server := s.startPostgres(sandbox.PostgresOptions{Password: targetPassword})
	f := standInOf(s.major)
	f.host = server.Addr()
	if err := f.administer(s.ctx, "postgres", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", targetUser, targetPassword)); err != nil {
		s.Fatal(err)
	}
	if err := f.create(s.ctx, s.database()); err != nil {
		s.Fatal(err)
	}
	s.target = f
	return server
}

// restarts are the ways in which a server goes away and comes back.
var restarts = map[string]func(s *scene, server *sandbox.Postgres) error{
	"in order": func(s *scene, server *sandbox.Postgres) error { return server.Restart(s.ctx) },
	"by a crash": func(s *scene, server *sandbox.Postgres) error {
		return errors.Join(server.Kill(), server.Restart(s.ctx))
	},
}

// slowly has the source reached over a connection slow enough for a load to be met
// in the middle.
func (s *scene) slowly() (*proxy, func(*plan)) {
	s.Helper()
	source := s.newProxy(s.postgres.Addr())
	source.ail("bandwidth", "downstream", `"rate": 500`)
	return source, func(p *plan) { p.Source = s.sourceAt(source.addr()) }
}

// What is written to is another test's.
func TestASourceThatRestarts(t *testing.T) {
	for how, restart := range restarts {
		t.Run(how, func(t *testing.T) {
			onClickHouse(t, func(s *scene) {
				s.ownSource(nil)
				s.livesThrough(func() error { return restart(s, s.postgres) })
			})
		})
	}
}

// livesThrough has a server restart while the bank is copied, and while it is
// streamed.
func (s *scene) livesThrough(restart func() error) {
	s.Helper()
	s.openBank(20_000)
	source, through := s.slowly()
	r := s.start(through)
	again := func() {
		before := s.attempts()
		if err := restart(); err != nil {
			s.Fatal(err)
		}
		s.source = s.connect(s.name)
		s.exec(`UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= 1000`)
		s.fails(before)
	}
	r.at(sync.Loading)
	again()
	source.heal()
	r.streaming()
	r.here()
	again()
	r.streaming()
	r.here()
	r.halt()
	s.equal(bankTables...)
}

// ofOwnTarget runs a test on a PostgreSQL that writes to another one, both of its own.
func ofOwnTarget(t *testing.T, test func(s *scene, server *sandbox.Postgres)) {
	t.Helper()
	t.Parallel()
	majors := majorsFrom(0)
	major := majors[len(majors)-1]
	s := newScene(t, major, servers.postgres[major], nil)
	test(s, s.ownFamily())
}

func TestATargetThatRestarts(t *testing.T) {
	for how, restart := range restarts {
		t.Run(how, func(t *testing.T) {
			ofOwnTarget(t, func(s *scene, server *sandbox.Postgres) {
				s.livesThrough(func() error { return restart(s, server) })
			})
		})
	}
}

func TestATargetThatIsReadOnlyForAWhile(t *testing.T) {
	ofOwnTarget(t, func(s *scene, server *sandbox.Postgres) {
		s.exec(oneTable)
		r := s.start().streaming()
		r.here()
		// A standby of nobody takes no writes. Whose the server's files are, this one
		// has to be too.
		data := filepath.Join(server.Dir(), "data")
		become := func(command ...string) {
			s.Helper()
			if out, err := exec.CommandContext(s.ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
				s.Fatalf("%v: %s", err, out)
			}
			if err := server.Restart(s.ctx); err != nil {
				s.Fatal(err)
			}
		}
		become("cp", "-a", filepath.Join(data, "PG_VERSION"), filepath.Join(data, "standby.signal"))
		s.exec(`INSERT INTO t VALUES (2, 'while it is read only')`)
		s.eventually("the log says so", func() bool {
			said := s.logged.String()
			return strings.Contains(said, "read-only transaction") && strings.Contains(said, "name the server that takes writes")
		})
		become("rm", filepath.Join(data, "standby.signal"))
		r.here()
		r.halt()
		s.equal("t")
	})
}

// TestAClickHouseThatRestarts has one of its own, which is asked for its rows as
// any user would.
func TestAClickHouseThatRestarts(t *testing.T) {
	t.Parallel()
	majors := majorsFrom(0)
	major := majors[len(majors)-1]
	s := newScene(t, major, servers.postgres[major], nil)
	server, err := sandbox.StartClickHouse(s.ctx, sandbox.ClickHouseOptions{User: targetUser, Password: targetPassword})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := errors.Join(server.Kill(), server.Stop()); err != nil {
			s.Error(err)
		}
	})
	s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n`)
	source, _ := s.slowly()
	p := s.pgsluice(append([]string{"run", "--table", "public.*", "--flush-interval", "0"}, s.flags(s.sourceAt(source.addr()), server.DSN("copy"))...)...)
	there := func() string {
		answer, err := queryClickHouseAt(s.ctx, server.HTTPAddr(), "copy", `SELECT count(), sum(id), countIf(v = 'y') FROM t FINAL`)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(answer))
	}
	for n, stage := range []string{`msg="copying tables"`, "msg=streaming"} {
		p.says(stage)
		if n == 0 {
			err = errors.Join(server.Kill(), server.Restart(s.ctx))
			source.heal()
		} else {
			err = server.Restart(s.ctx)
		}
		if err != nil {
			s.Fatal(err)
		}
		s.exec(`UPDATE t SET v = 'y' WHERE id %% 10 = %d; INSERT INTO t VALUES (%d, 'y')`, n, 100_000+n)
		want := s.ask(`SELECT concat_ws(E'\t', count(*), sum(id), count(*) FILTER (WHERE v = 'y')) FROM t`)
		s.eventually("the target has what is committed", func() bool { return there() == want })
	}
	p.kill()
	s.mentions(p.said(), "the attempt ended; the next one begins")
}
