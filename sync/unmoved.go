package sync

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// unmoved sees that tables which are about to be copied are still what they were
// described as before the consistent point. A column that was added in between is
// in the snapshot's rows, and the log behind the point does not bring them again:
// a copy without it would lose what they hold. What changes from here on, the
// stream announces.
func (a *attempt) unmoved(ctx context.Context, tables []*table) error {
	now, err := a.catalog.Tables(ctx, a.p.config.Patterns)
	if err != nil {
		return err
	}
	is := map[uint32]int{}
	for i, source := range now {
		is[source.Relation.OID] = i
	}
	for _, t := range tables {
		i, ok := is[t.source.Relation.OID]
		if !ok || now[i].Relation.String() != t.name || !sameRelation(now[i].Relation, t.source.Relation) {
			return fault.Retry(fmt.Errorf("table %s changed while its copy was being prepared", t.name))
		}
		if err := t.unmovedSince(now[i]); err != nil {
			return fault.Retry(err)
		}
	}
	return nil
}
