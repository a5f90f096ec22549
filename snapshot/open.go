package snapshot

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

// A prepared transaction has no process, and is easily forgotten.
const openSQL = `
SELECT what FROM (
  SELECT prepared AS since, format('prepared transaction %L of %s in database %s, since %s', gid, owner, database, prepared) AS what
  FROM pg_catalog.pg_prepared_xacts
  UNION ALL
  SELECT xact_start, format('process %s of %s in database %s, since %s', pid, coalesce(usename, '?'), coalesce(datname, '?'), xact_start)
  FROM pg_catalog.pg_stat_activity
  WHERE backend_xid IS NOT NULL AND pid <> $1 AND pid <> pg_catalog.pg_backend_pid()
) open ORDER BY since`

// OpenTransactions describes the transactions that have written something and
// not ended, the oldest first, but for those of a process and of the connection
// itself. Without the right to see others' sessions some are missing.
func (c *Catalog) OpenTransactions(ctx context.Context, but uint32) ([]string, error) {
	rows, err := c.conn.Query(ctx, openSQL, int64(but))
	if err != nil {
		return nil, postgres.Doing(err, "look for open transactions")
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return open, postgres.Doing(err, "look for open transactions")
}
