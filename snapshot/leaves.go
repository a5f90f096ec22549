package snapshot

import (
	"context"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Leaf is one heap.
type Leaf struct {
	OID          uint32
	Schema, Name string
	Bytes        int64
	// Identity is the leaf's own, and the one that counts: it is not inherited.
	Identity change.Identity
	// Foreign partitions hold their rows elsewhere.
	Foreign bool
	// File is pg_class.relfilenode's: another one after every rewrite of the rows,
	// and after a TRUNCATE. 0 where there is none.
	File uint32
	// Attached: it, or a partition that it is in, was not made as a partition, so
	// it can have come with rows that the log has not shown as the root's.
	Attached bool
	// Place is another one when it, or a partition that it is in, was detached and
	// attached again. 0 for a table that is none.
	Place int32
}

const leavesSQL = `
WITH RECURSIVE below AS (
  SELECT c.oid AS root, c.oid, c.relkind, false AS attached, 0 AS place FROM pg_catalog.pg_class c WHERE c.oid = ANY($1)
  UNION ALL
  -- The tableoid column of a table is never changed: its entry is as old as the table.
  SELECT b.root, c.oid, c.relkind, b.attached OR i.xmin <> (
    SELECT a.xmin FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tableoid' AND a.attnum < 0),
    pg_catalog.hashtext(pg_catalog.concat(b.place, '.', i.xmin))
  FROM below b
  JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  WHERE b.relkind = 'p'
)
SELECT b.root, b.oid, n.nspname, c.relname, c.relreplident::text, b.relkind = 'f',
       CASE WHEN b.relkind = 'f' THEN 0 ELSE coalesce(pg_catalog.pg_relation_size(b.oid), 0) END,
       coalesce(pg_catalog.pg_relation_filenode(b.oid), 0), b.attached, b.place
FROM below b JOIN pg_catalog.pg_class c ON c.oid = b.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE b.relkind IN ('r', 'f')
ORDER BY b.root, b.oid`

func (c *Catalog) leaves(ctx context.Context, oids []uint32) (map[uint32][]Leaf, error) {
	leaves := map[uint32][]Leaf{}
	var root uint32
	var l Leaf
	var identity string
	into := []any{&root, &l.OID, &l.Schema, &l.Name, &identity, &l.Foreign, &l.Bytes, &l.File, &l.Attached, &l.Place}
	err := c.each(ctx, "read the partitions of the source's tables", leavesSQL, []any{oids}, into, func() {
		l.Identity = change.Identity(identity[0])
		leaves[root] = append(leaves[root], l)
	})
	return leaves, err
}

// What the leaves of partitioned tables hold in a column that they got later: the
// root, which has no rows, does not say. A leaf without the entry was made with the
// column, or rewritten.
const missingInLeavesSQL = `
SELECT u.root, a.attname, min(v.missing), count(DISTINCT v.missing)
FROM unnest($1::oid[], $2::oid[]) AS u(root, leaf)
JOIN pg_catalog.pg_attribute a ON a.attrelid = u.leaf AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasmissing
CROSS JOIN LATERAL (SELECT (a.attmissingval::text::text[])[1] AS missing) AS v
GROUP BY u.root, a.attname`

func (c *Catalog) missingInLeaves(ctx context.Context, tables []*Table) error {
	var roots, leaves []uint32
	byOID := map[uint32]*change.Relation{}
	for _, t := range tables {
		if !t.Partitioned {
			continue
		}
		byOID[t.Relation.OID] = t.Relation
		for _, l := range t.Leaves {
			roots, leaves = append(roots, t.Relation.OID), append(leaves, l.OID)
		}
	}
	if len(leaves) == 0 {
		return nil
	}
	var root uint32
	var name string
	var missing *string
	var distinct int
	return c.each(ctx, "read the columns of partitions", missingInLeavesSQL, []any{roots, leaves}, []any{&root, &name, &missing, &distinct}, func() {
		columns := byOID[root].Columns
		for i := range columns {
			if columns[i].Name != name {
				continue
			}
			if columns[i].Defaulted = distinct > 1; distinct == 1 {
				columns[i].Missing = missing
			}
			columns[i].Uneven = distinct > 1
		}
	})
}

// lockPatience is in milliseconds.
const lockPatience = "1000"

// MadeFilled says whether a leaf partition that was not attached later may have
// been attached with rows by the transaction that made it: it has rows of that
// transaction. It waits for no lock longer than lockPatience: SQLSTATE 55P03.
func (c *Catalog) MadeFilled(ctx context.Context, l Leaf) (filled bool, err error) {
	table := change.AlwaysQuote(l.Schema) + "." + change.AlwaysQuote(l.Name)
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return false, postgres.Doing(err, "look into partition %s", table)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = "+lockPatience); err != nil {
		return false, postgres.Doing(err, "look into partition %s", table)
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM ONLY `+table+` WHERE xmin::text = (
		SELECT a.xmin::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attname = 'tableoid' AND a.attnum < 0))`, l.OID).Scan(&filled)
	return filled, postgres.Doing(err, "look into partition %s", table)
}
