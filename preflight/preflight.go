// Package preflight looks, before anything is created, at what has to be true of
// a source for a run to succeed. Each [Finding] comes with the statement that
// mends it.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Level says whether a finding stands in the way.
type Level int

// The levels.
const (
	Warning Level = iota
	Error
)

// Topic is what a finding is about, for callers that know better.
type Topic int

// The topics that callers ask for.
const (
	Other Topic = iota
	Walsenders
)

// Finding is something about the source that a run would meet.
type Finding struct {
	Level Level
	About Topic
	// Seen says what is the case, as a sentence without a full stop.
	Seen string
	// Fix is a statement or setting, with a comment where that does not say it.
	Fix string
}

// Err joins the errors among the findings into one precondition fault; nil when
// there are none.
func Err(findings []Finding) error {
	var seen, fixes []string
	for _, f := range findings {
		if f.Level == Error {
			seen = append(seen, f.Seen)
			if f.Fix != "" {
				fixes = append(fixes, f.Fix)
			}
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return fault.Precondition(errors.New(strings.Join(seen, "; ")), strings.Join(fixes, "\n"))
}

// Replication looks at what the server allows: logical decoding, a slot to be
// had, a walsender, the user's right to replicate. slots is how many the run has
// to create. It asks over an ordinary connection, because a server that is not
// ready refuses the replication connection with less to say.
func Replication(ctx context.Context, conn *pgx.Conn, slots int) ([]Finding, error) {
	const sql = `
SELECT current_setting('wal_level'),
       current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int,
       current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_catalog.pg_stat_get_wal_senders())::int,
       r.rolname, r.rolreplication OR r.rolsuper OR coalesce((SELECT pg_catalog.pg_has_role(r.oid, m.oid, 'member')
         FROM pg_catalog.pg_roles m WHERE m.rolname IN ('rds_replication', 'azure_pg_admin', 'cloudsqlsuperuser') LIMIT 1), false),
       pg_catalog.pg_is_in_recovery()
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`
	var level, user string
	var maxSlots, usedSlots, maxSenders, usedSenders int
	var allowed, standby bool
	err := conn.QueryRow(ctx, sql).Scan(&level, &maxSlots, &usedSlots, &maxSenders, &usedSenders, &user, &allowed, &standby)
	if err != nil {
		return nil, postgres.Doing(err, "look at the source's replication settings")
	}
	var found []Finding
	add := func(seen, fix string) { found = append(found, Finding{Level: Error, Seen: seen, Fix: fix}) }
	if level != "logical" {
		add(fmt.Sprintf("wal_level of the source is %s, and logical is needed", level),
			"ALTER SYSTEM SET wal_level = logical;  -- then restart PostgreSQL")
	}
	if !allowed {
		add(fmt.Sprintf("user %s may not replicate", change.QuoteIdent(user)),
			fmt.Sprintf("ALTER ROLE %s REPLICATION;", change.AlwaysQuote(user)))
	}
	if free := maxSlots - usedSlots; free < slots {
		add(fmt.Sprintf("the source has no free replication slot: %d of %d are taken", usedSlots, maxSlots),
			fmt.Sprintf("ALTER SYSTEM SET max_replication_slots = %d;  -- then restart; or drop a slot nobody uses: SELECT slot_name FROM pg_replication_slots WHERE NOT active;", usedSlots+max(slots, 5)))
	}
	if usedSenders >= maxSenders {
		found = append(found, Finding{
			Level: Error, About: Walsenders,
			Seen: fmt.Sprintf("the source has no free walsender: %d of %d are taken", usedSenders, maxSenders),
			Fix:  "ALTER SYSTEM SET max_wal_senders = " + strconv.Itoa(maxSenders+5) + ";  -- then restart PostgreSQL",
		})
	}
	return found, nil
}

// Tables looks at the tables themselves: the right to read them, and what of
// them a stream cannot carry.
func Tables(ctx context.Context, conn *pgx.Conn, version int, tables []*snapshot.Table, streamed bool) ([]Finding, error) {
	unreadable, err := unreadable(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	hidden, err := hidden(ctx, conn, tables)
	if err != nil {
		return nil, err
	}
	found := append(unreadable, hidden...)
	for _, t := range tables {
		r := t.Relation
		for _, leaf := range t.Leaves {
			if leaf.Foreign {
				found = append(found, Finding{
					Level: Error,
					Seen:  fmt.Sprintf("partition %s.%s of table %s is a foreign table", change.QuoteIdent(leaf.Schema), change.QuoteIdent(leaf.Name), r),
					Fix:   "leave the table out: its rows are not all on this server",
				})
			}
		}
		if !streamed {
			continue
		}
		if t.Partitioned && version < 130000 {
			found = append(found, Finding{
				Level: Error, Seen: fmt.Sprintf("table %s is partitioned, and PostgreSQL before 13 does not publish such tables as one", r),
				Fix: "leave the table out, or copy it with `pgsluice load`",
			})
		}
		if !r.Keyed() {
			found = append(found, Finding{
				Level: Warning,
				Seen:  fmt.Sprintf("table %s has no primary key: only INSERT and TRUNCATE can be followed, and while the table is published PostgreSQL refuses UPDATE and DELETE on it", r),
				Fix:   fmt.Sprintf("ALTER TABLE %s.%s ADD PRIMARY KEY (…);", change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name)),
			})
		}
		if r.Keyed() && r.Identity == change.IdentityNothing {
			found = append(found, Finding{
				Level: Warning,
				Seen:  fmt.Sprintf("table %s has REPLICA IDENTITY NOTHING: while it is published PostgreSQL refuses UPDATE and DELETE on it", r),
				Fix:   fmt.Sprintf("ALTER TABLE %s.%s REPLICA IDENTITY DEFAULT;", change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name)),
			})
		}
	}
	return found, nil
}

// leaves are the heaps that a copy reads.
func leaves(tables []*snapshot.Table) (oids []uint32, names map[uint32]*change.Relation) {
	names = map[uint32]*change.Relation{}
	for _, t := range tables {
		for _, leaf := range t.Leaves {
			oids = append(oids, leaf.OID)
			names[leaf.OID] = &change.Relation{Schema: leaf.Schema, Name: leaf.Name}
		}
	}
	return oids, names
}

// hidden are tables of which a policy shows the user some rows only. The stream
// knows no policies, and a copy would bring a part of the table without a word.
func hidden(ctx context.Context, conn *pgx.Conn, tables []*snapshot.Table) ([]Finding, error) {
	oids, names := leaves(tables)
	rows, err := conn.Query(ctx, `
		SELECT t.oid, current_user::text FROM unnest($1::oid[]) AS t(oid) WHERE pg_catalog.row_security_active(t.oid) ORDER BY t.oid`, oids)
	if err != nil {
		return nil, postgres.Doing(err, "look for row-level security on the source's tables")
	}
	defer rows.Close()
	var found []Finding
	for rows.Next() {
		var oid uint32
		var user string
		if err := rows.Scan(&oid, &user); err != nil {
			return nil, postgres.Doing(err, "look for row-level security on the source's tables")
		}
		found = append(found, Finding{
			Level: Error,
			Seen:  fmt.Sprintf("row-level security hides rows of table %s from user %s", names[oid], change.QuoteIdent(user)),
			Fix:   fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", change.AlwaysQuote(user)),
		})
	}
	return found, postgres.Doing(rows.Err(), "look for row-level security on the source's tables")
}

func unreadable(ctx context.Context, conn *pgx.Conn, tables []*snapshot.Table) ([]Finding, error) {
	oids, names := leaves(tables)
	rows, err := conn.Query(ctx, `
		SELECT c.oid, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), current_user::text
		FROM unnest($1::oid[]) AS t(oid) JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
		   OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') AND EXISTS (
		        SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		          AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))
		ORDER BY n.nspname, c.relname`, oids)
	if err != nil {
		return nil, postgres.Doing(err, "look at the user's rights on the source's tables")
	}
	defer rows.Close()
	var found []Finding
	for rows.Next() {
		var oid uint32
		var usage bool
		var user string
		if err := rows.Scan(&oid, &usage, &user); err != nil {
			return nil, postgres.Doing(err, "look at the user's rights on the source's tables")
		}
		r := names[oid]
		fix := fmt.Sprintf("GRANT SELECT ON TABLE %s.%s TO %s;", change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name), change.AlwaysQuote(user))
		if !usage {
			fix = fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; ", change.AlwaysQuote(r.Schema), change.AlwaysQuote(user)) + fix
		}
		found = append(found, Finding{Level: Error, Seen: fmt.Sprintf("user %s may not read table %s", change.QuoteIdent(user), r), Fix: fix})
	}
	return found, postgres.Doing(rows.Err(), "look at the user's rights on the source's tables")
}
