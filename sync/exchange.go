package sync

import (
	"context"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// exchange is where batches change hands: the gather loop fills one while the
// apply loop has the other.
type exchange struct {
	maxRows, maxBytes int
	until             change.LSN // a watermark at or behind it is urgent; 0: none is

	mu       stdsync.Mutex
	filling  *apply.Batch
	spare    *apply.Batch
	sealed   bool            // nothing more can be added: full, or a relation changed
	whole    bool            // the end of a transaction with rows is in it
	inside   bool            // rows of a transaction have come, and its end has not
	awaited  bool            // the apply loop waits for that end
	owed     bool            // the apply loop has a part of it: its end is due also when nothing more of it comes
	commit   time.Time       // of the transaction being gathered
	turns    []turn          // of tables, since the last batch was taken
	recopies []recopyRequest // of tables that the target cannot follow

	changed chan struct{} // something the apply loop may be waiting for
	room    chan struct{} // the apply loop took a batch
	errands chan errand
	joins   int  // tables on their way into the stream
	look    bool // the apply loop may be at its end

	// confirmed is what the gather loop may tell the source.
	confirmed atomic.Uint64
	lag       *lag
}

// turn is what becomes of a table from here on, for the apply loop to act upon and
// remember: it alone writes progress.
type turn struct {
	kind  turnKind
	table *table
	err   error
	why   string
	into  *apply.Table
	files []apply.File
}

type turnKind uint8

const (
	fails    turnKind = iota
	leaves            // its rows go nowhere until it is copied anew; or for good
	enters            // it takes its place; rows from while it was copied come next
	joined            // those rows are in: with this batch it is where the others are
	departs           // it is not the pipeline's any more
	reshapes          // its schema is another, and no row has said so
	moves             // its rows are kept in other files
)

// recopyRequest is a table that the apply loop wants copied anew.
type recopyRequest struct {
	table *table
	why   string
}

// errand is something that the apply loop does for others between two batches.
type errand struct {
	do   func(context.Context) error
	done chan error
}

func newExchange(pipeline string, maxRows, maxBytes int, until change.LSN) *exchange {
	return &exchange{
		maxRows: maxRows, maxBytes: maxBytes, until: until,
		filling: &apply.Batch{Pipeline: pipeline}, spare: &apply.Batch{Pipeline: pipeline},
		changed: make(chan struct{}, 1), room: make(chan struct{}, 1), errands: make(chan errand),
		lag: &lag{},
	}
}

func (x *exchange) signal() {
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

// add puts a row into the batch being filled; false says that there is no room
// and the caller has to wait for it.
func (x *exchange) add(t *apply.Table, r *change.Row) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.open(t) {
		return false, nil
	}
	if x.filling.CommitTime.IsZero() {
		x.lag.filling.Store(x.commit.UnixNano())
	}
	x.filling.CommitTime, x.inside = x.commit, true
	return true, x.filling.Add(t, r)
}

// truncate puts a truncate in its place, as add does a row.
func (x *exchange) truncate(t *apply.Table, p change.Position) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.open(t) {
		return false
	}
	x.filling.Truncate(t, p)
	x.inside = true
	return true
}

func (x *exchange) open(t *apply.Table) bool {
	if !x.sealed && x.filling.Rows() < x.maxRows && x.filling.Bytes() < x.maxBytes && x.filling.Fits(t) {
		return true
	}
	if !x.sealed {
		x.sealed = true
		x.signal()
	}
	return false
}

// begin says when the transaction was committed whose rows come next.
func (x *exchange) begin(commit time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.commit = commit
}

// advance says that every transaction up to the LSN is in. commit is the
// transaction's time, zero when there was none.
func (x *exchange) advance(to change.LSN, commit time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first := x.filling.Watermark == 0
	if to > x.filling.Watermark {
		x.filling.Watermark = to
	}
	if !x.whole && (!x.filling.Empty() || x.owed) && !commit.IsZero() {
		x.whole, x.owed = true, false
		x.signal()
	}
	if first || x.awaited || x.until != 0 && to >= x.until {
		x.signal()
	}
	x.inside, x.awaited = false, false
}

// fail reports a table that cannot be gone on with.
func (x *exchange) fail(t *table, err error) {
	t.parked.Store(true)
	x.turn(turn{kind: fails, table: t, err: err})
}

func (x *exchange) turn(t turn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.kind == leaves || t.kind == departs {
		x.filling.Remove(&apply.Table{Number: t.table.number})
	}
	if t.kind == joined {
		x.joins--
	}
	x.turns = append(x.turns, t)
	x.signal()
}

// joining says that a table is on its way into the stream; the end waits for its
// joined turn, or for left.
func (x *exchange) joining() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.joins++
}

// left says that a table which was on its way does not join.
func (x *exchange) left() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.joins--
	x.look = true
	x.signal()
}

// turning says that a table has a turn to take.
func (x *exchange) turning() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.turns) > 0
}

// settled says that nothing is left to be done about any table.
func (x *exchange) settled() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.turns)+len(x.recopies)+x.joins == 0
}

// recopy asks for a table to be copied anew.
func (x *exchange) recopy(t *table, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recopies = append(x.recopies, recopyRequest{t, why})
}

func (x *exchange) takeRecopies() []recopyRequest {
	x.mu.Lock()
	defer x.mu.Unlock()
	taken := x.recopies
	x.recopies = nil
	return taken
}

// perform has the apply loop do something, and waits for it.
func (x *exchange) perform(ctx context.Context, do func(context.Context) error) error {
	e := errand{do: do, done: make(chan error, 1)}
	select {
	case x.errands <- e:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// due is when the batch should be taken: at once when it is sealed, when a table
// takes a turn or the end is reached, interval after last when it holds a whole
// transaction, idle after last when it carries nothing but a watermark. ok is
// false when there is nothing to take.
func (x *exchange) due(last time.Time, interval, idle time.Duration) (at time.Time, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.sealed, x.look, len(x.turns) > 0, x.until != 0 && x.filling.Watermark >= x.until:
		return time.Time{}, true
	case x.whole:
		return last.Add(interval), true
	case x.filling.Watermark != 0 && x.filling.Empty():
		return last.Add(idle), true
	}
	return time.Time{}, false
}

// take gives the batch that was being filled to the apply loop, which hands it
// back with giveBack. A batch that can grow is given when it holds whole
// transactions: the rest of one that was begun is on its way, and until it is
// there ok is false. A batch that ends inside a transaction leaves its watermark
// to the next.
func (x *exchange) take() (b *apply.Batch, turns []turn, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inside && !x.sealed && len(x.turns) == 0 {
		x.awaited = true
		return nil, nil, false
	}
	x.lag.took()
	b, turns = x.filling, x.turns
	x.filling, x.spare = x.spare, nil
	if x.inside {
		b.Partial, x.owed = true, true
		x.filling.Watermark, b.Watermark = b.Watermark, 0
	}
	x.sealed, x.whole, x.look, x.turns = false, false, false, nil
	select {
	case x.room <- struct{}{}:
	default:
	}
	return b, turns, true
}

// giveBack returns a batch that is applied. Only then can the next be taken: the
// apply loop does one at a time.
func (x *exchange) giveBack(b *apply.Batch) {
	b.Reset()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.spare = b
}

// wait blocks until there is room, calling beat now and then so that the source
// knows its reader is alive: also before the first wait, because many short ones
// can follow each other with few messages in between.
func (x *exchange) wait(ctx context.Context, beat func() error) error {
	if err := beat(); err != nil {
		return err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-x.room:
			return nil
		case <-ticker.C:
			if err := beat(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
