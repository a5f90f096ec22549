package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// heap is a table or leaf that a copy reads, and of which table.
type heap struct {
	snapshot.Leaf
	of *Table
}

func (h heap) String() string { return change.QuoteIdent(h.Schema) + "." + change.QuoteIdent(h.Name) }
func (h heap) sql() string    { return sqlName(h.Schema, h.Name) }

func (l *look) heaps() (all []heap, oids []uint32) {
	for i := range l.Tables {
		for _, leaf := range l.Tables[i].Leaves {
			if !leaf.Foreign {
				all = append(all, heap{leaf, &l.Tables[i]})
				oids = append(oids, leaf.OID)
			}
		}
	}
	return all, oids
}

// A heap of this size is copied in ranges of ctid, which takes the right to read
// that column.
const copiedInRanges = 64 << 20

// probe reads no row of the heap, and what a copy reads of it otherwise. The lock
// is the one of any SELECT.
func (l *look) probe(h heap) string {
	columns := sqlColumns(l.moved(h.of))
	if !h.of.Relation.Keyed() || l.version >= 140000 && h.Bytes > copiedInRanges {
		columns = strings.TrimSuffix("ctid, "+columns, ", ")
	}
	return fmt.Sprintf("SELECT %s FROM ONLY %s LIMIT 0", columns, h.sql())
}

// readable tries to read every column that is to be moved.
func (l *look) readable(ctx context.Context) error {
	heaps, _ := l.heaps()
	statements := make([]string, len(heaps))
	columns := 0
	for i, h := range heaps {
		statements[i] = l.probe(h)
	}
	for i := range l.Tables {
		columns += len(l.moved(&l.Tables[i]))
	}
	answers, err := l.try(ctx, statements)
	if err != nil {
		return err
	}
	var denied []heap
	for i, err := range answers {
		switch postgres.Code(err) {
		case "":
		case codeDenied:
			denied = append(denied, heaps[i])
		case codeLocked:
			l.warn("select", heaps[i].String(), fmt.Sprintf("table %s is locked by another session, and whether it can be read was not seen", heaps[i]),
				fmt.Sprintf("SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_locks WHERE relation = %d AND mode = 'AccessExclusiveLock' AND granted;  -- or wait until it is done, and check again", heaps[i].OID))
		case codeGone:
			l.refuse("select", heaps[i].String(), fmt.Sprintf("table %s has just been dropped", heaps[i]), "check again")
		default:
			return postgres.Doing(err, "read table %s", heaps[i])
		}
	}
	if err := l.explain(ctx, denied); err != nil {
		return err
	}
	if l.fine("schema_usage") {
		l.ok("schema_usage", "", "user %s may use every schema", change.QuoteIdent(l.server.user))
	}
	if l.fine("select") {
		l.ok("select", "", "%s with %s can be read", several(len(l.Tables), "table"), several(columns, "column"))
	}
	return nil
}

// What the user lacks on tables that could not be read.
const lackingSQL = `
SELECT c.oid, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.has_any_column_privilege(c.oid, 'SELECT'),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY a.attnum),
       pg_catalog.row_security_active(c.oid)
FROM unnest($1::oid[]) AS t(oid) JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

// explain says of tables that could not be read what is missing.
func (l *look) explain(ctx context.Context, denied []heap) error {
	if len(denied) == 0 {
		return nil
	}
	byOID := map[uint32]heap{}
	oids := make([]uint32, len(denied))
	for i, h := range denied {
		oids[i], byOID[h.OID] = h.OID, h
	}
	rows, err := l.SQL.Query(ctx, lackingSQL+" ORDER BY n.nspname, c.relname", oids)
	if err != nil {
		return postgres.Doing(err, "look at the user's rights on the source's tables")
	}
	defer rows.Close()
	schemas := map[string]bool{}
	for rows.Next() {
		var oid uint32
		var usage, some, hidden bool
		var lacking []string
		if err := rows.Scan(&oid, &usage, &some, &lacking, &hidden); err != nil {
			return postgres.Doing(err, "look at the user's rights on the source's tables")
		}
		h := byOID[oid]
		if !usage && !schemas[h.Schema] {
			schemas[h.Schema] = true
			l.refuse("schema_usage", change.QuoteIdent(h.Schema), fmt.Sprintf("user %s may not use schema %s", change.QuoteIdent(l.server.user), change.QuoteIdent(h.Schema)),
				fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", change.AlwaysQuote(h.Schema), change.AlwaysQuote(l.server.user)))
		}
		moved := l.moved(h.of)
		lacking = slices.DeleteFunc(lacking, func(c string) bool { return !slices.Contains(moved, c) })
		if len(lacking) > 0 || usage && !hidden {
			l.unreadable(h, lacking, some)
		}
	}
	return postgres.Doing(rows.Err(), "look at the user's rights on the source's tables")
}

// unreadable: with the right to some columns the missing ones are named, since
// somebody has chosen them; a table without any is granted as a whole.
func (l *look) unreadable(h heap, lacking []string, some bool) {
	user := change.QuoteIdent(l.server.user)
	grant := func(what string) string {
		return fmt.Sprintf("GRANT SELECT%s ON TABLE %s TO %s;", what, h.sql(), change.AlwaysQuote(l.server.user))
	}
	switch {
	case !some:
		l.refuse("select", h.String(), fmt.Sprintf("user %s may not read table %s", user, h), grant(""))
	case len(lacking) > 0:
		l.refuse("select", h.String(), fmt.Sprintf("user %s may not read %s of table %s", user, plainColumns(lacking), h), grant(" ("+sqlColumns(lacking)+")"))
	default:
		// Rows without a key are told apart by it, and large tables copied in its ranges.
		l.refuse("select", h.String(), fmt.Sprintf("user %s may not read ctid of table %s, the place of its rows", user, h), grant(" (ctid)"))
	}
}

// policies finds the tables of which a policy shows the user some rows only. The
// stream knows no policies, and a copy would bring a part of the table without a
// word.
func (l *look) policies(ctx context.Context) error {
	heaps, oids := l.heaps()
	rows, err := l.SQL.Query(ctx, `SELECT t.oid FROM unnest($1::oid[]) AS t(oid) WHERE pg_catalog.row_security_active(t.oid)`, oids)
	if err != nil {
		return postgres.Doing(err, "look for row-level security on the source's tables")
	}
	defer rows.Close()
	hidden := map[uint32]bool{}
	for rows.Next() {
		var oid uint32
		if err := rows.Scan(&oid); err != nil {
			return postgres.Doing(err, "look for row-level security on the source's tables")
		}
		hidden[oid] = true
	}
	for _, h := range heaps {
		if hidden[h.OID] {
			l.refuse("row_security", h.String(), fmt.Sprintf("row-level security hides rows of table %s from user %s", h, change.QuoteIdent(l.server.user)),
				fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", change.AlwaysQuote(l.server.user)))
		}
	}
	if len(hidden) == 0 {
		l.ok("row_security", "", "no policy hides rows from user %s", change.QuoteIdent(l.server.user))
	}
	return postgres.Doing(rows.Err(), "look for row-level security on the source's tables")
}
