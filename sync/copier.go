package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// copier copies tables while the others stream. It has connections of its own to
// the source; what it has to say to the target goes through the apply loop, which
// alone writes progress.
type copier struct {
	attempt *attempt
	binary  bool // the stream's values are
	perform func(ctx context.Context, errand func(context.Context) error) error

	wanted  queue[*joining]
	arrived queue[*joining] // the copier is done with
	wake    chan struct{}
}

func (c *copier) want(j *joining) {
	c.wanted.put(j)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run copies what is wanted until the attempt ends. What can pass is tried again
// here: it is no reason to stop the tables that stream.
func (c *copier) run(ctx context.Context) error {
	var todo []*joining
	pause := newBackoff()
	for {
		if len(todo) == 0 {
			pause = newBackoff()
			select {
			case <-c.wake:
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-c.attempt.p.stop:
				return errStopped
			}
		}
		todo = append(todo, c.wanted.take()...)
		if len(todo) == 0 {
			continue
		}
		err := c.round(ctx, todo)
		todo = slices.DeleteFunc(todo, func(j *joining) bool { return j.table != nil || j.err != nil || j.gone })
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case c.attempt.p.stopped():
			return errStopped
		case errors.Is(err, errOtherFormat), errors.Is(err, errStopped):
			return err
		case err == nil:
			continue
		case !fault.Retryable(err):
			if err := c.giveUp(ctx, todo, err); err != nil {
				return err
			}
			todo = nil
			continue
		}
		wait := pause.next()
		c.attempt.p.log.Warn("tables that are to join the stream were not copied; the copy begins again", "tables", len(todo), "error", err, "in", wait)
		if err := c.attempt.p.rest(ctx, wait); err != nil {
			return err
		}
	}
}

// giveUp parks the tables that were to be copied.
func (c *copier) giveUp(ctx context.Context, todo []*joining, why error) error {
	for _, j := range todo {
		if err := c.failed(ctx, j, why); err != nil {
			return err
		}
	}
	return nil
}

// errOtherFormat ends an attempt: the stream's format is chosen when it begins.
var errOtherFormat = fault.Retry(errors.New("a table has a column whose values are to be had as text only: the stream begins again in text"))

// failed has the target remember that a table cannot join. It has arrived with that
// once it is remembered: before, the next round tries it again.
func (c *copier) failed(ctx context.Context, j *joining, why error) error {
	return c.perform(ctx, func(ctx context.Context) error {
		a := c.attempt
		var t *table // nil where it has nothing in the target
		state := apply.TableState{Relation: j.name, OID: j.oid}
		if i := a.index(j.number); i >= 0 {
			t = a.tables[i]
			state = t.state
		}
		markFailed(&state, why)
		if err := a.p.target.Remember(ctx, a.pipeline, state); err != nil {
			return fmt.Errorf("remember the state of %s: %w", j.name, err)
		}
		if t == nil {
			a.p.log.Error("a table cannot join the stream; the others go on", "table", j.name, "error", why, "hint", remedy(why))
		} else {
			a.p.park(t, why)
			a.before.Tables[t.name] = t.state
			a.p.showTables(a.tables)
		}
		j.err = why
		c.arrived.put(j)
		return nil
	})
}

// index is a table's place among the attempt's, -1 for none. Of whoever writes
// progress.
func (a *attempt) index(number int) int {
	return slices.IndexFunc(a.tables, func(t *table) bool { return t.number == number })
}

// enter puts a table in its place among the attempt's. Of whoever writes progress.
func (a *attempt) enter(t *table) {
	// Readers of what is shown have the old list.
	tables := slices.Clone(a.tables)
	if i := a.index(t.number); i >= 0 {
		tables[i] = t
	} else {
		tables = append(tables, t)
	}
	a.tables = tables
	a.p.showTables(a.tables)
}

// round copies tables at one consistent point.
type round struct {
	*copier
	// own has connections and tables of the round's; what is shown and remembered is
	// the attempt's.
	own *attempt
	// changed is why tables begin again that were left out; nil for none.
	changed error
}

// round takes tables as far as it can; those that have changed meanwhile are left to
// the next, for which its error is the reason.
func (c *copier) round(ctx context.Context, todo []*joining) error {
	r := &round{copier: c, own: &attempt{p: c.attempt.p, system: c.attempt.system}}
	defer r.own.closeSource(ctx)
	if err := r.run(ctx, todo); err != nil {
		return err
	}
	return r.changed
}

func (r *round) run(ctx context.Context, todo []*joining) (err error) {
	p := r.own.p
	if r.own.sql, err = p.source.Connect(ctx); err != nil {
		return err
	}
	if r.own.catalog, err = r.own.sql.Catalog(ctx); err != nil {
		return err
	}
	if err := r.recall(ctx, todo); err != nil {
		return err
	}
	ready, err := r.describe(ctx, todo)
	if err != nil || len(ready) == 0 {
		return err
	}
	if ready, err = r.publish(ctx, ready); err != nil || len(ready) == 0 {
		return err
	}
	if ready, err = r.prepare(ctx, ready); err != nil || len(ready) == 0 {
		return err
	}
	return r.copy(ctx, ready)
}

// recall learns from who writes progress what is known of the tables.
func (r *round) recall(ctx context.Context, todo []*joining) error {
	return r.perform(ctx, func(context.Context) error {
		of := r.attempt
		r.own.pipeline = of.pipeline
		r.own.before = apply.State{Pipeline: of.pipeline, Tables: map[string]apply.TableState{}}
		for _, j := range todo {
			state := of.before.Tables[j.name]
			if i := of.index(j.number); i >= 0 {
				state = of.tables[i].state
			}
			state.Phase = apply.Pending // whatever it was, it is to be copied
			r.own.before.Tables[j.name] = state
		}
		return nil
	})
}

// describe finds the tables as they are now. What is in a table's way parks it.
func (r *round) describe(ctx context.Context, todo []*joining) (ready []*joining, err error) {
	p := r.own.p
	sources, err := r.own.catalog.Tables(ctx, p.config.Patterns)
	if err != nil {
		return nil, err
	}
	taken := map[string]string{}
	for _, s := range sources {
		taken[p.targetOf(s.Relation)] += s.Relation.String() + " "
	}
	byOID := map[uint32]*snapshot.Table{}
	for _, s := range sources {
		byOID[s.Relation.OID] = s
	}
	for _, j := range todo {
		source := byOID[j.oid]
		if source == nil || j.name != source.Relation.String() {
			p.log.Info("a table that was to join the stream is gone", "table", j.name)
			j.gone = true
			r.arrived.put(j)
			continue
		}
		t, own, err := r.own.describeTable(ctx, source, j.number, true)
		if err != nil {
			return nil, err
		}
		why := own.err()
		if target := p.targetOf(source.Relation); why == nil && taken[target] != j.name+" " {
			why = fault.Usage(fmt.Errorf("%swould all be written to %s in the target", taken[target], target), namesRemedy)
		}
		if why != nil {
			if err := r.failed(ctx, j, why); err != nil {
				return nil, err
			}
			continue
		}
		j.draft = t
		ready = append(ready, j)
	}
	return ready, nil
}

// publish sees that the publication covers the tables, and narrows them to what it
// publishes. What is wrong with one is not the others'.
func (r *round) publish(ctx context.Context, todo []*joining) (ready []*joining, err error) {
	conn, err := r.own.p.source.Replicate(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = r.publishAll(ctx, conn, todo)
	if err == nil || fault.Retryable(err) && !isChanged(err) || ctx.Err() != nil {
		return todo, err
	}
	for _, j := range todo {
		err := r.publishAll(ctx, conn, []*joining{j})
		switch {
		case err == nil:
			ready = append(ready, j)
		case isChanged(err) && ctx.Err() == nil:
			r.changed = err
		case fault.Retryable(err) || ctx.Err() != nil:
			return nil, err
		default:
			if err := r.failed(ctx, j, err); err != nil {
				return nil, err
			}
		}
	}
	return ready, nil
}

func (r *round) publishAll(ctx context.Context, conn walsender, todo []*joining) error {
	p, own := r.own.p, r.own
	own.tables = nil
	for _, j := range todo {
		own.tables = append(own.tables, j.draft)
	}
	cover, err := own.covers(ctx, conn)
	if err != nil {
		return err
	}
	switch {
	case cover.found == nil:
		return fault.Permanent(fmt.Errorf("publication %s is gone from the source", p.config.Publication), fault.LostRemedy)
	case len(cover.add) > 0:
		p.log.Info("adding tables to the publication", "publication", p.config.Publication, "tables", len(cover.add))
		if err := conn.AddToPublication(ctx, p.config.Publication, cover.add); err != nil {
			return err
		}
	}
	published, err := conn.Published(ctx, p.config.Publication)
	if err != nil {
		return err
	}
	narrowed, err := own.narrowed(ctx, published)
	if err == nil {
		err = narrowed.err()
	}
	if err != nil {
		return err
	}
	for i, j := range todo {
		j.draft = own.tables[i]
		if r.binary && p.needsText(j.draft, j.draft.query.Relation) {
			return errOtherFormat
		}
	}
	return nil
}

// prepare has the target make room for the copies.
func (r *round) prepare(ctx context.Context, todo []*joining) (ready []*joining, err error) {
	for _, j := range todo {
		t := j.draft
		if !r.own.planAnew(t, true) {
			return nil, fmt.Errorf("table %s is not one to be copied", t.name)
		}
		err := r.perform(ctx, func(ctx context.Context) error {
			r.attempt.enter(t)
			_, err := r.own.makeRoom(ctx, t, r.attempt)
			return err
		})
		switch {
		case err == nil:
			ready = append(ready, j)
		case fault.Retryable(err) || ctx.Err() != nil:
			return nil, err
		default:
			if err := r.failed(ctx, j, err); err != nil {
				return nil, err
			}
		}
	}
	return ready, nil
}

// copy copies the tables under the snapshot of a temporary slot, whose consistent
// point is what the stream's skip rule needs.
func (r *round) copy(ctx context.Context, todo []*joining) error {
	p := r.own.p
	conn, err := p.source.Replicate(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	point, err := r.own.createSlot(ctx, conn, temporarySlot(p.config.Slot), true)
	if err != nil {
		return err
	}
	byTable := map[*table]*joining{}
	tables := make([]*table, len(todo))
	for i, j := range todo {
		tables[i], byTable[j.draft] = j.draft, j
	}
	return r.own.load(ctx, tables, copyOf{
		of: r.attempt, snapshot: point.Snapshot, at: point.Consistent, perform: r.perform,
		through: func(t *table) {
			j := byTable[t]
			if j.table = t; t.parked.Load() {
				j.table, j.err = nil, errors.New(t.state.Reason)
			}
			t.takeSkips(&t.state)
			t.tries = j.tries
			r.arrived.put(j)
		},
	})
}
