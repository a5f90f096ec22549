package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// wanted is what a table's state remembers of its wishes: all that its rows would
// look otherwise without. Nil when there are none.
func (w *TableWish) wanted() *apply.Wanted {
	s := apply.Wanted{
		Exclude: slices.Sorted(slices.Values(w.Exclude)), Where: w.Where, Rename: w.Rename, Types: w.Types, OrderBy: w.OrderBy, PartitionBy: w.PartitionBy,
	}
	if len(s.Exclude)+len(s.Where)+len(s.Rename)+len(s.Types)+len(s.OrderBy)+len(s.PartitionBy) == 0 {
		return nil
	}
	return &s
}

// compareWanted finds the copied tables of which something else is wanted now
// than when they were copied. Their rows and those to come would not mean the
// same: they are copied anew where the user has said what becomes of the rows
// that are there, and are in the way otherwise.
func (a *attempt) compareWanted(ctx context.Context, found *trouble) error {
	for _, t := range a.tables {
		was := t.state
		if was.Phase != apply.Copied && was.Phase != apply.Streaming || was.OID != t.source.Relation.OID {
			continue
		}
		changes, err := a.changedWishes(ctx, t, was)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		switch {
		case !a.p.config.Copy:
			found.add(checkWanted, t.name, fault.Precondition(otherWishes(t, changes), "put back what was wanted, or set load.copy to true"))
		case a.p.config.Existing == apply.Refuse:
			found.add(checkWanted, t.name, fault.Precondition(otherWishes(t, changes),
				"put back what was wanted, or have the table copied anew: set load.existing (--existing) to truncate, or to append where others write to it too"))
		default:
			t.recopy = true
		}
	}
	return nil
}

func otherWishes(t *table, changes []string) error {
	return fmt.Errorf("table %s was copied with other wishes than the configuration has now: %s", t.name, strings.Join(changes, ", "))
}

// changedWishes names the wishes that are not those that a table was copied with.
func (a *attempt) changedWishes(ctx context.Context, t *table, was apply.TableState) ([]string, error) {
	before, now := apply.Wanted{}, apply.Wanted{}
	if was.Wanted != nil {
		before = *was.Wanted
	}
	if w := t.wish.wanted(); w != nil {
		now = *w
	}
	// What was wanted of a column that has been dropped since is of no account.
	gone := func(column string) bool { return position(t.source.Relation, column) < 0 }
	for _, w := range []*apply.Wanted{&before, &now} {
		w.Exclude = slices.DeleteFunc(slices.Clone(w.Exclude), gone)
		w.Rename, w.Types = maps.Clone(w.Rename), maps.Clone(w.Types)
		maps.DeleteFunc(w.Rename, func(column, _ string) bool { return gone(column) })
		maps.DeleteFunc(w.Types, func(column, _ string) bool { return gone(column) })
	}
	sameWhere := before.Where == now.Where
	if !sameWhere && before.Where != "" && now.Where != "" {
		var err error
		if sameWhere, err = a.catalog.SameFilter(ctx, t.source, before.Where, now.Where); err != nil && !fault.IsUsage(err) {
			return nil, err
		}
	}
	var changes []string
	for _, c := range []struct {
		key  string
		same bool
	}{
		{fmt.Sprintf("target (%s, now %s)", was.Target, t.target), was.Target == t.target},
		{"exclude", slices.Equal(before.Exclude, now.Exclude)},
		{"rename", maps.Equal(before.Rename, now.Rename)},
		{"types", maps.Equal(before.Types, now.Types)},
		{"where", sameWhere},
		{"order_by", slices.Equal(before.OrderBy, now.OrderBy)},
		{"partition_by", before.PartitionBy == now.PartitionBy},
	} {
		if !c.same {
			changes = append(changes, c.key)
		}
	}
	return changes, nil
}
