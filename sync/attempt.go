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
	requests chan string // tables that somebody wants copied anew
}

// attempt runs one try of Run. The first of a process is the one that tries
// failed tables again, and that checks before it begins.
func (p *Pipeline) attempt(ctx context.Context, first bool) error {
	a := &attempt{p: p, requests: make(chan string, mostRequests)}
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

const mostRequests = 64

func (a *attempt) run(ctx context.Context, first bool) (err error) {
	p := a.p
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
	a.made = nil
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
		if t.anew {
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
	return nil
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
		narrowed.state, narrowed.anew = t.state, t.anew
		a.tables[i] = narrowed
	}
	return found
}

// settleStates decides what is to be done with each table, from what is
// remembered of it, and makes the target ready for those to be copied.
func (a *attempt) settleStates(ctx context.Context, retryFailed bool) error {
	p := a.p
	var anew []*table
	for _, t := range a.tables {
		if a.planAnew(t, retryFailed) {
			anew = append(anew, t)
		}
	}
	// Remembered before a row is touched: whatever becomes of this attempt, no
	// later one takes what an earlier copy left for what is there. In a first
	// attempt it is remembered together with the slot.
	if !a.first && len(anew) > 0 {
		if err := p.target.Remember(ctx, a.pipeline, states(anew)...); err != nil {
			return fmt.Errorf("remember the state of tables: %w", err)
		}
	}
	for _, t := range anew {
		// What a copy that was cut short has left.
		if shadow := a.before.Tables[t.name].Shadow; shadow != "" {
			if err := p.target.Drop(ctx, shadow); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		if a.joins() {
			continue // when its turn comes
		}
		if err := a.prepare(ctx, t); err != nil {
			return err
		}
	}
	p.showTables(a.tables)
	return nil
}

// joins says that tables which have to be copied join the stream, instead of going
// before it: where others stream, and where readers have an earlier copy until the
// new one takes its place. A first load goes before.
func (a *attempt) joins() bool {
	return a.p.config.Copy && a.before.Pipeline.Slot != "" && slices.ContainsFunc(a.tables, func(t *table) bool {
		was := a.before.Tables[t.name]
		again := was.Phase == apply.Pending && was.CopiedAt != 0 || was.Shadow != ""
		return !t.parked.Load() && (t.state.Phase == apply.Streaming && !t.anew || again)
	})
}

// planAnew decides, from what is remembered of it, whether a table is to be
// copied, and gives it a new state then.
func (a *attempt) planAnew(t *table, retryFailed bool) bool {
	was := t.state
	t.takeSkips(&was)
	remade := was.OID != 0 && was.OID != t.source.Relation.OID
	switch {
	case t.parked.Load(): // by its description
		return false
	case was.Phase == apply.Failed && !retryFailed:
		t.parked.Store(true)
		return false
	case !a.p.config.Copy && remade:
		t.fail(fault.Permanent(fmt.Errorf("table %s was dropped and made again", t.name), copyIsOff))
		a.left = append(a.left, t.state)
		return false
	case !a.p.config.Copy && was.Phase == apply.Failed:
		t.state.Hint = copyIsOff
		t.parked.Store(true)
		a.left = append(a.left, t.state)
		return false
	case (was.Phase == apply.Copied || was.Phase == apply.Streaming) && !remade && !t.anew:
		return false
	}
	if a.resumes(t, &was) {
		return true
	}
	if t.anew {
		a.p.log.Info("other wishes than when the table was copied: it is copied anew", "table", t.name)
	}
	if was.Target != t.target {
		was.CopiedAt = 0 // what is in the other table is not this pipeline's
		if was.Target != "" {
			a.p.log.Warn("the table it was written to before stays as it is", "table", t.name, "before", was.Target)
		}
	}
	t.state = apply.TableState{
		Relation: t.name, OID: t.source.Relation.OID, Target: t.target, Phase: apply.Pending, CopiedAt: was.CopiedAt,
		Columns: apply.Shape(t.query.Relation), Wanted: t.wish.wanted(),
	}
	t.skipBefore, t.truncatedAt, t.anew = 0, change.Position{}, false
	return true
}

const copyIsOff = "with load.copy: false pgsluice cannot bring back what the table has missed: set it to true and start again"

// prepare makes the target ready for a table to be copied.
func (a *attempt) prepare(ctx context.Context, t *table) error {
	p := a.p
	created, err := a.makeRoom(ctx, t, a)
	if created {
		a.made = append(a.made, func(ctx context.Context) error { return p.target.Drop(ctx, t.target) })
	}
	switch {
	case err == nil:
		return nil
	case a.first || fault.Retryable(err) || ctx.Err() != nil:
		return fmt.Errorf("table %s: %w", t.name, err)
	}
	p.park(t, err)
	if err := p.target.Remember(ctx, a.pipeline, t.state); err != nil {
		return fmt.Errorf("remember the state of %s: %w", t.name, err)
	}
	return nil
}

// makeRoom prepares the table that a copy is written to: beside the one that users
// read, where that has an earlier copy of the pipeline's own. of is the attempt
// whose progress the table is.
func (a *attempt) makeRoom(ctx context.Context, t *table, of *attempt) (created bool, err error) {
	target := a.p.target
	again := t.state.CopiedAt != 0
	existing, at := a.existing(again), change.LSN(0)
	switch {
	case len(t.state.Done) > 0: // gone on with
		existing, again = apply.Keep, false
	case existing == apply.Discard:
		at = t.state.CopiedAt
	}
	into := t.into(t.query.Relation)
	t.again = again && existing == apply.Truncate
	if t.again {
		into.Name = target.Shadow(t.target)
		t.state.Shadow = into.Name
		// Remembered before it is made, so that a start after a crash removes it.
		if err := target.Remember(ctx, of.pipeline, t.state); err != nil {
			return false, fmt.Errorf("remember the state of %s: %w", t.name, err)
		}
		if err := target.Drop(ctx, into.Name); err != nil {
			return false, err
		}
	}
	if created, err = target.Prepare(ctx, into, existing, at); err == nil {
		t.prepared = into
	}
	return created, err
}

// existing is what to do with the rows of a table that is to be copied; again says
// that those are an earlier copy's.
func (a *attempt) existing(again bool) apply.Existing {
	config := &a.p.config
	switch {
	case !config.Copy:
		return apply.Keep
	case again && config.Existing == apply.Keep:
		return apply.Discard
	case again:
		return apply.Truncate
	}
	return config.Existing
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
	if a.claim != nil { // last: who stands by begins now
		_ = a.claim.Close(ctx)
	}
}

func (a *attempt) closeSource(ctx context.Context) {
	if a.sql != nil {
		_ = a.sql.Close(context.WithoutCancel(ctx))
	}
}
