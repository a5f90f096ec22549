package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// Fault judges an error of the source by [fault.Classes]: by what the server
// answered, or by what became of the connection. Any other error comes back as it
// is.
func Fault(err error) error {
	var judged *fault.Error
	var answer *pgconn.PgError
	switch {
	case err == nil, errors.As(err, &judged), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &answer):
		return Judge(err, answer, fault.Source)
	case fault.Of(fault.Source, "", err.Error()) != nil:
		return fault.Lost(err, fault.Source)
	}
	return err
}

// Judge judges an error that holds an answer of a server of the PostgreSQL family.
// The server's own hint is part of the remedy.
func Judge(err error, answer *pgconn.PgError, on fault.Server) error {
	class := fault.Of(on, answer.Code, answer.Message)
	remedy := class.RemedyOn(on)
	if answer.Hint != "" && !strings.Contains(remedy, answer.Hint) {
		remedy = strings.TrimSpace(remedy + "\n" + answer.Hint)
	}
	return class.JudgeWith(err, remedy)
}

// Doing wraps an error of the source with what was being done.
func Doing(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, Fault(err))...)
}

// Code is the SQLSTATE of an error, or empty.
func Code(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
