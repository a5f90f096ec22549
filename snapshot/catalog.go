package snapshot

import (
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Table is a table of the source that holds rows, itself or in its leaves.
type Table struct {
	Relation    *change.Relation
	Partitioned bool
	// Leaves are where the rows are: the table itself, or the leaf partitions
	// of a partitioned one, at any depth, in an order that stays the same.
	Leaves []Leaf
	// Rows is the planner's estimate, Bytes the size of the heap.
	Rows, Bytes int64
	// Dropped are the attribute numbers of columns that were dropped, ascending: the
	// catalog keeps them.
	Dropped []int16
}

// IdentityFull says whether every old row comes whole: the table and all of its
// leaves have REPLICA IDENTITY FULL.
func (t *Table) IdentityFull() bool {
	return t.Relation.Identity == change.IdentityFull &&
		!slices.ContainsFunc(t.Leaves, func(l Leaf) bool { return l.Identity != change.IdentityFull })
}

// Catalog reads a source's system tables. It keeps the types it has seen. One
// goroutine.
type Catalog struct {
	conn    *pgx.Conn
	Version int
	types   map[uint32]*rawType
}

// NewCatalog reads the catalog over the connection.
func NewCatalog(ctx context.Context, conn *pgx.Conn) (*Catalog, error) {
	c := &Catalog{conn: conn, types: map[uint32]*rawType{}}
	err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&c.Version)
	if err != nil {
		return nil, postgres.Doing(err, "ask the source for its version")
	}
	return c, nil
}

// The tables that can be copied: not the system's, not temporary or unlogged,
// not foreign, and a partitioned table as its root alone.
const tablesSQL = `
SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relreplident::text,
       greatest(c.reltuples, 0)::bigint
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname`

// Tables reads the tables that the patterns select, ordered by name.
func (c *Catalog) Tables(ctx context.Context, patterns []Pattern) ([]*Table, error) {
	var tables []*Table
	var r change.Relation
	var identity string
	var partitioned bool
	var estimate int64
	err := c.each(ctx, "list the source's tables", tablesSQL, nil, []any{&r.OID, &r.Schema, &r.Name, &partitioned, &identity, &estimate}, func() {
		if Selected(patterns, r.Schema, r.Name) {
			relation := r
			relation.Identity = change.Identity(identity[0])
			tables = append(tables, &Table{Relation: &relation, Partitioned: partitioned, Rows: estimate})
		}
	})
	if err != nil {
		return nil, err
	}
	return tables, c.complete(ctx, tables)
}

// each scans every row of a query into the places, and has it taken up.
func (c *Catalog) each(ctx context.Context, doing, sql string, args, into []any, take func()) error {
	rows, err := c.conn.Query(ctx, sql, args...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, into, func() error {
			take()
			return nil
		})
	}
	return postgres.Doing(err, "%s", doing)
}

// Table reads one table as it stands now, without the planner's estimate; nil when
// there is none.
func (c *Catalog) Table(ctx context.Context, oid uint32) (*Table, error) {
	t := &Table{Relation: &change.Relation{OID: oid}}
	r := t.Relation
	var identity string
	err := c.conn.QueryRow(ctx, `
		SELECT n.nspname, c.relname, c.relkind = 'p', c.relreplident::text FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`, oid).Scan(&r.Schema, &r.Name, &t.Partitioned, &identity)
	if err == pgx.ErrNoRows {
		return nil, nil
	}
	if err != nil {
		return nil, postgres.Doing(err, "read table %d", oid)
	}
	r.Identity = change.Identity(identity[0])
	return t, c.complete(ctx, []*Table{t})
}

// complete adds to tables what they are made of.
func (c *Catalog) complete(ctx context.Context, tables []*Table) error {
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.Relation.OID
	}
	columns, err := c.columns(ctx, oids)
	if err != nil {
		return err
	}
	keys, err := c.keys(ctx, oids)
	if err != nil {
		return err
	}
	leaves, err := c.leaves(ctx, oids)
	if err != nil {
		return err
	}
	dropped, err := c.dropped(ctx, oids)
	if err != nil {
		return err
	}
	for _, t := range tables {
		t.Relation.Columns = columns[t.Relation.OID]
		t.Relation.Key = keyColumns(t.Relation, keys[t.Relation.OID])
		t.Leaves = leaves[t.Relation.OID]
		t.Dropped = dropped[t.Relation.OID]
		for _, l := range t.Leaves {
			t.Bytes += l.Bytes
		}
	}
	return c.missingInLeaves(ctx, tables)
}

// Shows says whether the catalog shows what a committed transaction did: it is
// in the log a moment earlier, and much earlier where the commit waits for a
// synchronous standby. Until then the transaction holds the lock on its number.
func (c *Catalog) Shows(ctx context.Context, xid uint32) (bool, error) {
	var held bool
	err := c.conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
		               WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND transactionid = $1::text::xid)`,
		strconv.FormatUint(uint64(xid), 10)).Scan(&held)
	return !held, postgres.Doing(err, "see whether transaction %d is over", xid)
}

// Every change of a table, its columns, keys, partitions or publication writes an
// entry anew; ANALYZE and VACUUM do not. Temporary tables are left out: some make
// them all the time.
const markSQL = `
SELECT pg_catalog.md5(pg_catalog.concat_ws(',',
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(c.oid, '.', c.xmin))::bigint))
     FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(a.attrelid, '.', a.attnum, '.', a.xmin))::bigint))
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND a.attnum > 0),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(i.indexrelid, '.', i.xmin))::bigint))
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(i.inhrelid, '.', i.inhparent, '.', i.xmin))::bigint))
     FROM pg_catalog.pg_inherits i),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(n.oid, '.', n.xmin))::bigint))
     FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_'),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(p.oid, '.', p.xmin))::bigint)) FROM pg_catalog.pg_publication p),
  (SELECT pg_catalog.concat(count(*), '.', sum(pg_catalog.hashtext(pg_catalog.concat(p.oid, '.', p.xmin))::bigint)) FROM pg_catalog.pg_publication_rel p)))`

// Mark is another one whenever what [Catalog.Tables] gives, or a publication, may
// have changed. It is far cheaper.
func (c *Catalog) Mark(ctx context.Context) (mark string, err error) {
	err = c.conn.QueryRow(ctx, markSQL).Scan(&mark)
	return mark, postgres.Doing(err, "look whether the catalog has changed")
}

// Written is [postgres.Written]: what the catalog has shown so far is before it.
func (c *Catalog) Written(ctx context.Context) (change.LSN, error) {
	return postgres.Written(ctx, c.conn.PgConn())
}

const columnsSQL = `
SELECT a.attrelid, a.attname, a.attnum, a.xmin, a.atttypid, a.atttypmod, a.attndims::int, a.attnotnull, a.attgenerated <> '', a.attgenerated = 'v',
       CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END,
       (a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL) AND NOT a.atthasmissing
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`

func (c *Catalog) columns(ctx context.Context, oids []uint32) (map[uint32][]change.Column, error) {
	type raw struct {
		table uint32
		typed typeUse
		col   change.Column
	}
	var all []raw
	var r raw
	into := []any{
		&r.table, &r.col.Name, &r.col.Attnum, &r.col.Entry, &r.typed.oid, &r.typed.modifier, &r.typed.dimensions,
		&r.col.NotNull, &r.col.Generated, &r.col.Virtual, &r.col.Missing, &r.col.Defaulted,
	}
	err := c.each(ctx, "read the columns of the source's tables", columnsSQL, []any{oids}, into, func() { all = append(all, r) })
	if err != nil {
		return nil, err
	}
	uses := make([]typeUse, len(all))
	for i := range all {
		uses[i] = all[i].typed
	}
	types, err := c.resolve(ctx, uses)
	if err != nil {
		return nil, err
	}
	columns := map[uint32][]change.Column{}
	for i, r := range all {
		r.col.Type = types[i]
		columns[r.table] = append(columns[r.table], r.col)
	}
	return columns, nil
}

// The key of a table: the index that its replica identity names, because that is
// what the log says of an old row, else the primary key. An index on expressions
// or with a condition can be neither.
const keysSQL = `
SELECT i.indrelid, k.attnum::int2
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
WHERE i.indrelid = ANY($1) AND k.place <= i.indnkeyatts AND i.indisvalid
  AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
ORDER BY i.indrelid, k.place`

func (c *Catalog) keys(ctx context.Context, oids []uint32) (map[uint32][]int16, error) {
	keys := map[uint32][]int16{}
	var table uint32
	var attnum int16
	err := c.each(ctx, "read the keys of the source's tables", keysSQL, []any{oids}, []any{&table, &attnum}, func() {
		keys[table] = append(keys[table], attnum)
	})
	return keys, err
}

func keyColumns(r *change.Relation, attnums []int16) []int {
	var key []int
	for _, attnum := range attnums {
		for i := range r.Columns {
			if r.Columns[i].Attnum == attnum {
				key = append(key, i)
				r.Columns[i].NotNull = true
			}
		}
	}
	return key
}
