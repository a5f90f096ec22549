package applytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Alter implements [apply.Target].
func (m *Memory) Alter(ctx context.Context, table *apply.Table, was []apply.ColumnShape, drop bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.table(table)
	if err != nil {
		return err
	}
	d, err := apply.Differ(table, was)
	if err == nil {
		t, err = t.altered(table.Relation, d, was, drop)
	}
	if err != nil {
		return fmt.Errorf("alter %s: %w", table.Name, err)
	}
	m.tables[table.Name] = t
	return nil
}

// altered makes the table anew, so that nothing of it comes to be when something
// cannot.
func (t *memoryTable) altered(rel *change.Relation, d *apply.Difference, was []apply.ColumnShape, drop bool) (*memoryTable, error) {
	n := &memoryTable{kept: map[string]bool{}, rows: map[string]*memoryRow{}, key: keyNames(rel)}
	from := map[string]string{} // old names by new ones; empty: none
	for i := range rel.Columns {
		c := rel.Columns[i]
		name, err := t.origin(&c, d, i, len(t.rows) == 0)
		if err != nil {
			return nil, err
		}
		from[c.Name] = name
		if was := t.column(name); was != nil && c.Missing == nil {
			c.Missing = was.Missing // rows from before the column may come again
		}
		n.columns = append(n.columns, c)
	}
	for i := range t.columns {
		c := t.columns[i]
		there, taken := from[c.Name]
		switch {
		case taken && there == c.Name, slices.Contains(slices.Collect(maps.Values(from)), c.Name):
		case drop && slices.ContainsFunc(was, func(s apply.ColumnShape) bool { return s.Name == c.Name && s.Attnum == c.Attnum }):
		case taken:
			return nil, apply.Rebuild("there is another column %s already", c.Name)
		default:
			c.Missing = nil // rows to come hold none of it
			n.columns, n.kept[c.Name], from[c.Name] = append(n.columns, c), true, c.Name
		}
	}
	for key, r := range t.rows {
		n.rows[key] = r.renamed(n.columns, from)
	}
	return n, nil
}

// origin is the name that a column of the relation has now; empty for one that is
// new.
func (t *memoryTable) origin(c *change.Column, d *apply.Difference, i int, empty bool) (string, error) {
	own := slices.IndexFunc(t.columns, func(h change.Column) bool { return h.Attnum == c.Attnum && h.Name == c.Name && !t.kept[h.Name] })
	if own < 0 { // an earlier copy may have left it the column under another name, too
		own = slices.IndexFunc(t.columns, func(h change.Column) bool { return h.Attnum == c.Attnum && !t.kept[h.Name] })
	}
	switch {
	case own < 0 && d.Was[i] != nil:
		return "", apply.Rebuild("column %s is not there", d.From[i])
	case own < 0 && !empty && c.Missing == nil && (c.NotNull || c.Generated || c.Defaulted):
		return "", apply.Rebuild("nobody knows what older rows hold in column %s", c.Name)
	case own < 0:
		return "", nil
	case d.Retyped(i, c) && !apply.SameText(c.Type, d.Was[i]):
		return "", apply.Rebuild("values of column %s are printed otherwise as %s", c.Name, c.Type)
	}
	return t.columns[own].Name, nil
}

func (r *memoryRow) renamed(columns []change.Column, from map[string]string) *memoryRow {
	n := &memoryRow{position: r.position, deleted: r.deleted, values: map[string]change.Datum{}}
	for i := range columns {
		c := &columns[i]
		if name := from[c.Name]; name != "" {
			n.values[c.Name] = r.values[name]
		} else {
			n.values[c.Name] = older(c)
		}
	}
	return n
}

// Shadow implements [apply.Target].
func (m *Memory) Shadow(name string) string {
	return apply.ShadowName(name, 1<<20, func(s string) int { return len(s) })
}

// Swap implements [apply.Target].
func (m *Memory) Swap(ctx context.Context, table *apply.Table, from string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tables[from]
	switch {
	case table.Shared:
		err := errors.New("it holds rows of others too")
		return &apply.TableError{Table: table, Err: fault.Precondition(fmt.Errorf("swap %s: %w", table.Name, err), "copy it into a table of its own")}
	case t == nil:
		err := apply.Rebuild("there is no table %s", from)
		return &apply.TableError{Table: table, Err: fmt.Errorf("swap %s: %w", table.Name, err)}
	}
	m.tables[table.Name] = t
	delete(m.tables, from)
	return nil
}
