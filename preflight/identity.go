package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// identity is what the log tells of an old row of a table or leaf, and what it
// could tell.
type identity struct {
	OID     uint32
	Kind    string   // pg_class.relreplident
	Columns []string // of the index that is the identity
	// The primary key. A deferrable one is no identity.
	Primary    []string
	Constraint string
	Deferrable bool
	// Candidate is a unique index that could be the identity.
	Candidate string
	// PartitionedBy are the columns of the partition key, which a primary key has
	// to hold; "" for an expression, which it cannot.
	PartitionedBy []string
}

// The conditions on an index are those of RelationGetIndexList and of ALTER TABLE
// … REPLICA IDENTITY in PostgreSQL's sources.
const identitySQL = `
SELECT c.oid, c.relreplident::text AS kind,
  ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND k.place <= i.indnkeyatts
          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END ORDER BY k.place) AS columns,
  ARRAY(SELECT a.attname::text FROM unnest(p.conkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum ORDER BY k.place) AS primary_columns,
  coalesce(p.conname::text, '') AS constraint_name, coalesce(p.condeferrable, false) AS deferrable,
  coalesce((SELECT ic.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND NOT i.indisprimary
              AND i.indpred IS NULL AND i.indexprs IS NULL
              AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
                              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                              WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull)
            ORDER BY i.indnkeyatts, ic.relname LIMIT 1), '') AS candidate,
  ARRAY(SELECT coalesce(a.attname::text, '') FROM pg_catalog.pg_partitioned_table pt CROSS JOIN LATERAL unnest(pt.partattrs::int2[]) AS k(attnum)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0
        WHERE pt.partrelid = c.oid) AS partitioned_by
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_constraint p ON p.conrelid = c.oid AND p.contype = 'p'
WHERE c.oid = ANY($1)`

// identify reads the identities of all tables and leaves, once.
func (l *look) identify(ctx context.Context) error {
	if l.identified != nil {
		return nil
	}
	_, oids := l.heaps()
	for _, t := range l.Tables {
		oids = append(oids, t.Relation.OID)
	}
	rows, err := l.SQL.Query(ctx, identitySQL, oids)
	if err != nil {
		return postgres.Doing(err, "look at the replica identities of the source's tables")
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[identity])
	if err != nil {
		return postgres.Doing(err, "look at the replica identities of the source's tables")
	}
	l.identified = map[uint32]identity{}
	for _, id := range all {
		l.identified[id.OID] = id
	}
	return nil
}

// lacks gives the columns that the log does not tell of an old row.
func (id identity) lacks(columns []string) []string {
	if id.Kind == string(change.IdentityFull) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(id.Columns, c) })
}

// changes says whether rows are changed, in what is published, other than by
// being added.
func (l *look) changes() bool { return l.Operations.Update || l.Operations.Delete }

// identities sees that an UPDATE or DELETE in the log names the row by its key.
func (l *look) identities(ctx context.Context) error {
	if err := l.identify(ctx); err != nil {
		return err
	}
	if !l.changes() {
		l.ok("replica_identity", "", "neither UPDATE nor DELETE is followed, and none has to name its row")
		return nil
	}
	for i := range l.Tables {
		t := &l.Tables[i]
		if !t.Relation.Keyed() {
			l.keyless(t)
			continue
		}
		var key []string
		for _, i := range t.Relation.Key {
			key = append(key, t.Relation.Columns[i].Name)
		}
		for _, h := range t.parts() {
			if lacking := l.identified[h.OID].lacks(key); len(lacking) > 0 {
				l.unidentified(h, lacking)
			}
		}
	}
	if l.fine("replica_identity") {
		l.ok("replica_identity", "", "an UPDATE or DELETE names its row by the key, in %s", several(len(l.Tables), "table"))
	}
	return nil
}

// parts are the table and its leaves. Replica identity is not inherited: the
// leaf's decides what is in the log, and the root's how the server describes it.
func (t *Table) parts() []heap {
	r := t.Relation
	parts := []heap{{of: t}}
	parts[0].OID, parts[0].Schema, parts[0].Name = r.OID, r.Schema, r.Name
	for _, leaf := range t.Leaves {
		if leaf.OID != r.OID && !leaf.Foreign {
			parts = append(parts, heap{leaf, t})
		}
	}
	return parts
}

func (l *look) unidentified(h heap, lacking []string) {
	id := l.identified[h.OID]
	const refused = ": while it is published PostgreSQL refuses UPDATE and DELETE on it"
	seen := ""
	switch {
	case id.Kind == string(change.IdentityNothing):
		seen = fmt.Sprintf("table %s has REPLICA IDENTITY NOTHING%s", h, refused)
	case id.Deferrable && len(id.Columns) == 0:
		seen = fmt.Sprintf("the primary key of table %s is deferrable, and such a key is no replica identity%s", h, refused)
	case len(id.Columns) == 0:
		seen = fmt.Sprintf("table %s has no replica identity%s", h, refused)
	default:
		seen = fmt.Sprintf("the replica identity of partition %s lacks %s, which is in the key of %s: its UPDATE and DELETE cannot be followed", h, plainColumns(lacking), h.of.Relation)
	}
	fix := id.toPrimary(h.sql())
	if len(id.Primary) == 0 || !subset(lacking, id.Primary) {
		fix = fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL;", h.sql())
	}
	l.warn("replica_identity", h.String(), seen, fix)
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// toPrimary makes the primary key the identity.
func (id identity) toPrimary(table string) string {
	var lines []string
	if id.Deferrable { // nothing can reference such a key, so it can be made anew
		lines = append(lines, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %[2]s PRIMARY KEY (%s);", table, change.AlwaysQuote(id.Constraint), sqlColumns(id.Primary)))
	}
	if id.Kind != string(change.IdentityDefault) {
		lines = append(lines, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY DEFAULT;", table))
	}
	return strings.Join(lines, "\n")
}

// keyless tables have nothing to tell their rows apart by, or have named an index
// for it that is gone.
func (l *look) keyless(t *Table) {
	r := t.Relation
	id := l.identified[r.OID]
	if len(id.Primary) > 0 {
		l.warn("replica_identity", r.String(), fmt.Sprintf("the index that table %s has named as its replica identity is gone: only INSERT and TRUNCATE can be followed, and while the table is published PostgreSQL refuses UPDATE and DELETE on it", r),
			id.toPrimary(sqlName(r.Schema, r.Name)))
		return
	}
	seen := fmt.Sprintf("table %s has no primary key: only INSERT and TRUNCATE can be followed", r)
	if !t.IdentityFull() {
		seen += ", and while the table is published PostgreSQL refuses UPDATE and DELETE on it"
	}
	l.warn("replica_identity", r.String(), seen, id.newKey(t))
}

// newKey gives a table a key: a unique index that it has, or else a column.
func (id identity) newKey(t *Table) string {
	r := t.Relation
	table := sqlName(r.Schema, r.Name)
	if id.Candidate != "" && !t.Partitioned {
		return fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY USING INDEX %s;", table, change.AlwaysQuote(id.Candidate))
	}
	if slices.Contains(id.PartitionedBy, "") {
		return "copy the table with `pgsluice load`: it is partitioned by an expression, and such a table can have no primary key"
	}
	column := "id"
	for n := 2; slices.ContainsFunc(r.Columns, func(c change.Column) bool { return c.Name == column }); n++ {
		column = fmt.Sprintf("id_%d", n)
	}
	fix := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s bigserial, ADD PRIMARY KEY (%s);  -- writes the table anew; or ADD PRIMARY KEY (…) over columns that are unique already",
		table, change.AlwaysQuote(column), sqlColumns(append([]string{column}, id.PartitionedBy...)))
	if id.Kind == string(change.IdentityNothing) || id.Kind == string(change.IdentityIndex) {
		fix += fmt.Sprintf("\nALTER TABLE %s REPLICA IDENTITY DEFAULT;", table)
	}
	return fix
}

// toFull makes every old row of a table come whole.
func (l *look) toFull(t *Table) string {
	var lines []string
	for _, h := range t.parts() {
		if l.identified[h.OID].Kind != string(change.IdentityFull) {
			lines = append(lines, fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL;", h.sql()))
		}
	}
	return strings.Join(lines, "\n")
}
