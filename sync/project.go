package sync

import (
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// Excluded columns are in the stream, which publishes tables with all their
// columns so that one which is added is followed. They are taken out of its rows
// here, before a batch copies them.
//
//	stream: id | secret | v      project: 0, 2      batch: id | v

// announce takes up a relation that the stream has announced. It returns what the
// stream's rows are to be known by.
func (g *gatherer) announce(t *table, relation *change.Relation, project []int, m *replication.RelationMessage) *change.Relation {
	if t.announced == nil || !sameRelation(t.announced.Relation, relation) {
		t.announced = t.into(relation)
		t.announced.Since = m.Position
	}
	if shape := apply.Shape(relation); m.Position.Compare(t.shapedAt) >= 0 && !slices.Equal(shape, t.shape) {
		t.earlier = append(slices.Clone(t.earlier), apply.Shaped{At: t.shapedAt, Columns: t.shape})
		t.shape, t.shapedAt = shape, m.Position
	}
	delete(g.tables, t.wire)
	t.wire, t.project, t.doubt = t.announced.Relation, project, nil
	if project != nil {
		wire := *t.announced.Relation
		wire.Columns = make([]change.Column, len(m.Columns))
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
	g.room = *r
	g.room.Relation = t.announced.Relation
	g.room.Old, g.old = pick(g.old, r.Old, t.project)
	g.room.New, g.new = pick(g.new, r.New, t.project)
	return &g.room
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
