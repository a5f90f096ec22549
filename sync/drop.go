package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// DropOptions say what to remove.
type DropOptions struct {
	Name, Source, Slot, Publication string
	// SlotNamed and PublicationNamed: the user's own are left where they are.
	SlotNamed, PublicationNamed bool
	// WithData drops the target's tables too.
	WithData bool
	// Force goes on when one side cannot be reached.
	Force bool
	Log   *slog.Logger
}

// Drop removes a pipeline's slot, publication and state. open gives the target.
// It can be repeated. What could not be removed with Force is told in left; an
// error means that nothing more was tried.
func Drop(ctx context.Context, o DropOptions, open func(context.Context) (apply.Target, error)) (left []string, err error) {
	target, targetErr := open(ctx)
	if targetErr == nil {
		defer func() { _ = target.Close() }()
	}
	var state apply.State
	if targetErr == nil {
		state, targetErr = target.Recall(ctx, o.Name)
	}
	if targetErr != nil && !o.Force {
		return nil, fault.Advise(targetErr, "with --force what is on the other side is removed all the same")
	}
	// State goes last: while it is there, a drop that was cut short knows what
	// is left to do.
	if sourceErr := dropSource(ctx, o, state); sourceErr != nil {
		if !o.Force {
			return nil, fault.Advise(sourceErr, "with --force what is on the other side is removed all the same")
		}
		left = append(left, fmt.Sprintf("on the source, slot %s and publication %s: %v", o.Slot, o.Publication, sourceErr))
	}
	if targetErr != nil {
		return append(left, fmt.Sprintf("on the target, the state of pipeline %s: %v", o.Name, targetErr)), nil
	}
	for _, t := range state.Tables {
		if t.Shadow == "" {
			continue
		}
		if err := target.Drop(ctx, t.Shadow); err != nil { // a copy's that was cut short: nobody's data
			return left, err
		}
	}
	if o.WithData {
		for _, t := range state.Tables {
			if err := target.Drop(ctx, t.Target); fault.Unmet(err) && !fault.Retryable(err) {
				left = append(left, err.Error())
				continue
			} else if err != nil {
				return left, err
			}
			o.Log.Info("dropped table", "table", t.Target)
		}
	}
	if err := target.Forget(ctx, o.Name); err != nil {
		return left, err
	}
	return left, nil
}

func dropSource(ctx context.Context, o DropOptions, state apply.State) error {
	p := state.Pipeline
	if state.Known() && p.Slot == "" {
		return nil // a one-shot load made nothing on the source
	}
	conn, err := replication.Connect(ctx, o.Source)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	slot, publication := o.Slot, o.Publication
	ownsSlot, ownsPublication := !o.SlotNamed, !o.PublicationNamed
	if state.Known() {
		slot, publication, ownsSlot, ownsPublication = p.Slot, p.Publication, p.OwnsSlot, p.OwnsPublication
	}
	var errs []error
	if ownsSlot {
		errs = append(errs, conn.DropSlot(ctx, slot))
	} else {
		o.Log.Info("left the slot where it is: it is the user's", "slot", slot)
	}
	if ownsPublication {
		errs = append(errs, conn.DropPublication(ctx, publication))
	} else {
		o.Log.Info("left the publication where it is: it is the user's", "publication", publication)
	}
	return errors.Join(errs...)
}
