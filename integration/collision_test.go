package integration

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// TestACommitExactlyAtTheConsistentPoint makes a slot's consistent point the very
// place where a transaction's commit record starts. That transaction is not in
// the snapshot but in the stream, and its rows must not be taken for copied ones.
func TestACommitExactlyAtTheConsistentPoint(t *testing.T) {
	onNewest(t, func(s *scene) {
		// A server of its own: nobody else may write to the log in between.
		server, err := sandbox.StartPostgres(s.ctx, sandbox.PostgresOptions{
			Major: s.major, Password: sourcePassword, Settings: map[string]string{"autovacuum": "off", "bgwriter_delay": "10s", "checkpoint_timeout": "1h"},
		})
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			if err := errors.Join(server.Kill(), server.Stop()); err != nil {
				s.Error(err)
			}
		})
		met := false
		for n := 0; n < 20 && !met && !s.Failed(); n++ {
			met = newScene(s.T, s.major, server, s.target).commitAtTheConsistentPoint()
		}
		if !met {
			s.Error("no commit record started at the consistent point")
		}
	})
}

// positions notes where the transactions commit whose rows go by.
type positions struct {
	apply.Target
	commits map[change.LSN]bool
}

func (p *positions) Apply(ctx ctxt, b *apply.Batch) error {
	var row apply.Row
	for _, tb := range b.Tables() {
		for i := range tb.Len() {
			tb.Row(i, &row)
			p.commits[row.Position.Commit] = true
		}
	}
	return p.Target.Apply(ctx, b)
}

func (s *scene) commitAtTheConsistentPoint() bool {
	s.exec(`CREATE TABLE keyless (v text); INSERT INTO keyless SELECT 'copied ' || n FROM generate_series(1, 10) n;
		CREATE TABLE keyed (id int PRIMARY KEY, v text); INSERT INTO keyed VALUES (1, 'copied')`)
	// A slot waits for the transactions that run when it begins, and then for
	// those that run when it has seen those end.
	var running [3]*pgx.Conn
	begin := func(n int) {
		running[n] = s.connect(s.name)
		s.execOn(running[n], `BEGIN; SELECT txid_current()`)
	}
	waits := func(n int) {
		xid := running[n].PgConn().PID()
		s.eventually("the slot waits for a transaction", func() bool {
			return s.ask(`SELECT count(*) FROM pg_locks w JOIN pg_locks h ON h.locktype = 'transactionid' AND h.transactionid = w.transactionid AND h.granted
				WHERE w.locktype = 'transactionid' AND NOT w.granted AND h.pid = %d`, xid) == "1"
		})
	}
	begin(0)
	seen := &positions{commits: map[change.LSN]bool{}}
	r := s.start(func(p *plan) {
		p.wrap = func(target apply.Target) apply.Target {
			seen.Target = target
			return inPlaceOf(target, seen)
		}
	})
	waits(0)
	begin(1)
	s.execOn(running[0], `COMMIT`)
	waits(1)
	begin(2)
	s.execOn(running[2], `INSERT INTO keyless SELECT 'streamed ' || n FROM generate_series(1, 10) n; UPDATE keyed SET v = 'streamed'; INSERT INTO keyed VALUES (2, 'streamed')`)
	s.execOn(running[1], `ROLLBACK`)
	s.eventually("the slot is there", func() bool { return strings.Contains(s.logged.String(), "created replication slot") })
	s.logged = &journal{}
	s.execOn(running[2], `COMMIT`)
	r.streaming().here()
	r.halt()
	s.equal("keyless", "keyed")
	s.catchUp()
	s.equal("keyless", "keyed")
	return seen.commits[s.state().Tables["public.keyed"].CopiedAt]
}
