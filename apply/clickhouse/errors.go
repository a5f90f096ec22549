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

// Codes that are more than a trouble here: they say what there is and what may be
// done.
const (
	codeUnknownTable        = 60
	codeUnknownDatabase     = 81
	codeNotEnoughPrivileges = 497
)

// passes says that a trouble of the server goes away by itself.
func passes(err error) bool {
	code := codeOf(err)
	return code != 0 && fault.OfNumber(code, err.Error()).Policy == fault.PolicyRetry
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
	code := codeOf(err)
	return code != 0 && fault.OfNumber(code, err.Error()).Policy == fault.PolicyPark
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
	if code == 0 {
		return lost(err)
	}
	class, who := fault.OfNumber(code, err.Error()), t.address.user
	remedy := class.RemedyOn(fault.ClickHouse)
	switch class.Name {
	case "login":
		remedy = fmt.Sprintf("ClickHouse does not let user %q in: %s", who, remedy)
	case "rights":
		remedy = t.grant(err, strings.Join(rights, ", ")) +
			fmt.Sprintf("  -- and GRANT CREATE DATABASE ON %s.* TO %s; where the database does not exist yet", ident(t.address.database), ident(who))
	case "database":
		remedy = fmt.Sprintf("CREATE DATABASE %s;  or let user %q do it: GRANT CREATE DATABASE ON %s.* TO %s",
			ident(t.address.database), who, ident(t.address.database), ident(who))
	}
	return class.JudgeWith(err, remedy)
}

// lost judges what is not the server's answer: it is the network's.
func lost(err error) error {
	var noTLS tls.RecordHeaderError
	if errors.As(err, &noTLS) {
		return fault.Precondition(err, "the port does not speak TLS: use the server's secure port (9440), or leave secure=true out of the target's DSN")
	}
	return fault.Lost(err, fault.ClickHouse)
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
