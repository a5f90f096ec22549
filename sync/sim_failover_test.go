package sync

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// simTimelines are the source's: what it is on, and where it left the others.
type simTimelines struct {
	timeline int32
	left     map[int32]change.LSN
	// standing is the LSN that a standby has in any case.
	standing change.LSN
}

// failOver has a standby take the source's place that misses the last of so many
// transactions, and all that belongs to them. It is told of no slot or publication
// that it has not.
//
// A standby that has not heard of the later timelines gives its own a number that one
// of them has.
func (s *simSource) failOver(misses int, deaf bool) {
	keep := len(s.log)
	for keep > 0 && misses > 0 && s.log[keep-1].commit >= s.standing {
		keep, misses = keep-1, misses-1
	}
	at := s.end
	if keep < len(s.log) {
		at = s.log[keep].commit
	}
	// The new timeline comes from the one that the LSN is on; it may be an older one.
	s.left[s.timeline] = at
	for from := int32(1); from < s.timeline; from++ {
		if lsn, ok := s.left[from]; ok && lsn > at {
			maps.DeleteFunc(s.left, func(t int32, _ change.LSN) bool { return t > from })
			if s.left[from] = at; deaf {
				s.timeline = from
			}
			break
		}
	}
	s.timeline++
	for c := range s.conns {
		c.drop(0)
	}
	s.open, s.log, s.end = nil, slices.Clone(s.log[:keep]), at
	s.moments = slices.DeleteFunc(s.moments, func(m simMoment) bool { return m.commit >= at })
	for oid, lsn := range s.emptied {
		s.emptied[oid] = min(lsn, at)
	}
	for _, slot := range s.slots {
		slot.confirmed = min(slot.confirmed, at)
	}
	clear(s.snapshots)
	s.catalogChanges++
	s.write(3)
	s.tell()
}

func (h *simHistory) failOver() {
	misses, deaf := h.IntN(4), h.IntN(2) == 0
	_ = h.source.locked(func() error {
		before := h.source.end
		h.source.failOver(misses, deaf)
		h.trace("failover: timeline %d, and the log ends at %s instead of %s", h.source.timeline, h.source.end, before)
		return nil
	})
}

// lost says whether the target remembers more than the source has. The source's mu
// is held.
func (s *simSource) lost(state apply.State) bool {
	return s.lostFrom(state.Pipeline, state.Pipeline.Watermark)
}

// lostFrom says it of an LSN of the timeline that the target has followed.
func (s *simSource) lostFrom(p apply.PipelineState, at change.LSN) bool {
	history := s.history()
	if at == 0 || p.Timeline == 0 || p.Timeline == s.timeline && p.TimelineFrom == beginning(history) {
		return false
	}
	for i, t := range history {
		if t.Number == p.Timeline && beginning(history[:i]) == p.TimelineFrom {
			return at > t.Left
		}
	}
	return true
}

func (s *simSource) history() (history []replication.Timeline) {
	for _, number := range slices.Sorted(maps.Keys(s.left)) {
		history = append(history, replication.Timeline{Number: number, Left: s.left[number]})
	}
	return history
}

// judgeLoss says whether a process has ended for a failover that has lost what the
// target has. An operator resyncs then.
func (h *simHistory) judgeLoss(err error) bool {
	if strings.Contains(err.Error(), "tables failed: ") {
		return true // what resync ends with; whether they may is another question
	}
	if !strings.Contains(err.Error(), "the source has lost log that the target has applied") {
		return false
	}
	_ = h.source.locked(func() error {
		if !h.source.lost(h.recall()) {
			h.wrong("nothing is lost: %v", err)
		}
		return nil
	})
	h.resync = true
	return true
}

func (c *simConn) Identify(context.Context) (s replication.System, err error) {
	err = c.locked(func() error {
		s = replication.System{Identifier: "7000000000000000000", Database: "shop", Timeline: c.timeline, Flushed: c.end}
		return nil
	})
	return s, err
}

func (c *simConn) History(context.Context, int32) (history []replication.Timeline, err error) {
	err = c.locked(func() error {
		history = c.history()
		return nil
	})
	return history, err
}

// simLeading is a target whose rows can be ahead of what it remembers.
type simLeading struct{ *simTarget }

// HasFrom implements [apply.Leading].
func (t simLeading) HasFrom(_ context.Context, name string, at change.LSN) (bool, error) {
	return slices.ContainsFunc(slices.Collect(maps.Values(t.history.memory.Versions(name))), func(p change.Position) bool {
		return p.Commit > at || p.Commit == at && p.Seq > 0
	}), nil
}
