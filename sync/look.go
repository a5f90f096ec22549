package sync

import (
	"context"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/preflight"
)

// lookAtSource has preflight look at the source.
func (a *attempt) lookAtSource(ctx context.Context, conn slots, streamed bool) (fault.Findings, error) {
	config := &a.p.config
	s := preflight.Source{
		DSN: config.Source, Patterns: config.Patterns, Streamed: streamed, Copy: config.Copy || !streamed,
		Slot: config.Slot, Publication: config.Publication, SlotNamed: config.SlotNamed,
		// One that is there and that pgsluice has not made is the user's.
		PublicationNamed: !a.pipeline.OwnsPublication,
		Operations:       config.Operations,
	}
	for _, t := range a.tables {
		wanted := preflight.Table{Table: t.source, Where: t.wish.Where}
		for _, c := range t.source.Relation.Columns {
			if !t.wish.excludes(c.Name) {
				wanted.Columns = append(wanted.Columns, c.Name)
			}
		}
		s.Tables = append(s.Tables, wanted)
	}
	if streamed {
		var err error
		if s.Slots, err = a.slotsNeeded(ctx, conn); err != nil {
			return nil, err
		}
	}
	return a.sql.Look(ctx, s)
}
