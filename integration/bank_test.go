package integration

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// The bank is pgbench's schema, its history without a key included, and a
// workload of pgbench's transaction mixed with others that it does not have:
// deletes, rollbacks, savepoints, key changes.

var bankTables = []string{"pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"}

// openBank fills the tables; the number of accounts is the size of the load.
func (s *scene) openBank(accounts int) {
	s.Helper()
	s.exec(`
		CREATE TABLE pgbench_branches (bid int NOT NULL PRIMARY KEY, bbalance int, filler char(88));
		CREATE TABLE pgbench_tellers (tid int NOT NULL PRIMARY KEY, bid int, tbalance int, filler char(84));
		CREATE TABLE pgbench_accounts (aid int NOT NULL PRIMARY KEY, bid int, abalance int, filler char(84));
		CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
		INSERT INTO pgbench_branches SELECT n, 0 FROM generate_series(1, 10) n;
		INSERT INTO pgbench_tellers SELECT n, 1 + n %% 10, 0 FROM generate_series(1, 100) n;
		INSERT INTO pgbench_accounts SELECT n, 1 + n %% 10, 0, 'filler' FROM generate_series(1, %d) n;
		INSERT INTO pgbench_history SELECT 1, 1, n, n, now(), 'old' FROM generate_series(1, %[2]d) n;
		ANALYZE`, accounts, accounts/10)
}

// workload is what goes on at the source meanwhile.
type workload struct {
	s         *scene
	cancel    context.CancelFunc
	group     *errgroup.Group
	committed atomic.Int64
}

// work starts connections that run transactions until stop. A seed makes the
// choices the same, if not their interleaving.
func (s *scene) work(connections, accounts int, seed uint64) *workload {
	s.Helper()
	return s.workOf(connections, seed, func(conn *pgx.Conn, random *rand.Rand) error {
		return bankTransaction(context.Background(), conn, random, accounts)
	})
}

// workPace is the least time from one transaction of a connection to its next. At
// full speed the workloads of the tests that run at the same time would leave
// the pipelines under test no processor, and what piles up has to be followed.
const workPace = 16 * time.Millisecond

func (s *scene) workOf(connections int, seed uint64, transaction func(*pgx.Conn, *rand.Rand) error) *workload {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &workload{s: s, cancel: cancel}
	var groupCtx context.Context
	w.group, groupCtx = errgroup.WithContext(ctx)
	for n := range connections {
		conn := s.connect(s.name)
		w.group.Go(func() error {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for pace := time.Tick(workPace); groupCtx.Err() == nil; <-pace {
				if err := transaction(conn, random); err != nil && !passing(err) {
					return err
				}
				w.committed.Add(1)
			}
			return nil
		})
	}
	s.Cleanup(func() { w.cancel(); _ = w.group.Wait() })
	return w
}

func (w *workload) stop() {
	w.s.Helper()
	w.cancel()
	if err := w.group.Wait(); err != nil {
		w.s.Fatalf("the workload: %v", err)
	}
	w.s.Logf("%d transactions", w.committed.Load())
}

// passing says that a transaction lost a race with another one.
func passing(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (strings.HasPrefix(e.Code, "40") || e.Code == "23505")
}

func bankTransaction(ctx context.Context, conn *pgx.Conn, random *rand.Rand, accounts int) error {
	aid, tid, bid, delta := 1+random.IntN(accounts), 1+random.IntN(100), 1+random.IntN(10), random.IntN(10001)-5000
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	do := func(sql string, args ...any) {
		if err == nil {
			_, err = tx.Exec(ctx, sql, args...)
		}
	}
	tpcb := func() {
		do(`UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2`, delta, aid)
		do(`UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2`, delta, tid)
		do(`UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2`, delta, bid)
		do(`INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, clock_timestamp())`, tid, bid, aid, delta)
	}
	switch random.IntN(12) {
	case 0: // an account closes, and another opens under its number
		do(`DELETE FROM pgbench_accounts WHERE aid = $1`, aid)
		do(`INSERT INTO pgbench_accounts VALUES ($1, $2, $3, 'anew')`, aid, bid, delta)
	case 1: // and one is gone until it is wanted again
		do(`DELETE FROM pgbench_accounts WHERE aid = $1`, aid)
	case 2:
		do(`INSERT INTO pgbench_accounts VALUES ($1, $2, $3, 'back') ON CONFLICT (aid) DO UPDATE SET abalance = excluded.abalance`, aid, bid, delta)
	case 3: // a number changes
		do(`UPDATE pgbench_accounts SET aid = aid + $1 WHERE aid = $2`, 10_000_000, aid)
	case 4: // nothing comes of it
		tpcb()
		if err == nil {
			return tx.Rollback(ctx)
		}
	case 5: // nothing comes of a part
		do(`SAVEPOINT part`)
		tpcb()
		do(`ROLLBACK TO SAVEPOINT part`)
		do(`UPDATE pgbench_tellers SET tbalance = tbalance - $1 WHERE tid = $2`, delta, tid)
	default:
		tpcb()
	}
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}
