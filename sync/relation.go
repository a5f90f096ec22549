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
	"github.com/pgsluice/pgsluice/snapshot"
)

// A schema change is followed in place where the log and the catalog together say
// what every older row holds after it, and by copying the table anew where they do
// not. What PostgreSQL has not rewritten reads as it did: a column renamed, dropped
// or added with one value for all, a type that the stored values are good for as
// they are. Of a rewrite the log tells nothing.

// recopyError says that a table has to be copied anew to be followed, and why. What a
// target cannot follow is an [apply.RebuildError].
type recopyError struct{ why string }

func (r *recopyError) Error() string { return r.why }

func recopy(format string, args ...any) error { return &recopyError{fmt.Sprintf(format, args...)} }

// catalogPatience bounds a look into the catalog.
const catalogPatience = 15 * time.Second

// following is an announcement on its way to becoming a relation.
type following struct {
	table   *table
	message *replication.RelationMessage
	// attnums are the announced columns', 0 for what came and went; nil where they
	// have yet to be found.
	attnums []int16
	// was is what the target's table stands for, is what the catalog says now: nil
	// where the table is gone.
	was map[int16]*apply.ColumnShape
	is  map[int16]*change.Column
	now *snapshot.Table
	// older: the announcement is from before the shape was taken up.
	older bool
	// kept are the places of the announced columns that become the relation's.
	kept    []int
	columns []change.Column
}

// follow turns an announced table into a relation, by what the target's table
// stands for (the remembered shape), what the stream says and what the catalog
// says. The catalog may be ahead of the stream, never behind it. project says where
// in the stream's rows the relation's columns are, nil when they are all of them.
// The error is a *recopyError where following is not enough.
//
// An announcement from before the shape was taken up is met when a stretch is
// applied again: its rows are given the shape's columns as far as they have them.
// attnums are the columns' where it is the catalog that has announced them, else nil.
func (a *attempt) follow(ctx context.Context, t *table, m *replication.RelationMessage, attnums []int16) (_ *change.Relation, project []int, err error) {
	// The loop that asks answers the source's keepalives too.
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	f := &following{table: t, message: m, attnums: attnums, was: map[int16]*apply.ColumnShape{}, is: map[int16]*change.Column{}}
	f.older = m.Position.Compare(t.shapedAt) < 0
	if f.now, err = a.catalog.Table(ctx, m.OID); err != nil {
		return nil, nil, err
	}
	if err := f.align(); err != nil {
		return nil, nil, err
	}
	if f.older {
		f.conform(a.p.config.KeepDropped)
	} else if err := f.forward(); err != nil {
		return nil, nil, err
	}
	r, err := f.relation(ctx, a.catalog)
	if err != nil {
		return nil, nil, err
	}
	if !f.older {
		if err := f.keyStands(r); err != nil {
			return nil, nil, err
		}
	}
	if len(f.kept) < len(m.Columns) {
		project = f.kept
	}
	return r, project, nil
}

// conform gives older rows the columns that the target's table stands for. What
// could be NULL at any time can be NULL in it: it is not asked for more. kept: it has
// those of the shapes before it, too.
func (f *following) conform(kept bool) {
	gone := map[int16]*apply.ColumnShape{}
	for i := range f.table.earlier {
		for j, c := range f.table.earlier[i].Columns {
			gone[c.Attnum] = &f.table.earlier[i].Columns[j]
		}
	}
	for i, attnum := range f.attnums {
		was := f.was[attnum]
		if was == nil && kept && !f.named(gone[attnum]) {
			was = gone[attnum]
		}
		if was != nil {
			f.keep(i, change.Column{Name: was.Name, Attnum: attnum, NotNull: true, Entry: was.Entry, Type: &change.Type{OID: was.TypeOID, Modifier: was.Modifier}})
		}
	}
}

// named says whether a column that is gone has a name that another has now.
func (f *following) named(gone *apply.ColumnShape) bool {
	return gone != nil && slices.ContainsFunc(f.table.shape, func(c apply.ColumnShape) bool { return c.Name == gone.Name })
}

// elsewhere says whether every column of the table has an entry that is another
// one, with the same name and type: ATTACH and DETACH write them so, and while a
// table is a partition its rows come as another's.
func (f *following) elsewhere() bool {
	if f.now == nil || len(f.was) == 0 {
		return false
	}
	for attnum, was := range f.was {
		is := f.is[attnum]
		if is == nil || was.Entry == 0 || is.Entry == was.Entry || is.Name != was.Name || is.Type.OID != was.TypeOID {
			return false
		}
	}
	return true
}

// forward takes up what is announced.
func (f *following) forward() error {
	t := f.table
	if f.elsewhere() {
		return recopy("table %s may have been a partition of another for a while", t.name)
	}
	for i, attnum := range f.attnums {
		m := f.message.Columns[i]
		was, is := f.was[attnum], f.is[attnum]
		if f.excluded(attnum, m.Name) {
			if !t.wish.excludes(m.Name) {
				return f.unguarded(attnum, m.Name)
			}
			continue
		}
		c := change.Column{Name: m.Name, Attnum: attnum, Type: &change.Type{OID: m.TypeOID, Modifier: m.Modifier}}
		switch {
		case was != nil:
			if err := f.altered(was, m); err != nil {
				return err
			}
			if c.Entry = was.Entry; is != nil {
				c.NotNull, c.Entry, c.Type.Dimensions = is.NotNull, is.Entry, is.Type.Dimensions
			}
		case is != nil:
			if is.Type.OID != m.TypeOID {
				return recopy("column %s of table %s was added, and is not now what it was then", change.QuoteIdent(m.Name), t.name)
			}
			if err := f.added(is); err != nil {
				return err
			}
			c.Entry, c.Missing, c.Type.Dimensions = is.Entry, is.Missing, is.Type.Dimensions
			// NOT NULL may have come later than the rows at hand, unless the column was
			// made with a value for all.
			c.NotNull = is.NotNull && is.Missing != nil
		default:
			continue // it was added and is gone again
		}
		f.keep(i, c)
	}
	return nil
}

func (f *following) keep(i int, c change.Column) {
	f.kept = append(f.kept, i)
	f.columns = append(f.columns, c)
}

// excluded says whether the user has left a column out, by the name that it has
// or had when the attempt began.
func (f *following) excluded(attnum int16, name string) bool {
	if len(f.table.wish.Exclude) == 0 {
		return false
	}
	if f.table.wish.excludes(name) {
		return true
	}
	i := slices.IndexFunc(f.table.source.Relation.Columns, func(c change.Column) bool { return c.Attnum == attnum })
	return attnum != 0 && i >= 0 && f.table.wish.excludes(f.table.source.Relation.Columns[i].Name)
}

// unguarded is why an excluded column that has another name now stops its table: a
// copy would bring it in.
func (f *following) unguarded(attnum int16, name string) error {
	columns := f.table.source.Relation.Columns
	was := columns[slices.IndexFunc(columns, func(c change.Column) bool { return c.Attnum == attnum })]
	return fault.Permanent(fmt.Errorf("column %s of table %s, which is excluded, is now named %s", change.QuoteIdent(was.Name), f.table.name, change.QuoteIdent(name)),
		"exclude it under its new name, or under none, and start pgsluice again: the table is then copied anew")
}

// altered looks at a column that the target's table has.
func (f *following) altered(was *apply.ColumnShape, m replication.RelationColumn) error {
	t, name := f.table, change.QuoteIdent(m.Name)
	if is := f.is[was.Attnum]; f.rewritten() && (is == nil || is.Entry != was.Entry) {
		return recopy("column %s of table %s was altered, and PostgreSQL has rewritten the rows", name, t.name)
	}
	if was.Name == m.Name {
		return nil
	}
	for _, w := range t.wish.named() {
		if w.column == was.Name || w.column == m.Name {
			return recopy("column %s of table %s, of which something is wanted, is now named %s", change.QuoteIdent(was.Name), t.name, name)
		}
	}
	return nil
}

// added looks at a column that the target's table does not have.
func (f *following) added(is *change.Column) error {
	t, name := f.table, change.QuoteIdent(is.Name)
	for attnum := range f.was {
		// It is older than one that the table stands for, and was not brought.
		if attnum > is.Attnum {
			return recopy("column %s of table %s was not in the stream before", name, t.name)
		}
	}
	if is.Uneven || is.Missing == nil && (f.rewritten() || is.Generated) {
		return recopy("column %s was added to table %s, and PostgreSQL has rewritten the rows", name, t.name)
	}
	return nil
}

// rewritten says whether the rows may be kept in other files than those that were
// copied.
func (f *following) rewritten() bool {
	return f.now != nil && (len(f.table.files) == 0 || rewritten(f.table.files, f.now))
}

func rewritten(files []apply.File, now *snapshot.Table) bool {
	for _, l := range now.Leaves {
		if slices.ContainsFunc(files, func(f apply.File) bool { return f.OID == l.OID && f.Number != l.File }) {
			return true
		}
	}
	return false
}

// filesOf are where a table's rows are kept.
func filesOf(t *snapshot.Table) []apply.File {
	files := make([]apply.File, 0, len(t.Leaves))
	for _, l := range t.Leaves {
		files = append(files, apply.File{OID: l.OID, Number: l.File, Place: l.Place})
	}
	return files
}

// relation is what has been found, with types and key.
func (f *following) relation(ctx context.Context, catalog *catalog) (*change.Relation, error) {
	m := f.message
	r := &change.Relation{OID: m.OID, Schema: m.Schema, Name: m.Name, Identity: m.Identity, Columns: f.columns}
	oids, modifiers := make([]uint32, len(f.columns)), make([]int32, len(f.columns))
	for i, c := range f.columns {
		oids[i], modifiers[i] = c.Type.OID, c.Type.Modifier
	}
	types, err := catalog.Types(ctx, oids, modifiers)
	if err != nil {
		return nil, err
	}
	key := map[int]int{}
	for i := range r.Columns {
		c := &r.Columns[i]
		types[i].Dimensions = c.Type.Dimensions
		c.Type = types[i]
		if was := f.was[c.Attnum]; was != nil && was.Key > 0 {
			key[was.Key] = i
		}
	}
	for place := 1; place <= len(key); place++ {
		i, ok := key[place]
		if !ok {
			return nil, keyChanged(f.table)
		}
		r.Key = append(r.Key, i)
		r.Columns[i].NotNull = true
	}
	if len(key) != len(f.table.query.Relation.Key) {
		return nil, keyChanged(f.table)
	}
	return r, nil
}

// keyStands sees that the catalog's key is still the one that rows are placed
// by, or is in it where the order has extended it.
func (f *following) keyStands(r *change.Relation) error {
	t := f.table
	if f.now == nil {
		return nil
	}
	now := f.now.Relation
	if t.extended {
		return f.extendedKeyStands(r)
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

func (f *following) extendedKeyStands(r *change.Relation) error {
	t, now := f.table, f.now.Relation
	if r.Identity != change.IdentityFull {
		return recopy("the replica identity of table %s is not FULL any more, and order_by names columns beside its key", t.name)
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
			return recopy("column %s of table %s can be NULL now, and the target's rows are ordered by it", change.QuoteIdent(c.Name), t.name)
		}
	}
	if !now.Keyed() {
		return keyChanged(t)
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

func keyChanged(t *table) error {
	return recopy("the primary key or replica identity of table %s has changed", t.name)
}
