package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
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
		if ctx.Err() != nil { // the apply loop may have the round's last errand in hand
			return context.Cause(ctx)
		}
		todo = slices.DeleteFunc(todo, func(j *joining) bool { return j.table != nil || j.err != nil || j.gone })
		switch {
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
		if !isChanged(err) { // else nobody is at fault
			c.attempt.p.countError(err)
		}
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
			t.parked.Store(true)
			t.state, a.before.Tables[t.name] = state, state
			a.p.sayFailed(t, why)
			a.p.showTables(a.tables)
		}
		j.err = why
		c.arrived.put(j)
		return nil
	})
}

// departed has the target remember that a table which was to join is not the
// pipeline's any more.
func (c *copier) departed(ctx context.Context, j *joining, why string) error {
	return c.perform(ctx, func(ctx context.Context) error {
		a := c.attempt
		state, known := a.before.Tables[j.name]
		var t *table
		if i := a.index(j.number); i >= 0 {
			t = a.tables[i]
			state, known = t.state, true
		}
		if known {
			markLeft(&state, why)
			if err := a.p.target.Remember(ctx, a.pipeline, state); err != nil {
				return fmt.Errorf("remember the state of %s: %w", j.name, err)
			}
			a.before.Tables[j.name] = state
		}
		a.p.log.Info("a table that was to join the stream is gone", "table", j.name, "why", why)
		a.leaveOut(t)
		a.p.showTables(a.tables)
		j.gone = true
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

// leaveOut takes a table from among the attempt's. Of whoever writes progress.
func (a *attempt) leaveOut(t *table) {
	a.tables = slices.DeleteFunc(slices.Clone(a.tables), func(other *table) bool { return other == t })
}
