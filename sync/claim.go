package sync

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// Of several processes that are told to run one pipeline, one does: the one that
// has the claim, a lock on the source that goes with the connection it was taken
// over. The others stand by, write nothing, and one of them takes over when the
// connection is gone. The slot would be lock enough for the stream; tables are
// copied before there is one.
//
// Who has the claim lets go of it at the end of an attempt. It is handed on where the
// same process goes on and nobody is to come in between: from what a resync notes to
// the run that does it, and from a run to the next one at a reload.

// claimEvery is how often one that stands by tries, guardEvery how often one that runs
// looks at what its slot keeps.
const (
	claimEvery = 500 * time.Millisecond
	guardEvery = 3 * time.Second
)

// take returns when this process has the pipeline to itself.
func (a *attempt) take(ctx context.Context) (err error) {
	p := a.p
	if a.claim, p.held = p.held, nil; a.claim != nil {
		if a.mine, err = a.claim.Try(ctx); err == nil && a.mine {
			return nil
		}
		_ = a.claim.Close(ctx) // it was cut off meanwhile
	}
	if a.claim, err = p.source.Claim(ctx, p.config.Slot); err != nil {
		return err
	}
	ticker := time.NewTicker(claimEvery)
	defer ticker.Stop()
	for waiting := false; ; waiting = true {
		if a.mine, err = a.claim.Try(ctx); err != nil || a.mine {
			if waiting && a.mine {
				p.log.Info("the other process is gone; taking over")
			}
			return err
		}
		if p.awaits {
			return errOvertaken
		}
		if !waiting {
			p.began.Store(true) // what fails from here on is waited for
			p.show(func(s *shown) { s.phase = Standby })
			p.log.Info("another process runs this pipeline: standing by to take over")
		}
		select {
		case <-ticker.C:
		case <-p.stop:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hold keeps an eye on the claim, and on the log that the slot keeps the source
// from removing, until ctx ends. lose is told when the attempt has to end.
func (a *attempt) hold(ctx context.Context, lose context.CancelCauseFunc) {
	guard := &guard{p: a.p}
	for {
		request, err := a.claim.Wait(ctx, guardEvery)
		if err == nil && request == "" {
			var slot *replication.Slot
			if slot, err = a.claim.Slot(ctx, a.p.config.Slot); err == nil && slot != nil {
				a.p.lag.look(slot.End)
				err = guard.see(slot.Retained)
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && fault.Retryable(err):
			lose(fault.Retry(fmt.Errorf("the connection that holds the claim on the pipeline: %w", err)))
			return
		case err != nil:
			lose(err)
			return
		case request != "":
			a.asked(request)
		}
	}
}

// asked takes up a request of another process.
func (a *attempt) asked(request string) {
	table, ok := strings.CutPrefix(request, requestResync)
	if !ok {
		a.p.log.Warn("a request that nobody understands", "request", request)
		return
	}
	a.requests.put(table)
}

// requestResync is followed by a table's quoted name.
const requestResync = "resync "

// requested has tables copied anew that somebody has asked for; called between two
// transactions.
func (g *gatherer) requested() {
	for _, name := range g.attempt.requests.take() {
		if t := g.byName(name); t != nil {
			t.tries = 0
			g.rejoin(t, "it was asked for")
			continue
		}
		for oid, refused := range g.refused {
			if refused.name == name {
				delete(g.refused, oid)
				g.join(&joining{oid: oid, name: name, number: refused.number})
			}
		}
	}
}

func (g *gatherer) byName(name string) *table {
	for _, t := range g.byOID {
		if t.name == name {
			return t
		}
	}
	return nil
}
