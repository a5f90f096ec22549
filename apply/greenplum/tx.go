package greenplum

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// transaction is what is known of the main connection's.
type transaction struct {
	// open: Begin was called, and Commit was not.
	open bool
	// touched: something has been done in it that a failure of the next call is
	// not to undo.
	touched bool
	// watermark is what its commit moves the pipeline to; 0: nowhere.
	watermark change.LSN
	// adjusted are values that were not kept as they were, to be told of when it
	// is committed.
	adjusted []adjusting
}

// adjusting is what was adjusted in one batch of a table.
type adjusting struct {
	plan   *plan
	values map[adjustment]int64
}

// errGone: what was open is lost, or nobody knows whether it was committed. Whoever
// went on would leave it out, or do it again.
var errGone = fault.Retry(errors.New("the connection to the target was lost, and with it what was under way"))

// connection is the main connection, opened anew where it was lost.
func (t *Target) connection(ctx context.Context) (*pgx.Conn, error) {
	if t.main != nil && !t.main.IsClosed() {
		return t.main, nil
	}
	if t.tx.open || t.me() != "" {
		t.goneAway()
	}
	t.staged = map[*plan]*stage{}
	conn, err := t.connect(ctx)
	if err == nil {
		t.main = conn
	}
	return conn, err
}

// goneAway: nothing more is written before Recall has told what is there. A commit
// that is still on its way to the server moves the pipeline's turn, and so this
// process has to take it up again.
func (t *Target) goneAway() {
	t.gone, t.tx, t.claim = true, transaction{}, claim{}
	t.setOwner("")
}

// Begin implements [apply.Transactional].
func (t *Target) Begin(ctx context.Context) error {
	if t.tx.open {
		return nil
	}
	conn, err := t.ready(ctx)
	if err != nil {
		return err
	}
	t.closeSpares(ctx)
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return t.failed(ctx, "begin a transaction", err)
	}
	t.tx = transaction{open: true}
	return nil
}

// Commit implements [apply.Transactional].
func (t *Target) Commit(ctx context.Context) error {
	conn, err := t.ready(ctx)
	if err != nil {
		return err
	}
	return t.failed(ctx, "commit", t.conclude(ctx, conn))
}

// conclude commits, with the pipeline's turn. After an error nobody knows whether
// it came to that.
func (t *Target) conclude(ctx context.Context, conn *pgx.Conn) error {
	err := t.moveOn(ctx, conn)
	if err == nil {
		crash.At("greenplum-commit")
		err = end(ctx, conn)
	}
	if err != nil {
		t.undo(ctx)
		if !errors.Is(err, errTaken) {
			t.goneAway()
		}
		return err
	}
	crash.At("greenplum-committed")
	for _, a := range t.tx.adjusted {
		t.report(a.plan, a.values)
	}
	t.tx = transaction{}
	t.stagesAre(true)
	return nil
}

// Rollback implements [apply.Transactional].
func (t *Target) Rollback(ctx context.Context) { t.undo(ctx) }

// end commits. A server that has given the transaction up answers a COMMIT with
// ROLLBACK, and not with an error.
func end(ctx context.Context, conn *pgx.Conn) error {
	tag, err := conn.Exec(ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		err = fault.Retry(fmt.Errorf("the server answered %s", tag))
	}
	return err
}

// undo undoes what is open. Where it cannot, the connection goes, and with it what
// is open.
func (t *Target) undo(ctx context.Context) {
	t.tx = transaction{}
	t.stagesAre(false)
	if t.main == nil || t.main.IsClosed() || t.main.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	if _, err := t.main.Exec(ctx, "ROLLBACK"); err != nil {
		_ = t.main.Close(ctx)
	}
}

// within runs do in the open transaction, where what it did is undone alone when
// it fails, or else in a transaction of its own. It is the only way in which
// statements that change something reach the main connection.
func (t *Target) within(ctx context.Context, doing string, do func(*pgx.Conn) error) error {
	conn, err := t.ready(ctx)
	if err != nil {
		return err
	}
	switch {
	case !t.tx.open:
		err = t.alone(ctx, conn, do)
	case !t.tx.touched:
		if err = do(conn); err != nil { // nothing else is in it
			t.undo(ctx)
			if _, again := conn.Exec(ctx, "BEGIN"); again != nil {
				t.goneAway()
				return t.failed(ctx, doing, errGone)
			}
			t.tx = transaction{open: true}
		}
	default:
		err = t.apart(ctx, conn, do)
	}
	t.tx.touched = t.tx.touched || t.tx.open && err == nil
	return t.failed(ctx, doing, err)
}

func (t *Target) alone(ctx context.Context, conn *pgx.Conn, do func(*pgx.Conn) error) error {
	t.tx = transaction{}
	_, err := conn.Exec(ctx, "BEGIN")
	if err == nil {
		err = do(conn)
	}
	if err != nil {
		t.undo(ctx)
		return err
	}
	return t.conclude(ctx, conn)
}

// apart runs do under a savepoint.
func (t *Target) apart(ctx context.Context, conn *pgx.Conn, do func(*pgx.Conn) error) error {
	if _, err := conn.Exec(ctx, "SAVEPOINT one_call"); err != nil {
		return err
	}
	watermark, adjusted := t.tx.watermark, len(t.tx.adjusted)
	err := do(conn)
	if err == nil {
		_, err = conn.Exec(ctx, "RELEASE SAVEPOINT one_call")
		return err
	}
	t.tx.watermark, t.tx.adjusted = watermark, t.tx.adjusted[:adjusted]
	t.forgetMade() // what was made in the calls before is made again
	// With the caller's context gone the transaction goes too.
	if _, undoing := conn.Exec(ctx, "ROLLBACK TO SAVEPOINT one_call; RELEASE SAVEPOINT one_call", pgx.QueryExecModeSimpleProtocol); undoing != nil {
		t.undo(ctx)
		t.goneAway()
		return errGone
	}
	return err
}

// asking runs do, which only reads, on the main connection.
func (t *Target) asking(ctx context.Context, doing string, do func(*pgx.Conn) error) error {
	conn, err := t.connection(ctx)
	if err != nil {
		return err
	}
	if t.tx.open {
		// An error would cost the transaction.
		err = t.apart(ctx, conn, do)
	} else {
		err = do(conn)
	}
	return t.failed(ctx, doing, err)
}
