package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

const (
	// Nothing that is tried out waits for long, for others would queue behind it.
	// It is below deadlock_timeout, at which the server would cancel an autovacuum
	// that is in the way.
	lockPatience = "500ms"
	// So many statements are under way before their answers are read.
	probesAtOnce = 200
)

// try runs each statement in a transaction of its own and says what became of it.
// Many statements go to the server at a time, so that a thousand of them cost few
// round trips. An error of the second kind means that the connection is of no use.
func (l *look) try(ctx context.Context, statements []string) ([]error, error) {
	if _, err := l.SQL.Exec(ctx, "SET lock_timeout = '"+lockPatience+"'"); err != nil {
		return nil, postgres.Doing(err, "limit how long locks are waited for")
	}
	var answers []error
	for some := range slices.Chunk(statements, probesAtOnce) {
		l.trips++
		errs, err := pipelined(ctx, l.SQL.PgConn(), some)
		if err != nil {
			return nil, fmt.Errorf("try statements out: %w", err)
		}
		answers = append(answers, errs...)
	}
	_, err := l.SQL.Exec(ctx, "SET lock_timeout = 0")
	return answers, postgres.Doing(err, "wait for locks again")
}

func pipelined(ctx context.Context, conn *pgconn.PgConn, statements []string) ([]error, error) {
	p := conn.StartPipeline(ctx)
	for _, sql := range statements {
		p.SendQueryParams(sql, nil, nil, nil, nil)
		p.SendPipelineSync()
	}
	errs := make([]error, len(statements))
	err := p.Flush()
	for i := 0; i < len(statements) && err == nil; {
		var got any
		got, err = p.GetResults()
		var answer *pgconn.PgError
		switch r := got.(type) {
		case *pgconn.ResultReader:
			_, err = r.Close()
		case *pgconn.PipelineSync:
			i++
		}
		if errors.As(err, &answer) {
			errs[i], err = err, nil
		}
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return errs, p.Close()
}

// inVain runs a statement that changes something and takes it back.
func (l *look) inVain(ctx context.Context, sql string) error {
	conn := l.SQL.PgConn()
	if _, err := postgres.Exec(ctx, conn, "BEGIN; SET LOCAL lock_timeout = '"+lockPatience+"'"); err != nil {
		return err
	}
	// By the protocol that takes one statement and no more: part of it can be the
	// user's text.
	err := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read().Err
	_, undone := postgres.Exec(context.WithoutCancel(ctx), conn, "ROLLBACK")
	if undone != nil && err == nil {
		err = fmt.Errorf("take back what was tried out: %w", undone)
	}
	return err
}

const (
	codeDenied = "42501" // insufficient_privilege
	codeLocked = "55P03" // lock_not_available
	codeGone   = "42P01" // undefined_table
)

// message is what the server said, without the code.
func message(err error) string {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err.Error()
	}
	if answer.Detail != "" {
		return answer.Message + ": " + strings.TrimSuffix(answer.Detail, ".")
	}
	return answer.Message
}
