package snapshot

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

// OpenTransaction is a transaction that has written something and has not ended.
type OpenTransaction struct {
	// What describes it, with its beginning.
	What string
	Age  time.Duration
	// Prepared ones belong to no session.
	Prepared bool
	// End is the statement that ends it.
	End string
}

// A prepared transaction has no process, and is easily forgotten.
const openSQL = `
SELECT what, (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 1000)::bigint, prepared, ending FROM (
  SELECT prepared AS since, true AS prepared, format('prepared transaction %L of %s in database %s, since %s', gid, owner, database, prepared) AS what,
         format('ROLLBACK PREPARED %L;', gid) AS ending
  FROM pg_catalog.pg_prepared_xacts
  UNION ALL
  SELECT xact_start, false, format('process %s of %s in database %s, since %s', pid, coalesce(usename, '?'), coalesce(datname, '?'), xact_start),
         format('SELECT pg_catalog.pg_terminate_backend(%s);', pid)
  FROM pg_catalog.pg_stat_activity
  WHERE backend_xid IS NOT NULL AND xact_start IS NOT NULL AND pid <> $1 AND pid <> pg_catalog.pg_backend_pid()
) open ORDER BY since`

// OpenTransactions lists the transactions that have written something and not
// ended, the oldest first, but for those of a process and of the connection
// itself. Without the right to see others' sessions some are missing.
func (c *Catalog) OpenTransactions(ctx context.Context, but uint32) ([]OpenTransaction, error) {
	rows, err := c.conn.Query(ctx, openSQL, int64(but))
	if err != nil {
		return nil, postgres.Doing(err, "look for open transactions")
	}
	open, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o OpenTransaction, err error) {
		var milliseconds int64
		err = row.Scan(&o.What, &milliseconds, &o.Prepared, &o.End)
		o.Age = time.Duration(milliseconds) * time.Millisecond
		return o, err
	})
	return open, postgres.Doing(err, "look for open transactions")
}
