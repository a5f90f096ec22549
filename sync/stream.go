package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// errCaughtUp ends a stream that has got to where it was to end.
var errCaughtUp = errors.New("caught up")

// stream follows the slot until the LSN, or until told to stop.
func (a *attempt) stream(ctx context.Context, until change.LSN) error {
	p := a.p
	if until != 0 && a.pipeline.Watermark >= until {
		return nil
	}
	if err := a.markStreaming(ctx); err != nil {
		return err
	}
	binary := a.catalog.Version >= 140000
	for _, t := range a.tables {
		binary = binary && !p.needsText(t, t.query.Relation)
	}
	g := &gatherer{
		attempt: a, binary: binary, byOID: map[uint32]*table{}, tables: map[*change.Relation]*table{},
		exchange: newExchange(p.config.Name, p.config.MaxRows, p.config.MaxBytes, until),
	}
	for _, t := range a.tables {
		g.byOID[t.source.Relation.OID] = t
		t.shape = t.state.Columns
	}
	stream, err := a.conn.Start(ctx, replication.Options{
		Slot: p.config.Slot, Publication: p.config.Publication, From: a.pipeline.Watermark, Binary: binary, Resolve: g.resolve,
	})
	if err != nil {
		return err
	}
	g.stream = stream
	p.show(func(s *shown) { s.phase = Syncing })
	p.log.Info("streaming", "from", a.pipeline.Watermark.String(), "binary", binary)

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.run(groupCtx) })
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
	byOID    map[uint32]*table
	// tables are by the relation that the stream's rows have.
	tables map[*change.Relation]*table
	commit change.LSN // of the transaction that the stream is in
	looked time.Time  // when the catalog was last asked for dropped tables
	// row, old and new are room for a row without its excluded columns.
	row      change.Row
	old, new []change.Datum
}

// patience is how long a quiet stream is waited for before the loop looks
// around; it bounds how long a confirmation or the wish to stop lies about.
const patience = 100 * time.Millisecond

const eventsPerLook = 256

func (g *gatherer) run(ctx context.Context) (err error) {
	defer func() {
		g.stream.Confirm(change.LSN(g.exchange.confirmed.Load()))
		_ = g.stream.Close(context.WithoutCancel(ctx))
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
			if err := g.lookForDropped(ctx); err != nil {
				return err
			}
		}
		if err := g.take(ctx, event); err != nil {
			return err
		}
	}
}

// lookEvery is how often the catalog is asked whether the tables are still
// there: a DROP leaves no trace in the stream.
const lookEvery = 10 * time.Second

func (g *gatherer) lookForDropped(ctx context.Context) error {
	if time.Since(g.looked) < lookEvery {
		return nil
	}
	g.looked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	oids := make([]uint32, 0, len(g.byOID))
	for oid, t := range g.byOID {
		if !t.parked.Load() {
			oids = append(oids, oid)
		}
	}
	gone, err := g.attempt.catalog.Gone(ctx, oids)
	if err != nil {
		return err
	}
	for _, oid := range gone {
		g.exchange.fail(g.byOID[oid], fault.Permanent(fmt.Errorf("table %s was dropped in the source", g.byOID[oid].name),
			"leave it out of the configuration; if it was made again, start pgsluice again and the new one is copied"))
	}
	return nil
}

func (g *gatherer) take(ctx context.Context, e *replication.Event) error {
	switch e.Kind {
	case replication.Row:
		t := g.tables[e.Row.Relation]
		if !g.wanted(t, e.Position, e.Row.Op) {
			return nil
		}
		if t.doubt != nil {
			g.exchange.fail(t, t.doubt)
			return nil
		}
		row := &e.Row
		if t.project != nil {
			row = g.projected(t, row)
		}
		if row.OldFull && t.source.Partitioned {
			row.OldFull = t.whole(row)
		}
		if t.extended && row.Op != change.Insert && !row.OldFull {
			g.exchange.fail(t, identityLost(t))
			return nil
		}
		return g.add(ctx, t, row)
	case replication.Commit:
		g.exchange.advance(e.End, e.Time)
		g.attempt.p.gathered.Store(uint64(e.End))
	case replication.Idle:
		g.exchange.advance(e.End, time.Time{})
		g.attempt.p.gathered.Store(uint64(e.End))
	case replication.Truncated:
		if !g.attempt.p.config.Operations.Truncate {
			return nil
		}
		for _, r := range e.Relations {
			t := g.tables[r]
			// The last truncate is repeated, because it is remembered before it
			// happens; earlier ones would move what is remembered back.
			if t == nil || t.parked.Load() || e.Position.Commit < t.skipBefore || t.truncatedAt.Compare(e.Position) > 0 {
				continue
			}
			if t.doubt != nil {
				g.exchange.fail(t, t.doubt)
				continue
			}
			for !g.exchange.truncate(t.announced, e.Position) {
				if err := g.waitForRoom(ctx); err != nil {
					return err
				}
			}
		}
	case replication.Nothing:
		// A quiet source says how far it is when it is asked.
		if g.exchange.until != 0 {
			return g.stream.Ask()
		}
	case replication.Begin:
		g.commit = e.Position.Commit
		g.exchange.begin(e.Time)
		g.attempt.p.gathered.Store(uint64(e.Position.Commit))
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
	if t == nil || t.parked.Load() || at.Commit < t.skipBefore || t.truncatedAt.Compare(at) > 0 {
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

// resolve is asked by the stream for each table it announces.
func (g *gatherer) resolve(ctx context.Context, m *replication.RelationMessage) (*change.Relation, error) {
	t := g.byOID[m.OID]
	if t == nil || t.parked.Load() {
		return nil, nil
	}
	if err := g.waitForCatalog(ctx, m.XID); err != nil {
		return nil, err
	}
	relation, project, err := g.attempt.follow(ctx, t, m)
	if err != nil {
		if fault.Retryable(err) || ctx.Err() != nil {
			return nil, err
		}
		if g.commit < t.skipBefore {
			return g.doubtful(t, m, err), nil
		}
		g.exchange.fail(t, err)
		return nil, nil
	}
	if g.binary && g.attempt.p.needsText(t, relation) {
		return nil, fault.Retry(fmt.Errorf("table %s has got a column whose values are to be had as text only: the stream begins again in text", t.name))
	}
	return g.announce(t, relation, project, len(m.Columns)), nil
}

// waitForCatalog returns when the catalog is no longer behind the stream.
func (g *gatherer) waitForCatalog(ctx context.Context, xid uint32) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if shows, err := g.attempt.catalog.Shows(ctx, xid); shows || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-g.attempt.p.stop:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := g.stream.Beat(); err != nil {
			return err
		}
	}
}
