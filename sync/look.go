package sync

import (
	"context"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/preflight"
	"github.com/pgsluice/pgsluice/replication"
)

// lookAtSource has preflight look at the source.
func (a *attempt) lookAtSource(ctx context.Context, conn *replication.Conn, streamed bool) (fault.Findings, error) {
	var ready fault.Findings
	if streamed {
		need, err := a.slotsNeeded(ctx, conn)
		if err != nil {
			return nil, err
		}
		if ready, err = preflight.Ready(ctx, a.sql, a.catalog.Version, need); err != nil {
			return nil, err
		}
	}
	s := preflight.Source{SQL: a.sql, DSN: a.p.config.Source, Catalog: a.catalog, Streamed: streamed, Operations: a.p.config.Operations}
	for _, t := range a.tables {
		wanted := preflight.Table{Table: t.source}
		for _, c := range t.query.Relation.Columns {
			wanted.Columns = append(wanted.Columns, c.Name)
		}
		s.Tables = append(s.Tables, wanted)
	}
	moved, err := preflight.Moved(ctx, s)
	return append(ready, moved...), err
}
