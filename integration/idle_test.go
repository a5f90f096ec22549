package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/snapshot"
)

func TestAnIdlePipelineLetsTheSourceForget(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA unpublished; CREATE TABLE unpublished.t (id int, v text)`)
		r := s.start().streaming()
		for range 3 {
			s.exec(`INSERT INTO unpublished.t SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n`)
			at := s.ask(`SELECT pg_current_wal_insert_lsn()`)
			s.eventually("the slot is confirmed up to "+at, func() bool {
				return s.ask(`SELECT confirmed_flush_lsn >= '%s' FROM pg_replication_slots WHERE slot_name = '%s'`, at, s.slot()) == "t"
			})
			if got := s.state().Pipeline.Watermark.String(); s.ask(`SELECT '%s'::pg_lsn >= '%s'`, got, at) != "t" {
				s.Errorf("the source was told to forget up to %s, and the target remembers %s", at, got)
			}
		}
		s.exec(`INSERT INTO t VALUES (1)`)
		r.here()
		r.halt()
		s.equal("t")
	})
}

// While the target is held nothing is applied or confirmed, and the source still
// hears that its reader is alive.
func TestKeepalivesAreAnsweredWhileTheTargetIsHeld(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text)`)
		s.catchUp()
		s.exec(`ALTER DATABASE %s SET wal_sender_timeout = '2s'`, s.name)
		var faulty *applytest.Faulty
		r := s.start(faultsAt(&faulty, applytest.Fault{Method: applytest.Apply, Nth: 3, Kind: applytest.Hold}), func(p *plan) { p.MaxRows = 10 }).streaming()
		sender := s.ask(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot())
		// More than two batches hold, so that the reader has to stop reading.
		s.exec(`INSERT INTO t SELECT n, repeat('v', 1000) FROM generate_series(1, 2000) n`)
		<-faulty.Held()
		end := s.ask(`SELECT pg_current_wal_insert_lsn()`)
		held := s.ask(`SELECT clock_timestamp()`)
		s.eventually("the source hears from its reader for three times the timeout", func() bool {
			return s.ask(`SELECT coalesce(max(reply_time) > '%s'::timestamptz + interval '6 s', false) FROM pg_stat_replication WHERE pid = %s`, held, sender) == "t"
		})
		s.is("the transaction is confirmed while it is held", s.ask(`SELECT confirmed_flush_lsn >= '%s' FROM pg_replication_slots WHERE slot_name = '%s'`, end, s.slot()), "f")
		faulty.Release()
		r.here()
		s.is("the walsender", s.ask(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot()), sender)
		r.halt()
		if strings.Contains(s.logged.String(), "the attempt ended") {
			s.Error("an attempt ended")
		}
		s.equal("t")
	})
}

// A source that goes away and comes back is waited for.
func TestAConnectionThatBreaksIsMadeAnew(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text)`)
		source, target := s.newProxy(s.postgres.Addr()), s.newProxy(s.target.addr())
		p := s.pgsluice(append([]string{"run", "--table", "public.*", "--flush-interval", "0"},
			s.flags(s.sourceAt(source.addr()), s.targetAt(target.addr()))...)...).says("msg=streaming")
		for n, side := range []*proxy{source, target, source} {
			s.exec(`INSERT INTO t SELECT n, 'v' FROM generate_series(%d, %d) n`, n*100, n*100+50)
			s.eventuallyEqual("t")
			side.cut()
			s.exec(`INSERT INTO t SELECT n, 'w' FROM generate_series(%d, %d) n`, n*100+51, n*100+99)
			s.eventuallyEqual("t")
		}
		s.exec(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot())
		s.exec(`UPDATE t SET v = 'last'`)
		s.eventuallyEqual("t")
		p.signal(os.Interrupt)
		p.exits(0, "the attempt ended; the next one begins")
	})
}

// Behind the switch to another segment what is inserted next goes behind a header, and
// what is sent ends before it: who waits for the one must not wait for the other.
func TestTheLogThatIsWaitedForIsSent(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.ownSource(nil) // nobody else may write for a moment
		catalog, err := snapshot.NewCatalog(s.ctx, s.source)
		if err != nil {
			s.Fatal(err)
		}
		at := `SELECT pg_current_wal_insert_lsn()`
		s.eventually("nobody writes for a moment", func() bool {
			s.exec(`SELECT pg_switch_wal()`)
			before := s.ask(at)
			written, err := catalog.Written(s.ctx)
			if err != nil {
				s.Fatal(err)
			}
			if before != s.ask(at) || !strings.HasSuffix(before, "000028") {
				return false
			}
			s.is("the end of the log", written.String(), strings.TrimSuffix(before, "28")+"00")
			return true
		})
	})
}
