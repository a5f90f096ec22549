package integration

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/sync"
)

func TestASignalEndsTheRunAfterTheBatchInHand(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.openBank(2000)
		w := s.work(2, 2000, 3)
		for _, stop := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			p := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.both()...)...).says("msg=streaming")
			before := w.committed.Load()
			s.eventually("transactions while it streams", func() bool { return w.committed.Load() > before+100 })
			p.signal(stop)
			p.exits(0, "stopping after the work in hand")
		}
		w.stop()
		again := s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		if strings.Contains(again.said(), "copying tables") {
			s.Errorf("tables are copied again:\n%s", again.said())
		}
		s.equal(bankTables...)
	})
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE held (id int PRIMARY KEY)`)
		between := s.newProxy(s.target.addr())
		p := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.flags(s.sourceDSN(), s.targetAt(between.addr()))...)...).says("msg=streaming")
		between.hold()
		s.exec(`INSERT INTO held VALUES (1)`)
		s.eventually("the program writes to the target", func() bool { return between.waiting.Load() > 0 })
		p.signal(os.Interrupt)
		p.says("stopping after the work in hand")
		p.signal(os.Interrupt)
		p.exits(1, "stopped at once by interrupt")
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.equal("held")
	})
}

func TestASlotThatHasToWaitSaysForWhatAndCanBeStopped(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)`)
		open := s.connect(s.name)
		s.execOn(open, `BEGIN; INSERT INTO t VALUES (2)`)
		for _, stop := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			p := s.pgsluice(append([]string{"run", "--table", "public.*"}, s.both()...)...).says("the replication slot waits for transactions").says("process ")
			p.signal(stop)
			p.exits(0, "stopping after the work in hand")
			s.nothingLeft()
		}
		p := s.pgsluice(append([]string{"run", "--table", "public.*", "--until", "caught-up"}, s.both()...)...).says("the replication slot waits for transactions")
		s.execOn(open, `COMMIT`)
		p.exits(0)
		s.equal("t")
	})
}

func TestRunUntilAnLSNEndsThere(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY)`)
		s.catchUp()
		s.exec(`INSERT INTO t SELECT generate_series(1, 10)`)
		at := s.ask(`SELECT pg_current_wal_insert_lsn()`)
		s.exec(`INSERT INTO t SELECT generate_series(11, 20)`)
		s.command("run", "--table", "public.*", "--until", at).exits(0)
		if n := s.count("t", "id <= 10"); n != "10" {
			s.Errorf("%s rows up to the LSN, not 10", n)
		}
		s.command("run", "--table", "public.*", "--until", at).exits(0) // which has been reached
		s.command("run", "--table", "public.*", "--until", "yesterday").exits(2, "yesterday", "caught-up")
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.equal("t")
	})
}

// four are tables of sizes that tell in which order they are copied: the
// largest first.
const four = `
	CREATE TABLE large (id int PRIMARY KEY, v text); INSERT INTO large SELECT n, repeat('l', 100) FROM generate_series(1, 3000) n;
	CREATE TABLE middle (id int PRIMARY KEY, v text); INSERT INTO middle SELECT n, repeat('m', 100) FROM generate_series(1, 1000) n;
	CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small SELECT n, repeat('s', 100) FROM generate_series(1, 300) n;
	CREATE TABLE tiny (id int PRIMARY KEY, v text); INSERT INTO tiny VALUES (1, 't');`

func TestALoadThatWasStoppedGoesOnWithTheMissingTables(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(four)
		var faulty *applytest.Faulty
		r := s.begin((*sync.Pipeline).Load, faultsAt(&faulty, applytest.Fault{Method: applytest.Finish, Nth: 2, Kind: applytest.Hold}), func(p *plan) { p.Workers = 1 })
		<-faulty.Held() // the second table's last rows, while the third may be under way
		r.Stop()
		s.eventually("the load notices", func() bool { return strings.Contains(s.logged.String(), "stopping after the chunks in hand") })
		faulty.Release()
		if err := r.wait(); err != nil {
			s.Fatal(err)
		}
		state := s.state().Tables
		s.is("large", string(state["public.large"].Phase), "copied")
		s.is("middle", string(state["public.middle"].Phase), "copied")
		if state["public.tiny"].Phase == apply.Copied {
			s.Error("tiny is copied, and the load was to stop before it")
		}
		again := s.command("load", "--table", "public.*", "--workers", "1").exits(0, "table=public.tiny")
		if strings.Contains(again.said(), "public.large") || strings.Contains(again.said(), "public.middle") {
			s.Errorf("a table that was copied is copied again:\n%s", again.said())
		}
		s.equal("large", "middle", "small", "tiny")
		s.command("load", "--table", "public.*").exits(3, "has loaded all of its 4 tables", "--existing")
		s.command("load", "--table", "public.*", "--existing", "truncate").exits(0)
		s.equal("large", "middle", "small", "tiny")
	})
}

func TestALoadThatWasKilledGoesOnWithTheMissingTables(t *testing.T) {
	for _, command := range [][]string{{"load"}, {"run", "--until", "caught-up"}} {
		t.Run(command[0], func(t *testing.T) {
			onEveryMajor(t, 12, func(s *scene) {
				s.exec(four)
				args := append(append(slices.Clone(command), "--table", "public.*", "--workers", "1"), s.both()...)
				s.pgsluice(args...).says("table=public.large").kill()
				again := s.pgsluice(args...)
				again.exits(0)
				if strings.Contains(again.said(), "table=public.large") {
					s.Errorf("a table that was copied is copied again:\n%s", again.said())
				}
				s.equal("large", "middle", "small", "tiny")
			})
		})
	}
}
