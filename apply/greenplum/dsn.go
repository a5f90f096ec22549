package greenplum

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

const dsnForm = "write it as greenplum:// or postgres://user:password@host:5432/database?sslmode=verify-full, with special characters of the password percent-encoded"

// schemes are those of a DSN, by what they mean to libpq.
var schemes = map[string]string{"greenplum": "postgres", "postgres": "postgres", "postgresql": "postgres"}

// Speaks says whether a DSN is one of a target of this package.
func Speaks(dsn string) bool {
	scheme, _, ok := strings.Cut(dsn, "://")
	return ok && schemes[scheme] != ""
}

// parseDSN never shows the DSN in an error: it holds the password, and in a
// malformed one nobody knows where.
func parseDSN(dsn string) (*pgx.ConnConfig, error) {
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok || schemes[scheme] == "" {
		return nil, badDSN(errors.New("it does not begin with greenplum:// or postgres://"))
	}
	c, err := pgx.ParseConfig(schemes[scheme] + "://" + rest)
	if err != nil {
		return nil, badDSN(postgres.Redact(err))
	}
	if strings.Contains(c.Host, "@") {
		return nil, badDSN(errors.New("the password has an @ in it that is not percent-encoded (%40)"))
	}
	if c.Database == "" {
		return nil, badDSN(errors.New("it names no database"))
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "pgsluice"
	}
	postgres.Watch(&c.Config)
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	return c, nil
}

func badDSN(err error) error {
	return fault.Usage(fmt.Errorf("read the target's DSN: %w", err), dsnForm)
}
