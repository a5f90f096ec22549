package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// errCaughtUp ends a stream that has got to where it was to end.
var errCaughtUp = errors.New("caught up")

// stream follows the slot until the LSN, or until told to stop.
func (a *attempt) stream(ctx context.Context, until change.LSN) error {
	p := a.p
	if err := a.markStreaming(ctx); err != nil {
		return err
	}
	if until != 0 && a.pipeline.Watermark >= until && !a.joins() {
		return nil
	}
	binary := a.catalog.Version >= 140000
	for _, t := range a.tables {
		binary = binary && !p.needsText(t, t.query.Relation)
	}
	g := newGatherer(a, binary, until)
	stream, err := a.conn.Start(ctx, replication.Options{
		Slot: p.config.Slot, Publication: p.config.Publication, From: a.pipeline.Watermark, Timeline: a.system.Timeline, Binary: binary, Resolve: g.resolve,
	})
	if err != nil {
		return err
	}
	g.stream = stream
	p.lag.begin(a.pipeline.Watermark, a.system.Flushed)
	p.show(func(s *shown) { s.phase = Syncing })
	p.log.Info("streaming", "from", a.pipeline.Watermark.String(), "binary", binary)
	g.joinMissing()

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.run(groupCtx) })
	if p.config.Copy {
		group.Go(func() error { return g.copier.run(groupCtx) })
	}
	group.Go(func() error { return g.watcher.run(groupCtx) })
	if len(p.config.Schedule) > 0 && until == 0 {
		s := &scheduler{attempt: a, perform: g.exchange.perform, asked: map[string]bool{}}
		group.Go(func() error { return s.run(groupCtx) })
	}
	// The batch in hand is finished when the gather loop fails; its context is
	// not the group's.
	group.Go(func() error { return newApplyLoop(a, g.exchange).run(ctx, groupCtx.Done()) })
	err = group.Wait()
	if errors.Is(err, errCaughtUp) {
		p.show(func(s *shown) { s.phase = Done })
		return nil
	}
	return err
}

// markStreaming moves the copied tables on.
func (a *attempt) markStreaming(ctx context.Context) error {
	moved := a.left
	for _, t := range a.tables {
		if t.state.Phase == apply.Copied {
			t.state.Phase = apply.Streaming
			moved = append(moved, t.state)
		}
	}
	a.p.showTables(a.tables)
	if len(moved) == 0 {
		return nil
	}
	return a.p.target.Remember(ctx, a.pipeline, moved...)
}

// gatherer is the loop that owns the replication connection.
type gatherer struct {
	attempt  *attempt
	binary   bool
	stream   stream
	exchange *exchange
	copier   *copier
	watcher  *watcher
	byOID    map[uint32]*table
	// tables are by the relation that the stream's rows have, and so are the
	// tables whose rows are kept until they are copied.
	tables  map[*change.Relation]*table
	spools  map[*change.Relation]*joining
	joining map[uint32]*joining
	// refused are tables that could not join; a new start tries them again.
	refused map[uint32]refusal
	// numbers is how many tables there have been.
	numbers int
	inside  bool       // there is one
	reached change.LSN // every transaction up to it is gathered
	due     bool       // it is time to look around
	looking bool       // the end waits for a first look into the catalog
	// undecided are leaf partitions that the last sighting has shown, of tables whose
	// files are not taken up before their rows are read.
	undecided []snapshot.Leaf
	// room, old and new are for a row without its excluded columns.
	room     change.Row
	left     change.Row // see gone
	old, new []change.Datum
}

func newGatherer(a *attempt, binary bool, until change.LSN) *gatherer {
	p := a.p
	g := &gatherer{
		attempt: a, binary: binary, byOID: map[uint32]*table{},
		tables: map[*change.Relation]*table{}, spools: map[*change.Relation]*joining{}, joining: map[uint32]*joining{}, refused: map[uint32]refusal{},
		exchange: newExchange(p.config.Name, p.config.MaxRows, p.config.MaxBytes, until), reached: a.pipeline.Watermark,
	}
	g.exchange.lag = &p.lag
	g.copier = &copier{attempt: a, binary: binary, perform: g.exchange.perform, wake: make(chan struct{}, 1)}
	g.watcher = newWatcher(a)
	if p.config.UntilCaughtUp {
		g.looking = true
		g.exchange.joining()
	}
	for _, t := range a.tables {
		g.numbers = max(g.numbers, t.number+1)
		if !t.toCopy() || t.parked.Load() {
			g.byOID[t.source.Relation.OID] = t
		}
		t.takeShape()
	}
	return g
}

// joinMissing has those tables copied that are not, while the others stream.
func (g *gatherer) joinMissing() {
	for _, t := range g.attempt.tables {
		if t.toCopy() && !t.parked.Load() {
			g.join(&joining{oid: t.source.Relation.OID, name: t.name, number: t.number})
		}
	}
}

// patience is how long a quiet stream is waited for before the loop looks
// around; it bounds how long a confirmation or the wish to stop lies about.
const patience = 100 * time.Millisecond

const eventsPerLook = 256

func (g *gatherer) run(ctx context.Context) (err error) {
	defer func() {
		g.stream.Confirm(change.LSN(g.exchange.confirmed.Load()))
		_ = g.stream.Close(context.WithoutCancel(ctx))
		for _, j := range g.joining {
			j.spool.close()
		}
	}()
	done, stop := ctx.Done(), g.attempt.p.stop
	for events := uint64(0); ; events++ {
		event, err := g.stream.Next(ctx, patience)
		if err != nil {
			return err
		}
		// A look around costs as much as a row, and a quiet stream gives Nothing.
		if event.Kind == replication.Nothing || events%eventsPerLook == 0 {
			select {
			case <-done:
				return context.Cause(ctx)
			case <-stop:
				return errStopped
			default:
			}
			g.stream.Confirm(change.LSN(g.exchange.confirmed.Load()))
			g.due = true
		}
		if err := g.take(ctx, event); err != nil {
			return err
		}
		if g.due && !g.inside {
			g.due = false
			if err := g.lookAround(ctx); err != nil {
				return err
			}
		}
	}
}

// lookAround takes in, between two transactions, what the copier and the watcher
// have.
func (g *gatherer) lookAround(ctx context.Context) error {
	if err := g.arrivals(ctx); err != nil {
		return err
	}
	g.requested()
	return g.sighted(ctx)
}

func (g *gatherer) take(ctx context.Context, e *replication.Event) error {
	switch e.Kind {
	case replication.Row:
		if t := g.tables[e.Row.Relation]; t != nil {
			return g.row(ctx, t, &e.Row, e.Position)
		}
		if j := g.spools[e.Row.Relation]; j != nil {
			j.keep(j.spool.add(&e.Row))
		}
	case replication.Commit:
		g.inside = false
		for _, j := range g.joining {
			j.keep(j.spool.end())
		}
		g.advance(e.End, e.Time)
	case replication.Idle:
		g.advance(e.End, time.Time{})
	case replication.Truncated:
		for _, r := range e.Relations {
			if j := g.spools[r]; j != nil {
				j.keep(j.spool.truncate(e.Position))
			}
			if err := g.truncated(ctx, g.tables[r], e.Position); err != nil {
				return err
			}
		}
	case replication.Nothing:
		// A quiet source says how far it is when it is asked.
		if g.exchange.until != 0 || g.watcher.ahead(g.reached) || g.attempt.p.lag.unread() {
			return g.stream.Ask()
		}
	case replication.Begin:
		g.inside = true
		g.exchange.begin(e.Time)
		g.attempt.p.lag.gathered.Store(uint64(e.Position.Commit))
	}
	return nil
}

func (g *gatherer) advance(to change.LSN, commit time.Time) {
	g.reached = max(g.reached, to)
	g.exchange.advance(to, commit)
	g.attempt.p.lag.gathered.Store(uint64(to))
}

// row puts a row of a table that streams into the batch.
func (g *gatherer) row(ctx context.Context, t *table, row *change.Row, at change.Position) error {
	if !g.wanted(t, at, row.Op) {
		return nil
	}
	if t.doubt != nil {
		g.giveUp(t, t.doubt)
		return nil
	}
	if t.project != nil {
		row = g.projected(t, row)
	}
	if row.OldFull && t.source.Partitioned {
		row.OldFull = t.whole(row)
	}
	if at.Commit < t.skipBefore {
		var ok bool
		if row, ok = g.gone(row); !ok {
			return nil
		}
	}
	if t.extended && row.Op != change.Insert && !row.OldFull {
		g.giveUp(t, recopy("the replica identity of table %s is not FULL any more, and order_by names columns beside its key", t.name))
		return nil
	}
	return g.add(ctx, t, row)
}

// truncated puts a TRUNCATE into the batch.
func (g *gatherer) truncated(ctx context.Context, t *table, at change.Position) error {
	// The last truncate is repeated, because it is remembered before it happens;
	// earlier ones would move what is remembered back.
	if !g.attempt.p.config.Operations.Truncate || t == nil || t.parked.Load() || at.Commit < t.skipBefore || t.truncatedAt.Compare(at) > 0 {
		return nil
	}
	if t.doubt != nil {
		g.giveUp(t, t.doubt)
		return nil
	}
	for !g.exchange.truncate(t.announced, at) {
		if err := g.waitForRoom(ctx); err != nil {
			return err
		}
	}
	return nil
}

// whole says whether an old row that the stream calls whole is. The server speaks
// of the partitioned table's replica identity, while what is in the log is the
// leaf's, which is not inherited: a leaf without FULL, perhaps made a moment ago,
// has logged the key alone, and the other columns arrive as NULL. An old row that
// looks so is taken for one: then large values are read back that it might have
// brought, and it has none.
func (t *table) whole(r *change.Row) bool {
	if !t.source.IdentityFull() {
		return false
	}
	columns := r.Relation.Columns
	some := len(columns) == len(r.Relation.Key)
	for i, d := range r.Old {
		if d.Format == change.Null && columns[i].NotNull {
			return false
		}
		some = some || d.Format != change.Null && !slices.Contains(r.Relation.Key, i)
	}
	return some
}

// wanted applies the skip rules: what the copy has brought already, what a
// truncate that was applied has taken away, and what nobody asked for.
func (g *gatherer) wanted(t *table, at change.Position, op change.Op) bool {
	if t.parked.Load() || at.Commit < t.goneSince || t.truncatedAt.Compare(at) > 0 {
		return false
	}
	ops := &g.attempt.p.config.Operations
	return op == change.Insert && ops.Insert || op == change.Update && ops.Update || op == change.Delete && ops.Delete
}

func (g *gatherer) add(ctx context.Context, t *table, r *change.Row) error {
	for {
		ok, err := g.exchange.add(t.announced, r)
		if err != nil {
			g.exchange.fail(t, err)
			return nil
		}
		if ok {
			return nil
		}
		if err := g.waitForRoom(ctx); err != nil {
			return err
		}
	}
}

func (g *gatherer) waitForRoom(ctx context.Context) error {
	return g.exchange.wait(ctx, func() error {
		if g.attempt.p.stopped() {
			return errStopped
		}
		g.stream.Confirm(change.LSN(g.exchange.confirmed.Load()))
		return g.stream.Beat()
	})
}
