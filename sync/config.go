package sync

import (
	"log/slog"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Config is what a pipeline is to do. All fields are needed except where they
// say so.
type Config struct {
	// Name is [a-z0-9_]{1,40}.
	Name string
	// Source is a PostgreSQL connection string.
	Source string
	// Slot and Publication are names. A slot or publication that is there
	// already is only taken over when the user named it.
	Slot, Publication           string
	SlotNamed, PublicationNamed bool

	Patterns []snapshot.Pattern
	// TargetName gives the target's name for a table.
	TargetName func(schema, table string) string
	// Wishes are what single tables want, by their quoted name with schema, as
	// change.Relation.String writes it. A name that no table has is a fault.
	Wishes map[string]TableWish
	// Existing is what to do with target tables that hold rows before the
	// pipeline's first copy: Refuse, Truncate or Keep.
	Existing apply.Existing

	// Copy: load tables before streaming them.
	Copy bool
	// Workers copy at the same time; ChunkBytes is how much one statement
	// reads of a table at most, roughly.
	Workers    int
	ChunkBytes int64

	// FlushInterval is the least time between two batches; 0 applies as soon as
	// the target is free. MaxRows and MaxBytes bound a batch.
	FlushInterval time.Duration
	MaxRows       int
	MaxBytes      int
	Operations    replication.Operations
	// IdleSave is how often a watermark is remembered while no rows come; 0 means
	// DefaultIdleSave.
	IdleSave time.Duration
	// LookEvery is how often the source's catalog is asked for what the log does not
	// tell; 0 means DefaultLookEvery.
	LookEvery time.Duration

	// Schedule is when tables are copied anew.
	Schedule []Timetable

	// MaxRetained is how much log the slot may keep the source from removing, in
	// bytes, 0 for any amount; OnLimit what happens then.
	MaxRetained int64
	OnLimit     OnLimit

	// KeepDropped leaves columns in the target that the source has dropped.
	KeepDropped bool
	// SpoolDir is where changes of tables wait that are being copied while others
	// stream; empty for the system's temporary directory.
	SpoolDir string

	// UntilCaughtUp ends Run when everything committed before it began is
	// applied, Until when everything up to the LSN is. Zero: never.
	UntilCaughtUp bool
	Until         change.LSN

	// Again: the pipeline ran in this process before. What can pass is waited for
	// from the beginning.
	Again bool

	Log *slog.Logger
}

// TableWish is what the user wants of one table. Columns are named as the source
// names them.
type TableWish struct {
	// Target names the target's table in the place of TargetName; empty for it.
	Target string
	// Exclude are columns that are left out of the copy and of the stream.
	Exclude []string
	// Where is the source's condition on the rows, empty for all: of the COPY, and
	// on PostgreSQL 15 and later of the publication.
	Where string
	apply.Wishes
}

// DefaultChunkBytes keeps a chunk to a second or two of copying, so that workers
// end together and progress moves.
const DefaultChunkBytes = 64 << 20

// DefaultIdleSave is how much log, in time, an idle pipeline makes the source
// keep longer; the target is spared the writes.
const DefaultIdleSave = 10 * time.Second

// DefaultLookEvery bounds how long a table that is new, or a partition that was
// attached, waits to be seen; the source answers two small queries for it.
const DefaultLookEvery = 3 * time.Second
