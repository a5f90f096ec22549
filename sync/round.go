package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

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
			why, err := whereTo(ctx, r.own.catalog, j.oid)
			if err == nil {
				err = r.departed(ctx, j, why)
			}
			if err != nil {
				return nil, err
			}
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
	return r.each(ctx, todo, func(j *joining) error { return r.publishAll(ctx, conn, []*joining{j}) })
}

// each does something for every table. One that has changed is left to the next
// round, one that fails on its own is parked, and the others are ready.
func (r *round) each(ctx context.Context, todo []*joining, do func(*joining) error) (ready []*joining, err error) {
	for _, j := range todo {
		err := do(j)
		switch {
		case err == nil:
			ready = append(ready, j)
			continue
		case isChanged(err) && ctx.Err() == nil:
			r.changed = err
			continue
		case fault.Retryable(err) || ctx.Err() != nil:
			return nil, err
		}
		if err := r.failed(ctx, j, err); err != nil {
			return nil, err
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
		if err := conn.AddToPublication(ctx, p.config.Publication, cover.add); isGone(err) {
			return fault.Retry(changedError{err})
		} else if err != nil {
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
	return r.each(ctx, todo, func(j *joining) error {
		t := j.draft
		if !r.own.planCopy(t, true) {
			return fmt.Errorf("table %s is not one to be copied", t.name)
		}
		return r.perform(ctx, func(ctx context.Context) error {
			r.attempt.enter(t)
			_, err := r.own.makeRoom(ctx, t, r.attempt)
			return err
		})
	})
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
