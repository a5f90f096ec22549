package sync

import (
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// Excluded columns are in the stream, which publishes tables with all their
// columns so that one which is added is followed. They are taken out of its rows
// here, before a batch copies them.
//
//	stream: id | secret | v      project: 0, 2      batch: id | v

// withoutExcluded leaves of an announced table what is wanted of it, and says
// where in the stream's rows that is; nil for all of it. current is the catalog's
// word on the columns.
func (t *table) withoutExcluded(m *replication.RelationMessage, current map[string]*change.Column) (*replication.RelationMessage, []int, error) {
	if len(t.wish.Exclude) == 0 {
		return m, nil, nil
	}
	excluded := map[int16]string{}
	for _, c := range t.source.Relation.Columns {
		if t.wish.excludes(c.Name) {
			excluded[c.Attnum] = c.Name
		}
	}
	kept := *m
	kept.Columns = nil
	project := []int{}
	for i, c := range m.Columns {
		if t.wish.excludes(c.Name) {
			continue
		}
		if is := current[c.Name]; is != nil && excluded[is.Attnum] != "" {
			return nil, nil, changed("column %s of table %s, which is excluded, is now named %s", change.QuoteIdent(excluded[is.Attnum]), t.name, change.QuoteIdent(c.Name))
		}
		kept.Columns = append(kept.Columns, c)
		project = append(project, i)
	}
	if len(project) == len(m.Columns) {
		return m, nil, nil
	}
	return &kept, project, nil
}

// announce takes up a relation that the stream has announced, with the width of
// the stream's rows. It returns what those are to be known by.
func (g *gatherer) announce(t *table, relation *change.Relation, project []int, width int) *change.Relation {
	if t.announced == nil || !sameRelation(t.announced.Relation, relation) {
		t.announced = t.into(relation)
	}
	delete(g.tables, t.wire)
	t.wire, t.project, t.doubt = t.announced.Relation, project, nil
	if project != nil {
		wire := *t.announced.Relation
		wire.Columns = make([]change.Column, width)
		for to, from := range project {
			wire.Columns[from] = relation.Columns[to]
		}
		t.wire = &wire
	}
	g.tables[t.wire] = t
	return t.wire
}

// doubtful takes up an announcement that cannot be followed, in a transaction
// from before the table's copy. It may be of a shape that was gone when the table
// was copied, and the next announcement then settles it; where none comes, the
// first row behind the copy fails the table.
func (g *gatherer) doubtful(t *table, m *replication.RelationMessage, why error) *change.Relation {
	delete(g.tables, t.wire)
	t.wire, t.doubt = &change.Relation{OID: m.OID, Schema: m.Schema, Name: m.Name, Columns: make([]change.Column, len(m.Columns))}, why
	g.tables[t.wire] = t
	return t.wire
}

// projected is a row of the stream without its excluded columns. It is valid as
// long as that row, and until the next one is projected.
func (g *gatherer) projected(t *table, r *change.Row) *change.Row {
	g.row = *r
	g.row.Relation = t.announced.Relation
	g.row.Old, g.old = pick(g.old, r.Old, t.project)
	g.row.New, g.new = pick(g.new, r.New, t.project)
	return &g.row
}

func pick(space, from []change.Datum, places []int) (picked, kept []change.Datum) {
	if from == nil {
		return nil, space
	}
	space = space[:0]
	for _, i := range places {
		space = append(space, from[i])
	}
	return space, space
}
