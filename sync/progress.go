package sync

import (
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Stage is what a pipeline is doing.
type Stage string

// The stages of a run.
const (
	Starting Stage = "starting"
	Standby  Stage = "standing by"
	Loading  Stage = "loading"
	Syncing  Stage = "streaming"
	Waiting  Stage = "waiting to try again"
	Done     Stage = "done"
)

// shown is replaced as a whole, never changed: readers take a pointer.
type shown struct {
	phase     Stage
	since     time.Time
	tables    []*table
	phases    []standing
	lastError string
	lastHint  string
	watermark change.LSN
	commit    time.Time
	applied   int64 // rows of the stream
	schedules map[string]apply.ScheduleRun
}

// standing is what is shown of a table's state.
type standing struct {
	phase        apply.Phase
	reason, hint string
}

func (p *Pipeline) show(change func(*shown)) {
	for {
		old := p.shown.Load()
		s := *old
		change(&s)
		if s.phase != old.phase {
			s.since = time.Now()
		}
		if p.shown.CompareAndSwap(old, &s) {
			return
		}
	}
}

// Progress is how far a pipeline is.
type Progress struct {
	Stage Stage
	Since time.Time
	// LastError is why an attempt ended last, and LastHint what to do about it; it
	// stands while the next is under way.
	LastError, LastHint string
	Watermark           change.LSN
	// Lag is how long ago the oldest transaction was committed that is not applied,
	// LagBytes how much log the target is behind.
	Lag      time.Duration
	LagBytes int64
	// Retained is how much log the slot keeps the source from removing, in bytes.
	Retained int64
	// LastCommit is the source's clock at the commit of the last transaction
	// that was applied, or whose beginning was.
	LastCommit time.Time
	// Applied counts rows of the stream, BatchRows the batches they came in by their
	// rows, BatchTimes by how long the target took for each, in nanoseconds.
	Applied               int64
	BatchRows, BatchTimes Sizes
	// Attempts counts from 1, Errors what ended them or stopped a table, by class.
	Attempts int64
	Errors   map[string]int64
	Tables   []TableProgress
	Schedule []Scheduled
}

// TableProgress is how far a table is.
type TableProgress struct {
	Name, Target string
	Phase        apply.Phase
	// Rows and Bytes are copied so far; OfRows and OfBytes the estimate of all.
	Rows, Bytes, OfRows, OfBytes int64
	// Applied counts rows of batches; Changes what the source did.
	Applied int64
	Changes apply.Changes
	Failed  bool
	// Reason is why it failed, Hint what to do; empty until that is remembered.
	Reason, Hint string
}

// Progress takes a look. Any goroutine.
func (p *Pipeline) Progress() Progress {
	s := p.shown.Load()
	r := Progress{
		Stage: s.phase, Since: s.since, LastError: s.lastError, LastHint: s.lastHint, Watermark: s.watermark,
		Lag: p.lag.time(s.phase == Syncing, s.commit), LagBytes: p.lag.bytes(s.watermark), Retained: p.retained.Load(),
		LastCommit: s.commit, Applied: s.applied, BatchRows: p.batchRows.read(), BatchTimes: p.batchTimes.read(),
		Attempts: p.attempts.Load(), Errors: p.countedErrors(), Schedule: p.scheduled(s.schedules),
	}
	for i, t := range s.tables {
		tp := TableProgress{
			Name: t.name, Target: t.target, Rows: t.count.loadedRows.Load(), Bytes: t.count.loadedBytes.Load(),
			OfRows: t.source.Rows, OfBytes: t.source.Bytes, Applied: t.count.applied.Load(), Changes: t.count.changes(), Failed: t.parked.Load(),
		}
		if i < len(s.phases) {
			tp.Phase = s.phases[i].phase
		}
		if tp.Failed {
			tp.Phase = apply.Failed
		}
		if i < len(s.phases) && tp.Failed {
			tp.Reason, tp.Hint = s.phases[i].reason, s.phases[i].hint
		}
		r.Tables = append(r.Tables, tp)
	}
	return r
}

// showTables publishes the tables' phases; called by whoever owns their states.
func (p *Pipeline) showTables(tables []*table) {
	phases := make([]standing, len(tables))
	for i, t := range tables {
		phases[i] = standing{t.state.Phase, t.state.Reason, t.state.Hint}
	}
	p.show(func(s *shown) { s.tables, s.phases = tables, phases })
}
