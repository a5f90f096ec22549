package greenplum

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// blamesTable says that an error of a statement is that table's own: the others
// would not meet it.
func blamesTable(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && fault.Of(fault.Family, answer.Code, answer.Message).Policy == fault.PolicyPark
}

// failed says what was being done, and judges.
func (t *Target) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	var of *apply.TableError
	if errors.As(err, &of) {
		return err // it says all that, and is judged
	}
	// A cancelled query shows as a broken connection; the reason is the caller's.
	if cause := ctx.Err(); cause != nil && postgres.Code(err) == "" {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	return fmt.Errorf("%s: %w", doing, judge(err))
}

// ofTheWire says that an error without an answer of the server's is about the
// connection, and not about what was to be sent or read.
func ofTheWire(err error) bool {
	var connect *pgconn.ConnectError
	return fault.Retryable(err) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.As(err, &connect)
}

func judge(err error) error {
	var judged *fault.Error
	if errors.As(err, &judged) {
		return err
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		if !ofTheWire(err) {
			return fault.Permanent(err, "")
		}
		return fault.Lost(postgres.Cause(err), fault.Family)
	}
	class := fault.Of(fault.Family, answer.Code, answer.Message)
	if class.Policy == fault.PolicyPark {
		for _, more := range []string{answer.Detail, answer.Where} {
			if more != "" {
				err = fmt.Errorf("%w (%s)", err, strings.ReplaceAll(more, "\n", "; "))
			}
		}
	}
	return postgres.Judge(err, answer, fault.Family)
}
