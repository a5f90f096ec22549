package greenplum

import (
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Binary implements [apply.Target]. A table of which one column can be had as text
// alone is copied as text altogether: COPY has one form for a row.
func (t *Target) Binary(table *apply.Table, column int) bool {
	p, err := t.drafted(table)
	return err == nil && !p.textual && p.columns[column].binary
}

// drafted is a plan of a table that need not be prepared. The last one is kept: it is
// asked for once a column.
func (t *Target) drafted(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.plans[table]; p != nil {
		return p, nil
	}
	if p := t.drafts[table.Name]; p != nil && p.table == table {
		return p, nil
	}
	p, err := t.newPlan(table)
	if err == nil {
		t.drafts[table.Name] = p
	}
	return p, err
}

// planOf is the plan of a table that was prepared.
func (t *Target) planOf(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.plans[table]; p != nil {
		return p, nil
	}
	return nil, fault.Retry(fmt.Errorf("table %s has not been prepared for %s", table.Name, table.Relation))
}

// keepPlan keeps the plan of a table that was prepared. Batches under way can be of
// relations that it had before, and an undone transaction brings one back, so the
// plans of a name stay, up to a number that no stretch of the stream comes near:
// an apply loop is two batches behind what is announced at the most.
func (t *Target) keepPlan(p *plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := p.table.Name
	if t.plans[p.table] == nil {
		t.prepared[name] = append(t.prepared[name], p.table)
	}
	t.plans[p.table] = p
	if old := t.prepared[name]; len(old) > keptPlans {
		delete(t.plans, old[0])
		t.prepared[name] = old[1:]
	}
}

const keptPlans = 16
