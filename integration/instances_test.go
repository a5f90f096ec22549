package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// Of two processes that run one pipeline the second waits, also while the first
// copies, and takes over when that is killed.
func TestASecondProcessStandsByAndTakesOver(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n`)
		run := append([]string{"run", "--table", "public.*", "--workers", "1", "--flush-interval", "20ms"}, s.both()...)
		first := s.pgsluice(run...)
		first.says(`msg="copying tables"`)
		second := s.pgsluice(run...)
		second.says("standing by to take over")
		first.says("msg=streaming")
		for n := range 3 {
			s.exec(`UPDATE t SET v = 'round %d' WHERE id %% 1000 = %d`, n, n)
			first.kill()
			killed := time.Now()
			second.says("msg=streaming")
			s.Logf("took over in %s", time.Since(killed).Round(time.Millisecond))
			first, second = second, s.pgsluice(run...)
			second.says("standing by to take over")
		}
		// One that stands by can be stopped as one that runs.
		second.signal(syscall.SIGTERM)
		second.exits(0)
		first.signal(syscall.SIGTERM)
		first.exits(0)
		s.catchUp()
		s.equal("t")
	})
}

// The connection that holds the claim is cut off: the process does not go on as if
// it had it.
func TestWhoLosesTheClaimBeginsAgain(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)`)
		r := s.start().streaming()
		if n := s.ask(`SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); n != "1" {
			s.Fatalf("%s connections hold a claim", n)
		}
		s.eventually("the attempt ends", func() bool { return r.Progress().LastError != "" })
		s.mentions(r.Progress().LastError, "holds the claim on the pipeline")
		r.streaming()
		s.exec(`INSERT INTO t VALUES (2)`)
		r.here()
		s.equal("t")
		r.halt()
	})
}

func TestTheLogThatASlotKeepsHasALimit(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'); CREATE TABLE noise (v text)`)
		s.config.patterns = []string{"public.t"}
		s.catchUp()
		// A target that does not get on.
		much := func() {
			s.exec(`INSERT INTO noise SELECT repeat(md5(n::text), 100) FROM generate_series(1, 3000) n; DELETE FROM noise`)
		}
		// Who is open keeps the slot from letting go of the log behind him.
		open := s.connect(s.name)
		s.execOn(open, `BEGIN; INSERT INTO noise VALUES ('open')`)
		much()
		limited := func(on sync.OnLimit) func(*plan) {
			return func(p *plan) { p.MaxRetained, p.OnLimit, p.IdleSave = 1<<20, on, time.Hour }
		}
		err := s.start(limited(sync.LimitStops)).wait()
		if err == nil || fault.Retryable(err) {
			s.Fatalf("at the limit: %v", err)
		}
		s.mentions(err.Error()+fault.Hint(err), "max_retained_wal is 1048576", "on_limit is stop")
		err = s.start(limited(sync.LimitDropsSlot)).wait()
		if err == nil {
			s.Fatal("at the limit nothing happens")
		}
		s.mentions(err.Error()+fault.Hint(err), "was dropped", "copies all tables anew")
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "0")
		s.execOn(open, `COMMIT`)
		s.exec(`DELETE FROM t; INSERT INTO t VALUES (2, 'y')`)
		s.catchUp()
		s.equal("t")
	})
}

func TestHangupReadsTheConfigurationAgain(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)`)
		file := filepath.Join(s.dir(), "pipeline.yaml")
		write := func(tables string) {
			text := fmt.Sprintf("name: %s\nsource:\n  dsn: %q\ntarget:\n  dsn: %q\ntables: [%s]\nstream:\n  flush_interval: 20ms\n", s.name, s.sourceDSN(), s.targetDSN(), tables)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				s.Fatal(err)
			}
		}
		write("public.a")
		p := s.pgsluice("run", "-c", file)
		p.says("msg=streaming")
		// Whatever becomes of a reload, who stands by goes on standing by.
		standby := s.pgsluice("run", "-c", file)
		standby.says("standing by to take over")
		write("public.a, public.b")
		p.signal(syscall.SIGHUP)
		s.eventually("the second table streams", func() bool { return s.state().Tables["public.b"].Phase == apply.Streaming })
		s.exec(`INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)`)
		s.eventually("the rows are there", func() bool { return s.count("a") == "2" && s.count("b") == "2" })
		// What cannot be read, or run, changes nothing.
		write("public.a, nonsense: [")
		p.signal(syscall.SIGHUP)
		p.says("the configuration cannot be read again")
		write("public.nobody")
		p.signal(syscall.SIGHUP)
		p.says("cannot be run; going on with the one before")
		s.exec(`INSERT INTO a VALUES (3); INSERT INTO b VALUES (3)`)
		s.eventually("the rows are there", func() bool { return s.count("a") == "3" && s.count("b") == "3" })
		write("public.b")
		p.signal(syscall.SIGHUP)
		s.eventually("the first table has left", func() bool { return s.state().Tables["public.a"].Phase == apply.Pending })
		s.exec(`INSERT INTO a VALUES (4); INSERT INTO b VALUES (4)`)
		s.eventually("the rows are there", func() bool { return s.count("b") == "4" })
		s.is("rows of the table that has left", s.count("a"), "3")
		if strings.Contains(standby.said(), "taking over") {
			s.Errorf("the process that stood by has taken over:\n%s", standby.said())
		}
		p.signal(syscall.SIGTERM)
		p.exits(0)
		standby.says("msg=streaming")
		standby.signal(syscall.SIGTERM)
		standby.exits(0)
	})
}
