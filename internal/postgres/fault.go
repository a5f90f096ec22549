package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// verdicts is by SQLSTATE, or by its first two letters for a whole class
// (PostgreSQL manual, appendix "PostgreSQL Error Codes").
var verdicts = map[string]struct {
	judge  func(error, string) error
	remedy string
}{
	"08":    {retry, ""}, // connection exceptions
	"57014": {retry, ""}, // query_canceled, by somebody or by a standby's conflict
	"57P01": {retry, ""}, // admin_shutdown
	"57P02": {retry, ""}, // crash_shutdown
	"57P03": {retry, ""}, // cannot_connect_now
	"57P05": {retry, ""}, // idle_session_timeout
	"40":    {retry, ""}, // serialization failures, deadlocks
	"53300": {retry, "the source has no free connection: raise max_connections, or lower load.workers"},
	"53":    {retry, "the source is out of a resource (memory, disk, connections)"},
	"55P03": {retry, ""}, // lock_not_available
	"55006": {retry, "the slot is in use: another pgsluice runs this pipeline, or one that was cut off is still known to the server (wal_sender_timeout)"},
	"28P01": {fault.Precondition, "check user and password in the source's DSN"},
	"28000": {fault.Precondition, "check user and database in the DSN, and that pg_hba.conf lets this user in from this machine"},
	"3D000": {fault.Precondition, "check the database's name in the source's DSN"},
	"42501": {fault.Permanent, "grant the user what is missing: GRANT SELECT ON the tables, ALTER ROLE … REPLICATION for the slot, GRANT CREATE ON DATABASE for the publication (FOR TABLE also needs the tables' owner)"},
	"XX":    {retry, ""}, // internal errors: seen while a server goes down
}

func retry(err error, remedy string) error { return fault.Advise(fault.Retry(err), remedy) }

// Fault judges an error of the source by what the server answered. An error
// that is not PostgreSQL's comes back as it is.
func Fault(err error) error {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err
	}
	v, ok := verdicts[answer.Code]
	if !ok {
		v, ok = verdicts[answer.Code[:min(2, len(answer.Code))]]
	}
	if !ok {
		return fault.Permanent(err, answer.Hint)
	}
	remedy := v.remedy
	if answer.Hint != "" {
		remedy = strings.TrimSpace(remedy + "\n" + answer.Hint)
	}
	return v.judge(err, remedy)
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
