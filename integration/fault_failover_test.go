package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// pairOf makes a primary with the scene's database, and a standby that takes its
// slots along.
func (s *scene) pairOf() (primary, standby *sandbox.Postgres) {
	s.Helper()
	home := s.TempDir()
	if err := os.Chmod(home, 0o755); err != nil {
		s.Fatal(err)
	}
	first, second := filepath.Join(home, "primary"), filepath.Join(home, "standby")
	start := func(dir string, settings map[string]string) *sandbox.Postgres {
		s.Helper()
		return s.startPostgres(sandbox.PostgresOptions{Dir: dir, Password: sourcePassword, Settings: settings})
	}
	copied := func(from, to string) {
		s.Helper()
		if out, err := exec.CommandContext(s.ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
			s.Fatalf("%v: %s", err, out)
		}
	}
	if err := start(first, nil).Stop(); err != nil {
		s.Fatal(err)
	}
	copied(first, second)
	// Whose the files are, the new one has to be too.
	copied(filepath.Join(second, "data", "PG_VERSION"), filepath.Join(second, "data", "standby.signal"))
	shared := s.postgres
	s.Cleanup(func() { s.postgres = shared })
	primary = start(first, nil)
	s.postgres = primary
	admin := s.connect("")
	s.execOn(admin, `SELECT pg_create_physical_replication_slot('standby', true)`)
	host, port, err := net.SplitHostPort(primary.Addr())
	if err != nil {
		s.Fatal(err)
	}
	standby = start(second, map[string]string{
		"primary_conninfo":  fmt.Sprintf("host=%s port=%s user=postgres password=%s dbname=postgres", host, port, sourcePassword),
		"primary_slot_name": "standby", "sync_replication_slots": "on", "hot_standby_feedback": "on",
	})
	// What a reader of a slot has seen is not lost with the primary.
	s.execOn(admin, `ALTER SYSTEM SET synchronized_standby_slots = 'standby'`)
	s.execOn(admin, `SELECT pg_reload_conf()`)
	s.execOn(admin, "CREATE DATABASE "+s.name)
	s.source = s.connect(s.name)
	return primary, standby
}

// either names both in one DSN: whichever takes writes.
func (s *scene) either(primary, standby *sandbox.Postgres) string {
	return strings.Replace(s.sourceDSN(), primary.Addr(), primary.Addr()+","+standby.Addr(), 1) + "&target_session_attrs=read-write"
}

// synchronised waits until the standby has the pipeline's slot.
func (s *scene) synchronised(standby *sandbox.Postgres) {
	s.Helper()
	there, err := pgx.Connect(s.ctx, standby.DSN("postgres"))
	if err != nil {
		s.Fatal(err)
	}
	defer there.Close(context.Background())
	s.eventually("the slot is on the standby", func() bool {
		// The slot moves with a snapshot, which is logged every 15 seconds by itself;
		// and who brings it to the standby sleeps up to half a minute, unless woken.
		s.exec(`SELECT pg_log_standby_snapshot()`)
		var ready bool
		err := there.QueryRow(s.ctx, `SELECT pg_reload_conf() AND coalesce(bool_or(synced AND NOT temporary AND invalidation_reason IS NULL), false)
			FROM pg_replication_slots WHERE slot_name = '`+s.slot()+`'`).Scan(&ready)
		if err != nil {
			s.Fatal(err)
		}
		return ready
	})
}

// promote makes the standby the scene's source.
func (s *scene) promote(standby *sandbox.Postgres) {
	s.Helper()
	s.postgres = standby
	s.execOn(s.connect(""), `SELECT pg_promote()`)
	s.source = s.connect(s.name)
}

// TestAFailoverOfTheSource kills the primary under load. The standby may lack what
// was committed last; then the target lacks it too.
func TestAFailoverOfTheSource(t *testing.T) {
	onEveryMajor(t, 17, func(s *scene) {
		primary, standby := s.pairOf()
		s.openBank(2000)
		both := s.either(primary, standby)
		r := s.start(func(p *plan) { p.Source = both }).streaming()
		writer := s.connect(s.name)
		wrote := make(chan int)
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		go func() {
			n := 0
			for ; ; n++ {
				if _, err := writer.Exec(ctx, `INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, 1, $1, now())`, n); err != nil {
					break
				}
			}
			wrote <- n
		}()
		s.synchronised(standby)
		before := s.attempts()
		if err := primary.Kill(); err != nil {
			s.Fatal(err)
		}
		s.Logf("%d transactions until the primary was killed", <-wrote)
		s.fails(before)
		s.promote(standby)
		s.exec(`UPDATE pgbench_branches SET filler = 'after'`)
		r.streaming()
		r.here()
		r.halt()
		s.equal(bankTables...)
	})
}

// missing makes a pair whose standby has the slot and misses what comes from now on:
// nobody tells the primary to wait for it. The pipeline has followed table t.
func (s *scene) missing() (primary, standby *sandbox.Postgres, both string) {
	s.Helper()
	primary, standby = s.pairOf()
	s.exec(`ALTER SYSTEM RESET synchronized_standby_slots`)
	s.exec(`SELECT pg_reload_conf()`)
	s.exec(oneTable)
	s.exec(`CREATE TABLE other (id int PRIMARY KEY, v text); INSERT INTO other VALUES (1, 'x')`)
	both = s.either(primary, standby)
	p := s.follows(both)
	s.synchronised(standby)
	// The view shows a slot as one that lasts shortly before its file says so, and a
	// server that is killed in between forgets it; one that ends by itself does not.
	if err := errors.Join(standby.Restart(s.ctx), standby.Kill()); err != nil {
		s.Fatal(err)
	}
	p.signal(os.Interrupt)
	p.exits(0)
	return primary, standby, both
}

// failsOver has the standby take the primary's place, and write more than that was
// ahead of it: the positions of what is lost are those of other changes then.
func (s *scene) failsOver(primary, standby *sandbox.Postgres) {
	s.Helper()
	if err := errors.Join(primary.Kill(), standby.Restart(s.ctx)); err != nil {
		s.Fatal(err)
	}
	s.promote(standby)
	s.exec(`INSERT INTO t SELECT n, repeat('y', 1000) FROM generate_series(5000, 9000) n; INSERT INTO other VALUES (2, 'new')`)
}

const lostRows = `INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(2, 3000) n`

func TestAFailoverThatLosesWhatWasApplied(t *testing.T) {
	onEveryMajor(t, 17, func(s *scene) {
		primary, standby, both := s.missing()
		s.exec(lostRows)
		run := append([]string{"run", "--table", "public.*", "--until", "caught-up"}, s.flags(both, s.targetDSN())...)
		s.pgsluice(run...).exits(0)
		s.failsOver(primary, standby)
		s.pgsluice(run...).exits(1, "the source has lost log that the target has applied", "pgsluice resync", "synchronized_standby_slots")
		s.resyncs()
	})
}

// Rows that were applied and whose watermark was not: of that one table the target
// has more than the source.
func TestAFailoverThatLosesRowsAheadOfTheWatermark(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		primary, standby, both := s.missing()
		s.exec(lostRows)
		run := append([]string{"run", "--table", "public.*"}, s.flags(both, s.targetDSN())...)
		s.crashes("block-inserted", 1, run...).exits(-1, "killed at block-inserted")
		s.is("rows ahead of the watermark", s.count("t"), "3000")
		s.failsOver(primary, standby)
		p := s.pgsluice(append(run, "--until", "caught-up")...)
		p.exits(0)
		s.mentions(p.said(), "1 tables of the target are ahead of what the source has after a failover")
		s.equal("t", "other")
	})
}
