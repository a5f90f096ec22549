package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// simHistory is one seed.
type simHistory struct {
	seed   uint64
	config Config
	source *simSource
	memory *applytest.Memory
	exact  *applytest.Transactions // over memory; nil where the target has none
	keys   int                     // how many different there are
	at     func(what string)       // see simProcess
	*rand.Rand

	checking  stdsync.Mutex
	watermark change.LSN
	// mayFail are tables that have been given a reason to.
	mayFail map[uint32]bool
	altered map[string]*change.Relation // to what, by the target's name
	// tornAt is the consistent point of a table's last copy that was torn.
	tornAt map[uint32]change.LSN
	resync bool // the next process is `pgsluice resync`
	// poisonous: the target refuses poison. parting is the first column of the table
	// before which an Apply is to end.
	poisonous atomic.Bool
	parting   atomic.Pointer[change.Column]

	failing stdsync.Mutex
	failure string
	lines   []string
	tracing stdsync.Mutex
	started time.Time
	steps   int
}

var simTracing = os.Getenv("PGSLUICE_SIM_TRACE") != ""

func (h *simHistory) trace(format string, args ...any) {
	h.tracing.Lock()
	defer h.tracing.Unlock()
	if len(h.lines) > 400 {
		h.lines = append(h.lines[:0], h.lines[200:]...)
	}
	line := fmt.Sprintf("%10v ", time.Since(h.started)) + fmt.Sprintf(format, args...)
	if simTracing {
		fmt.Fprintln(os.Stderr, h.seed, line)
	}
	h.lines = append(h.lines, line)
}

// begin is before anything happens.
func (h *simHistory) begin() {
	h.started = time.Now()
	h.Rand = rand.New(rand.NewPCG(h.seed, 1))
	h.mayFail, h.altered, h.tornAt = map[uint32]bool{}, map[string]*change.Relation{}, map[uint32]change.LSN{}
}

func (h *simHistory) run() {
	h.begin()
	h.keys = 2 + h.IntN(12)
	h.source = newSimSource([]int{130004, 140002, 150001, 180000}[h.IntN(4)])
	h.memory = &applytest.Memory{Refuse: h.refuse, Print: func(_ *change.Type, d change.Datum) string { return string(d.Bytes) }}
	if h.IntN(3) == 0 {
		h.exact = &applytest.Transactions{Memory: h.memory}
	}
	h.config = h.randomConfig()
	if h.IntN(4) == 0 {
		h.config.Schedule = []Timetable{{Spec: "now and then", At: cron.Every(time.Duration(2+h.IntN(30)) * time.Second)}}
	}
	w := &simWorkload{Rand: h.Rand, s: h.source, h: h, ddl: []int{0, 3, 10}[h.IntN(3)]}
	tx := h.source.begin()
	for i := range 1 + h.IntN(4) {
		w.create(tx, fmt.Sprintf("t%d", i))
	}
	tx.commit()
	for life := range uint64(1 + h.IntN(6)) {
		h.live(w, life+1)
		if h.failure != "" {
			return
		}
	}
	h.quiet(w)
}

func (h *simHistory) randomConfig() Config {
	all, err := snapshot.ParsePattern("public.*")
	if err != nil {
		h.wrong("%v", err)
	}
	return Config{
		Name: simName, Slot: simName, Publication: simName, Patterns: []snapshot.Pattern{all},
		TargetName: func(_, table string) string { return table },
		Existing:   []apply.Existing{apply.Refuse, apply.Truncate, apply.Keep}[h.IntN(3)],
		Copy:       true, Workers: 1 + h.IntN(3), ChunkBytes: 8192 << h.IntN(5),
		FlushInterval: time.Duration(h.IntN(4)) * 300 * time.Millisecond,
		KeepDropped:   h.IntN(2) == 0,
		MaxRows:       1 + h.IntN(40), MaxBytes: 300 << h.IntN(8),
		Operations: replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true},
		Log:        slog.New(slog.DiscardHandler),
	}
}

// start begins a process, which is told to end by cancel and has when done is
// closed.
func (h *simHistory) start(life uint64, trouble simTrouble) (p *Pipeline, process *simProcess, done chan error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	process = &simProcess{seed: h.seed, life: life, trouble: trouble, cancel: cancel, trace: h.trace, at: h.at}
	p = New(h.config, h.target(process, h.script(life, trouble)))
	p.source = &simClient{simSource: h.source, process: process, confirming: h.confirming, torn: h.torn}
	done = make(chan error, 1)
	run := p.Run
	if h.resync {
		h.resync, run = false, func(ctx context.Context) error { return p.Resync(ctx, nil) }
	}
	go func() {
		done <- run(ctx)
		cancel(nil)
	}()
	return p, process, done
}

// script is what goes wrong with the target in one life.
func (h *simHistory) script(life uint64, trouble simTrouble) (faults []applytest.Fault) {
	if trouble == (simTrouble{}) {
		return nil
	}
	r := rand.New(rand.NewPCG(h.seed, life+100))
	methods := []applytest.Method{
		applytest.Recall, applytest.Remember, applytest.Prepare, applytest.Apply, applytest.Apply, applytest.Load, applytest.Append, applytest.Finish, applytest.Commit,
	}
	for range r.IntN(6) {
		faults = append(faults, applytest.Fault{
			Method: methods[r.IntN(len(methods))], Nth: 1 + r.IntN(20),
			Kind: []applytest.Kind{applytest.Reject, applytest.FailAfter, applytest.Slow}[r.IntN(3)],
			Slow: time.Duration(r.IntN(3000)) * time.Millisecond,
		})
	}
	return faults
}

// live is one process in a world in which things happen and go wrong.
func (h *simHistory) live(w *simWorkload, life uint64) {
	trouble := simTrouble{slow: uint64(h.IntN(3) * 60), cut: uint64(max(0, h.IntN(8)-4)), part: uint64(h.IntN(2) * 60)}
	if h.IntN(3) > 0 {
		trouble.killAt, trouble.killAfter = 1+int64(h.IntN(1<<(2+h.IntN(9)))), h.IntN(2) == 0
	}
	h.trace("life %d: %+v", life, trouble)
	p, process, done := h.start(life, trouble)
	ended := false
	for range 5 + h.IntN(40) {
		w.step()
		h.steps++
		if h.IntN(25) == 0 {
			h.breakSource()
		}
		if h.IntN(60) == 0 {
			h.failOver()
		}
		pause := [...]time.Duration{0, time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second}[h.IntN(5)]
		select {
		case err := <-done:
			h.judge(process, err)
			ended = true
		case <-time.After(time.Duration(h.Int64N(int64(pause) + 1))):
		}
		if ended {
			break
		}
	}
	if !ended {
		switch h.IntN(3) {
		case 0:
			p.Stop()
		case 1:
			process.cancel(context.Canceled)
		default:
			process.kill("from outside")
		}
		h.await(process, done)
	}
	h.buried(time.Duration(h.IntN(3)) * 3 * time.Second)
}

func (h *simHistory) await(process *simProcess, done chan error) {
	// A COPY in hand is finished first, and can wait for a transaction that has its
	// table locked.
	locks := time.AfterFunc(time.Minute, func() {
		_ = h.source.locked(func() error {
			for len(h.source.open) > 0 {
				h.source.open[0].abort()
			}
			return nil
		})
	})
	defer locks.Stop()
	select {
	case err := <-done:
		h.judge(process, err)
	case <-time.After(10 * time.Minute):
		h.wrong("a pipeline that was told to end does not")
		process.kill("it does not end")
		<-done
	}
}

// judge: what is the simulation's own doing may end a process; anything else is
// an error that nobody should have seen.
func (h *simHistory) judge(process *simProcess, err error) {
	h.trace("ended: %v", err)
	if err == nil || process.dead.Load() || errors.Is(err, context.Canceled) ||
		errors.Is(err, errCut) || errors.Is(err, applytest.ErrInjected) || strings.Contains(err.Error(), "in use") || alteredMeanwhile(err) || h.judgeLoss(err) {
		return
	}
	if obstacle := simObstacle.FindStringSubmatch(err.Error()); obstacle != nil {
		h.trace("operator: drop %s", obstacle[1])
		_ = h.memory.Drop(context.Background(), obstacle[1])
		return
	}
	h.wrong("the process ended: %v (%s)", err, fault.Hint(err))
}

// alteredMeanwhile says whether a table was altered or dropped between two looks of
// a start, or another server took the source's place, which the next start does not
// mind.
func alteredMeanwhile(err error) bool {
	return strings.Contains(err.Error(), "while it was being looked at") || postgres.Code(err) == "42P01" ||
		strings.Contains(err.Error(), "a connection leads to system")
}

// simObstacle is a table in the target that another schema's first copy has left,
// or that is somebody's.
var simObstacle = regexp.MustCompile(`prepare (\w+): its key is`)

// buried takes away what the server had for a process. It learns of its end a
// little later.
func (h *simHistory) buried(lingers time.Duration) {
	_ = h.source.locked(func() error {
		for c := range h.source.conns {
			c.drop(lingers)
		}
		return nil
	})
	if h.exact != nil {
		h.exact.Rollback(context.Background())
	}
}

// breakSource ends all connections, as a restart of the server does. A slot may
// then be where it was on disk.
func (h *simHistory) breakSource() {
	h.trace("the source restarts")
	_ = h.source.locked(func() error {
		for c := range h.source.conns {
			c.drop(0)
		}
		h.source.tell()
		return nil
	})
}

// quiet lets a process catch up in a world in which nothing goes wrong any more.
func (h *simHistory) quiet(w *simWorkload) {
	w.settle()
	h.poisonous.Store(false)
	h.config.Schedule = nil
	for _, slot := range h.source.slots {
		slot.busy = time.Time{}
	}
	h.trace("quiet; the log ends at %s", h.source.end)
	for life := range uint64(3) {
		h.catchUp(100 + life)
		if h.failure != "" || h.whole() {
			break
		}
		h.operate()
	}
	if h.failure == "" {
		h.checkEnd()
	}
}

// whole says whether no table has failed.
func (h *simHistory) whole() bool {
	for _, t := range h.recall().Tables {
		if t.Phase == apply.Failed {
			return false
		}
	}
	return true
}

// operate does what a failed table's hint says.
func (h *simHistory) operate() {
	for _, t := range h.recall().Tables {
		if t.Phase == apply.Failed && strings.Contains(t.Reason, "its key is (") {
			h.trace("operator: drop %s, which has failed: %s", t.Target, t.Reason)
			if err := h.memory.Drop(context.Background(), t.Target); err != nil {
				h.wrong("%v", err)
			}
		}
	}
}

// phases are the tables' states, for messages.
func (h *simHistory) phases() string {
	var states []string
	for name, t := range h.recall().Tables {
		states = append(states, fmt.Sprintf("%s (%d) is %s since %s %s", name, t.OID, t.Phase, t.CopiedAt, t.Reason))
	}
	return strings.Join(states, ", ")
}

// reached says whether everything up to the LSN is applied and every table streams,
// or has failed where that is an end too: a new process tries it again.
func (h *simHistory) reached(lsn change.LSN, failures bool) bool {
	state := h.recall()
	done := state.Pipeline.Watermark >= lsn
	_ = h.source.locked(func() error {
		done = done && !h.source.lost(state)
		for _, t := range h.source.now() {
			is := state.Tables[t.relation.String()]
			done = done && (is.Phase == apply.Streaming && is.OID == t.relation.OID || is.Phase == apply.Failed && failures)
		}
		return nil
	})
	return done
}

func (h *simHistory) catchUp(life uint64) {
	p, process, done := h.start(life, simTrouble{})
	began := time.Now()
	last := h.source.log[len(h.source.log)-1].end
	for h.failure == "" && !h.reached(last, time.Since(began) > time.Minute) {
		select {
		case err := <-done:
			h.judge(process, err)
			p, process, done = h.start(life+10, simTrouble{})
		case <-time.After(100 * time.Millisecond):
		}
		if time.Since(began) > 5*time.Minute {
			h.wrong("the pipeline does not catch up: it is at %s, and the log ends at %s; %s", h.recall().Pipeline.Watermark, last, h.phases())
			break
		}
	}
	p.Stop()
	h.await(process, done)
}
