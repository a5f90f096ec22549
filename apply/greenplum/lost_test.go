package greenplum

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// cut ends a connection's session.
func cut(tb *testing.T, conn *pgx.Conn, dsn string) {
	tb.Helper()
	pid := conn.PgConn().PID()
	query(tb, dsn, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
	waitFor(tb, func() bool {
		return query(tb, dsn, fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid))[0][0] == "0"
	})
}

// TestALostTransactionIsNotGoneOnWith cuts the connection between the calls of one
// transaction, and has the next call fail in every way that a caller goes on after.
func TestALostTransactionIsNotGoneOnWith(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		target := open(t, dsn, nil)
		_, err := target.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		must(t, target.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: 1}))
		must(t, target.Begin(ctx))
		partial := batchOf(t, table, 10, 1, 2)
		partial.Watermark, partial.Partial = 0, true
		must(t, target.Apply(ctx, partial))
		// The server refuses a row, and is gone when that is to be undone.
		err = target.within(ctx, "apply", func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SELECT 1/0")
			cut(t, conn, dsn)
			return &apply.TableError{Table: table, Err: err}
		})
		if !fault.Retryable(err) {
			t.Errorf("a failure that could not be undone: %v", err)
		}
		for name, call := range map[string]func() error{
			"Apply":    func() error { return target.Apply(ctx, batchOf(t, table, 10, 3)) },
			"Remember": func() error { return target.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: 10}) },
			"Begin":    func() error { return target.Begin(ctx) },
			"Commit":   func() error { return target.Commit(ctx) },
			"Prepare":  func() error { _, err := target.Prepare(ctx, table, apply.Keep, 0); return err },
		} {
			if err := call(); !fault.Retryable(err) {
				t.Errorf("%s goes on after a lost transaction: %v", name, err)
			}
		}
		if n := query(t, dsn, "SELECT count(*) FROM items")[0][0]; n != "0" {
			t.Errorf("%s rows of it are there", n)
		}
		state, err := target.Recall(ctx, "shop")
		must(t, err)
		if state.Pipeline.Watermark != 1 {
			t.Errorf("the watermark is %s", state.Pipeline.Watermark)
		}
		_, err = target.Prepare(ctx, table, apply.Keep, 0)
		must(t, err)
		must(t, target.Apply(ctx, batchOf(t, table, 10, 1, 2, 3)))
	})
}

// TestACommitThatComesLateIsNotOvertaken: the connection breaks while a COMMIT is on
// its way, and it arrives when this process has recalled and applies again.
func TestACommitThatComesLateIsNotOvertaken(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), applytest.NewTable(0, "entries", 0, "#n", "s")
		table.Name = Name("public", "entries")
		target := open(t, dsn, nil)
		_, err := target.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		must(t, target.Remember(ctx, apply.PipelineState{Name: "shop", Watermark: 1}))
		must(t, target.Begin(ctx))
		must(t, target.Apply(ctx, batchOf(t, table, 10, 1)))
		late := target.main
		must(t, target.moveOn(ctx, late))
		target.main = nil // the wire is cut behind what was sent

		if err := target.Commit(ctx); !fault.Retryable(err) {
			t.Fatalf("a commit without an answer: %v", err)
		}
		state, err := target.Recall(ctx, "shop")
		must(t, err)
		if state.Pipeline.Watermark != 1 {
			t.Fatalf("recalled %+v", state)
		}
		again := make(chan error, 1)
		go func() {
			again <- target.Apply(ctx, batchOf(t, table, 10, 1))
		}()
		waitFor(t, func() bool { return query(t, dsn, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] != "0" })
		_, err = late.Exec(ctx, "COMMIT")
		must(t, err)
		must(t, late.Close(context.Background()))
		if err := <-again; !fault.Retryable(err) {
			t.Errorf("what a late commit has brought is applied again: %v", err)
		}
		state, err = target.Recall(ctx, "shop")
		must(t, err)
		if n := query(t, dsn, "SELECT count(*) FROM entries")[0][0]; n != "1" || state.Pipeline.Watermark != 10 {
			t.Errorf("%s rows, watermark %s", n, state.Pipeline.Watermark)
		}
	})
}
