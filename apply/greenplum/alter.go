package greenplum

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
)

// Alter implements [apply.Target].
func (t *Target) Alter(ctx context.Context, table *apply.Table, was []apply.ColumnShape, _ bool) error {
	d, err := apply.Differ(table, was)
	if err != nil {
		return fmt.Errorf("alter table %s for %s: %w", table.Name, table.Relation, err)
	}
	for i := range table.Relation.Columns {
		c := &table.Relation.Columns[i]
		if d.Was[i] != nil && (d.From[i] != table.Wishes.Name(c.Name) || d.Retyped(i, c)) || len(d.Gone) > 0 {
			return fmt.Errorf("alter table %s for %s: %w", table.Name, table.Relation, apply.Rebuild("its columns are others"))
		}
	}
	_, err = t.Prepare(ctx, table, apply.Keep, 0)
	return err
}
