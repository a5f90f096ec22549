package sync

import (
	"context"
	"errors"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Plan is what a pipeline would do if it were started now.
type Plan struct {
	Pipeline string `json:"pipeline"`
	// Command is run, or load for a one-shot one.
	Command string `json:"command"`
	// Source names the server's version and the database.
	Source string           `json:"source"`
	Target apply.ServerPlan `json:"target"`
	// Publication and Slot are nil for a one-shot load. CopySlot is the temporary
	// one under which a run copies tables that join later.
	Publication *Step `json:"publication,omitempty"`
	Slot        *Step `json:"slot,omitempty"`
	CopySlot    *Step `json:"copy_slot,omitempty"`
	// Rows and Bytes are the planner's estimate of what would be copied.
	Rows   int64          `json:"rows"`
	Bytes  int64          `json:"bytes"`
	Tables []PlannedTable `json:"tables"`
}

// Step is something that a run needs on the source.
type Step struct {
	Name string `json:"name"`
	// Statement is what would be executed; empty when it is there already.
	Statement string `json:"statement,omitempty"`
}

// What a plan has for a table.
const (
	PlanCopy     = "copy"
	PlanCopyAnew = "copy anew"
	PlanGoOn     = "go on"
	PlanStand    = "stand still"
	PlanNothing  = "nothing"
)

// PlannedTable is a table of the source and what becomes of it.
type PlannedTable struct {
	// Relation is the source's quoted name.
	Relation string `json:"relation"`
	// Does is copy, copy anew, go on (stream), stand still (parked) or nothing.
	Does string `json:"does"`
	// Rows is the planner's estimate, Bytes the size of the heap, Chunks how many
	// statements copy it.
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
	Chunks int   `json:"chunks"`
	// Key is what rows are told apart by; empty for none.
	Key      []string         `json:"key"`
	Where    string           `json:"where,omitempty"`
	Excluded []string         `json:"excluded,omitempty"`
	Target   *apply.TablePlan `json:"target"`
}

// Plan says what a run (streamed) or a one-shot load would do, and changes
// nothing on either side.
func (p *Pipeline) Plan(ctx context.Context, streamed bool) (*Plan, error) {
	inspector, ok := p.target.(apply.Inspector)
	if !ok {
		return nil, fault.Permanent(errors.New("this target cannot say what it would do"), "")
	}
	a := &attempt{p: p}
	defer a.close(ctx)
	refused, err := a.learn(ctx, streamed)
	if err == nil {
		err = refused.err()
	}
	if err != nil {
		return nil, err
	}
	plan := &Plan{Pipeline: p.config.Name, Command: "load", Target: inspector.Server(), Source: "PostgreSQL " + versionText(a.catalog.Version) + ", database " + a.system.Database}
	if streamed {
		plan.Command = "run"
		if err := a.planSource(ctx, plan); err != nil {
			return nil, err
		}
	} else if p.config.Existing != apply.Refuse {
		if err := a.loadAgain(); err != nil {
			return nil, err
		}
	}
	if err := a.planTables(ctx, inspector, plan, refused, streamed); err != nil {
		return nil, err
	}
	return plan, refused.err()
}

// planTables says what becomes of each table; refused learns what is in the way.
func (a *attempt) planTables(ctx context.Context, inspector apply.Inspector, plan *Plan, refused *trouble, streamed bool) error {
	made := map[string]bool{}
	for _, t := range a.tables {
		planned := a.planTable(t, streamed)
		target, err := inspector.Plan(ctx, t.into(t.query.Relation), a.meeting(t))
		if err != nil {
			if fault.Retryable(err) || ctx.Err() != nil {
				return err
			}
			refused.add(checkWishes, t.name, err)
			continue
		}
		// What one table's plan has made is there for the next.
		target.Statements = slices.DeleteFunc(target.Statements, func(statement string) bool {
			again := made[statement]
			made[statement] = true
			return again
		})
		planned.Target = target
		plan.Tables = append(plan.Tables, planned)
		if planned.Does == PlanCopy || planned.Does == PlanCopyAnew {
			plan.Rows += planned.Rows
			plan.Bytes += planned.Bytes
		}
	}
	return nil
}

// planSource says what a run would make on the source.
func (a *attempt) planSource(ctx context.Context, plan *Plan) error {
	config, conn := &a.p.config, a.sql.Slots(a.catalog.Version)
	c, err := a.covers(ctx, conn)
	if err != nil {
		return err
	}
	if err := a.narrowTables(c.published).err(); err != nil {
		return err
	}
	plan.Publication = &Step{Name: config.Publication, Statement: c.statement(a.catalog.Version, config.Publication, config.Operations)}
	slot, err := conn.FindSlot(ctx, config.Slot)
	if err != nil {
		return err
	}
	plan.Slot = &Step{Name: config.Slot}
	if slot == nil {
		plan.Slot.Statement, err = conn.CreateSlotSQL(ctx, config.Slot, false)
		return err
	}
	if config.Copy && slices.ContainsFunc(a.tables, (*table).toCopy) {
		name := temporarySlot(config.Slot)
		plan.CopySlot = &Step{Name: name}
		plan.CopySlot.Statement, err = conn.CreateSlotSQL(ctx, name, true)
	}
	return err
}

func (a *attempt) planTable(t *table, streamed bool) PlannedTable {
	r := t.query.Relation
	p := PlannedTable{
		Relation: t.name, Rows: t.source.Rows, Bytes: t.source.Bytes, Key: keyNames(r), Where: t.query.RowFilter,
		Chunks: len(snapshot.Chunks(t.source, a.catalog.Version, a.p.config.ChunkBytes)),
	}
	for _, c := range t.source.Relation.Columns {
		if position(r, c.Name) < 0 {
			p.Excluded = append(p.Excluded, change.QuoteIdent(c.Name))
		}
	}
	switch {
	case streamed && !a.p.config.Copy && (t.state.Phase == apply.Failed || t.missed() != ""):
		p.Does = PlanStand
	case streamed && !a.p.config.Copy:
		p.Does = PlanGoOn
	case t.toCopy() && t.state.CopiedAt != 0:
		p.Does = PlanCopyAnew
	case t.toCopy():
		p.Does = PlanCopy
	case streamed:
		p.Does = PlanGoOn
	default:
		p.Does = PlanNothing
	}
	return p
}
