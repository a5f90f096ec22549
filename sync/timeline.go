package sync

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// sameHistory looks whether a failover, or a backup that was put back, has taken
// the source's log to another timeline, and what the target has of the end that the
// old one has there for itself alone: nothing in the stream tells, for the new
// one's positions soon are where the old one's were.
//
// What the watermark is behind may be anything, and ends the run. Rows that are
// ahead of it are those of tables, which are then copied anew.
func (a *attempt) sameHistory(ctx context.Context) error {
	was, now := a.pipeline.Timeline, a.system.Timeline
	a.pipeline.Timeline = now
	if a.pipeline.Watermark == 0 || was == now {
		return nil
	}
	if was == 0 { // remembered by a pgsluice that did not know of timelines
		return a.p.target.Remember(ctx, a.pipeline)
	}
	left, ok, err := a.conn.Left(ctx, now, was)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.Lost(fmt.Errorf("the source has lost log that the target has applied: its timeline %d has not come from timeline %d, which the target has followed", now, was), fault.Source)
	case a.pipeline.Watermark > left:
		return fault.Lost(fmt.Errorf("the source has lost log that the target has applied: timeline %d ended at %s for it, and the target has got to %s", was, left, a.pipeline.Watermark), fault.Source)
	}
	ahead, err := a.ahead(ctx, left)
	if err != nil {
		return err
	}
	if err := a.p.target.Remember(ctx, a.pipeline, ahead...); err != nil {
		return err
	}
	a.p.log.Info("the source has failed over, and has everything that the target has", "timeline", now, "before", was, "at", left)
	if len(ahead) > 0 {
		return movedError{fault.Retry(fmt.Errorf("%d tables of the target are ahead of what the source has after a failover: they are copied anew", len(ahead)))}
	}
	return nil
}

// ahead finds the tables that hold what came at an LSN or later, and has them
// copied anew.
func (a *attempt) ahead(ctx context.Context, at change.LSN) (ahead []apply.TableState, err error) {
	leading, _ := a.p.target.(apply.Leading)
	for _, t := range a.before.Tables {
		if t.Left || t.Phase == apply.Failed {
			continue
		}
		is := t.CopiedAt > at || t.Since > at || t.TruncatedAt.Commit >= at || t.ShapedAt.Commit > at
		if !is && leading != nil {
			if is, err = leading.HasFrom(ctx, t.Target, at); err != nil {
				return nil, fmt.Errorf("table %s: %w", t.Relation, err)
			}
		}
		if !is {
			continue
		}
		t.Phase, t.Done, t.Since, t.Horizon = apply.Pending, nil, 0, 0
		t.TruncatedAt, t.Reason = change.Position{}, "it is ahead of what the source has after a failover"
		if !a.p.config.Copy {
			t.Phase, t.Hint = apply.Failed, copyIsOff
		}
		ahead = append(ahead, t)
	}
	return ahead, nil
}
