package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
)

const writtenSQL = `SELECT
	CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_flush_lsn() END,
	CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END,
	(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_writer_delay'),
	(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_block_size'),
	(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size')`

// Written is how far the source's log is flushed, or replayed on a standby.
// Everything that was committed before the call ends at or below it, transactions
// with synchronous_commit off included: those are given the time that the walwriter
// needs for them, three times wal_writer_delay (PostgreSQL manual, "Asynchronous
// Commit"). What is not flushed then is no commit; an idle server can leave such log
// lying for long, and no walsender sends it.
func Written(ctx context.Context, conn *pgconn.PgConn) (change.LSN, error) {
	var target change.LSN
	var deadline time.Time
	for {
		rows, err := Exec(ctx, conn, writtenSQL)
		if err != nil {
			return 0, fmt.Errorf("ask the source how far its log is: %w", err)
		}
		flushed, err := change.ParseLSN(rows[0][0])
		if err != nil {
			return 0, err
		}
		if target == 0 {
			inserted, err := change.ParseLSN(rows[0][1])
			if err != nil {
				return 0, err
			}
			var numbers [3]uint64
			for i := range numbers {
				if numbers[i], err = strconv.ParseUint(rows[0][2+i], 10, 64); err != nil {
					return 0, err
				}
			}
			target = recordsEnd(inserted, numbers[1], numbers[2])
			deadline = time.Now().Add(3*time.Duration(numbers[0])*time.Millisecond + 50*time.Millisecond)
		}
		if flushed >= target || time.Now().After(deadline) {
			return flushed, nil
		}
		if _, err := Exec(ctx, conn, "SELECT pg_catalog.pg_sleep(0.01)"); err != nil {
			return 0, fmt.Errorf("wait for the source's log to be flushed: %w", err)
		}
	}
}

// The headers of a page of the log, and of a segment's first (SizeOfXLogShortPHD and
// SizeOfXLogLongPHD in PostgreSQL's xlog_internal.h).
const shortHeader, longHeader = 24, 40

// recordsEnd is the end of the last record before an LSN at which the next one is
// inserted. Where a page is full that is behind the header of the next, and what is
// sent and flushed ends before it. Sizes are in bytes.
func recordsEnd(insert change.LSN, page, segment uint64) change.LSN {
	at := uint64(insert)
	if at%segment == longHeader || at%segment >= page && at%page == shortHeader {
		return change.LSN(at - at%page)
	}
	return insert
}
