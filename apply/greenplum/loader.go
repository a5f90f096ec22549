package greenplum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// loader copies rows in one transaction of a connection of its own.
type loader struct {
	t     *Target
	ctx   context.Context
	table *apply.Table
	plan  *plan
	into  string
	conn  *pgx.Conn
	rows  *encoder
	copy  *copyin // nil before the first row, and while the form changes
	ended bool
}

// Load implements [apply.Target]. Rows go straight into the table, unless it holds
// others: then they are kept aside until Settle.
func (t *Target) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	p, err := t.planOf(table)
	if err != nil {
		return nil, err
	}
	conn, err := t.borrow(ctx)
	if err != nil {
		return nil, err
	}
	l := &loader{t: t, ctx: ctx, table: table, plan: p, into: p.quoted, conn: conn, rows: newEncoder(p)}
	if !p.whole {
		l.into = p.aside()
	}
	if err := l.begin(); err != nil {
		l.Abort()
		return nil, l.failed(err)
	}
	return l, nil
}

// begin takes the lock that emptying the table waits for, and only then looks
// whether this process may still write to it.
func (l *loader) begin() error {
	if _, err := l.conn.Exec(l.ctx, "BEGIN"); err != nil {
		return err
	}
	if _, err := l.conn.Exec(l.ctx, "LOCK TABLE "+l.into+" IN ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	return l.t.standing(l.ctx, l.conn)
}

// Append implements [apply.Loader].
func (l *loader) Append(values []change.Datum, _ change.Position) error {
	if l.ended {
		return errUsed
	}
	if len(values) != len(l.plan.columns) {
		return fmt.Errorf("a row of %d values for %d columns of %s", len(values), len(l.plan.columns), l.plan.quoted)
	}
	for {
		if l.copy == nil {
			l.copy = startCopy(l.ctx, l.conn, "COPY "+l.into+l.plan.columnList()+" FROM STDIN"+l.rows.options(), l.rows.begin(nil))
		}
		row, err := l.rows.row(l.copy.filling, values)
		switch {
		case err == nil:
			l.copy.filling = row
			return l.failed(l.copy.pass())
		case !errors.Is(err, errForm):
			return l.failed(l.rows.withKey(err, values))
		}
		if err := l.endCopy(); err != nil {
			return l.failed(err)
		}
		l.rows.text = true
	}
}

func (l *loader) endCopy() error {
	if l.copy == nil {
		return nil
	}
	c := l.copy
	l.copy = nil
	_, err := c.close(l.rows.end(nil))
	return err
}

// Finish implements [apply.Loader].
func (l *loader) Finish() error {
	if l.ended {
		return errUsed
	}
	err := l.endCopy()
	if err == nil {
		crash.At("greenplum-copy")
		err = end(l.ctx, l.conn)
		crash.At("greenplum-copied")
	}
	if err != nil {
		return l.failed(err)
	}
	l.ended = true
	l.t.report(l.plan, l.rows.adjusted)
	l.t.giveBack(l.conn)
	return nil
}

var errUsed = errors.New("the loader is used up")

// Abort implements [apply.Loader].
func (l *loader) Abort() {
	if l.ended {
		return
	}
	l.ended = true
	if l.copy != nil {
		l.copy.giveUp()
		l.copy = nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), connectTimeout)
	defer cancel()
	if !l.conn.IsClosed() {
		if _, err := l.conn.Exec(ctx, "ROLLBACK"); err != nil {
			_ = l.conn.Close(ctx)
		}
	}
	l.t.giveBack(l.conn)
}

// failed blames the table for what the others would not meet.
func (l *loader) failed(err error) error {
	if v, _ := l.plan.badValue(err); v != nil {
		err = v // the row itself is gone
	}
	return l.t.blame(l.ctx, l.table, "copy into "+l.into, err)
}

// blame wraps an error of a table's rows.
func (t *Target) blame(ctx context.Context, table *apply.Table, doing string, err error) error {
	var value *apply.ValueError
	if err == nil {
		return nil
	}
	var judged *fault.Error
	theirs := blamesTable(err)
	if errors.As(err, &judged) {
		theirs = !fault.Retryable(err) && !errors.Is(err, errTaken)
	}
	theirs = theirs || errors.As(err, &value)
	if value != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	} else {
		err = t.failed(ctx, doing, err)
	}
	if theirs {
		return &apply.TableError{Table: table, Err: err}
	}
	return err
}

// spare is a connection that a copy has left, since when.
type spare struct {
	conn  *pgx.Conn
	since time.Time
}

// spareFor is how long one waits for the next copy. Then it may be cut off already,
// and where nothing is loaded any more it only costs the server.
const spareFor = 5 * time.Second

// borrow gives a connection for a copy.
func (t *Target) borrow(ctx context.Context) (*pgx.Conn, error) {
	t.closeSpares(ctx)
	t.mu.Lock()
	if n := len(t.spare); n > 0 {
		conn := t.spare[n-1].conn
		t.spare = t.spare[:n-1]
		t.mu.Unlock()
		return conn, nil
	}
	t.mu.Unlock()
	return t.connect(ctx)
}

func (t *Target) giveBack(conn *pgx.Conn) {
	if conn.IsClosed() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spare = append(t.spare, spare{conn, time.Now()})
}

// closeSpares closes those that have waited for long.
func (t *Target) closeSpares(ctx context.Context) {
	t.mu.Lock()
	n := 0
	for n < len(t.spare) && time.Since(t.spare[n].since) > spareFor {
		n++
	}
	old := t.spare[:n]
	t.spare = slices.Clone(t.spare[n:])
	t.mu.Unlock()
	for _, s := range old {
		_ = s.conn.Close(ctx)
	}
}

// report passes adjusted values on, and logs each kind once.
func (t *Target) report(p *plan, adjusted map[adjustment]int64) {
	table := p.table.Relation.String()
	for what, n := range adjusted {
		if t.opts.Adjusted != nil {
			t.opts.Adjusted(table, what.column, what.reason, n)
		}
		kind := [3]string{table, what.column, what.reason}
		t.mu.Lock()
		seen := t.logged[kind]
		t.logged[kind] = true
		t.mu.Unlock()
		if !seen {
			t.log.Warn("values are adjusted to what the column can hold", "table", table, "column", what.column, "reason", what.reason)
		}
	}
}
