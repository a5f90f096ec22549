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

// planned is the plan of a table, from Prepare or made now. One that is made now is
// kept: it is asked for once a column.
func (t *Target) planned(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.latest(table); p != nil {
		return p, nil
	}
	p, err := t.newPlan(table)
	if err == nil {
		t.keep(p)
	}
	return p, err
}

// planOf is the plan of a table that was prepared.
func (t *Target) planOf(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.latest(table); p != nil && p.prepared {
		return p, nil
	}
	return nil, fault.Retry(fmt.Errorf("table %s has not been prepared for %s", table.Name, table.Relation))
}

func (t *Target) keepPlan(p *plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(p)
}

// latest is the last plan that was made for a table. The caller holds the mutex.
func (t *Target) latest(table *apply.Table) *plan {
	p := t.plans[table.Name]
	for p != nil && p.table != table {
		p = p.older
	}
	return p
}

// kept is how many plans there are of a table: those for relations that it had,
// which it has again when a transaction is undone that has changed it.
const kept = 4

// keep makes a plan the latest. The caller holds the mutex.
func (t *Target) keep(p *plan) {
	p.older = t.plans[p.table.Name]
	t.plans[p.table.Name] = p
	n := 1
	for at := p; at.older != nil; {
		if at.older.table == p.table || n == kept {
			at.older = at.older.older
		} else {
			at, n = at.older, n+1
		}
	}
}
