package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go"
	clickhousego "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// Codes of ClickHouse's src/Common/ErrorCodes.cpp that are told apart here.
const (
	codeUnknownTable         = 60
	codeUnknownDatabase      = 81
	codeNotEnoughPrivileges  = 497
	codeAuthenticationFailed = 516
	codeNotEnoughSpace       = 243
	codeUnknownUser          = 192
	codeWrongPassword        = 193
	codeRequiredPassword     = 194
	codeUnfinishedMutation   = 341
)

// passing are the codes of troubles that go away by themselves: the server is
// busy, merging, out of memory, restarting, or has lost its keeper.
var passing = map[int]bool{
	252: true, // TOO_MANY_PARTS
	241: true, // MEMORY_LIMIT_EXCEEDED
	202: true, // TOO_MANY_SIMULTANEOUS_QUERIES
	159: true, // TIMEOUT_EXCEEDED
	209: true, // SOCKET_TIMEOUT
	210: true, // NETWORK_ERROR
	279: true, // ALL_CONNECTION_TRIES_FAILED
	225: true, // NO_ZOOKEEPER
	236: true, // ABORTED
	242: true, // TABLE_IS_READ_ONLY
	285: true, // TOO_FEW_LIVE_REPLICAS
	286: true, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	319: true, // UNKNOWN_STATUS_OF_INSERT
	394: true, // QUERY_WAS_CANCELLED
	473: true, // DEADLOCK_AVOIDED
	999: true, // KEEPER_EXCEPTION
	745: true, // SERVER_OVERLOADED
	439: true, // CANNOT_SCHEDULE_TASK
	173: true, // CANNOT_ALLOCATE_MEMORY
	203: true, // NO_FREE_CONNECTION
	74:  true, // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75:  true, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76:  true, // CANNOT_OPEN_FILE
}

// codeOf is the server's error code, 0 when the error is not the server's.
func codeOf(err error) int {
	var wire *ch.Exception
	if errors.As(err, &wire) {
		return int(wire.Code)
	}
	var statement *clickhousego.Exception
	if errors.As(err, &statement) {
		return int(statement.Code)
	}
	return 0
}

// blamesTable says that an error of an INSERT is the table's own: the others
// would not meet it.
func blamesTable(err error) bool {
	switch code := codeOf(err); code {
	case 0, codeUnknownDatabase, codeAuthenticationFailed, codeUnknownUser, codeWrongPassword, codeRequiredPassword, codeNotEnoughSpace:
		return false
	default:
		return !passing[code]
	}
}

// failed says what was being done and what to do about it.
func (t *Target) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	// A cancelled query shows as a broken connection; the reason is the caller's.
	if cause := ctx.Err(); cause != nil && codeOf(err) == 0 {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	return fmt.Errorf("%s: %w", doing, t.judge(err))
}

func (t *Target) judge(err error) error {
	var judged *fault.Error
	if errors.As(err, &judged) {
		return err
	}
	code := codeOf(err)
	who := t.address.user
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return fault.Permanent(err, "have the server's certificate signed by an authority this machine trusts (SSL_CERT_FILE names more of them), or trust any with skip_verify=true in the target's DSN")
	case errors.As(err, &noTLS):
		return fault.Permanent(err, "the port does not speak TLS: use the server's secure port (9440), or leave secure=true out of the target's DSN")
	case code == codeAuthenticationFailed, code == codeUnknownUser, code == codeWrongPassword, code == codeRequiredPassword:
		return fault.Permanent(err, fmt.Sprintf("ClickHouse does not let user %q in: check user and password in the target's DSN, and that the user may connect from this host", who))
	case code == codeNotEnoughPrivileges:
		return fault.Permanent(err, t.grant(err, strings.Join(rights, ", "))+
			fmt.Sprintf("  -- and GRANT CREATE DATABASE ON %s.* TO %s; where the database does not exist yet", ident(t.address.database), ident(who)))
	case code == codeUnknownDatabase:
		return fault.Permanent(err, fmt.Sprintf("CREATE DATABASE %s;  or let user %q do it: GRANT CREATE DATABASE ON %s.* TO %s",
			ident(t.address.database), who, ident(t.address.database), ident(who)))
	case code == codeNotEnoughSpace:
		return fault.Advise(fault.Retry(err), "the ClickHouse server's disk is full: make room")
	case code == codeUnfinishedMutation:
		return fault.Permanent(err, "look at system.mutations WHERE NOT is_done; KILL MUTATION … ends one that cannot succeed")
	case passing[code]:
		return fault.Retry(err)
	case code != 0:
		return fault.Permanent(err, "")
	}
	return fault.Retry(err) // what is not the server's answer is the network's
}

// grant is the statement that gives the user the rights that an error is about.
// Servers that are set to (table_engines_require_grant) want one for the engine
// as well.
func (t *Target) grant(err error, rights string) string {
	const engine = "TABLE ENGINE ON ReplacingMergeTree"
	user := ident(t.address.user)
	if strings.Contains(err.Error(), engine) {
		return "GRANT " + engine + " TO " + user + ";"
	}
	return fmt.Sprintf("GRANT %s ON %s.* TO %s;", rights, ident(t.address.database), user)
}
