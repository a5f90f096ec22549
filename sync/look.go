package sync

import (
	"context"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/preflight"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// lookAtSource has preflight look at the source.
func (a *attempt) lookAtSource(ctx context.Context, conn *replication.Conn, streamed bool) (fault.Findings, error) {
	var all []preflight.Finding
	if streamed {
		need, err := a.slotsNeeded(ctx, conn)
		if err != nil {
			return nil, err
		}
		found, err := preflight.Replication(ctx, a.sql, need)
		if err != nil {
			return nil, err
		}
		all = found
	}
	sources := make([]*snapshot.Table, len(a.tables))
	for i, t := range a.tables {
		sources[i] = t.source
	}
	found, err := preflight.Tables(ctx, a.sql, a.catalog.Version, sources, streamed)
	if err != nil {
		return nil, err
	}
	var findings fault.Findings
	for _, f := range append(all, found...) {
		level := fault.LevelWarning
		if f.Level == preflight.Error {
			level = fault.LevelError
		}
		findings = append(findings, fault.Finding{Level: level, Check: "source", Seen: f.Seen, Fix: f.Fix})
	}
	return findings, nil
}
