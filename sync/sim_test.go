package sync

import (
	"cmp"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const simName = "simulated"

// TestSimulatedHistories runs a pipeline against a source in memory and a target in
// memory, through random histories of changes, faults and crashes, and looks after
// every step whether the guarantees of docs/guarantees.md hold: that nothing is
// confirmed that is not remembered (G1), that at a watermark every streaming table
// reads as the source did (G3), which replays must not change (G2), that the
// watermark never goes back (G4), that batches are bounded (G6), that every start
// goes on by itself (G7), and that no table is given up without a reason of its own
// (G8). A history ends quietly, and then all tables are there, whole.
//
//	PGSLUICE_SIM_SEED       the history to run, again and again
//	PGSLUICE_SIM_HISTORIES  how many to run: as many as ten seconds allow, or of a seed 100
//	PGSLUICE_SIM_TRACE      anything: what happens is printed as it does
//
// Time is virtual, so that waiting costs nothing. A seed decides on the tables, the
// configuration, the workload, and at which call of a process what goes wrong. It
// does not decide which of two goroutines goes first that can both go on at one
// moment, which ready case a select takes, and how long the pauses between two
// attempts are. That is why a seed is run more than once.
//
// What the simulation is good for was tried by breaking package sync, one way at a
// time. The number is that of the history that found it:
//
//	broken                                              found by    history
//	the source told before the watermark is remembered  G1          1
//	a watermark one transaction ahead                   G3          1
//	a transaction at the consistent point skipped       G3          20
//	transactions from before the copy not skipped       G3          22
//	a TRUNCATE not remembered before it is done         G8          234
//	a TRUNCATE not remembered at all                    G8          22
//	a batch inside a transaction moves the watermark    G1          4
//	an unchanged value becomes NULL                     G3          2
//	an unchanged value not taken from the batch         G3          1
//	a failed Apply taken for done                       G3          6
//	a copy taken for whole though a Finish failed       G3          199
//	a copy not remembered as begun before its rows      G8          13
//	a slot not remembered before it is made             G7          93
//	an old key that stays when the key changes          G3          3
//	a table not looked at behind the consistent point   G3          15
//	an undo that goes on behind a step that failed      G7          391
//	batches without bounds                              G6          7
//	a watermark ahead of a failover not noticed         G3          27
//	rows ahead of a failover not looked for             G3          3
func TestSimulatedHistories(t *testing.T) {
	histories, _ := strconv.Atoi(os.Getenv("PGSLUICE_SIM_HISTORIES"))
	first, replay := uint64(0), os.Getenv("PGSLUICE_SIM_SEED")
	if replay != "" {
		var err error
		if first, err = strconv.ParseUint(replay, 10, 64); err != nil {
			t.Fatal(err)
		}
		histories = cmp.Or(histories, 100)
	} else {
		first = rand.Uint64() >> 16
	}
	deadline := time.Now().Add(10 * time.Second)
	var ran, moved atomic.Int64
	var running stdsync.WaitGroup
	var failing atomic.Bool
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for !failing.Load() {
				n := ran.Add(1)
				if histories > 0 && n > int64(histories) || histories == 0 && time.Now().After(deadline) {
					ran.Add(-1)
					return
				}
				seed := first
				if replay == "" {
					seed += uint64(n)
				}
				h := &simHistory{seed: seed}
				synctest.Test(t, func(*testing.T) { h.run() })
				moved.Add(int64(h.steps))
				if h.failure != "" && !failing.Swap(true) {
					t.Errorf("history %d of this run: %s\n%s\nPGSLUICE_SIM_SEED=%d go test -count=1 -run TestSimulatedHistories ./sync",
						n, h.failure, strings.Join(h.lines, "\n"), seed)
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d histories from seed %d on, with %d steps", ran.Load(), first, moved.Load())
}
