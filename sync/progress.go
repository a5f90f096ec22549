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
	phases    []apply.Phase
	lastError string
	watermark change.LSN
	commit    time.Time
	applied   int64 // rows of the stream
	batches   int64
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
	Stage     Stage
	Since     time.Time
	LastError string
	Watermark change.LSN
	// Gathered is how far the stream has been read.
	Gathered change.LSN
	// Retained is how much log the slot keeps the source from removing, in bytes.
	Retained int64
	// LastCommit is the source's clock at the commit of the last transaction
	// that was applied, or whose beginning was.
	LastCommit time.Time
	// Applied counts rows of the stream, Batches the batches they came in.
	Applied, Batches int64
	Tables           []TableProgress
}

// TableProgress is how far a table is.
type TableProgress struct {
	Name, Target string
	Phase        apply.Phase
	// Rows and Bytes are copied so far; OfRows and OfBytes the estimate of all.
	Rows, Bytes, OfRows, OfBytes int64
	Applied                      int64
	Failed                       bool
}

// Progress takes a look. Any goroutine.
func (p *Pipeline) Progress() Progress {
	s := p.shown.Load()
	r := Progress{
		Stage: s.phase, Since: s.since, LastError: s.lastError, Watermark: s.watermark, Gathered: change.LSN(p.gathered.Load()),
		Retained:   p.retained.Load(),
		LastCommit: s.commit, Applied: s.applied, Batches: s.batches,
	}
	for i, t := range s.tables {
		tp := TableProgress{
			Name: t.name, Target: t.target, Rows: t.count.loadedRows.Load(), Bytes: t.count.loadedBytes.Load(),
			OfRows: t.source.Rows, OfBytes: t.source.Bytes, Applied: t.count.applied.Load(), Failed: t.parked.Load(),
		}
		if i < len(s.phases) {
			tp.Phase = s.phases[i]
		}
		if tp.Failed {
			tp.Phase = apply.Failed
		}
		r.Tables = append(r.Tables, tp)
	}
	return r
}

// showTables publishes the tables' phases; called by whoever owns their states.
func (p *Pipeline) showTables(tables []*table) {
	phases := make([]apply.Phase, len(tables))
	for i, t := range tables {
		phases[i] = t.state.Phase
	}
	p.show(func(s *shown) { s.tables, s.phases = tables, phases })
}
