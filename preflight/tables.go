package preflight

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// partitions looks at what partitioned tables are made of.
func (l *look) partitions(ctx context.Context) error {
	unlogged, err := l.unloggedLeaves(ctx)
	if err != nil {
		return err
	}
	for i := range l.Tables {
		t := &l.Tables[i]
		r := t.Relation
		if l.Streamed && t.Partitioned && l.version < 130000 {
			l.refuse("partitions", r.String(), fmt.Sprintf("table %s is partitioned, and PostgreSQL before 13 does not publish such tables as one", r),
				"leave the table out, or copy it with `pgsluice load`")
		}
		for _, leaf := range t.Leaves {
			h := heap{leaf, t}
			switch {
			case leaf.Foreign:
				l.refuse("partitions", h.String(), fmt.Sprintf("partition %s of table %s is a foreign table", h, r),
					fmt.Sprintf(`take the table out, its rows are not all on this server: "!%s"`, r))
			case l.Streamed && unlogged[leaf.OID]:
				l.refuse("partitions", h.String(), fmt.Sprintf("partition %s of table %s is unlogged, and what happens to its rows is not in the log", h, r),
					fmt.Sprintf("ALTER TABLE %s SET LOGGED;", h.sql()))
			}
		}
	}
	if l.fine("partitions") {
		l.ok("partitions", "", "every partition is on this server and can be followed")
	}
	return nil
}

func (l *look) unloggedLeaves(ctx context.Context) (map[uint32]bool, error) {
	_, oids := l.heaps()
	rows, err := l.SQL.Query(ctx, `SELECT oid FROM pg_catalog.pg_class WHERE oid = ANY($1) AND relpersistence = 'u'`, oids)
	if err != nil {
		return nil, postgres.Doing(err, "look for unlogged partitions")
	}
	defer rows.Close()
	unlogged := map[uint32]bool{}
	for rows.Next() {
		var oid uint32
		if err := rows.Scan(&oid); err != nil {
			return nil, postgres.Doing(err, "look for unlogged partitions")
		}
		unlogged[oid] = true
	}
	return unlogged, postgres.Doing(rows.Err(), "look for unlogged partitions")
}

// generated looks at the generated columns that are wanted: a stream brings those
// that a publication of PostgreSQL 18 says it publishes, and never virtual ones.
func (l *look) generated(context.Context) error {
	for i := range l.Tables {
		t := &l.Tables[i]
		var virtual, stored []string
		for _, c := range t.Relation.Columns {
			switch {
			case !c.Generated || !slices.Contains(t.Columns, c.Name):
			case c.Virtual:
				virtual = append(virtual, c.Name)
			case !l.brings(t, c.Name):
				stored = append(stored, c.Name)
			}
		}
		l.leftOutGenerated(t.Relation, virtual, stored)
	}
	if l.fine("generated_columns") {
		l.ok("generated_columns", "", "no generated column is left out")
	}
	return nil
}

// brings says whether a stored generated column is in the stream. A publication
// that pgsluice makes has them where the server can.
func (l *look) brings(t *Table, column string) bool {
	if l.version < 180000 {
		return false
	}
	if p, ok := l.published.tables[t.Relation.String()]; ok {
		return slices.Contains(p.Columns, column)
	}
	return true
}

// moved are the wanted columns that will be moved: what the stream does not bring
// is not copied either.
func (l *look) moved(t *Table) []string {
	if !l.Streamed {
		return t.Columns
	}
	p, published := l.published.tables[t.Relation.String()]
	return slices.DeleteFunc(slices.Clone(t.Columns), func(name string) bool {
		i := slices.IndexFunc(t.Relation.Columns, func(c change.Column) bool { return c.Name == name })
		switch {
		case i >= 0 && t.Relation.Columns[i].Generated:
			return t.Relation.Columns[i].Virtual || !l.brings(t, name)
		case published && p.Columns != nil:
			return !slices.Contains(p.Columns, name)
		}
		return false
	})
}

func (l *look) leftOutGenerated(r *change.Relation, virtual, stored []string) {
	if len(virtual) > 0 {
		l.warn("generated_columns", r.String(), fmt.Sprintf("%s of table %s is generated and virtual: it is in no log, and left out", plainColumns(virtual), r),
			"name it in exclude, and compute it in the target")
	}
	switch {
	case len(stored) == 0:
	case l.version >= 180000:
		l.warn("generated_columns", r.String(), fmt.Sprintf("%s of table %s is generated, and publication %s does not publish it: it is left out", plainColumns(stored), r, l.Publication),
			fmt.Sprintf("ALTER PUBLICATION %s SET (publish_generated_columns = stored);", change.AlwaysQuote(l.Publication)))
	default:
		l.warn("generated_columns", r.String(), fmt.Sprintf("%s of table %s is generated, and PostgreSQL before 18 does not publish such columns: it is left out", plainColumns(stored), r),
			"name it in exclude, and compute it in the target; or upgrade to PostgreSQL 18")
	}
}

// toast says how large values are resolved that an UPDATE leaves as they are: the
// log does not repeat them.
func (l *look) toast(ctx context.Context) error {
	_, oids := l.heaps()
	rows, err := l.SQL.Query(ctx, `
		SELECT DISTINCT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
		WHERE c.oid = ANY($1) AND c.reltoastrelid <> 0 AND c.relreplident <> 'f' AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'e')`, oids)
	if err != nil {
		return postgres.Doing(err, "look for columns with large values")
	}
	defer rows.Close()
	large := map[uint32]bool{}
	for rows.Next() {
		var oid uint32
		if err := rows.Scan(&oid); err != nil {
			return postgres.Doing(err, "look for columns with large values")
		}
		large[oid] = true
	}
	var names []string
	for _, t := range l.Tables {
		for _, leaf := range t.Leaves {
			if large[leaf.OID] && t.Relation.Keyed() {
				names = append(names, t.Relation.String())
				break
			}
		}
	}
	if len(names) > 0 {
		l.ok("toast", "", "large values that an UPDATE leaves as they are do not come again, and are read back from the target: %s", sentence(names))
	} else {
		l.ok("toast", "", "every row of the stream comes whole")
	}
	return postgres.Doing(rows.Err(), "look for columns with large values")
}

// A rate that a copy over a local network reaches; the target and the kind of rows
// make it several times more or less.
const roughRate = 50 << 20 // bytes a second

// size estimates what there is to copy.
func (l *look) size(context.Context) error {
	var rows, bytes int64
	for _, t := range l.Tables {
		rows += t.Rows
		bytes += t.Bytes
	}
	took := ""
	if l.Copy {
		took = fmt.Sprintf(", roughly %s to copy at %s a second", roughly(time.Duration(bytes/roughRate)*time.Second), inBytes(roughRate))
	}
	l.ok("size", "", "%s with about %d rows in %s%s", several(len(l.Tables), "table"), rows, inBytes(bytes), took)
	return nil
}

func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return several(int(d.Round(time.Minute)/time.Minute), "minute")
	}
	return several(int(d.Round(time.Hour)/time.Hour), "hour")
}

func inBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return several(int(n), "byte")
	}
	value, names := float64(n), "KMGTP"
	i := -1
	for value >= unit && i+1 < len(names) {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.4g %ciB", value, names[i])
}
