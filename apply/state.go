package apply

import (
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// State is what a target remembers of one pipeline.
type State struct {
	Pipeline PipelineState
	// Tables are by the relation's quoted name.
	Tables map[string]TableState
}

// Known says whether the target remembers the pipeline at all.
func (s State) Known() bool { return s.Pipeline.Name != "" }

// PipelineState is a pipeline's progress and what it was built on.
type PipelineState struct {
	Name string `json:"name"`
	// SystemIdentifier and Database say which source the rows came from, so
	// that a name is never continued from another one.
	SystemIdentifier string `json:"system_identifier"`
	Database         string `json:"database"`
	// Timeline is the source's on which Watermark was reached, 0 where it is not
	// known, and TimelineFrom where that began, by which it is told from another of
	// its number.
	Timeline     int32      `json:"timeline,omitempty"`
	TimelineFrom change.LSN `json:"timeline_from,omitempty"`
	// Slot and Publication are empty for a pipeline that only loads.
	Slot        string `json:"slot,omitempty"`
	Publication string `json:"publication,omitempty"`
	// OwnsSlot and OwnsPublication: made by pgsluice, and so removed by it.
	OwnsSlot        bool `json:"owns_slot,omitempty"`
	OwnsPublication bool `json:"owns_publication,omitempty"`
	// Watermark: every transaction whose commit record ends at or below it is
	// in the target. 0 until the slot exists.
	Watermark change.LSN `json:"watermark,omitempty"`
	// GivenUp: the slot was given up, and the pipeline begins again. Only then may
	// the watermark go back, to 0.
	GivenUp bool `json:"given_up,omitempty"`
	// Schedules are the last runs of what is done at times, by its name. A map that
	// is here is never changed.
	Schedules map[string]ScheduleRun `json:"schedules,omitempty"`
}

// ScheduleRun is the last run of something that is done at times.
type ScheduleRun struct {
	// Due is when it was, or where it has not run yet, since when it is waited for.
	Due time.Time `json:"due"`
	// Begun and Ended are zero where it has not. What was copied for it was copied at
	// a consistent point behind Point.
	Begun time.Time  `json:"begun,omitzero"`
	Ended time.Time  `json:"ended,omitzero"`
	Point change.LSN `json:"point,omitempty"`
	// Outcome is empty until it has ended.
	Outcome string `json:"outcome,omitempty"`
	Failed  bool   `json:"failed,omitempty"`
}

// UnderWay: it has begun, and not ended.
func (r ScheduleRun) UnderWay() bool { return !r.Begun.IsZero() && r.Ended.IsZero() }

// Phase is how far a table has come.
type Phase string

// A table's phases. The conductor alone moves them, in this order:
//
//	               ┌──────────(1)─────────┐
//	               │                      ▼
//	pending ──▶ copying ──▶ copied ──▶ streaming
//	 ▲  ▲          │                     │ │
//	 │  │          └──────▶ failed ◀─────┘ │
//	 │  └─────────(2)─────────┘            │
//	 └────────────────────(3)──────────────┘
//
//	(1) a table that joins others which stream
//	(2) at a new start of `run` or `load`, or by a resync
//	(3) to be copied anew: its schema was rewritten, a resync asks for it, the slot was
//	    given up; or not the pipeline's any more
//
// A table can fail from any phase.
const (
	Pending   Phase = "pending"
	Copying   Phase = "copying"
	Copied    Phase = "copied"
	Streaming Phase = "streaming"
	Failed    Phase = "failed"
)

// TableState is one table's progress.
type TableState struct {
	// Relation is the source's quoted name, Target the table in the target.
	Relation string `json:"relation"`
	// OID is the source table's, by which one that was dropped and made again
	// under its name is told from the old one.
	OID    uint32 `json:"oid,omitempty"`
	Target string `json:"target"`
	Phase  Phase  `json:"phase"`
	// Left: the table is not the pipeline's any more; the target's stays as it is.
	Left bool `json:"left,omitempty"`
	// CopiedAt is the consistent point of the snapshot the table was copied
	// under. The stream skips, for this table, transactions whose commit record
	// starts before it.
	CopiedAt change.LSN `json:"copied_at,omitempty"`
	// TruncatedAt is the last TRUNCATE that was applied: rows before it must
	// not come back when the stream is replayed.
	TruncatedAt change.Position `json:"truncated_at,omitzero"`
	// Since is the consistent point of the first attempt at a copy that was cut
	// short and gone on with, Horizon the oldest transaction that its snapshot may
	// not have shown, Done what it and later ones have copied. Between Since and
	// CopiedAt the stream tells which rows of those pieces are gone.
	Since   change.LSN `json:"since,omitempty"`
	Horizon uint64     `json:"horizon,omitempty"`
	Filter  string     `json:"filter,omitempty"` // the condition on the rows of Done
	Done    []Piece    `json:"done,omitempty"`
	// Rows and Bytes count the copy.
	Rows  int64 `json:"rows,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Reason and Hint say why a table failed, at FailedAt, and what to do.
	Reason   string    `json:"reason,omitempty"`
	Hint     string    `json:"hint,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	// Columns is the shape of the source that the target's table stands for,
	// by which a schema change is recognised.
	Columns []ColumnShape `json:"columns,omitempty"`
	// ShapedAt is where the stream announced Columns: an announcement from before
	// it speaks of an older shape. For a copy it is the consistent point.
	ShapedAt change.Position `json:"shaped_at,omitzero"`
	// Given is the highest attribute number that a column of the source had, or had
	// had, at the copy.
	Given int16 `json:"given,omitempty"`
	// Earlier are the shapes before it, oldest first, that a stretch which is
	// applied again can announce.
	Earlier []Shaped `json:"earlier,omitempty"`
	// Files are where the source kept the rows when they were copied, by which a
	// rewrite, of which the log says nothing, is recognised.
	Files []File `json:"files,omitempty"`
	// Shadow is the target's table that a copy under way is written to; empty
	// when it goes to Target itself.
	Shadow string `json:"shadow,omitempty"`
	// Wanted is what the user wanted of the table when it was copied; nil for
	// nothing.
	Wanted *Wanted `json:"wanted,omitempty"`
}

// Shaped is a shape and where the stream announced it.
type Shaped struct {
	At      change.Position `json:"at"`
	Columns []ColumnShape   `json:"columns"`
}

// File is a heap of the source: the table, or a leaf partition of it.
type File struct {
	OID uint32 `json:"oid"`
	// Number is pg_class.relfilenode's.
	Number uint32 `json:"number"`
	// Place is another when a partition was detached and attached again.
	Place int32 `json:"place,omitempty"`
}

// Piece is a range of pages of a heap; To is excluded.
type Piece struct {
	OID  uint32 `json:"oid"`
	From uint32 `json:"from"`
	To   uint32 `json:"to"`
}

// Wanted are the wishes that the rows of a table would look otherwise without.
type Wanted struct {
	Exclude     []string          `json:"exclude,omitempty"`
	Rename      map[string]string `json:"rename,omitempty"`
	Types       map[string]string `json:"types,omitempty"`
	Where       string            `json:"where,omitempty"`
	OrderBy     []string          `json:"order_by,omitempty"`
	PartitionBy string            `json:"partition_by,omitempty"`
}

// ColumnShape is what a column has to keep for rows of the old and the new
// relation to mean the same.
type ColumnShape struct {
	Name     string `json:"name"`
	Attnum   int16  `json:"attnum"`
	TypeOID  uint32 `json:"type"`
	Modifier int32  `json:"modifier"`
	// Entry is the transaction that wrote the column's entry in pg_attribute: an
	// ALTER of the column writes another.
	Entry uint32 `json:"entry,omitempty"`
	// Key is the column's place in the key, from 1; 0 outside it.
	Key int `json:"key,omitempty"`
}

// Shape describes a relation's columns for a TableState.
func Shape(r *change.Relation) []ColumnShape {
	shapes := make([]ColumnShape, len(r.Columns))
	for i, c := range r.Columns {
		shapes[i] = ColumnShape{Name: c.Name, Attnum: c.Attnum, TypeOID: c.Type.OID, Modifier: c.Type.Modifier, Entry: c.Entry}
	}
	for place, i := range r.Key {
		shapes[i].Key = place + 1
	}
	return shapes
}
