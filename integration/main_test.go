package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

func TestLoadAndStreamUnderAWorkload(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		const accounts = 50_000
		s.openBank(accounts)
		w := s.work(4, accounts, 1)
		s.eventually("transactions before the start", func() bool { return w.committed.Load() > 50 })
		r := s.start().streaming()
		before := w.committed.Load()
		s.eventually("transactions while it streams", func() bool { return w.committed.Load() > before+500 })
		r.halt()
		w.stop()
		s.catchUp()
		s.equal(bankTables...)
		if copied := s.count("pgbench_history", "filler LIKE 'old%'"); copied != "5000" {
			s.Errorf("%s rows of the history from before, not 5000", copied)
		}
	})
}

func TestARunUntilCaughtUpLeavesOutNothing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.openBank(1000)
		s.catchUp()
		s.equal(bankTables...)
		w := s.work(3, 1000, 2)
		s.eventually("some transactions", func() bool { return w.committed.Load() > 300 })
		w.stop()
		s.catchUp()
		s.equal(bankTables...)
		s.catchUp()
		s.equal(bankTables...)
	})
}

func TestAOneShotLoadCopiesOneMoment(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		const accounts = 20_000
		s.openBank(accounts)
		// Every transaction of this workload leaves the sum of the balances
		// where it is.
		s.exec(`UPDATE pgbench_accounts SET abalance = 100`)
		stop := make(chan struct{})
		moved := make(chan error, 1)
		conn := s.connect(s.name)
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					moved <- nil
					return
				default:
				}
				if _, err := conn.Exec(s.ctx, `UPDATE pgbench_accounts SET abalance = abalance + CASE WHEN aid = $1 THEN 1 ELSE -1 END WHERE aid IN ($1, $2)`,
					1+n%accounts, accounts-n%(accounts/2)); err != nil {
					moved <- err
					return
				}
			}
		}()
		err := s.begin((*sync.Pipeline).Load).wait()
		close(stop)
		if err != nil {
			s.Fatal(err)
		}
		if err := <-moved; err != nil {
			s.Fatal(err)
		}
		s.is("count and sum", s.warehouse(`SELECT count(*), sum(abalance) FROM %s`, s.from("pgbench_accounts")), "20000\t2000000")
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "0")
	})
}
