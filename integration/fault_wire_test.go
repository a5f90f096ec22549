package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// proxied is a target that is reached through a proxy. It is read without.
type proxied struct {
	target
	through *proxy
}

func (p proxied) dsn(database string) string {
	return strings.Replace(p.target.dsn(database), p.addr(), p.through.addr(), 1) + differs(p.through.s, "", "&connect_timeout=3")
}

// unsafely has the scene's pipeline reach both its sides through proxies. A server
// has three seconds to answer, so that silence is noticed soon.
func (s *scene) unsafely() (source, target *proxy, through func(*plan)) {
	s.Helper()
	s.exec(`ALTER DATABASE %s SET wal_sender_timeout = '5s'`, s.name)
	source, target = s.newProxy(s.postgres.Addr()), s.newProxy(s.target.addr())
	s.target = proxied{s.target, target}
	return source, target, func(p *plan) { p.Source = s.sourceAt(source.addr()) + "&connect_timeout=3" }
}

// attempts is how many of the pipeline's have ended with an error that passes.
func (s *scene) attempts() int {
	return strings.Count(s.logged.String(), "the attempt ended; the next one begins")
}

// fails waits until one more attempt than before has ended.
func (s *scene) fails(before int) {
	s.Helper()
	s.eventually("the attempt ends", func() bool { return s.attempts() > before })
}

// at waits until the pipeline is in one of the stages.
func (r *running) at(stages ...sync.Stage) {
	r.s.Helper()
	r.s.eventually("the pipeline gets there", func() bool {
		select {
		case <-r.done:
			r.s.Fatalf("the run ended: %v", r.err)
		default:
		}
		for _, stage := range stages {
			if r.Progress().Stage == stage {
				return true
			}
		}
		return false
	})
}

// TestConnectionsThatBreak breaks them while the pipeline starts, copies, streams
// and has nothing to do, on each side in turn.
func TestConnectionsThatBreak(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.openBank(20_000)
		source, target, through := s.unsafely()
		source.down()
		if err := s.tryCatchUp(through); !fault.Unmet(err) || fault.Hint(err) == "" {
			s.Errorf("a start without a source: %v", err)
		}
		source.up()
		for _, side := range []*proxy{source, target} { // slow enough to be met in the middle
			side.ail("bandwidth", "upstream", `"rate": 400`)
			side.ail("bandwidth", "downstream", `"rate": 400`)
		}
		w := s.work(2, 20_000, 5)
		r := s.start(through)
		for _, side := range []*proxy{source, target} {
			r.at(sync.Loading)
			before := s.attempts()
			side.cut()
			s.fails(before)
		}
		source.heal()
		target.heal()
		r.streaming()
		for _, side := range []*proxy{source, target} {
			r.streaming()
			before := s.attempts()
			side.reset()
			s.fails(before)
			side.heal()
		}
		r.streaming()
		w.stop()
		r.here()
		source.cut()
		target.cut()
		s.exec(`UPDATE pgbench_branches SET filler = 'after'`)
		r.here()
		r.halt()
		s.equal(bankTables...)
	})
}

// TestConnectionsThatFallSilent swallows what is sent. Nothing tells the program
// so: it has to find out by itself, and in bounded time.
func TestConnectionsThatFallSilent(t *testing.T) {
	const bound = time.Minute // of ClickHouse, whose connections are asked about after half of that
	both := []string{"upstream", "downstream"}
	for n, c := range []struct {
		name       string
		source     bool
		load       bool
		idle       bool
		directions []string
	}{
		{"the source while tables are copied", true, true, false, both},
		{"the source in the stream", true, false, false, both},
		{"what the source sends", true, false, true, both[1:]},
		{"what the source is sent", true, false, true, both[:1]},
		{"the target while tables are copied", false, true, false, both},
		{"the target in the stream", false, false, false, both},
		{"what the target sends", false, false, false, both[1:]},
	} {
		on := onNewest
		if c.source {
			on = func(t *testing.T, test func(*scene)) { inTurns(t, n, test) }
		}
		t.Run(c.name, func(t *testing.T) {
			on(t, func(s *scene) {
				s.openBank(20_000)
				source, target, through := s.unsafely()
				side := target
				if c.source {
					side = source
				}
				if c.load {
					side.ail("bandwidth", "upstream", `"rate": 300`)
					side.ail("bandwidth", "downstream", `"rate": 300`)
				}
				r := s.start(through)
				if c.load {
					r.at(sync.Loading)
				} else {
					r.streaming()
				}
				side.swallow(c.directions...)
				if !c.idle {
					s.exec(`UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= 100`)
				}
				since := time.Now()
				s.fails(0)
				if took := time.Since(since); took > bound {
					s.Errorf("noticed after %v", took)
				} else {
					s.Logf("noticed after %v", took.Round(time.Millisecond))
				}
				side.heal()
				r.streaming()
				r.here()
				r.halt()
				s.equal(bankTables...)
			})
		})
	}
}

// TestSlowConnections are slow and no trouble: no attempt ends.
func TestSlowConnections(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.openBank(5_000)
		source, target, through := s.unsafely()
		for _, side := range []*proxy{source, target} {
			side.ail("latency", "downstream", `"latency": 30, "jitter": 20`)
			side.ail("bandwidth", "downstream", `"rate": 500`)
			side.ail("bandwidth", "upstream", `"rate": 500`)
		}
		w := s.work(1, 5_000, 6)
		r := s.start(through).streaming()
		before := w.committed.Load()
		s.eventually("transactions while it streams", func() bool { return w.committed.Load() > before+100 })
		w.stop()
		r.here()
		r.halt()
		s.is("attempts that ended", s.ask("SELECT %d", s.attempts()), "0")
		s.equal(bankTables...)
	})
}
