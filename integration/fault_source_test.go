package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

// follows starts the program on table t and waits until it follows.
func (s *scene) follows(source string) *process {
	s.Helper()
	p := s.pgsluice(append([]string{"run", "--table", "public.*", "--flush-interval", "0"}, s.flags(source, s.targetDSN())...)...).says("msg=streaming")
	s.eventuallyEqual("t")
	return p
}

// resyncs does what the remedy for lost changes says.
func (s *scene) resyncs() {
	s.Helper()
	s.command("resync").exits(0)
	s.equal("t")
	s.exec(`INSERT INTO t VALUES (10000, 'after')`)
	s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
	s.equal("t")
}

// Up to PostgreSQL 17 the stream fails at the first change after the drop, from 18
// on it leaves out what the publication would have brought.
func TestAPublicationThatIsDropped(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable)
		p := s.follows(s.sourceDSN())
		s.exec(`DROP PUBLICATION pgsluice_%s`, s.name)
		s.exec(`INSERT INTO t VALUES (2, 'not published')`)
		p.exits(1, "publication", "pgsluice_"+s.name, "pgsluice resync")
		// To make it anew brings nothing back, and is not taken for it.
		s.exec(`CREATE PUBLICATION pgsluice_%s FOR TABLE t; INSERT INTO t VALUES (3, 'published')`, s.name)
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(1, "publication", "pgsluice resync")
		s.is("rows from after the drop", s.count("t", "id > 1"), "0")
		s.resyncs()
	})
}

func TestASlotThatIsDroppedWhileItIsUsed(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable)
		p := s.follows(s.sourceDSN())
		s.eventually("the slot can be dropped", func() bool {
			_, err := s.source.Exec(s.ctx, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '`+s.slot()+`' AND active`)
			if err != nil {
				s.Fatal(err)
			}
			_, err = s.source.Exec(s.ctx, `SELECT pg_drop_replication_slot('`+s.slot()+`')`)
			return err == nil
		})
		s.exec(`INSERT INTO t VALUES (2, 'lost')`)
		p.exits(1, "replication slot "+s.slot()+" is gone from the source", "pgsluice resync")
		s.resyncs()
	})
}

// A program that stands still while the source removes log that it needs.
func TestASlotThatIsInvalidated(t *testing.T) {
	onClickHouseOfEveryMajor(t, 13, func(s *scene) {
		s.ownSource(map[string]string{"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"})
		s.exec(oneTable)
		p := s.follows(s.sourceDSN())
		p.signal(syscall.SIGSTOP)
		s.eventually("the slot is lost", func() bool {
			s.exec(`CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 20000); DROP TABLE much`)
			s.exec(`SELECT pg_switch_wal()`)
			s.exec(`CHECKPOINT`)
			return s.ask(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot()) == "lost"
		})
		s.exec(`INSERT INTO t VALUES (2, 'lost')`)
		p.signal(syscall.SIGCONT)
		p.exits(1, "max_slot_wal_keep_size", s.slot(), "pgsluice resync")
		s.resyncs()
	})
}

func TestAPasswordThatIsChangedWhileItRuns(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable)
		role, dsn := s.role("REPLICATION")
		s.exec(`GRANT SELECT ON t TO %[1]s; GRANT CREATE ON DATABASE %[2]s TO %[1]s; ALTER TABLE t OWNER TO %[1]s`, role, s.name)
		p := s.follows(dsn)
		s.exec(`ALTER ROLE %s PASSWORD 'another'`, role)
		s.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'`, role)
		s.exec(`INSERT INTO t VALUES (2, 'while it is another')`)
		p.says("password authentication failed").says("check user and password in the source's DSN")
		s.eventually("it is tried again", func() bool { return strings.Count(p.said(), "the attempt ended; the next one begins") > 2 })
		s.exec(`ALTER ROLE %s PASSWORD '%s'`, role, sourcePassword)
		s.eventuallyEqual("t")
		p.signal(os.Interrupt)
		p.exits(0)
	})
}

func TestRightsThatAreRevokedWhileTablesAreCopied(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(four)
		role, dsn := s.role("REPLICATION")
		s.exec(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s; CREATE PUBLICATION pgsluice_%s FOR ALL TABLES`, role, s.name)
		source := s.newProxy(s.postgres.Addr())
		source.ail("bandwidth", "downstream", `"rate": 100`)
		through := func(p *plan) {
			p.Source, p.Workers = strings.Replace(dsn, s.postgres.Addr(), source.addr(), 1), 1
		}
		r := s.start(through)
		r.at(sync.Loading)
		s.exec(`REVOKE SELECT ON tiny FROM %s`, role)
		source.heal()
		s.parked("public.tiny", "permission denied for table tiny", "pgsluice check")
		r.streaming()
		r.here()
		s.equal("large", "middle", "small")
		r.halt()
		s.exec(`GRANT SELECT ON tiny TO %s; INSERT INTO tiny VALUES (2, 'after')`, role)
		s.catchUp(through)
		s.equal("large", "middle", "small", "tiny")
	})
}
