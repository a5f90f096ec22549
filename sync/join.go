package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// A table joins a stream that is under way: one that is new, or that has to be
// copied anew. The others go on meanwhile.
//
//	gather loop   rows of the table ──▶ spool ─────────────────────────────┐ drained between two
//	copier        publication, consistent point, COPY, swap ──▶ arrived ──▶ │ transactions, then live
//	apply loop    what the copier has to say to the target, between batches ┘
//
// The spool is open before the consistent point exists, so it misses nothing; what
// it holds from before that point is dropped by the rule that goes for every copy.
// Until the spooled rows are applied the target remembers the table as being
// copied: a crash has it copied again.

// joining is a table on its way into the stream. The gather loop has the spool,
// the copier the rest until it has arrived.
type joining struct {
	oid    uint32
	name   string
	number int
	why    string // empty for a table that is new
	spool  spool
	// tries counts how often it was to be copied anew before it had joined.
	tries int

	draft *table // as it is going to be copied
	// table is the copied one, err why there is none; written before it arrives.
	table *table
	err   error
	gone  bool // it is not there, or not selected, any more
	// broken is why its rows could not be kept; gather loop only.
	broken error
}

// refusal is a table that could not join.
type refusal struct {
	name   string
	number int
}

// mostTries bounds how often a table is copied that cannot be followed from any
// copy of it.
const mostTries = 5

// rejoin has a table copied anew.
func (g *gatherer) rejoin(t *table, why string) *joining {
	if !g.attempt.p.config.Copy {
		g.exchange.fail(t, fault.Permanent(errors.New(why), copyIsOff))
		return nil
	}
	if t.tries >= mostTries {
		g.exchange.fail(t, fault.Permanent(fmt.Errorf("%s, and so %d times in a row", why, t.tries), "wait until the table's schema rests, then `pgsluice resync --table`"))
		return nil
	}
	delete(g.byOID, t.source.Relation.OID)
	delete(g.tables, t.wire)
	g.exchange.turn(turn{kind: leaves, table: t, why: why})
	return g.join(&joining{oid: t.source.Relation.OID, name: t.name, number: t.number, why: why, tries: t.tries + 1})
}

// join begins to keep a table's rows and has it copied.
func (g *gatherer) join(j *joining) *joining {
	j.spool.dir = g.attempt.p.config.SpoolDir
	g.joining[j.oid] = j
	g.exchange.joining()
	g.stream.Again(j.oid)
	g.copier.want(j)
	return j
}

// spooled takes up an announcement of a table that is being copied.
func (g *gatherer) spooled(j *joining, m *replication.RelationMessage) (*change.Relation, error) {
	kept := *m // the stream resolves it again, at another position
	j.keep(j.spool.announce(&kept))
	wire := &change.Relation{OID: m.OID, Schema: m.Schema, Name: m.Name, Columns: make([]change.Column, len(m.Columns))}
	g.spools[wire] = j
	return wire, nil
}

// keep takes note of how the keeping of a row went. Where it failed the table
// cannot join, and the others go on.
func (j *joining) keep(err error) {
	if err != nil && j.broken == nil {
		j.broken = err
		j.spool.close()
	}
}

// arrivals takes into the stream what the copier is done with; called between two
// transactions.
func (g *gatherer) arrivals(ctx context.Context) error {
	for _, r := range g.exchange.takeRecopies() {
		if g.byOID[r.table.source.Relation.OID] == r.table {
			g.rejoin(r.table, r.why)
		}
	}
	for _, j := range g.copier.arrived.take() {
		if err := g.arrive(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatherer) arrive(ctx context.Context, j *joining) error {
	defer j.spool.close()
	delete(g.joining, j.oid)
	for wire, other := range g.spools {
		if other == j {
			delete(g.spools, wire)
		}
	}
	g.stream.Again(j.oid)
	g.watcher.again()
	if j.gone || j.err != nil {
		if j.err != nil { // which the target knows
			g.refused[j.oid] = refusal{j.name, j.number}
		}
		g.exchange.left()
		return nil
	}
	t := j.table
	t.takeShape()
	g.byOID[j.oid] = t
	g.exchange.turn(turn{kind: enters, table: t})
	if j.broken != nil {
		g.exchange.fail(t, fault.Permanent(j.broken, "make room where spool_dir points to (by default the system's temporary directory), and `pgsluice resync --table`"))
		g.exchange.left()
		return nil
	}
	crash.At("drain")
	if err := g.drain(ctx, t, &j.spool); err != nil {
		return err
	}
	crash.At("drained")
	if g.byOID[j.oid] != t || t.parked.Load() {
		g.exchange.left()
		return nil
	}
	t.tries = 0
	g.exchange.turn(turn{kind: joined, table: t})
	return nil
}

// beatRows is how many rows are drained before the source hears of it.
const beatRows = 4096

// drain gives the kept rows to the batch as if they came now.
func (g *gatherer) drain(ctx context.Context, t *table, s *spool) error {
	r, err := s.read()
	if err != nil {
		return err
	}
	wire := &change.Relation{}
	for n := 1; g.byOID[t.source.Relation.OID] == t && !t.parked.Load(); n++ {
		e, err := r.next()
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if n%beatRows == 0 {
			if err := g.stream.Beat(); err != nil {
				return err
			}
		}
		switch e.kind {
		case spoolAnnouncement:
			if wire, err = g.resolveFor(ctx, t, e.message, nil); err != nil {
				return err
			}
			if g.spools[wire] != nil { // to be copied anew: the spool of that copy is another
				g.exchange.advance(g.reached, time.Now())
				return nil
			}
		case spoolRow:
			crash.At("draining")
			e.row.Relation = wire
			if err := g.row(ctx, t, &e.row, e.position); err != nil {
				return err
			}
		case spoolTruncate:
			if err := g.truncated(ctx, t, e.position); err != nil {
				return err
			}
		case spoolEnd:
			g.exchange.advance(g.reached, time.Now())
		}
	}
	g.exchange.advance(g.reached, time.Now())
	return nil
}
