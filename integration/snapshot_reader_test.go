package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
)

// transfer moves the same sum through accounts, tellers and a branch, of several
// of each, so that the three sums agree before and after it and at no moment in
// between. It waits until it is allowed.
func transfer(accounts int, allowed <-chan struct{}) func(*pgx.Conn, *rand.Rand) error {
	return func(conn *pgx.Conn, random *rand.Rand) error {
		ctx := context.Background()
		<-allowed
		first, many, delta := 1+random.IntN(accounts-20), 1+random.IntN(20), 1+random.IntN(5000)
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		for _, sql := range []string{
			`UPDATE pgbench_accounts SET abalance = abalance + %[1]d WHERE aid >= %[2]d AND aid < %[2]d + %[3]d`,
			`UPDATE pgbench_tellers SET tbalance = tbalance + %[1]d * (%[3]d / 5) WHERE tid >= 1 + %[2]d %% 80 AND tid < 6 + %[2]d %% 80`,
			`UPDATE pgbench_tellers SET tbalance = tbalance + %[1]d * (%[3]d %% 5) WHERE tid = 1 + %[2]d %% 100`,
			`UPDATE pgbench_branches SET bbalance = bbalance + %[1]d * %[3]d WHERE bid = 1 + %[2]d %% 10`,
		} {
			if _, err := tx.Exec(ctx, fmt.Sprintf(sql, delta, first, many)); err != nil {
				return err
			}
		}
		return tx.Commit(ctx)
	}
}

// snapshots are what a reader saw: each statement has one snapshot.
type snapshots struct {
	different int // in a row
	torn      []string
}

// watchSums asks for the three sums until the context ends, and calls changed when
// they are others than before.
func (s *scene) watchSums(ctx context.Context, changed func(different int)) (snapshots, error) {
	r, err := s.target.read(ctx, s.database())
	if err != nil {
		return snapshots{}, err
	}
	defer r.close()
	sql := fmt.Sprintf(`SELECT (SELECT sum(abalance) FROM %s), (SELECT sum(tbalance) FROM %s), (SELECT sum(bbalance) FROM %s)`,
		s.from("pgbench_accounts"), s.from("pgbench_tellers"), s.from("pgbench_branches"))
	var all snapshots
	var last string
	for ctx.Err() == nil {
		rows, err := r.query(context.WithoutCancel(ctx), sql)
		if err != nil {
			return all, err
		}
		sums := rows[0]
		if *sums[0] != last {
			last = *sums[0]
			all.different++
			changed(all.different)
		}
		if *sums[0] != *sums[1] || *sums[0] != *sums[2] {
			all.torn = append(all.torn, *sums[0]+" "+*sums[1]+" "+*sums[2])
		}
	}
	return all, nil
}

// A reader of a target that has transactions sees those of the source whole, also
// where they are larger than a batch. There, batches cost more than transactions,
// and those wait for the reader, or they would run away.
func TestAReaderSeesWholeTransactions(t *testing.T) {
	for _, size := range []struct {
		name string
		rows int // in a batch
		each int // transactions for each snapshot
	}{{"batches of many transactions", 10_000, 20}, {"transactions of many batches", 5, 1}} {
		t.Run(size.name, func(t *testing.T) {
			onFamily(t, func(s *scene) {
				const accounts, enough = 2000, 200
				s.openBank(accounts)
				allowed := make(chan struct{}, size.each*2*enough)
				allow := func(snapshots int) {
					for range snapshots * size.each {
						allowed <- struct{}{}
					}
				}
				allow(10)
				w := s.workOf(3, 11, transfer(accounts, allowed))
				r := s.start(func(p *plan) { p.MaxRows, p.FlushInterval = size.rows, 0 }).streaming()
				ctx, stop := context.WithTimeout(s.ctx, patience)
				defer stop()
				all, err := s.watchSums(ctx, func(different int) {
					if allow(1); different == enough {
						stop()
					}
				})
				close(allowed)
				w.stop()
				if err != nil || all.different < enough {
					s.Fatalf("%d different snapshots: %v", all.different, err)
				}
				if len(all.torn) > 0 {
					s.Errorf("%d times the sums of accounts, tellers and branches were not one: %s", len(all.torn), all.torn[0])
				}
				r.here()
				r.halt()
				s.equal(bankTables...)
			})
		})
	}
}
