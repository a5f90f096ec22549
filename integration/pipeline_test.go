package integration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/sync"
)

// plan is a pipeline that a test is about to run, with settings that make
// batches small and the waiting short.
type plan struct {
	sync.Config
	policy apply.Policy
	// wrap puts something between the pipeline and the target.
	wrap func(apply.Target) apply.Target
}

func (s *scene) plan() *plan {
	p := &plan{policy: apply.Fail}
	p.Config = sync.Config{
		Name: s.name, Source: s.sourceDSN(), Slot: s.slot(), Publication: s.slot(),
		TargetName: s.target.name,
		Copy:       true, Workers: 2, ChunkBytes: 1 << 20,
		FlushInterval: 10 * time.Millisecond, MaxRows: 10_000, MaxBytes: 8 << 20, IdleSave: 50 * time.Millisecond, LookEvery: 100 * time.Millisecond,
		Operations: replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true},
		Log:        slog.New(slog.NewTextHandler(s.logged, nil)),
	}
	for _, text := range s.config.patterns {
		pattern, err := snapshot.ParsePattern(text)
		if err != nil {
			s.Fatal(err)
		}
		p.Patterns = append(p.Patterns, pattern)
	}
	return p
}

func (s *scene) openTarget(policy apply.Policy) apply.Target {
	s.Helper()
	target, err := s.target.open(s, policy)
	if err != nil {
		s.Fatal(err)
	}
	return target
}

// running is a pipeline under way in this process.
type running struct {
	*sync.Pipeline
	s      *scene
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// start runs the pipeline until it is stopped, or ends by itself.
func (s *scene) start(change ...func(*plan)) *running {
	s.Helper()
	return s.begin((*sync.Pipeline).Run, change...)
}

func (s *scene) begin(what func(*sync.Pipeline, context.Context) error, change ...func(*plan)) *running {
	s.Helper()
	p := s.plan()
	for _, c := range change {
		c(p)
	}
	target := s.openTarget(p.policy)
	if p.wrap != nil {
		target = p.wrap(target)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Pipeline: sync.New(p.Config, target), s: s, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = what(r.Pipeline, ctx)
		r.err = errors.Join(r.err, target.Close())
	}()
	s.Cleanup(func() { r.abort() })
	return r
}

// wait returns how the run ended.
func (r *running) wait() error {
	r.s.Helper()
	select {
	case <-r.done:
	case <-time.After(2 * patience):
		r.abort()
		r.s.Fatalf("the run does not end")
	}
	return r.err
}

// halt stops the run after the batch in hand.
func (r *running) halt() {
	r.s.Helper()
	r.Stop()
	if err := r.wait(); err != nil {
		r.s.Errorf("a run that was stopped: %v", err)
	}
}

// abort takes the run's context away and waits until it is gone: what a crash
// leaves behind, in this process.
func (r *running) abort() {
	r.cancel()
	<-r.done
}

// streaming waits until everything is loaded and the stream is under way.
func (r *running) streaming() *running {
	r.s.Helper()
	r.s.eventually("the pipeline streams", func() bool {
		select {
		case <-r.done:
			r.s.Fatalf("the run ended: %v", r.err)
		default:
		}
		return r.Progress().Stage == sync.Syncing
	})
	return r
}

// here waits until everything that is committed by now is in the target, and no
// table is on its way into the stream.
func (r *running) here() {
	r.s.Helper()
	now := r.s.now()
	r.s.eventually("the target has what is committed", func() bool {
		select {
		case <-r.done:
			r.s.Fatalf("the run ended: %v", r.err)
		default:
		}
		p := r.Progress()
		return p.Watermark >= now && !slices.ContainsFunc(p.Tables, func(t sync.TableProgress) bool {
			return t.Phase != apply.Streaming && t.Phase != apply.Failed
		})
	})
}

// noticed waits until the pipeline has followed what the source's catalog shows by
// now, also where no row tells of it: a table that is made now is found by a look
// that sees all of it.
func (r *running) noticed() {
	r.s.Helper()
	r.s.sentinels++
	name := fmt.Sprintf("sentinel_%d", r.s.sentinels)
	r.s.exec("CREATE TABLE %s (id int PRIMARY KEY)", name)
	r.s.eventually("the pipeline has "+name, func() bool {
		return slices.ContainsFunc(r.Progress().Tables, func(t sync.TableProgress) bool { return t.Name == "public."+name && t.Phase == apply.Streaming })
	})
	r.here()
}

// now is how far the source's log is.
func (s *scene) now() change.LSN {
	s.Helper()
	lsn, err := change.ParseLSN(s.ask("SELECT pg_current_wal_insert_lsn()"))
	if err != nil {
		s.Fatal(err)
	}
	return lsn
}

// catchUp runs the pipeline until it has everything, in this process, and wants
// it to end well.
func (s *scene) catchUp(change ...func(*plan)) {
	s.Helper()
	if err := s.tryCatchUp(change...); err != nil {
		s.Fatalf("run until caught up: %v", err)
	}
}

func (s *scene) tryCatchUp(change ...func(*plan)) error {
	s.Helper()
	return s.start(append(change, func(p *plan) { p.UntilCaughtUp = true })...).wait()
}

// state is what the target remembers of the pipeline.
func (s *scene) state() apply.State {
	s.Helper()
	target := s.openTarget(apply.Fail)
	defer target.Close()
	state, err := target.Recall(s.ctx, s.name)
	if err != nil {
		s.Fatal(err)
	}
	return state
}

// parked waits until a table has failed and is remembered as failed, and wants
// each of the words in the reason or the remedy.
func (s *scene) parked(table string, words ...string) {
	s.Helper()
	var t apply.TableState
	s.eventually("table "+table+" fails", func() bool {
		t = s.state().Tables[table]
		return t.Phase == apply.Failed
	})
	s.mentions(t.Reason+"\n"+t.Hint, words...)
}

// mentions wants each of the words in a text.
func (s *scene) mentions(text string, words ...string) {
	s.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.Errorf("%q is not in:\n%s", w, text)
		}
	}
}
