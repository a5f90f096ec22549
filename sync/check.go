package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Check looks at everything that a run (streamed) or a one-shot load relies on,
// and gathers what it finds instead of stopping at the first: what can be looked
// at without a thing that fails is looked at. It changes nothing on the source and
// leaves nothing in the target. A nil target was not reached, and is left out.
// The error is that the looking itself failed.
func (p *Pipeline) Check(ctx context.Context, streamed bool) (fault.Findings, error) {
	a := &attempt{p: p}
	defer a.close(ctx)
	found := &trouble{}
	if err := a.reach(ctx); err != nil {
		found.add(checkSource, "", err)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		target, err := a.lookAtTarget(ctx, nil)
		return append(found.found, target...), err
	}
	found.ok(checkSource, fmt.Sprintf("the source is PostgreSQL %s, database %s", versionText(a.catalog.Version), a.system.Database))
	if p.target != nil {
		found.add(checkPipeline, "", a.recall(ctx, streamed))
	}
	described, err := a.describe(ctx, streamed)
	if err != nil {
		return nil, err
	}
	if len(described.found) == 0 {
		found.ok(checkTables, fmt.Sprintf("tables selected: %d; each has a name of its own in the target", len(a.tables)))
	}
	if !streamed {
		found.add(checkPipeline, "", a.loadAgain())
	} else if err := a.lookAtSlot(ctx, found); err != nil {
		return nil, err
	}
	looked, err := a.look(ctx, streamed, a.tables)
	if err != nil {
		return nil, err
	}
	found.merge(described)
	found.merge(looked)
	return found.found, nil
}

func (t *trouble) ok(check, seen string) {
	t.found = append(t.found, fault.Finding{Level: fault.LevelOK, Check: check, Seen: seen})
}

// versionText is server_version_num as people write it.
func versionText(number int) string { return fmt.Sprintf("%d.%d", number/10000, number%10000) }

// look looks at both sides for the tables that are described, and at the given of
// them in the target.
func (a *attempt) look(ctx context.Context, streamed bool, inTarget []*table) (*trouble, error) {
	found := &trouble{}
	conn := a.sql.Slots(a.catalog.Version)
	if streamed {
		if err := a.lookAtPublication(ctx, conn, found); err != nil {
			return nil, err
		}
	}
	source, err := a.lookAtSource(ctx, conn, streamed)
	if err != nil {
		return nil, err
	}
	target, err := a.lookAtTarget(ctx, inTarget)
	found.found = slices.Concat(found.found, source, target)
	return found, err
}

// lookAtPublication takes from the tables what the publication leaves out of
// them, and holds its conditions against the user's.
func (a *attempt) lookAtPublication(ctx context.Context, conn slots, found *trouble) error {
	published, err := conn.Published(ctx, a.p.config.Publication)
	if err != nil {
		return err
	}
	for _, t := range a.tables {
		// Where there is a condition, preflight looks.
		if p, ok := published[t.name]; ok && t.wish.Where == "" {
			wrong, err := a.checkFilter(ctx, t, p.RowFilter)
			if err != nil {
				return err
			}
			found.add(checkPublication, t.name, wrong)
		}
	}
	narrowed, err := a.narrowed(ctx, published)
	found.merge(narrowed)
	return err
}

// lookAtSlot says whether the pipeline can go on from its slot. Preflight looks at
// the slot itself, and knows nothing of the pipeline.
func (a *attempt) lookAtSlot(ctx context.Context, found *trouble) error {
	slot, err := a.sql.Slots(a.catalog.Version).FindSlot(ctx, a.p.config.Slot)
	if err != nil {
		return err
	}
	found.add(checkSlot, "", a.continues(slot))
	return nil
}

// meeting is what would become of rows that a start meets in the table's target.
func (a *attempt) meeting(t *table) apply.Existing {
	if !t.toCopy() {
		return apply.Keep
	}
	return a.existing(t.state.CopiedAt != 0 && t.state.Target == t.target)
}

// lookAtTarget asks the target about itself and the tables, each with what would
// become of rows that it meets.
func (a *attempt) lookAtTarget(ctx context.Context, tables []*table) (fault.Findings, error) {
	inspector, ok := a.p.target.(apply.Inspector)
	if !ok {
		return nil, nil
	}
	groups := map[apply.Existing][]*apply.Table{}
	for _, t := range tables {
		existing := a.meeting(t)
		groups[existing] = append(groups[existing], t.into(t.query.Relation))
	}
	if len(groups) == 0 {
		groups[apply.Keep] = nil
	}
	var all fault.Findings
	for _, existing := range slices.Sorted(maps.Keys(groups)) {
		found, err := inspector.Check(ctx, groups[existing], existing)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.Contains(all, f) { // what is about the server is found each time
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// slotsNeeded is how many slots a run has to make: its own, or else the
// temporary one that gives a copy its consistent point.
func (a *attempt) slotsNeeded(ctx context.Context, conn slots) (int, error) {
	slot, err := conn.FindSlot(ctx, a.p.config.Slot)
	switch {
	case err != nil:
		return 0, err
	case slot == nil, a.p.config.Copy && slices.ContainsFunc(a.tables, (*table).toCopy):
		return 1, nil
	}
	return 0, nil
}
