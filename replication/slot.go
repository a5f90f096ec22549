package replication

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Point is the moment a slot begins: every transaction whose commit record
// starts before Consistent is in the snapshot, every other is in the stream.
type Point struct {
	Consistent change.LSN
	// Snapshot is the exported snapshot's name. It lives until the connection
	// that made the slot does anything else or ends.
	Snapshot string
}

// CreateSlot makes a logical slot and exports the snapshot at its consistent
// point. A temporary slot goes with the connection.
func (c *Conn) CreateSlot(ctx context.Context, name string, temporary bool) (Point, error) {
	sql, err := c.CreateSlotSQL(ctx, name, temporary)
	if err != nil {
		return Point{}, err
	}
	crash.At("slot-asked-for")
	r, err := pglogrepl.ParseCreateReplicationSlot(c.pg.Exec(ctx, sql))
	if err != nil {
		return Point{}, slotFault(err, name)
	}
	crash.At("slot-made")
	lsn, err := change.ParseLSN(r.ConsistentPoint)
	if err != nil {
		return Point{}, fmt.Errorf("create slot %s: the consistent point: %w", name, err)
	}
	return Point{Consistent: lsn, Snapshot: r.SnapshotName}, nil
}

// CreateSlotSQL is the command that CreateSlot sends.
func (c *Conn) CreateSlotSQL(ctx context.Context, name string, temporary bool) (string, error) {
	kind, action := "", "EXPORT_SNAPSHOT"
	if temporary {
		kind = "TEMPORARY "
	}
	if c.Version >= 170000 && !temporary {
		// So that a synchronised standby can take the slot over.
		if standby, err := c.standby(ctx); err != nil {
			return "", err
		} else if !standby {
			action = "(SNAPSHOT 'export', FAILOVER)"
		}
	}
	return fmt.Sprintf("CREATE_REPLICATION_SLOT %s %sLOGICAL pgoutput %s", change.AlwaysQuote(name), kind, action), nil
}

func (c *Conn) standby(ctx context.Context) (bool, error) {
	rows, err := postgres.Exec(ctx, c.pg, "SELECT pg_catalog.pg_is_in_recovery()")
	if err != nil {
		return false, fmt.Errorf("ask the source whether it is a standby: %w", err)
	}
	return rows[0][0] == "t", nil
}

func slotFault(err error, name string) error {
	wrapped := postgres.Doing(err, "create replication slot %s", name)
	if postgres.Code(err) == "42501" {
		return fault.Precondition(wrapped, "ALTER ROLE … REPLICATION")
	}
	return wrapped
}

// Slot is what the source says about a slot.
type Slot struct {
	Plugin, Database string
	Active           bool
	ActivePID        string
	Confirmed        change.LSN
	// Lost: the server has removed log that the slot needs.
	Lost bool
	// Retained is how much log the slot keeps from being removed, in bytes, and End
	// where the log ends.
	Retained int64
	End      change.LSN
}

// FindSlot looks a slot up; nil when there is none.
func (c *Conn) FindSlot(ctx context.Context, name string) (*Slot, error) {
	lost := "false"
	if c.Version >= 130000 {
		lost = "coalesce(wal_status = 'lost', false)"
	}
	rows, err := postgres.Exec(ctx, c.pg, fmt.Sprintf(`
		SELECT coalesce(plugin, ''), coalesce(database, ''), active, coalesce(active_pid::text, ''),
		       coalesce(confirmed_flush_lsn, '0/0'), %s,
		       coalesce(pg_catalog.pg_wal_lsn_diff(log.ends, restart_lsn), 0)::bigint, coalesce(log.ends, '0/0')
		FROM pg_catalog.pg_replication_slots,
		     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) AS log (ends)
		WHERE slot_name = %s`, lost, change.QuoteLiteral(name)))
	if err != nil {
		return nil, fmt.Errorf("look up replication slot %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	r := rows[0]
	s := &Slot{Plugin: r[0], Database: r[1], Active: r[2] == "t", ActivePID: r[3], Lost: r[5] == "t"}
	if s.Confirmed, err = change.ParseLSN(r[4]); err != nil {
		return nil, err
	}
	if s.End, err = change.ParseLSN(r[7]); err != nil {
		return nil, err
	}
	_, err = fmt.Sscan(r[6], &s.Retained)
	return s, err
}

// DropSlot removes a slot. One that is not there is not an error; one in use
// is.
func (c *Conn) DropSlot(ctx context.Context, name string) error {
	_, err := postgres.Exec(ctx, c.pg, fmt.Sprintf(
		"SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = %s",
		change.QuoteLiteral(name)))
	if err != nil && postgres.Code(err) != "42704" { // gone meanwhile
		return fmt.Errorf("drop replication slot %s: %w", name, err)
	}
	return nil
}
