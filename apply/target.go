package apply

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// Table is a source relation and the place in the target that holds its rows.
type Table struct {
	Relation *change.Relation
	// Name is the target's table, as the target's package writes names.
	Name string
	// Number is the table's place in the pipeline's list; see Batch.Add.
	Number int
	Wishes Wishes
	// Since is where the stream announced Relation; the zero Position for a copy.
	Since change.Position
	// Shared: the target's table may hold rows that neither the copy nor the
	// stream tells of: others write to it, or not every operation is wanted.
	Shared bool
}

// Existing says what Prepare does with a table that is already there.
type Existing int

// What can be done with rows that are already in a target table.
const (
	// Refuse fails with a precondition fault when the table holds a row.
	Refuse Existing = iota
	// Truncate empties the table.
	Truncate
	// Keep leaves rows where they are and brings the columns up to date.
	Keep
	// Append is Keep before a first copy.
	Append
	// Discard leaves rows where they are except those that an earlier copy, and
	// the stream behind it, wrote: the rows whose version's commit is the given
	// consistent point or later. A target whose rows have no version removes all
	// of them from a table that holds nothing else, and refuses any other.
	Discard
	// DiscardOlder leaves rows where they are except those from before a copy at
	// the given consistent point: what an INSERT of a process that was killed
	// has brought since the table was emptied. A target that lets no such INSERT
	// happen has nothing to do.
	DiscardOlder
)

// Target is a warehouse. Its methods fail with errors that say what was being
// done and to which table; package fault tells from them whether to try again.
//
// One goroutine, the pipeline's apply loop, calls everything but Load and the
// Loaders it returns; those may run at the same time as each other.
//
// The contract in one sentence: once Apply returned nil, every row of the batch
// and its watermark outlive the loss of this process, and applying any stretch
// again, in whole or in part, changes nothing that a reader sees.
type Target interface {
	// Recall returns what is remembered about the pipeline; the zero State for
	// a pipeline nobody has heard of. It creates nothing. Idempotent.
	Recall(ctx context.Context, pipeline string) (State, error)

	// Remember stores the pipeline's and the given tables' progress, each
	// replacing what was known of it. nil promises that a later Recall, also by
	// another process, returns it. A watermark below the remembered one is an
	// error. Idempotent. Nothing is retained.
	Remember(ctx context.Context, p PipelineState, tables ...TableState) error

	// Forget removes everything remembered about the pipeline. Forgetting an
	// unknown pipeline is not an error.
	Forget(ctx context.Context, pipeline string) error

	// Prepare makes the table able to hold rows of t.Relation: creates it, or
	// adds the columns it lacks. copiedAt is read for Discard and DiscardOlder. A
	// table that cannot hold the relation exactly is a fault that names the
	// column; nothing is narrowed, dropped or retyped. But before a copy (Refuse,
	// Truncate, Append) one that the pipeline has made, as [MadeBy] says, and that
	// holds no row is made anew. created says that there was no such table before.
	// Idempotent. t is retained.
	Prepare(ctx context.Context, t *Table, existing Existing, copiedAt change.LSN) (created bool, err error)

	// Alter brings a table that stands for the columns was to stand for t.Relation,
	// and prepares it. Columns are the same where their attribute numbers are. What
	// has another name is renamed; see [Differ] for wishes. What is new is added,
	// and older rows hold Column.Missing or NULL; where nothing tells what they hold,
	// Column.Defaulted included, the table has to be copied. What can be NULL now is
	// made so, and a type is widened. Values of older rows are, bit for bit, what
	// they were. What is gone is dropped (drop), or kept for the rows that have it,
	// marked by a comment, and NULL in those to come, or empty (0, '') where the
	// target's column cannot be NULL.
	//
	// A change that cannot be made so that older rows read as PostgreSQL shows them
	// is a *RebuildError, and then nothing has been changed that a reader would
	// miss. So is a name that a kept column has. Every batch of the table's earlier
	// relations has been applied. Idempotent, also behind a crash in its middle. t
	// is retained.
	Alter(ctx context.Context, t *Table, was []ColumnShape, drop bool) error

	// Shadow names the table that is to take a table's place by Swap. It is the same
	// at all times, and another for each table. It asks nobody. Any goroutine.
	//
	// A shadow is prepared, loaded and dropped like any table.
	Shadow(name string) string

	// Swap gives the rows of one table to another at once, as a reader sees it:
	// afterwards t.Name holds what from held, in from's columns, and there is no
	// from. What users may do with t.Name stays. Nobody writes to either meanwhile,
	// and t is prepared again before it is written to. Where others rely on the old
	// table so that it cannot be replaced without harm, or have rows in it, it is a
	// *TableError that names them, and nothing has been changed. Behind a crash, or
	// an error that can be tried again, Swap may be repeated; where there is no from
	// any more it is a *TableError for a *RebuildError.
	Swap(ctx context.Context, t *Table, from string) error

	// Drop removes the table and its rows. A table that is not there is not an
	// error; one that is known to hold rows of others stays, with a precondition
	// fault.
	Drop(ctx context.Context, name string) error

	// Binary says whether the target takes a column's values as PostgreSQL's
	// send function writes them; otherwise it is to be given text. It asks
	// nobody. Any goroutine.
	Binary(t *Table, column int) bool

	// Load opens a Loader for rows of a prepared table. Any goroutine.
	Load(ctx context.Context, t *Table) (Loader, error)

	// Apply makes the batch's rows visible and durable, and then its watermark
	// remembered, in this order. Every table of the batch has been prepared
	// with the relation the batch names. A failure that only one table can be
	// blamed for is a *TableError: nothing is remembered then, and the caller
	// may take that table out of the batch and apply the rest. On any other
	// error the rows may or may not be there, and the caller applies the same
	// stretch again. The batch is not retained and not changed.
	Apply(ctx context.Context, b *Batch) error

	// Close frees connections. It does not undo anything.
	Close() error
}

// Loader takes the rows of one copied piece of a table. One goroutine.
type Loader interface {
	// Append adds a row, one Datum per column of the relation; values may be
	// reused when it returns. Rows become visible at any time from now on.
	Append(values []change.Datum, p change.Position) error
	// Finish sends what is left. nil promises that every appended row is as
	// durable as Apply would make it. The Loader is used up.
	Finish() error
	// Abort gives up; rows appended so far may be in the table. It may follow
	// Finish, and then does nothing.
	Abort()
}

// Pacer is a Target that can be overwhelmed by many small batches.
type Pacer interface {
	// Pace returns when the target wants the next batch. While it waits the
	// batch grows, which is the point.
	Pace(ctx context.Context) error
}

// Transactional is a Target that makes many calls visible and durable at once,
// and so whole transactions of the source. Rows that it has, with their
// watermark, it is never given again.
//
//	Begin ─▶ Prepare, Alter, Swap, Remember, Apply, Settle … ─▶ Commit
//
// Between the two nobody else sees what the calls do, and nil from one of them
// promises nothing before Commit has returned nil. A *TableError, or a failure of
// Prepare, Alter, Swap or Settle, undoes its own call alone; any other error undoes everything
// since Begin, as Rollback, Recall and Close do with what is open.
type Transactional interface {
	// Begin opens a transaction, or goes on with the one that is open.
	Begin(ctx context.Context) error
	// Commit ends it; on an error it may or may not have come to pass, and Recall
	// tells.
	Commit(ctx context.Context) error
	// Rollback undoes what is open, if anything is, so that nobody waits for it.
	Rollback(ctx context.Context)
}

// Settler is a Target that has something left to do when a table's copy is whole.
type Settler interface {
	// Settle is called when every Loader of the copy has finished, and before the
	// copy is remembered as whole. It may be repeated until that is the case.
	Settle(ctx context.Context, t *Table) error
}

// Resumer is a Target in which a copied row gives way to one that was copied at a
// later consistent point, so that a copy which was cut short can be gone on with.
type Resumer interface {
	// Resumes says whether a table is of that kind. It asks nobody.
	Resumes(t *Table) bool
}

// Leading is a Target whose rows can be durable before the watermark that they come
// with, and so be ahead of it when a process ends.
type Leading interface {
	// HasFrom says whether a table has a row, or the trace of a deleted one, of a
	// transaction that committed at the LSN or later. A table that is not there has
	// none.
	HasFrom(ctx context.Context, name string, at change.LSN) (bool, error)
}

// Kin is a Target that could be the source itself: then what it is told to empty and
// to write would be what is read.
type Kin interface {
	// Is says whether the target is this database. nil error and false where it
	// cannot be told.
	Is(ctx context.Context, d Database) (bool, error)
}

// Database is one of a running PostgreSQL server.
type Database struct {
	// SystemIdentifier is pg_control_system's, which copies of the server's files
	// share; Started is pg_postmaster_start_time as seconds since 1970, as text,
	// which they do not.
	SystemIdentifier, Started, Name string
}

// TableError is a failure that only one table can be blamed for.
type TableError struct {
	Table *Table
	Err   error
}

func (e *TableError) Error() string { return fmt.Sprintf("%s: %v", e.Table.Relation, e.Err) }

// Unwrap gives the cause.
func (e *TableError) Unwrap() error { return e.Err }

// ValueError is a value that the target's column cannot hold.
type ValueError struct {
	Column string
	// Type is the target's type.
	Type string
	// Key and Value are as PostgreSQL prints them, shortened. Key is empty where
	// the row has none, or where it is gone.
	Key, Value string
	// Reason says why in a few words: "NaN", "infinity", "out of range".
	Reason string
}

func (e *ValueError) Error() string {
	row := ""
	if e.Key != "" {
		row = " of the row with key (" + e.Key + ")"
	}
	return fmt.Sprintf("column %s%s: %s cannot be held by %s: %s", change.QuoteIdent(e.Column), row, e.Value, e.Type, e.Reason)
}
