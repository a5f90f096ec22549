package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

// The catalog shows what is committed, which can be ahead of the stream.

func (c *simConn) Tables(ctx context.Context, patterns []snapshot.Pattern) (found []*snapshot.Table, err error) {
	err = c.ask(ctx, "list tables", func() error {
		for _, t := range c.now() {
			if snapshot.Selected(patterns, t.relation.Schema, t.relation.Name) {
				found = append(found, c.describe(t))
			}
		}
		slices.SortFunc(found, func(a, b *snapshot.Table) int { return strings.Compare(a.Relation.String(), b.Relation.String()) })
		return nil
	})
	return found, err
}

func (c *simConn) Table(ctx context.Context, oid uint32) (found *snapshot.Table, err error) {
	err = c.ask(ctx, "read a table's definition", func() error {
		if t := c.now()[oid]; t != nil {
			found = c.describe(t)
		}
		return nil
	})
	return found, err
}

func (c *simConn) Types(_ context.Context, oids []uint32, _ []int32) (types []*change.Type, _ error) {
	for _, oid := range oids {
		types = append(types, simType(oid))
	}
	return types, nil
}

func (c *simConn) Mark(ctx context.Context) (mark string, err error) {
	err = c.ask(ctx, "ask for the catalog's mark", func() error {
		mark = fmt.Sprint(c.catalogChanges)
		return nil
	})
	return mark, err
}

func (c *simConn) Written(ctx context.Context) (change.LSN, error) { return c.Now(ctx) }

func (c *simConn) MadeFilled(context.Context, snapshot.Leaf) (bool, error) { return false, nil }

func (c *simConn) Shows(ctx context.Context, _ uint32) (bool, error) {
	return true, c.ask(ctx, "ask whether a transaction is visible", func() error { return nil })
}

func (c *simConn) OpenTransactions(context.Context, uint32) ([]snapshot.OpenTransaction, error) {
	return nil, nil
}

func (c *simConn) CheckFilter(context.Context, *snapshot.Table, string) error { return nil }

func (c *simConn) SameFilter(_ context.Context, _ *snapshot.Table, a, b string) (bool, error) {
	return a == b, nil
}
