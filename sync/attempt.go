package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	stdsync "sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// attempt is one try: from connecting to the error that ends it.
type attempt struct {
	p        *Pipeline
	sql      session
	catalog  *catalog
	conn     walsender // nil for a one-shot load
	system   replication.System
	pipeline apply.PipelineState
	before   apply.State // what was remembered when the attempt began
	first    bool        // nothing of it has been begun: what is made can be undone
	tables   []*table
	left     []apply.TableState            // to be remembered when the stream begins: tables that it goes on without
	made     []func(context.Context) error // what a first attempt has created so far, to be undone
	noted    bool                          // a step of made forgets the pipeline
	claim    claim
	mine     bool          // the claim is taken
	mark     string        // the catalog's, when the attempt began
	requests queue[string] // tables that somebody wants copied anew
}

// attempt runs one try of Run. The first of a process is the one that tries
// failed tables again, and that checks before it begins.
func (p *Pipeline) attempt(ctx context.Context, first bool) error {
	a := &attempt{p: p}
	defer a.close(ctx)
	p.show(func(s *shown) { s.phase = Starting })
	if err := a.take(ctx); err != nil {
		return err
	}
	held, lose := context.WithCancelCause(ctx)
	var holding stdsync.WaitGroup
	holding.Go(func() { a.hold(held, lose) })
	err := a.run(held, first)
	if held.Err() != nil && ctx.Err() == nil {
		err = context.Cause(held)
	}
	lose(nil)
	holding.Wait()
	if errors.Is(err, errDropSlot) {
		return a.dropSlot(ctx)
	}
	return err
}

func (a *attempt) run(ctx context.Context, first bool) (err error) {
	p, ready := a.p, false
	defer func() {
		if err != nil && !ready {
			err = a.stale(ctx, err)
		}
	}()
	if err := a.connect(ctx, true, first); err != nil {
		return err
	}
	var until change.LSN
	if until, err = p.until(ctx, a.conn); err != nil {
		return err
	}
	if err := a.setup(ctx, first); err != nil {
		return errors.Join(err, a.undo(ctx))
	}
	point, err := a.slot(ctx)
	if err != nil {
		return errors.Join(err, a.undo(ctx))
	}
	a.made, ready = nil, true
	p.began.Store(true)
	if !a.joins() {
		if err := a.copyMissing(ctx, point); err != nil {
			return err
		}
	}
	if p.stopped() {
		return errStopped
	}
	return a.stream(ctx, until)
}

// staleError is of an attempt that has met tables which are not any more what it
// took them for when it looked at them: they came, went or changed meanwhile.
type staleError struct{ error }

func (e staleError) Unwrap() error { return e.error }

// stale says so where the source's catalog is another than when the attempt began:
// what was in its way may not be there any more.
func (a *attempt) stale(ctx context.Context, err error) error {
	if a.mark == "" || ctx.Err() != nil || a.p.stopped() {
		return err
	}
	if now, looking := a.catalog.Mark(ctx); looking == nil && now != a.mark {
		return staleError{err}
	}
	return err
}

// until fixes, once for a run, where it is to end; 0 for nowhere.
func (p *Pipeline) until(ctx context.Context, conn walsender) (change.LSN, error) {
	if p.config.UntilCaughtUp && p.config.Until == 0 {
		now, err := conn.Now(ctx)
		if err != nil {
			return 0, err
		}
		p.config.Until = now
	}
	return p.config.Until, nil
}

// connect learns about the pipeline and reaches the source's walsender. With check
// it looks at everything that a run relies on, and is refused with all that is in
// the way.
func (a *attempt) connect(ctx context.Context, streamed, check bool) error {
	found, err := a.learn(ctx, streamed)
	if err != nil {
		return err
	}
	if check && !fault.IsUsage(found.err()) { // what the configuration says wrong comes first
		looked, err := a.look(ctx, streamed, a.begun())
		if err != nil {
			return err
		}
		found.merge(looked)
		for _, f := range looked.found {
			if f.Level == fault.LevelWarning && a.first {
				a.p.log.Warn(f.String(), "fix", f.Fix)
			}
		}
	}
	if err := found.err(); err != nil || !streamed {
		return err
	}
	return a.connectReplication(ctx)
}

// begun are the tables that this start begins with: all of them in the first,
// those with other wishes later. What is wrong in the target with any other is
// that table's alone.
func (a *attempt) begun() []*table {
	if a.first {
		return a.tables
	}
	var tables []*table
	for _, t := range a.tables {
		if t.recopy {
			tables = append(tables, t)
		}
	}
	return tables
}

// learn reaches the source, recalls the pipeline and finds its tables.
func (a *attempt) learn(ctx context.Context, streamed bool) (*trouble, error) {
	if err := a.reach(ctx); err != nil {
		return nil, err
	}
	if err := a.recall(ctx, streamed); err != nil {
		return nil, err
	}
	return a.describe(ctx, streamed)
}

// reach connects to the source and learns which one it is.
func (a *attempt) reach(ctx context.Context) (err error) {
	if a.sql, err = a.p.source.Connect(ctx); err != nil {
		return err
	}
	if a.catalog, err = a.sql.Catalog(ctx); err != nil {
		return err
	}
	if a.catalog.Version < oldestVersion {
		return fault.Precondition(fmt.Errorf("the source is PostgreSQL %d", a.catalog.Version/10000), "PostgreSQL 12 or later is needed")
	}
	if a.mark, err = a.catalog.Mark(ctx); err != nil {
		return err
	}
	a.system, err = a.sql.Identify(ctx)
	return err
}

func (a *attempt) connectReplication(ctx context.Context) (err error) {
	if a.conn, err = a.p.source.Replicate(ctx); err != nil {
		return err
	}
	system, err := a.conn.Identify(ctx)
	if err != nil {
		return err
	}
	if system.Identifier != a.system.Identifier || system.Database != a.system.Database {
		return fault.Precondition(fmt.Errorf("a replication connection leads to database %s on system %s, and an ordinary one to database %s on system %s",
			system.Database, system.Identifier, a.system.Database, a.system.Identifier),
			"name the server itself in the source's DSN, and not a pooler or load balancer")
	}
	a.system = system
	return a.followTimeline(ctx)
}

const oldestVersion = 120000

// recall reads what the target remembers and refuses a pipeline that belongs to
// another source.
func (a *attempt) recall(ctx context.Context, streamed bool) error {
	p := a.p
	if err := a.otherThanSource(ctx); err != nil {
		return err
	}
	state, err := p.target.Recall(ctx, p.config.Name)
	if err != nil {
		return err
	}
	a.first = !state.Known() || streamed && state.Pipeline.Slot == ""
	a.pipeline = state.Pipeline
	a.before = apply.State{Pipeline: state.Pipeline, Tables: map[string]apply.TableState{}}
	maps.Copy(a.before.Tables, state.Tables)
	if !state.Known() {
		a.pipeline = apply.PipelineState{Name: p.config.Name, SystemIdentifier: a.system.Identifier, Database: a.system.Database}
	}
	if a.pipeline.SystemIdentifier != a.system.Identifier || a.pipeline.Database != a.system.Database {
		return fault.Precondition(
			fmt.Errorf("the target knows pipeline %s as one of database %s on system %s; this source is database %s on system %s",
				p.config.Name, a.pipeline.Database, a.pipeline.SystemIdentifier, a.system.Database, a.system.Identifier),
			"give this pipeline another --name, or drop the old one with `pgsluice drop`")
	}
	if !streamed && a.pipeline.Slot != "" {
		return fault.Precondition(fmt.Errorf("pipeline %s is kept in sync by `pgsluice run`", p.config.Name),
			"give the one-shot load another --name and other target tables, or drop the pipeline with `pgsluice drop`")
	}
	return nil
}

// otherThanSource refuses a target that is the source.
func (a *attempt) otherThanSource(ctx context.Context) error {
	kin, ok := a.p.target.(apply.Kin)
	if !ok {
		return nil
	}
	started, err := a.sql.Started(ctx)
	if err != nil {
		return err
	}
	d := apply.Database{SystemIdentifier: a.system.Identifier, Name: a.system.Database, Started: started}
	same, err := kin.Is(ctx, d)
	if err == nil && same {
		err = fault.Usage(fmt.Errorf("the target is the source: database %s of one server", d.Name), "name another database as the target")
	}
	return err
}

// narrowTables takes the columns and rows that the publication leaves out of
// the tables.
func (a *attempt) narrowTables(published map[string]replication.Published) *trouble {
	found := &trouble{}
	for i, t := range a.tables {
		pub, ok := published[t.name]
		if !ok || t.parked.Load() {
			continue
		}
		narrowed, faults := a.p.newTable(t.source, t.number, &pub, a.before.Tables[t.name].Wanted, true)
		if len(faults) > 0 {
			found.add(checkWishes, t.name, faults...)
			continue
		}
		narrowed.state, narrowed.recopy = t.state, t.recopy
		a.tables[i] = narrowed
	}
	return found
}

// undo takes back what a first attempt has created, so that an attempt that did
// not get as far as copying leaves nothing behind. What cannot be taken back stays
// remembered, with all that was made before it: the next start goes on with it.
func (a *attempt) undo(ctx context.Context) error {
	if !a.first {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	made := a.made
	a.made = nil
	for _, step := range slices.Backward(made) {
		if err := step(ctx); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
	}
	return nil
}

// onSource is a step of undo over a connection of its own: the one that made what
// is to be taken back may be what has failed.
func (a *attempt) onSource(step func(context.Context, walsender) error) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := a.p.source.Replicate(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		return step(ctx, conn)
	}
}

func (a *attempt) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if tx, ok := a.p.target.(apply.Transactional); ok {
		tx.Rollback(ctx) // the next attempt may be long in coming
	}
	if a.conn != nil {
		_ = a.conn.Close(ctx)
	}
	a.closeSource(ctx)
	switch { // last: who stands by begins now
	case a.claim != nil && a.mine && (a.p.keep.Load() || a.p.followed && !a.p.began.Load()):
		a.p.held = a.claim
	case a.claim != nil:
		_ = a.claim.Close(ctx)
	}
}

func (a *attempt) closeSource(ctx context.Context) {
	if a.sql != nil {
		_ = a.sql.Close(context.WithoutCancel(ctx))
	}
}
