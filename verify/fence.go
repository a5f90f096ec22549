package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// fence waits for the target to have what the source has committed. One goroutine.
type fence struct {
	config *Config
	conn   *pgx.Conn
	// passed is the last one that was.
	passed change.LSN
	// behind is how much log, in bytes, a target lacks that nobody brings it.
	behind int64
	// taken is a snapshot, since when, waited whether its fence was passed.
	taken  *snapshot.Exported
	since  time.Time
	waited bool
}

const (
	// lookEvery is how often the target is asked for its watermark.
	lookEvery = 100 * time.Millisecond
	// stuck is how long a watermark may stand still while a process streams: several
	// times as long as an idle one takes to remember it.
	stuck = 90 * time.Second
	// fresh is how long the beginning of another table is compared under a snapshot.
	fresh = 30 * time.Second
)

// pass returns when everything that was committed before the call is in the target,
// and what that remembers then. Where nobody streams it does not wait.
func (f *fence) pass(ctx context.Context) (apply.State, error) {
	state, err := f.config.Target.Recall(ctx, f.config.Pipeline)
	if err != nil || f.config.Slot == "" {
		return state, err
	}
	at, err := postgres.Written(ctx, f.conn.PgConn())
	if err != nil {
		return state, err
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last, moved := state.Pipeline.Watermark, time.Now()
	for state.Pipeline.Watermark < at {
		running, err := f.running(ctx)
		if err != nil {
			return state, err
		}
		if !running {
			f.behind = int64(at - state.Pipeline.Watermark)
			return state, nil
		}
		if w := state.Pipeline.Watermark; w != last {
			last, moved = w, time.Now()
		}
		if time.Since(moved) > stuck {
			return state, fault.Permanent(fmt.Errorf("the target stands at %s for %s and does not come to %s, though a process has the slot", last, stuck, at), "`pgsluice status`, and the log of the process that runs the pipeline, say why")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return state, context.Cause(ctx)
		}
		if state, err = f.config.Target.Recall(ctx, f.config.Pipeline); err != nil {
			return state, err
		}
	}
	f.passed, f.behind = at, 0
	return state, nil
}

// running says whether somebody streams from the slot.
func (f *fence) running(ctx context.Context) (active bool, err error) {
	err = f.conn.QueryRow(ctx, "SELECT active FROM pg_catalog.pg_replication_slots WHERE slot_name = $1", f.config.Slot).Scan(&active)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return active, postgres.Doing(err, "look up replication slot %s", f.config.Slot)
}

// snapshot gives one under which the source can be read, and a function that passes
// its fence, for whoever reads the target to call first.
func (f *fence) snapshot(ctx context.Context, again bool) (taken *snapshot.Exported, pass func(context.Context) error, err error) {
	if f.taken == nil || again || time.Since(f.since) > fresh {
		f.drop(ctx)
		f.since = time.Now()
		if f.taken, err = snapshot.Export(ctx, f.config.Source); err != nil {
			return nil, nil, err
		}
	}
	return f.taken, func(ctx context.Context) error {
		if f.waited {
			return nil
		}
		_, err := f.pass(ctx)
		f.waited = err == nil
		return err
	}, nil
}

func (f *fence) drop(ctx context.Context) {
	if f.taken != nil {
		_ = f.taken.Close(context.WithoutCancel(ctx))
		f.taken, f.waited = nil, false
	}
}
