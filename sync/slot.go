package sync

import (
	"context"
	"fmt"
	"math/rand/v2"
	stdsync "sync"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// A slot begins when every transaction has ended that was open when it was asked
// for. Somebody who waits for one is told what for: soon, and then now and then.
const (
	slotFirstWord = 3 * time.Second
	slotNextWord  = time.Minute
)

// createSlot makes a slot, and gives up when the pipeline is stopped.
func (a *attempt) createSlot(ctx context.Context, conn walsender, name string, temporary bool) (replication.Point, error) {
	system, err := conn.Identify(ctx)
	switch {
	case err != nil:
		return replication.Point{}, err
	case system.Identifier != a.system.Identifier, system.Timeline != a.system.Timeline:
		// A DSN of several hosts can lead elsewhere than to who is streamed from.
		return replication.Point{}, fault.Advise(fault.Retry(fmt.Errorf("a connection leads to system %s on timeline %d, and the one before it to system %s on timeline %d",
			system.Identifier, system.Timeline, a.system.Identifier, a.system.Timeline)), "where the source's DSN names several hosts, add target_session_attrs=read-write")
	}
	made := make(chan struct{})
	var attending stdsync.WaitGroup
	attending.Go(func() { a.attendSlot(ctx, conn, name, made) })
	point, err := conn.CreateSlot(ctx, name, temporary)
	close(made)
	attending.Wait()
	if err != nil && a.p.stopped() && ctx.Err() == nil {
		return point, errStopped
	}
	return point, err
}

// attendSlot keeps an eye on a slot that is being made. It may use the ordinary
// connection meanwhile: its owner waits for the slot.
func (a *attempt) attendSlot(ctx context.Context, conn walsender, name string, made <-chan struct{}) {
	timer := time.NewTimer(slotFirstWord)
	defer timer.Stop()
	stop := a.p.stop
	for {
		select {
		case <-made:
			return
		case <-ctx.Done():
			return
		case <-stop:
			stop = nil
			if err := conn.Cancel(ctx); err != nil {
				a.p.log.Warn("could not call off the replication slot", "slot", name, "error", err)
			}
		case <-timer.C:
			timer.Reset(slotNextWord)
			open, err := a.catalog.OpenTransactions(ctx, conn.PID())
			if err != nil || len(open) == 0 {
				continue // it is only a hint, and the slot's own error will say more
			}
			a.p.log.Warn("the replication slot waits for transactions that were open before it", "slot", name, "open", open[0].What, "others", len(open)-1,
				"fix", "end it: COMMIT or ROLLBACK, ROLLBACK PREPARED 'name', or SELECT pg_terminate_backend(pid)")
		}
	}
}

// temporarySlot is a name for the slot that is only there to give a point. It is
// a new one each time: the server may still keep the slot of a connection that
// was cut off. A slot's name has at most 63 bytes.
func temporarySlot(slot string) string {
	return fmt.Sprintf("%s_copying_%04x", slot[:min(len(slot), 50)], rand.N(1<<16))
}
