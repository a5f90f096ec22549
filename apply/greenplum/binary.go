package greenplum

import (
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Binary implements [apply.Target]. A table of which one column can be had as text
// alone is copied as text altogether: COPY has one form for a row.
func (t *Target) Binary(table *apply.Table, column int) bool {
	p, err := t.planned(table)
	return err == nil && !p.textual && p.columns[column].binary
}

// planned is the plan of a table, from Prepare or made now. One that is made now
// is kept, as its table's latest: it is asked for once a column.
func (t *Target) planned(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.plans[table.Name]
	switch {
	case p != nil && p.table == table:
		return p, nil
	case p != nil && p.draft != nil && p.draft.table == table:
		return p.draft, nil
	}
	draft, err := t.newPlan(table)
	if err != nil {
		return nil, err
	}
	if p != nil && p.prepared {
		p.draft = draft
	} else {
		t.plans[table.Name] = draft
	}
	return draft, nil
}

// planOf is the plan of a table that was prepared.
func (t *Target) planOf(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.plans[table.Name]
	if p == nil || !p.prepared || p.table != table {
		return nil, fault.Retry(fmt.Errorf("table %s has not been prepared for %s", table.Name, table.Relation))
	}
	return p, nil
}

func (t *Target) keepPlan(p *plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plans[p.table.Name] = p
}
