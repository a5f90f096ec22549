package preflight

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// The first version whose publications have conditions on rows.
const rowFilters = 150000

// filters looks at the conditions on rows.
func (l *look) filters(ctx context.Context) error {
	some := 0
	for i := range l.Tables {
		if t := &l.Tables[i]; t.Where != "" {
			some++
			if err := l.filter(ctx, t); err != nil {
				return err
			}
		}
	}
	if some > 0 && l.fine("where") {
		l.ok("where", "", "the conditions on rows of %s can be used", several(some, "table"))
	}
	return nil
}

func (l *look) filter(ctx context.Context, t *Table) error {
	on := t.Relation.String()
	if l.Streamed && l.version < rowFilters {
		l.refuse("where", on, fmt.Sprintf("where of table %s needs PostgreSQL 15 or later to be streamed, and the source is %d: before, publications have no conditions on rows", on, l.version/10000),
			"take where out of the configuration, or copy the table with `pgsluice load`, which can")
		return nil
	}
	err := l.Catalog.CheckFilter(ctx, t.Table, t.Where)
	switch code := postgres.Code(err); {
	case err == nil:
	case code == codeDenied:
		l.refuse("where", on, fmt.Sprintf("where of table %s reads what user %s may not: %s", on, l.server.user, message(err)),
			fmt.Sprintf("GRANT SELECT ON TABLE %s TO %s;", sqlName(t.Relation.Schema, t.Relation.Name), sqlColumns([]string{l.server.user})))
		return nil
	case fault.IsUsage(err):
		l.refuse("where", on, err.Error(), fault.Hint(err))
		return nil
	default:
		return err
	}
	if !l.Streamed {
		return nil
	}
	if err := l.publishable(ctx, t); err != nil {
		return err
	}
	return l.covered(ctx, t)
}

// publishable makes a publication with the condition and takes it back: what a
// condition may hold there is less than in a query, and only PostgreSQL knows
// all of it. The lock is that of creatable. Who may make no publication is told so
// by the publication's own check.
func (l *look) publishable(ctx context.Context, t *Table) error {
	if l.server.recovering {
		return nil
	}
	name := fmt.Sprintf("pgsluice_check_%08x", rand.Uint32())
	err := l.inVain(ctx, replication.CreatePublicationSQL(l.version, name, l.Operations, l.publicationTables([]Table{*t})))
	switch postgres.Code(err) {
	case "":
		return err
	case codeDenied, codeLocked:
		return nil
	}
	l.refuse("where", t.Relation.String(), fmt.Sprintf("where of table %s, %s, cannot be published: %s", t.Relation, t.Where, message(err)),
		"keep to the table's own columns, constants, and functions and operators of PostgreSQL's own that always answer the same")
	return nil
}

// covered sees that the replica identity has what the condition reads. While such
// a table is published PostgreSQL refuses every UPDATE and DELETE on it: not
// pgsluice's, the application's.
func (l *look) covered(ctx context.Context, t *Table) error {
	if !l.changes() || !l.fineOn("where", t.Relation.String()) {
		return nil
	}
	if err := l.identify(ctx); err != nil {
		return err
	}
	parts := t.parts()
	if t.Partitioned {
		parts = parts[1:] // it is the leaf's identity that PostgreSQL holds the condition to
	}
	for _, h := range parts {
		id := l.identified[h.OID]
		if id.lacks([]string{""}) == nil {
			continue // of a full old row nothing is missing
		}
		beyond, err := l.Catalog.FilterBeyond(ctx, t.Table, t.Where, id.Columns)
		if err != nil {
			return err
		}
		if len(beyond) > 0 {
			l.refuse("where", t.Relation.String(), fmt.Sprintf("where of table %s reads %s, which is not part of its replica identity: while the table is published so, PostgreSQL refuses UPDATE and DELETE on it",
				t.Relation, plainColumns(beyond)), l.toFull(t))
			return nil
		}
	}
	return nil
}

// sameFilter wants a table to be published under the condition that is wanted, as
// the server understands the two. Where nothing is wanted a publication is taken
// as it is.
func (l *look) sameFilter(ctx context.Context, t Table, published replication.Published) error {
	if t.Where == "" || !l.fineOn("where", t.Relation.String()) || l.version < rowFilters {
		return nil
	}
	wrong, err := OtherRows(ctx, l.Catalog, l.Publication, t.Table, t.Where, published.RowFilter)
	if wrong != nil {
		l.found = append(l.found, fault.Refused("publication", t.Relation.String(), wrong))
	}
	return err
}

// Conditions compares conditions on rows; a [snapshot.Catalog] does.
type Conditions interface {
	SameFilter(ctx context.Context, t *snapshot.Table, a, b string) (bool, error)
}

// OtherRows holds the condition under which a publication publishes a table
// against the one that is wanted; wrong says that they are two. Either may be
// empty.
func OtherRows(ctx context.Context, c Conditions, publication string, t *snapshot.Table, wanted, published string) (wrong, err error) {
	same, err := c.SameFilter(ctx, t, wanted, published)
	if err != nil || same {
		return nil, err
	}
	says := func(filter string) string {
		if filter == "" {
			return "all rows"
		}
		return "the rows " + filter
	}
	r := t.Relation
	anew := replication.ReplaceInPublicationSQL(publication, replication.PublicationTable{Schema: r.Schema, Name: r.Name, Partitioned: t.Partitioned, Where: wanted})
	return fault.Precondition(fmt.Errorf("publication %s publishes of table %s %s, and the configuration wants %s", publication, r, says(published), says(wanted)),
		anew+"  -- then start pgsluice again; or make where what is published"), nil
}
