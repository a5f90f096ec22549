package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func startPostgres(t *testing.T, opts PostgresOptions) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), opts)
	must(t, err)
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestPostgresOfEveryMajorIsReadyForReplication(t *testing.T) {
	majors, err := Majors()
	must(t, err)
	for _, major := range majors {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			began := time.Now()
			p := startPostgres(t, PostgresOptions{Major: major, Settings: map[string]string{
				"max_replication_slots": "7", "application_name": "it's",
			}})
			t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
			if version := p.mustAsk(t, "SHOW server_version"); !strings.HasPrefix(version, fmt.Sprintf("%d.", major)) {
				t.Errorf("asked for %d, got %s", major, version)
			}
			for setting, want := range map[string]string{
				"wal_level": "logical", "max_wal_senders": "20", "fsync": "off", "synchronous_commit": "on",
				"max_replication_slots": "7", "application_name": "it's",
			} {
				if got := p.mustAsk(t, "SHOW "+setting); got != want {
					t.Errorf("%s = %s, want %s", setting, got, want)
				}
			}
			p.mustAsk(t, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
		})
	}
}

func TestPostgresStopLeavesNothing(t *testing.T) {
	p := startPostgres(t, PostgresOptions{})
	pid := p.PID()
	must(t, p.Stop())
	if runs(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if found := processesIn(p.home.data()); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	if exists(p.Dir()) {
		t.Errorf("%s is still there", p.Dir())
	}
	must(t, p.Stop())
	if err := p.Restart(t.Context()); err == nil {
		t.Error("a server that was stopped for good starts again")
	}
}

func TestPostgresListensOnLoopbackOnly(t *testing.T) {
	p := startPostgres(t, PostgresOptions{})
	found, err := listeners(p.Port())
	must(t, err)
	if len(found) != 1 || found[0] != "0100007F" {
		t.Errorf("listens on %v", found)
	}
}

func TestPostgresKeepsItsData(t *testing.T) {
	// Only root may enter this directory, when root runs the test: the server has to work in it nevertheless.
	dir := filepath.Join(t.TempDir(), "db")
	p := startPostgres(t, PostgresOptions{Dir: dir})
	p.mustAsk(t, "CREATE TABLE t AS SELECT 1 AS a")
	port := p.Port()

	must(t, p.Restart(t.Context()))
	p.mustAsk(t, "INSERT INTO t VALUES (2)")
	must(t, p.Kill())
	if p.PID() != 0 || len(processesIn(p.home.data())) > 0 {
		t.Error("it survived")
	}
	must(t, p.Restart(t.Context()))
	p.mustAsk(t, "INSERT INTO t VALUES (3)")
	if p.Port() != port {
		t.Errorf("the port changed from %d to %d", port, p.Port())
	}
	must(t, p.Stop())

	again := startPostgres(t, PostgresOptions{Dir: dir})
	if got := again.mustAsk(t, "SELECT a FROM t ORDER BY a"); got != "1 2 3" {
		t.Errorf("rows: %s", got)
	}
}

func TestPostgresRefusesADirectoryItCannotServe(t *testing.T) {
	foreign := t.TempDir()
	must(t, os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600))
	running := startPostgres(t, PostgresOptions{})
	old := t.TempDir()
	must(t, os.WriteFile(filepath.Join(old, "postgres.log"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(old, "data"), 0o700))
	must(t, os.WriteFile(filepath.Join(old, "data", "PG_VERSION"), []byte("14\n"), 0o600))

	for _, c := range []struct{ name, dir, want string }{
		{"somebody's documents", foreign, "not empty"},
		{"a server runs in it", running.Dir(), fmt.Sprintf("in use: process %d", os.Getpid())},
		{"data of another major", old, "holds data of PostgreSQL 14"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := StartPostgres(t.Context(), PostgresOptions{Dir: c.dir})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.dir) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	running.mustAsk(t, "SELECT 1")
}

func TestPostgresWithAPasswordAsksForIt(t *testing.T) {
	p := startPostgres(t, PostgresOptions{Password: "se cret"})
	if _, err := askPostgres(p.Addr(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "authentication 10") {
		t.Errorf("error %v, want a request for SASL", err)
	}
	if !strings.Contains(p.DSN("x"), "postgres:se%20cret@") {
		t.Error(p.DSN("x"))
	}
}

func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	_, err := StartPostgres(t.Context(), PostgresOptions{Settings: map[string]string{"wal_level": "sometimes"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "wal_level"`) {
		t.Errorf("error %v", err)
	}
}

func TestPostgresDoesNotRunAsRoot(t *testing.T) {
	p := startPostgres(t, PostgresOptions{})
	uid, err := uidOf(p.PID())
	must(t, err)
	if uid == 0 || (os.Geteuid() != 0 && uid != os.Geteuid()) {
		t.Errorf("it runs as user %d, the test as %d", uid, os.Geteuid())
	}
}

func TestMajorsComeFromTheEnvironment(t *testing.T) {
	t.Setenv(MajorsEnv, "12, 16")
	if majors, err := Majors(); err != nil || len(majors) != 2 || majors[0] != 12 || majors[1] != 16 {
		t.Errorf("majors %v, %v", majors, err)
	}
	t.Setenv(MajorsEnv, "all")
	if _, err := Majors(); err == nil {
		t.Error("all is not a major version")
	}
}
