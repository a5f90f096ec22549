package sync

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// A table's wishes meet its relation here: which columns are left of it, what it
// is ordered by, and what cannot be had.

// since leaves out, for a look at what is wrong, the wishes for columns that are
// gone since the table was copied with them: that a column is dropped must not
// stop a pipeline that had nothing to do with it, and is for the stream to say
// where it had. A column that comes back under its name is still excluded.
func (w TableWish) since(r *change.Relation, was *apply.Wanted) *TableWish {
	if was == nil {
		return &w
	}
	gone := func(column string) bool { return position(r, column) < 0 }
	w.Exclude = slices.DeleteFunc(slices.Clone(w.Exclude), func(c string) bool { return gone(c) && slices.Contains(was.Exclude, c) })
	w.Rename, w.Types = maps.Clone(w.Rename), maps.Clone(w.Types)
	maps.DeleteFunc(w.Rename, func(c, name string) bool { return gone(c) && was.Rename[c] == name })
	maps.DeleteFunc(w.Types, func(c, typ string) bool { return gone(c) && was.Types[c] == typ })
	return &w
}

func (w *TableWish) excludes(column string) bool { return slices.Contains(w.Exclude, column) }

// faults are what of the wishes cannot be had: source is the table as it is,
// brought the relation that copy and stream bring.
func (w *TableWish) faults(source *snapshot.Table, brought *change.Relation, streamed bool) []error {
	r := source.Relation
	all := w.notThere(r)
	for _, i := range r.Key {
		if name := r.Columns[i].Name; w.excludes(name) {
			all = append(all, fault.Usage(fmt.Errorf("exclude of table %s names column %s, which is part of its key", r, change.QuoteIdent(name)),
				"rows are told apart by the key: take the column out of exclude"))
		}
	}
	if len(w.Exclude) > 0 && len(brought.Columns) == 0 {
		all = append(all, fault.Usage(fmt.Errorf("exclude of table %s leaves none of its columns", r), "leave the whole table out instead, with a pattern !"+r.String()))
	}
	if len(all) > 0 {
		return all
	}
	for _, n := range w.named() {
		switch {
		case n.key == "exclude" || position(brought, n.column) >= 0:
		case w.excludes(n.column):
			all = append(all, fault.Usage(fmt.Errorf("%s of table %s names column %s, which is excluded", n.key, r, change.QuoteIdent(n.column)), ""))
		default:
			all = append(all, fault.Usage(fmt.Errorf("%s of table %s names column %s, which the stream does not bring: it is generated, or the publication leaves it out",
				n.key, r, change.QuoteIdent(n.column)), ""))
		}
	}
	if len(all) > 0 {
		return all
	}
	return w.orderFaults(source, brought, streamed)
}

type named struct{ key, column string }

// named are the columns that the wishes name, each with the key it is named by.
func (w *TableWish) named() []named {
	var all []named
	add := func(key string, columns []string) {
		for _, c := range columns {
			all = append(all, named{key, c})
		}
	}
	add("exclude", w.Exclude)
	add("rename", slices.Sorted(maps.Keys(w.Rename)))
	add("types", slices.Sorted(maps.Keys(w.Types)))
	add("order_by", w.OrderBy)
	add("distributed_by", w.DistributedBy)
	add("on_unrepresentable", slices.Sorted(maps.Keys(w.OnUnrepresentable)))
	return all
}

func (w *TableWish) notThere(r *change.Relation) []error {
	var all []error
	for _, n := range w.named() {
		if position(r, n.column) >= 0 {
			continue
		}
		names := make([]string, len(r.Columns))
		for i, c := range r.Columns {
			names[i] = change.QuoteIdent(c.Name)
		}
		all = append(all, fault.Usage(fmt.Errorf("%s of table %s names column %s, which it does not have", n.key, r, change.QuoteIdent(n.column)),
			fmt.Sprintf("its columns are %s; names are written as PostgreSQL shows them, without quotes and not folded", strings.Join(names, ", "))))
	}
	return all
}

// orderFaults: rows are told apart by what they are ordered by, so the key has to
// be in it; and a column beside the key may only be in it when the log tells of
// its old value.
func (w *TableWish) orderFaults(source *snapshot.Table, brought *change.Relation, streamed bool) []error {
	if len(w.OrderBy) == 0 {
		return nil
	}
	var all []error
	for _, i := range brought.Key {
		if name := brought.Columns[i].Name; !slices.Contains(w.OrderBy, name) {
			all = append(all, fault.Usage(fmt.Errorf("order_by of table %s does not contain column %s of its key", brought, change.QuoteIdent(name)),
				fmt.Sprintf("the key is (%s): rows of one key that are ordered apart would never be one", strings.Join(keyNames(brought), ", "))))
		}
	}
	var extra []string
	for _, name := range w.OrderBy {
		i := position(brought, name)
		if slices.Contains(brought.Key, i) {
			continue
		}
		extra = append(extra, change.QuoteIdent(name))
		if !brought.Columns[i].NotNull {
			all = append(all, fault.Precondition(fmt.Errorf("order_by of table %s names column %s, which can be NULL", brought, change.QuoteIdent(name)),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", quotedName(brought), change.AlwaysQuote(name))))
		}
	}
	if len(extra) > 0 && brought.Keyed() && streamed && !source.IdentityFull() {
		all = append(all, fault.Precondition(
			fmt.Errorf("order_by of table %s names %s beside the key, and its replica identity is not FULL: the log does not tell the old value of such a column",
				brought, strings.Join(extra, ", ")),
			identityFullSQL(source)+"  -- or leave in order_by only columns of the key"))
	}
	return all
}

func identityFullSQL(t *snapshot.Table) string {
	var s strings.Builder
	fmt.Fprintf(&s, "ALTER TABLE %s REPLICA IDENTITY FULL;", quotedName(t.Relation))
	if t.Partitioned {
		for _, l := range t.Leaves {
			if l.Identity != change.IdentityFull {
				fmt.Fprintf(&s, " ALTER TABLE %s REPLICA IDENTITY FULL;", quotedName(&change.Relation{Schema: l.Schema, Name: l.Name}))
			}
		}
	}
	return s.String()
}

func quotedName(r *change.Relation) string {
	return change.AlwaysQuote(r.Schema) + "." + change.AlwaysQuote(r.Name)
}

func keyNames(r *change.Relation) []string {
	names := make([]string, len(r.Key))
	for place, i := range r.Key {
		names[place] = change.QuoteIdent(r.Columns[i].Name)
	}
	return names
}

// position is a column's place in the relation, -1 for nowhere.
func position(r *change.Relation, column string) int {
	return slices.IndexFunc(r.Columns, func(c change.Column) bool { return c.Name == column })
}

// ordered is the relation with the key that the order makes: columns beside the
// key become part of it, so that a row which changes one of them leaves its place
// as a row does whose key changes. A mere permutation changes nothing.
func (w *TableWish) ordered(r *change.Relation) *change.Relation {
	if !r.Keyed() || len(w.OrderBy) == len(r.Key) || len(w.OrderBy) == 0 {
		return r
	}
	o := *r
	o.Key = nil
	for _, name := range w.OrderBy {
		o.Key = append(o.Key, position(r, name))
	}
	return &o
}

// of are the wishes for the target's table of a relation: those for columns that
// it has. A stretch that is replayed can begin before a column was added.
func (w *TableWish) of(r *change.Relation) apply.Wishes {
	gone := func(column string) bool { return position(r, column) < 0 }
	s := apply.Wishes{
		Rename: maps.Clone(w.Rename), Types: maps.Clone(w.Types), OnUnrepresentable: maps.Clone(w.OnUnrepresentable),
		OrderBy: w.OrderBy, PartitionBy: w.PartitionBy, DistributedBy: w.DistributedBy, Storage: w.Storage, Compression: w.Compression,
	}
	maps.DeleteFunc(s.Rename, func(c, _ string) bool { return gone(c) })
	maps.DeleteFunc(s.Types, func(c, _ string) bool { return gone(c) })
	maps.DeleteFunc(s.OnUnrepresentable, func(c string, _ apply.Policy) bool { return gone(c) })
	return s
}
