package applytest

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Apply implements [apply.Target]: all tables, one after the other, then the
// watermark.
func (m *Memory) Apply(ctx context.Context, b *apply.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, tb := range b.Tables() {
		if err := m.applyTable(tb); err != nil {
			return &apply.TableError{Table: tb.Table, Err: err}
		}
	}
	if b.Watermark == 0 {
		return nil
	}
	s, known := m.states[b.Pipeline]
	if !known {
		return fault.Permanent(fmt.Errorf("remember a watermark of pipeline %q: nobody has heard of it", b.Pipeline), "")
	}
	s.Pipeline.Watermark = max(s.Pipeline.Watermark, b.Watermark)
	m.states[b.Pipeline] = s
	return nil
}

func (m *Memory) table(table *apply.Table) (*memoryTable, error) {
	t := m.tables[table.Name]
	if t == nil {
		return nil, fault.Permanent(fmt.Errorf("there is no table %s", table.Name), "prepare it")
	}
	return t, nil
}

func (m *Memory) applyTable(tb *apply.TableBatch) error {
	t, err := m.table(tb.Table)
	if err != nil {
		return err
	}
	// Unchanged values are looked up before anything is written, as in a
	// warehouse that writes a table's rows at once.
	rows, err := m.resolve(t, tb)
	if err != nil {
		return err
	}
	if tb.Truncate.Commit != 0 {
		for key, r := range t.rows {
			if r.position.Compare(tb.Truncate) < 0 {
				delete(t.rows, key)
			}
		}
	}
	for i := range rows {
		if err := m.put(t, tb.Table, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) resolve(t *memoryTable, tb *apply.TableBatch) ([]apply.Row, error) {
	var rows []apply.Row
	for i := range tb.Len() {
		var r apply.Row
		tb.Row(i, &r)
		if r.Base != nil {
			source, err := m.source(t, tb.Table, &r)
			if err != nil {
				return nil, err
			}
			if source == nil {
				continue
			}
			for c := range r.Values {
				if r.Values[c].Format == change.Unchanged {
					r.Values[c] = source.values[tb.Table.Relation.Columns[c].Name]
				}
			}
		}
		if reason, i := m.refused(tb.Table.Relation, &r); reason != "" {
			return nil, m.valueError(tb.Table.Relation, &r, i, reason)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// source is the row that holds r's unchanged values; nil when r itself is there
// or has been overtaken. See [apply.Row].
func (m *Memory) source(t *memoryTable, table *apply.Table, r *apply.Row) (*memoryRow, error) {
	own := r.Base
	if n := len(r.Steps); n > 0 {
		own = r.Steps[n-1].Key
	}
	if have := t.rows[m.keyText(table.Relation, own)]; have != nil && have.position.Compare(r.Position) >= 0 {
		return nil, nil
	}
	before := r.Position
	for i := len(r.Steps) - 1; i >= -1; i-- {
		key, since := r.Base, change.Position{}
		if i >= 0 {
			key, since = r.Steps[i].Key, r.Steps[i].Position
		}
		have := t.rows[m.keyText(table.Relation, key)]
		if have != nil && !have.deleted && have.position.Compare(since) >= 0 && have.position.Compare(before) < 0 {
			return have, nil
		}
		before = since
	}
	return nil, fault.Permanent(fmt.Errorf("the row with key (%s), which holds unchanged values, is not there", strings.ReplaceAll(m.keyText(table.Relation, r.Base), "\x00", ", ")), "resync the table")
}

func (m *Memory) put(t *memoryTable, table *apply.Table, r *apply.Row) error {
	rel := table.Relation
	if reason, i := m.refused(rel, r); reason != "" {
		return &apply.TableError{Table: table, Err: m.valueError(rel, r, i, reason)}
	}
	key := r.Position.String()
	if rel.Keyed() {
		var parts []change.Datum
		for _, i := range rel.Key {
			parts = append(parts, r.Values[i])
		}
		key = m.keyText(rel, parts)
	}
	if have := t.rows[key]; have != nil && have.position.Compare(r.Position) > 0 {
		return nil
	}
	row := &memoryRow{position: r.Position, deleted: r.Deleted, values: map[string]change.Datum{}}
	for i := range t.columns {
		row.values[t.columns[i].Name] = older(&t.columns[i])
	}
	for i, d := range r.Values {
		row.values[rel.Columns[i].Name] = cloneDatum(d)
	}
	t.rows[key] = row
	return nil
}

// keyText tells keys apart; columns are divided by a character that no text in
// PostgreSQL holds.
func (m *Memory) keyText(rel *change.Relation, key []change.Datum) string {
	var parts []string
	for place, d := range key {
		parts = append(parts, m.print(&rel.Columns[rel.Key[place]], d))
	}
	return strings.Join(parts, "\x00")
}

func (m *Memory) refused(rel *change.Relation, r *apply.Row) (reason string, column int) {
	if m.Refuse == nil || r.Deleted {
		return "", 0
	}
	for i, d := range r.Values {
		if reason := m.Refuse(&rel.Columns[i], d); reason != "" {
			return reason, i
		}
	}
	return "", 0
}

func (m *Memory) valueError(rel *change.Relation, r *apply.Row, i int, reason string) error {
	var key []change.Datum
	for _, k := range rel.Key {
		key = append(key, r.Values[k])
	}
	return &apply.ValueError{
		Column: rel.Columns[i].Name, Type: rel.Columns[i].Type.String(),
		Key: strings.ReplaceAll(m.keyText(rel, key), "\x00", ", "), Value: m.print(&rel.Columns[i], r.Values[i]), Reason: reason,
	}
}
