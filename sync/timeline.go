package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// followTimeline takes note of the timeline that the source's log is on. Where a
// failover, or a backup that was put back, has taken it to another one, it looks what
// the target has of the end that the old one has there for itself alone: nothing in
// the stream tells, for the new one's positions soon are where the old one's were.
//
// What the watermark is behind may be anything, and ends the run. Rows that are
// ahead of it are those of tables, which are then copied anew.
func (a *attempt) followTimeline(ctx context.Context) error {
	history, err := a.conn.History(ctx, a.system.Timeline)
	if err != nil {
		return err
	}
	before := a.pipeline
	a.pipeline.Timeline, a.pipeline.TimelineFrom = a.system.Timeline, beginning(history)
	now := &a.pipeline
	switch {
	case before.Watermark == 0:
		return nil
	case before.Timeline == 0: // remembered by a pgsluice that did not know of timelines
		return a.p.target.Remember(ctx, *now)
	case before.Timeline == now.Timeline && before.TimelineFrom == now.TimelineFrom:
		return nil
	}
	i := slices.IndexFunc(history, func(t replication.Timeline) bool { return t.Number == before.Timeline })
	if i < 0 || beginning(history[:i]) != before.TimelineFrom {
		if a.system.Standby {
			return fault.Retry(fmt.Errorf("the source is a standby on timeline %d, and the target has followed timeline %d", now.Timeline, before.Timeline))
		}
		return fault.Lost(fmt.Errorf("the source has lost log that the target has applied: its timeline %d has not come from timeline %d, which the target has followed", now.Timeline, before.Timeline), fault.Source)
	}
	left := history[i].Left
	if before.Watermark > left {
		return fault.Lost(fmt.Errorf("the source has lost log that the target has applied: timeline %d ended at %s for it, and the target has got to %s", before.Timeline, left, before.Watermark), fault.Source)
	}
	ahead, err := a.ahead(ctx, left)
	if err != nil {
		return err
	}
	if err := a.p.target.Remember(ctx, a.pipeline, ahead...); err != nil {
		return err
	}
	a.p.log.Info("the source has failed over, and has everything that the target has", "timeline", now.Timeline, "before", before.Timeline, "at", left)
	if len(ahead) > 0 {
		return staleError{fault.Retry(fmt.Errorf("%d tables of the target are ahead of what the source has after a failover: they are copied anew", len(ahead)))}
	}
	return nil
}

// beginning is where a timeline began that has come from others.
func beginning(history []replication.Timeline) change.LSN {
	if len(history) == 0 {
		return 0
	}
	return history[len(history)-1].Left
}

// ahead finds the tables that hold what came at an LSN or later, and has them
// copied anew.
func (a *attempt) ahead(ctx context.Context, at change.LSN) (ahead []apply.TableState, err error) {
	leading, _ := a.p.target.(apply.Leading)
	for _, t := range a.before.Tables {
		if t.Left || t.Phase == apply.Failed {
			continue
		}
		is := t.CopiedAt > at || t.Since > at || t.TruncatedAt.Commit >= at ||
			t.ShapedAt.Commit > at || t.ShapedAt.Commit == at && t.CopiedAt != at
		if !is && leading != nil {
			if is, err = leading.HasFrom(ctx, t.Target, at); err != nil {
				return nil, fmt.Errorf("table %s: %w", t.Relation, err)
			}
		}
		if !is {
			continue
		}
		markPending(&t, "it is ahead of what the source has after a failover")
		t.Done, t.Since, t.Horizon, t.TruncatedAt = nil, 0, 0, change.Position{}
		if !a.p.config.Copy {
			t.Phase, t.Hint = apply.Failed, copyIsOff
		}
		ahead = append(ahead, t)
	}
	return ahead, nil
}
