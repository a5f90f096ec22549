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

// passing are the SQLSTATEs, or their first two letters, of troubles that go away
// by themselves (PostgreSQL manual, appendix "PostgreSQL Error Codes"), each with
// what helps.
var passing = map[string]string{
	"08": "", // connection exceptions
	"40": "", // serialization failures, deadlocks
	"53": "the target is out of a resource (memory, disk, connections)",
	// Lost segments of Greenplum are 58M01.
	"58":    "the target has lost a disk or a segment: look at its log, and at gp_segment_configuration",
	"55P03": "", // lock_not_available
	"57014": "", // query_canceled
	"57P01": "", // admin_shutdown
	"57P02": "", // crash_shutdown
	"57P03": "", // cannot_connect_now
	"57P05": "", // idle_session_timeout
	"25P02": "", // what failed the transaction was told before
}

// lasting are those that somebody has to act upon.
var lasting = map[string]string{
	"28":    "check user and password in the target's DSN, and that pg_hba.conf lets this user in from this machine",
	"3D000": "check the database's name in the target's DSN, or create it",
	"42501": "`pgsluice check` tells which right is missing, and the statement that gives it",
	"57P04": "the target's database was dropped",
	"25006": "the target is a standby, or is set to be read only: name the server that takes writes",
}

// blamesTable says that an error of a statement is that table's own: the others
// would not meet it.
func blamesTable(err error) bool {
	code := postgres.Code(err)
	if code == "" {
		return false
	}
	_, passes := remedyOf(passing, code)
	_, lasts := remedyOf(lasting, code)
	return !passes && !lasts
}

func remedyOf(codes map[string]string, code string) (remedy string, ok bool) {
	if remedy, ok = codes[code]; !ok {
		remedy, ok = codes[code[:min(2, len(code))]]
	}
	return remedy, ok
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
		return fault.Advise(fault.Retry(postgres.Cause(err)), "see that the server runs, listens on that address and lets this machine in (listen_addresses, pg_hba.conf, firewall)")
	}
	if remedy, ok := remedyOf(passing, answer.Code); ok {
		return fault.Advise(fault.Retry(err), remedy)
	}
	remedy, _ := remedyOf(lasting, answer.Code)
	for _, more := range []string{answer.Detail, answer.Where} {
		if more != "" {
			err = fmt.Errorf("%w (%s)", err, strings.ReplaceAll(more, "\n", "; "))
		}
	}
	return fault.Permanent(err, strings.TrimSpace(remedy+"\n"+answer.Hint))
}
