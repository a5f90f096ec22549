package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// setup makes everything but the slot: preconditions, publication, target
// tables. In a first attempt it notes what it makes.
func (a *attempt) setup(ctx context.Context, retryFailed bool) error {
	p := a.p
	if _, err := a.findSlot(ctx); err != nil {
		return err
	}
	if err := a.publication(ctx); err != nil {
		return err
	}
	published, err := a.conn.Published(ctx, p.config.Publication)
	if err != nil {
		return err
	}
	narrowed, err := a.narrowed(ctx, published)
	if err == nil {
		err = narrowed.err()
	}
	if err != nil {
		return err
	}
	return a.settleStates(ctx, retryFailed)
}

// findSlot looks at the pipeline's slot and refuses one that cannot be gone on
// from without losing rows.
func (a *attempt) findSlot(ctx context.Context) (*replication.Slot, error) {
	name := a.p.config.Slot
	slot, waited, err := a.freeSlot(ctx, name)
	if err != nil {
		return nil, err
	}
	if watermark := a.pipeline.Watermark; waited && watermark != 0 && slot.Confirmed > watermark {
		// Whoever had it has gone on since the state was recalled.
		return nil, fault.Retry(fault.Advise(fmt.Errorf("replication slot %s was in use until a moment ago", name), "start pgsluice again: it goes on where the other stopped"))
	}
	if err := a.behind(ctx, slot); err != nil {
		return nil, err
	}
	if err := a.continues(slot); err != nil || slot == nil {
		return nil, err
	}
	switch {
	case slot.Plugin != "pgoutput" || slot.Database != a.system.Database:
		return nil, fault.Precondition(fmt.Errorf("replication slot %s is one for plugin %q in database %q", name, slot.Plugin, slot.Database),
			"choose another source.slot: pgsluice needs one for pgoutput in the source's database")
	case slot.Lost:
		return nil, fault.Permanent(fmt.Errorf("replication slot %s is lost: the source has removed log that it needs (max_slot_wal_keep_size)", name), fault.LostRemedy)
	case slot.Active:
		return nil, fault.Retry(fault.Advise(fmt.Errorf("replication slot %s is in use by server process %s", name, slot.ActivePID),
			"another pgsluice runs this pipeline, or one that was cut off is still known to the server until wal_sender_timeout passes"))
	}
	return slot, nil
}

// behind has the attempt begin again when the target knows more than it did when this
// one began: another process, which may be gone by now, has gone on meanwhile.
func (a *attempt) behind(ctx context.Context, slot *replication.Slot) error {
	if slot == nil || a.pipeline.Watermark == 0 || slot.Confirmed <= a.pipeline.Watermark {
		return nil
	}
	now, err := a.p.target.Recall(ctx, a.p.config.Name)
	if err == nil && now.Pipeline.Watermark >= slot.Confirmed {
		err = fault.Retry(fault.Advise(fmt.Errorf("another process has gone on with pipeline %s until a moment ago", a.p.config.Name), "start pgsluice again: it goes on where the other stopped"))
	}
	return err
}

// continues says whether the slot, nil for none, is the one that the pipeline
// stands on, where it stands.
func (a *attempt) continues(slot *replication.Slot) error {
	name, watermark := a.p.config.Slot, a.pipeline.Watermark
	switch {
	case a.pipeline.Slot != "" && a.pipeline.Slot != name:
		return fault.Usage(fmt.Errorf("pipeline %s has stood on slot %s, and the configuration now names %s", a.p.config.Name, a.pipeline.Slot, name),
			"name the old slot, or drop the pipeline with `pgsluice drop`")
	case slot == nil && watermark != 0:
		return fault.Permanent(fmt.Errorf("replication slot %s is gone from the source, and with it the changes since %s", name, watermark), fault.LostRemedy)
	case slot == nil:
		return nil
	case a.pipeline.Slot == "" && !a.p.config.SlotNamed:
		return fault.Precondition(fmt.Errorf("replication slot %s is there already, and this target knows nothing of it", name),
			"if it is left over, remove it with `pgsluice drop`; if another pipeline uses it, choose another --name; to take it over, name it as source.slot")
	case watermark != 0 && slot.Confirmed > watermark && !slot.Active: // else it is on its way
		return fault.Permanent(fmt.Errorf("replication slot %s has been moved to %s, past the target's watermark %s: the changes between were taken by somebody else",
			name, slot.Confirmed, watermark), fault.LostRemedy)
	}
	return nil
}

// slotPatience is how long a slot in use is waited for. After a crash the server
// needs a moment to see that its client is gone.
const slotPatience = 5 * time.Second

// freeSlot looks a slot up, and waits a while when it is in use: waited says that
// it was, and is free now.
func (a *attempt) freeSlot(ctx context.Context, name string) (slot *replication.Slot, waited bool, err error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(slotPatience); ; {
		slot, err = a.conn.FindSlot(ctx, name)
		if err != nil || slot == nil || !slot.Active || time.Now().After(deadline) || a.p.stopped() {
			return slot, waited && slot != nil && !slot.Active, err
		}
		waited = true
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, waited, context.Cause(ctx)
		}
	}
}

// slot sees that the pipeline's slot exists and is remembered. The point it
// returns has a snapshot when the slot was made just now.
func (a *attempt) slot(ctx context.Context) (replication.Point, error) {
	p := a.p
	name := p.config.Slot
	slot, err := a.findSlot(ctx)
	if err != nil {
		return replication.Point{}, err
	}
	// Remembered before it is made: a start after a crash in between knows the
	// slot for its own.
	if a.pipeline.Slot == "" {
		a.pipeline.Slot, a.pipeline.Publication, a.pipeline.OwnsSlot = name, p.config.Publication, slot == nil
		if err := a.rememberFirst(ctx, states(a.tables)...); err != nil {
			return replication.Point{}, err
		}
	}
	if slot == nil && !a.pipeline.OwnsSlot { // the user's, which is gone
		a.pipeline.OwnsSlot = true
		if err := p.target.Remember(ctx, a.pipeline); err != nil {
			return replication.Point{}, err
		}
	}
	var point replication.Point
	if slot == nil {
		// Also where the server does not answer: it may have made it all the same.
		a.made = append(a.made, a.onSource(func(ctx context.Context, conn walsender) error { return conn.DropSlot(ctx, name) }))
		if point, err = a.createSlot(ctx, a.conn, name, false); err != nil {
			return point, err
		}
		p.log.Info("created replication slot", "slot", name, "consistent_point", point.Consistent.String())
		slot = &replication.Slot{Confirmed: point.Consistent}
	}
	if a.pipeline.Watermark == 0 {
		// Whatever becomes of this call, the next start goes on from here: a watermark
		// that may be remembered must not lose its slot.
		a.made = nil
		a.pipeline.Watermark, a.pipeline.GivenUp = slot.Confirmed, false
		if err := p.target.Remember(ctx, a.pipeline); err != nil {
			return point, err
		}
	}
	p.show(func(s *shown) { s.watermark = a.pipeline.Watermark })
	return point, nil
}

// copyMissing copies what is not copied: under the new slot's snapshot, or else
// under that of a temporary slot, whose consistent point is what the stream's
// skip rule needs.
func (a *attempt) copyMissing(ctx context.Context, point replication.Point) error {
	p := a.p
	todo := withoutParked(missing(a.tables))
	if len(todo) == 0 {
		return nil
	}
	if !p.config.Copy {
		for _, t := range todo {
			t.state.Phase = apply.Copied
		}
		return p.target.Remember(ctx, a.pipeline, states(todo)...)
	}
	if point.Snapshot == "" {
		conn, err := p.source.Replicate(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if point, err = a.createSlot(ctx, conn, temporarySlot(p.config.Slot), true); err != nil {
			return err
		}
	}
	if err := a.loadFirst(ctx, point.Snapshot, point.Consistent); err != nil {
		return err
	}
	for _, t := range a.tables {
		t.takeSkips(&t.state)
	}
	return nil
}

// rememberFirst remembers a pipeline that is being made. To undo that, when all
// that was made since has been undone, is to forget it; what a one-shot load of the
// same name had left is then left again.
func (a *attempt) rememberFirst(ctx context.Context, tables ...apply.TableState) error {
	if a.noted {
		return a.p.target.Remember(ctx, a.pipeline, tables...)
	}
	// Also where the target does not answer.
	a.noted = true
	a.made = append(a.made, func(ctx context.Context) error {
		if a.before.Known() {
			var was []apply.TableState
			for _, t := range a.before.Tables {
				was = append(was, t)
			}
			return a.p.target.Remember(ctx, a.before.Pipeline, was...)
		}
		return a.p.target.Forget(ctx, a.p.config.Name)
	})
	return a.p.target.Remember(ctx, a.pipeline, tables...)
}

func states(tables []*table) []apply.TableState {
	s := make([]apply.TableState, len(tables))
	for i, t := range tables {
		s[i] = t.state
	}
	return s
}
