package greenplum

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
)

var _ apply.Kin = (*Target)(nil)

// Is implements [apply.Kin]. A server before PostgreSQL 9.6 does not say who it is, and
// is none that can be a source.
func (t *Target) Is(ctx context.Context, d apply.Database) (same bool, err error) {
	if t.server.number < 90600 || t.server.database != d.Name {
		return false, nil
	}
	err = t.asking(ctx, "ask the target who it is", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT system_identifier::text = $1 AND extract(epoch FROM pg_postmaster_start_time())::text = $2
			FROM pg_catalog.pg_control_system()`, d.SystemIdentifier, d.Started).Scan(&same)
	})
	return same, err
}
