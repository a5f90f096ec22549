package status

import "time"

// Streaming is the stage of a pipeline that follows its source.
const Streaming = "streaming"

// Failed is the phase of a table that stands still, for a reason.
const Failed = "failed"

// Pipeline is what is shown of one. Its JSON has the keys of `pgsluice status
// --output json` where it says the same.
type Pipeline struct {
	Name        string `json:"pipeline"`
	Slot        string `json:"slot,omitempty"`
	Publication string `json:"publication,omitempty"`
	// Running: it has not ended.
	Running bool `json:"running"`
	// Stage is what it is doing, in a word or two, since Since.
	Stage string    `json:"stage"`
	Since time.Time `json:"since,omitzero"`
	// Error is why the last attempt ended, empty where the one under way is well,
	// and Hint what to do about it.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Watermark: the target has everything that was committed up to it.
	Watermark  string    `json:"watermark,omitempty"`
	LastCommit time.Time `json:"last_commit,omitzero"`
	// LagBytes is how much log the target is behind, LagSeconds how long.
	LagBytes   int64   `json:"lag_bytes"`
	LagSeconds float64 `json:"lag_seconds"`
	// RetainedBytes is how much log the slot keeps the source from removing,
	// RetainedLimit how much it may; 0 for any amount.
	RetainedBytes int64 `json:"retained_wal_bytes"`
	RetainedLimit int64 `json:"max_retained_wal_bytes,omitempty"`
	// ReadyLag is the lag above which the pipeline is not ready.
	ReadyLag time.Duration `json:"-"`

	// Attempts counts from the process's start, and so does all below.
	Attempts int64 `json:"attempts"`
	// Errors counts those that ended attempts or stopped tables, by class.
	Errors map[string]int64 `json:"errors,omitempty"`
	// Loaded and Applied are over all tables, those included that are shown no more:
	// rows that were copied, and rows of the stream that were applied.
	Loaded  int64 `json:"rows_loaded"`
	Applied int64 `json:"rows_applied"`
	Batches int64 `json:"batches"`
	// BatchRows and BatchSeconds have one observation for each batch.
	BatchRows    Histogram `json:"-"`
	BatchSeconds Histogram `json:"-"`

	Tables   []Table    `json:"tables"`
	Schedule []Schedule `json:"schedule,omitempty"`
	// Config is the configuration as it came out, without secrets.
	Config []Setting `json:"configuration,omitempty"`
}

// Table is what is shown of a table.
type Table struct {
	// Relation is the source's quoted name, Target the table in the target.
	Relation string `json:"relation"`
	Target   string `json:"target"`
	Phase    string `json:"phase"`
	// Rows and Bytes are copied so far, OfRows and OfBytes the estimate of all.
	Rows    int64 `json:"rows,omitempty"`
	Bytes   int64 `json:"bytes,omitempty"`
	OfRows  int64 `json:"of_rows,omitempty"`
	OfBytes int64 `json:"of_bytes,omitempty"`
	// Inserted and its like count the source's changes that were applied.
	Inserted  int64 `json:"inserted,omitempty"`
	Updated   int64 `json:"updated,omitempty"`
	Deleted   int64 `json:"deleted,omitempty"`
	Truncated int64 `json:"truncated,omitempty"`
	// Reason and Hint say why a table failed and what to do.
	Reason   string       `json:"reason,omitempty"`
	Hint     string       `json:"hint,omitempty"`
	Adjusted []Adjustment `json:"adjusted,omitempty"`
}

// Changes counts the rows that came by the stream.
func (t *Table) Changes() int64 { return t.Inserted + t.Updated + t.Deleted }

// Adjustment counts values of a column that were not kept as they were.
type Adjustment struct {
	Column string `json:"column"`
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// Schedule is something that is done at times.
type Schedule struct {
	// What is done, At in cron's notation.
	What string    `json:"what"`
	At   string    `json:"at"`
	Next time.Time `json:"next,omitzero"`
	// Last is when the last run began, zero where there was none, Outcome what
	// came of it.
	Last    time.Time     `json:"last,omitzero"`
	Took    time.Duration `json:"-"`
	Failed  bool          `json:"failed,omitempty"`
	Outcome string        `json:"outcome,omitempty"`
}

// Setting is a key of the configuration, with dots, and its value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Histogram counts observations by size.
type Histogram struct {
	// Bounds are upper bounds, ascending; Counts has one count for each, of what is
	// above the bound before it, and one more for what is above all.
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Count is of all observations.
func (h Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// failed are the tables that stand still.
func (p *Pipeline) failed() []Table {
	var found []Table
	for _, t := range p.Tables {
		if t.Phase == Failed {
			found = append(found, t)
		}
	}
	return found
}
