package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// What the gather loop makes of announcements.

// giveUp ends the following of a table: it is copied anew where that helps.
func (g *gatherer) giveUp(t *table, why error) {
	var again *recopyError
	if errors.As(why, &again) {
		g.rejoin(t, again.why)
		return
	}
	g.exchange.fail(t, why)
}

// resolve is asked by the stream for each table it announces.
func (g *gatherer) resolve(ctx context.Context, m *replication.RelationMessage) (*change.Relation, error) {
	if j := g.joining[m.OID]; j != nil {
		return g.spooled(j, m)
	}
	t := g.byOID[m.OID]
	if t == nil || t.parked.Load() {
		return nil, nil
	}
	return g.resolveFor(ctx, t, m, nil)
}

// resolveFor takes up an announcement of a table that streams. attnums are as for
// follow.
func (g *gatherer) resolveFor(ctx context.Context, t *table, m *replication.RelationMessage, attnums []int16) (*change.Relation, error) {
	if m.Schema != t.source.Relation.Schema || m.Name != t.source.Relation.Name {
		if m.Position.Commit < t.skipBefore { // the name it had before it was copied
			return g.doubtful(t, m, recopy("table %s is told of under another name", t.name)), nil
		}
		g.depart(t, fmt.Sprintf("it is now named %s", &change.Relation{Schema: m.Schema, Name: m.Name}))
		return nil, nil
	}
	if err := g.waitForCatalog(ctx, m.XID); err != nil {
		return nil, err
	}
	relation, project, err := g.attempt.follow(ctx, t, m, attnums)
	var again *recopyError
	switch {
	case err == nil:
	case errors.As(err, &again) && m.Position.Commit >= t.skipBefore:
		j := g.rejoin(t, again.why)
		if j == nil {
			return nil, nil
		}
		return g.spooled(j, m)
	case again == nil && (fault.Retryable(err) || ctx.Err() != nil):
		return nil, err
	case m.Position.Commit < t.skipBefore:
		return g.doubtful(t, m, err), nil
	default:
		g.exchange.fail(t, err)
		return nil, nil
	}
	if g.binary && g.attempt.p.needsText(t, relation) {
		return nil, errOtherFormat
	}
	return g.announce(t, relation, project, m), nil
}

// depart lets go of a table that is not the pipeline's any more.
func (g *gatherer) depart(t *table, why string) {
	delete(g.byOID, t.source.Relation.OID)
	delete(g.tables, t.wire)
	g.exchange.turn(turn{kind: departs, table: t, why: why})
}

// waitForCatalog returns when the catalog is no longer behind the stream.
func (g *gatherer) waitForCatalog(ctx context.Context, xid uint32) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if shows, err := g.attempt.catalog.Shows(ctx, xid); shows || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-g.attempt.p.stop:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := g.stream.Beat(); err != nil {
			return err
		}
	}
}
