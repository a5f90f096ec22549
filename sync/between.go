package sync

import (
	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// What is known of the columns of an announcement, to [known.align] it by.

// align finds out which columns are announced.
func (f *following) align() error {
	t := f.table
	for i := range t.shape {
		f.was[t.shape[i].Attnum] = &t.shape[i]
	}
	if f.now != nil {
		for i := range f.now.Relation.Columns {
			// A column that the stream leaves out would be a gap in what is announced.
			if c := &f.now.Relation.Columns[i]; !c.Generated || f.was[c.Attnum] != nil {
				f.is[c.Attnum] = c
			}
		}
	}
	ok := true
	switch {
	case f.attnums != nil:
	case f.now == nil:
		f.attnums, ok = alignGone(f.message.Columns, t.shape)
	case f.older:
		f.attnums, ok = f.before().align(f.message.Columns)
	default:
		f.attnums, ok = f.since().align(f.message.Columns)
	}
	if !ok {
		return recopy("which columns of table %s were renamed, dropped or added cannot be told", t.name)
	}
	return nil
}

// since is what is known of an announcement between the shape and the catalog.
func (f *following) since() *known {
	k := f.known(f.table.shape, f.table.earlier)
	for i := range f.now.Relation.Columns {
		if c := &f.now.Relation.Columns[i]; f.is[c.Attnum] != nil {
			k.now = append(k.now, *c)
		} else {
			k.generated = append(k.generated, *c)
		}
	}
	return k
}

// before is what is known of an older announcement, which is between two shapes. Of
// columns that are in neither, those can be announced that are gone, or are left out.
func (f *following) before() *known {
	t := f.table
	was, next, i := t.shape, t.shape, len(t.earlier)
	for i > 0 {
		i--
		if was, next = t.earlier[i].Columns, was; t.earlier[i].At.Compare(f.message.Position) <= 0 {
			break
		}
	}
	k := f.known(was, t.earlier[:i])
	following := map[int16]bool{}
	for _, c := range next {
		now := change.Column{Name: c.Name, Attnum: c.Attnum, Type: &change.Type{OID: c.TypeOID}}
		if is := f.is[c.Attnum]; is != nil {
			now.Entry = is.Entry
		}
		following[c.Attnum] = true
		k.now = append(k.now, now)
	}
	for attnum, is := range f.is {
		if !following[attnum] && t.wish.excludes(is.Name) {
			k.dropped = append(k.dropped, attnum)
		}
	}
	return k
}

func (f *following) known(was []apply.ColumnShape, earlier []apply.Shaped) *known {
	t := f.table
	k := &known{was: was, given: t.given, left: len(t.wish.Exclude) > 0, copied: t.copied, kept: !f.rewritten()}
	k.dropped = append(k.dropped, f.now.Dropped...)
	for i := range earlier {
		for _, c := range earlier[i].Columns {
			k.given = max(k.given, c.Attnum)
		}
	}
	return k
}
