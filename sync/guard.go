package sync

import (
	"errors"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// OnLimit is what becomes of a pipeline whose slot keeps more log than it may.
type OnLimit uint8

// What can be done at the limit.
const (
	// LimitWarns says so, and goes on.
	LimitWarns OnLimit = iota
	// LimitStops ends the run; the slot keeps the log, and more of it.
	LimitStops
	// LimitDropsSlot ends the run and gives the log up: the slot is dropped, and the next
	// run copies all tables anew. Without a copy they stand still.
	LimitDropsSlot
)

// ParseOnLimit reads the configuration's word.
func ParseOnLimit(s string) (OnLimit, error) {
	switch s {
	case "warn":
		return LimitWarns, nil
	case "stop":
		return LimitStops, nil
	case "drop_slot":
		return LimitDropsSlot, nil
	}
	return 0, fmt.Errorf("%q: expected warn, stop or drop_slot", s)
}

// guard watches how much log the slot keeps.
type guard struct {
	p      *Pipeline
	warned int // 0, 1 at half of the limit, 2 at all of it
	at     time.Time
}

// warnEvery is how often the same is said again.
const warnEvery = 10 * time.Minute

// errDropSlot ends a run whose slot is to be dropped.
var errDropSlot = errors.New("the slot is given up")

// see takes note of the bytes that the slot keeps. An error ends the run, where it is
// errDropSlot with the slot.
func (g *guard) see(retained int64) error {
	p, limit := g.p, g.p.config.MaxRetained
	p.retained.Store(retained)
	if limit <= 0 {
		return nil
	}
	level := 0
	switch {
	case retained >= limit:
		level = 2
	case retained >= limit/2:
		level = 1
	}
	if level > 0 && (level > g.warned || time.Since(g.at) > warnEvery) {
		g.at = time.Now()
		p.log.Warn("the replication slot keeps much log from being removed", "slot", p.config.Slot, "retained_wal_bytes", retained, "max_retained_wal", limit,
			"fix", "see why the target is slower than the source (pgsluice status), or give the source more disk and raise max_retained_wal")
	}
	g.warned = level
	if level < 2 {
		return nil
	}
	switch p.config.OnLimit {
	case LimitStops:
		return fault.Permanent(fmt.Errorf("replication slot %s keeps %d bytes of log, and max_retained_wal is %d", p.config.Slot, retained, limit),
			"on_limit is stop: mend what holds up the target, raise max_retained_wal, and start pgsluice again; while it is stopped the slot goes on keeping log")
	case LimitDropsSlot:
		return errDropSlot
	case LimitWarns:
	}
	return nil
}
