package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// follow turns an announced table into a relation, by what the target's table
// stands for (the remembered shape), what the stream says and what the catalog
// says. The catalog may be ahead of the stream, never behind it. A column that
// was added is followed; any other change is a fault, because rows of the old and
// the new relation would not mean the same. Columns that are excluded are not
// looked at: project says where in the stream's rows the relation's columns are,
// nil when they are all of them.
func (a *attempt) follow(ctx context.Context, t *table, m *replication.RelationMessage) (_ *change.Relation, project []int, err error) {
	// The loop that asks answers the source's keepalives too.
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	shape := t.shape
	if t.announced != nil {
		shape = apply.Shape(t.announced.Relation)
	}
	known := map[string]*apply.ColumnShape{}
	for i := range shape {
		known[shape[i].Name] = &shape[i]
	}
	is, err := a.catalog.Table(ctx, m.OID)
	if err != nil {
		return nil, nil, err
	}
	// Dropped since? Its last rows are followed by what was known of it.
	now := t.source.Relation
	if is != nil {
		now = is.Relation
	}
	current := map[string]*change.Column{}
	for i := range now.Columns {
		current[now.Columns[i].Name] = &now.Columns[i]
	}
	if m, project, err = t.withoutExcluded(m, current); err != nil {
		return nil, nil, err
	}
	r := &change.Relation{OID: m.OID, Schema: m.Schema, Name: m.Name, Identity: m.Identity}
	if r.Schema != t.source.Relation.Schema || r.Name != t.source.Relation.Name {
		return nil, nil, changed("table %s is now named %s", t.name, r)
	}
	oids, modifiers := make([]uint32, len(m.Columns)), make([]int32, len(m.Columns))
	for i, c := range m.Columns {
		oids[i], modifiers[i] = c.TypeOID, c.Modifier
	}
	types, err := a.catalog.Types(ctx, oids, modifiers)
	if err != nil {
		return nil, nil, err
	}
	key := map[int]int{}
	for i, mc := range m.Columns {
		was := known[mc.Name]
		c, err := followColumn(t, mc, types[i], was, current[mc.Name])
		if err != nil {
			return nil, nil, err
		}
		if was != nil && was.Key > 0 {
			key[was.Key] = i
		}
		r.Columns = append(r.Columns, c)
		delete(known, mc.Name)
	}
	if err := leftOut(t, shape, known, current); err != nil {
		return nil, nil, err
	}
	if t.extended && len(key) != len(t.query.Relation.Key) {
		return nil, nil, keyChanged(t)
	}
	for place := 1; place <= len(key); place++ {
		r.Key = append(r.Key, key[place])
		r.Columns[key[place]].NotNull = true
	}
	return r, project, keyStands(t, r, now)
}

// catalogPatience bounds a look into the catalog.
const catalogPatience = 15 * time.Second

// followColumn turns an announced column into a relation's: was is what the
// target's table stands for, is what the catalog says now, each nil where there
// is none of the name.
func followColumn(t *table, m replication.RelationColumn, typ *change.Type, was *apply.ColumnShape, is *change.Column) (change.Column, error) {
	name := change.QuoteIdent(m.Name)
	c := change.Column{Name: m.Name, Type: typ}
	switch {
	case was == nil && is == nil:
		return c, changed("column %s of table %s was added and is gone again: what older rows hold in it cannot be told", name, t.name)
	case was == nil:
		return added(t, *is, typ)
	case was.TypeOID != m.TypeOID || was.Modifier != m.Modifier:
		return c, changed("column %s of table %s has changed its type to %s%s", name, t.name, typ, typ.FormatModifier())
	case is != nil && was.Attnum != is.Attnum:
		return c, changed("column %s of table %s is not the column it was: it was dropped or renamed, and another has its name", name, t.name)
	}
	c.Attnum = was.Attnum
	if is != nil {
		c.NotNull, c.Type.Dimensions = is.NotNull, is.Type.Dimensions
	}
	return c, nil
}

// leftOut is the fault of the first column of the shape that the stream has not
// announced, and left in known.
func leftOut(t *table, shape []apply.ColumnShape, known map[string]*apply.ColumnShape, current map[string]*change.Column) error {
	for _, was := range shape {
		if known[was.Name] == nil {
			continue
		}
		// A stretch that is replayed can begin before an ADD COLUMN that the
		// target's table has had. Its rows hold in it what older rows hold.
		if is := current[was.Name]; is != nil && is.Attnum == was.Attnum {
			continue
		}
		return changed("column %s of table %s was dropped or renamed", change.QuoteIdent(was.Name), t.name)
	}
	return nil
}

// sameRelation says that a relation that was announced again is the one that it
// was: the server repeats itself whenever something about the table may have
// changed.
func sameRelation(a, b *change.Relation) bool {
	return a.Identity == b.Identity && slices.Equal(a.Key, b.Key) &&
		slices.EqualFunc(a.Columns, b.Columns, func(x, y change.Column) bool {
			return x.Name == y.Name && x.Attnum == y.Attnum && x.NotNull == y.NotNull &&
				x.Type.OID == y.Type.OID && x.Type.Modifier == y.Type.Modifier
		})
}

// added is a column that the stream brings for the first time.
func added(t *table, is change.Column, typ *change.Type) (change.Column, error) {
	if is.Defaulted {
		return is, changed("column %s was added to table %s with a default that is not the same for all rows, and the log does not say what older rows hold",
			change.QuoteIdent(is.Name), t.name)
	}
	c := is
	c.Type = typ
	c.Type.Dimensions = is.Type.Dimensions
	// NOT NULL may have come later than the rows at hand, unless the column was
	// made with a value for all.
	c.NotNull = is.NotNull && is.Missing != nil
	return c, nil
}

// keyStands sees that the catalog's key is still the one that rows are placed
// by, or is in it where the order has extended it.
func keyStands(t *table, r, now *change.Relation) error {
	if t.extended {
		return extendedKeyStands(t, r, now)
	}
	same := len(r.Key) == len(now.Key)
	for i := 0; same && i < len(r.Key); i++ {
		same = r.Columns[r.Key[i]].Attnum == now.Columns[now.Key[i]].Attnum
	}
	if !same {
		return keyChanged(t)
	}
	return nil
}

func extendedKeyStands(t *table, r, now *change.Relation) error {
	if r.Identity != change.IdentityFull {
		return identityLost(t)
	}
	inKey := map[int16]bool{}
	for _, i := range r.Key {
		inKey[r.Columns[i].Attnum] = true
	}
	for _, i := range now.Key {
		if !inKey[now.Columns[i].Attnum] {
			return keyChanged(t)
		}
	}
	for _, c := range now.Columns {
		if inKey[c.Attnum] && !c.NotNull {
			return changed("column %s of table %s can be NULL now, and the target's rows are ordered by it", change.QuoteIdent(c.Name), t.name)
		}
	}
	if !now.Keyed() {
		return keyChanged(t)
	}
	return nil
}

func keyChanged(t *table) error {
	return changed("the primary key or replica identity of table %s has changed", t.name)
}

// identityLost: where the order has extended the key, only whole old rows say
// where the row was.
func identityLost(t *table) error {
	return fault.Permanent(fmt.Errorf("the replica identity of table %s is not FULL any more, and order_by names columns beside its key", t.name),
		identityFullSQL(t.source)+"  -- and start pgsluice again: the table is then copied anew")
}

func changed(format string, args ...any) error {
	return fault.Permanent(fmt.Errorf(format, args...),
		"start pgsluice again: the table is then copied anew; where the target's table cannot hold it any more, drop or rename that first")
}
