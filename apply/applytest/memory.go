package applytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Memory is a warehouse in maps, and a target on it: the newest version of each
// key, deleted or not, and what is remembered of each pipeline. It keeps the
// contract to the letter, is safe for concurrent use, and outlives Close, so
// that the next Open finds what the last one left.
//
// Its zero value is empty and ready.
type Memory struct {
	// Refuse, when set, says why a value cannot be held; empty: it can.
	Refuse func(c *change.Column, d change.Datum) (reason string)
	// Print makes text of a binary value. Without it text is shown as it came
	// and binary as hexadecimal digits, which is enough where one form is used.
	Print func(t *change.Type, d change.Datum) string

	mu     sync.Mutex
	tables map[string]*memoryTable
	states map[string]apply.State
}

var (
	_ apply.Target = (*Memory)(nil)
	_ Warehouse    = (*Memory)(nil)
)

type memoryTable struct {
	columns []change.Column
	// kept are columns that the source does not have any more.
	kept map[string]bool
	key  []string
	rows map[string]*memoryRow
}

type memoryRow struct {
	position change.Position
	deleted  bool
	values   map[string]change.Datum
}

// Open implements [Warehouse].
func (m *Memory) Open(context.Context) (apply.Target, error) { return m, nil }

// Close implements [apply.Target].
func (m *Memory) Close() error { return nil }

// Read implements [Warehouse].
func (m *Memory) Read(_ context.Context, table *apply.Table) ([][]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tables[table.Name]
	if t == nil {
		return nil, fmt.Errorf("there is no table %s", table.Name)
	}
	var rows [][]string
	for _, r := range t.rows {
		if r.deleted {
			continue
		}
		var row []string
		for i := range table.Relation.Columns {
			row = append(row, m.print(&table.Relation.Columns[i], r.values[table.Relation.Columns[i].Name]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (m *Memory) print(c *change.Column, d change.Datum) string {
	switch {
	case d.Format == change.Null:
		return Null
	case m.Print != nil:
		return m.Print(c.Type, d)
	case d.Format == change.Binary:
		return fmt.Sprintf("%x", d.Bytes)
	}
	return string(d.Bytes)
}

// Versions tells what the table holds of each key, tombstones included, for
// tests that look behind what a reader sees: position by printed key.
func (m *Memory) Versions(name string) map[string]change.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	versions := map[string]change.Position{}
	if t := m.tables[name]; t != nil {
		for key, r := range t.rows {
			versions[key] = r.position
		}
	}
	return versions
}

// Recall implements [apply.Target].
func (m *Memory) Recall(ctx context.Context, pipeline string) (apply.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return cloneState(m.states[pipeline]), ctx.Err()
}

func cloneState(s apply.State) apply.State {
	if s.Tables == nil {
		return s
	}
	tables := make(map[string]apply.TableState, len(s.Tables))
	for name, t := range s.Tables {
		t.Columns = slices.Clone(t.Columns)
		tables[name] = t
	}
	s.Tables = tables
	return s
}

// Remember implements [apply.Target].
func (m *Memory) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := cloneState(m.states[p.Name])
	if p.Watermark < s.Pipeline.Watermark && !p.GivenUp {
		return fault.Permanent(fmt.Errorf("remember the state of %s: its watermark would go back from %s to %s", p.Name, s.Pipeline.Watermark, p.Watermark), "")
	}
	s.Pipeline = p
	for _, t := range tables {
		if s.Tables == nil {
			s.Tables = map[string]apply.TableState{}
		}
		t.Columns = slices.Clone(t.Columns)
		s.Tables[t.Relation] = t
	}
	if m.states == nil {
		m.states = map[string]apply.State{}
	}
	m.states[p.Name] = s
	return nil
}

// Forget implements [apply.Target].
func (m *Memory) Forget(ctx context.Context, pipeline string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.states, pipeline)
	return ctx.Err()
}

// Drop implements [apply.Target].
func (m *Memory) Drop(ctx context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tables, name)
	return ctx.Err()
}

// Prepare implements [apply.Target].
func (m *Memory) Prepare(ctx context.Context, table *apply.Table, existing apply.Existing, copiedAt change.LSN) (created bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rel := table.Relation
	t := m.tables[table.Name]
	if anew := t != nil && t.isAnew(rel, existing); t == nil || anew {
		if m.tables == nil {
			m.tables = map[string]*memoryTable{}
		}
		t = &memoryTable{columns: slices.Clone(rel.Columns), key: keyNames(rel), rows: map[string]*memoryRow{}}
		m.tables[table.Name] = t
		return !anew, nil
	}
	if err := t.adopt(rel); err != nil {
		return false, fault.Precondition(fmt.Errorf("prepare %s: %w", table.Name, err), "choose another table")
	}
	switch existing {
	case apply.Refuse:
		if len(t.rows) > 0 {
			return false, fault.Precondition(fmt.Errorf("prepare %s: it holds rows", table.Name), "empty it")
		}
	case apply.Truncate:
		clear(t.rows)
	case apply.Discard:
		for key, r := range t.rows {
			if r.position.Compare(change.CopyPosition(copiedAt, false)) >= 0 {
				delete(t.rows, key)
			}
		}
	case apply.DiscardOlder:
		for key, r := range t.rows {
			if r.position.Compare(change.CopyPosition(copiedAt, false)) < 0 {
				delete(t.rows, key)
			}
		}
	}
	if table.Since == (change.Position{}) {
		t.standFor(rel)
	}
	if err := t.addColumns(rel); err != nil {
		return false, fmt.Errorf("prepare %s: %w", table.Name, err)
	}
	return false, nil
}

// isAnew says that a table, which Prepare made like all that are here, does not fit,
// and that no row has come to it.
func (t *memoryTable) isAnew(r *change.Relation, existing apply.Existing) bool {
	return t.adopt(r) != nil && len(t.rows) == 0 && existing.BeforeCopy()
}

func keyNames(r *change.Relation) []string {
	var names []string
	for _, i := range r.Key {
		names = append(names, r.Columns[i].Name)
	}
	return names
}

func (t *memoryTable) column(name string) *change.Column {
	for i := range t.columns {
		if t.columns[i].Name == name {
			return &t.columns[i]
		}
	}
	return nil
}

func (t *memoryTable) adopt(r *change.Relation) error {
	if !slices.Equal(t.key, keyNames(r)) {
		return fmt.Errorf("its key is (%s)", strings.Join(t.key, ", "))
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		have := t.column(c.Name)
		if have != nil && have.Type.OID != c.Type.OID && (!isText(have.Type) || !isText(c.Type)) {
			return fmt.Errorf("column %s is %s there, not %s", c.Name, have.Type, c.Type)
		}
	}
	return nil
}

// isText says that values of the type hold one another's.
func isText(t *change.Type) bool {
	return t.Schema == "pg_catalog" && (t.Name == "text" || t.Name == "varchar")
}

// standFor has the table stand for what is copied into it, whose columns are taken
// by their names, whatever was called so before.
func (t *memoryTable) standFor(r *change.Relation) {
	for i := range t.columns {
		c := &t.columns[i]
		c.Attnum = 0
		for _, is := range r.Columns {
			if is.Name == c.Name {
				c.Attnum = is.Attnum
				delete(t.kept, c.Name)
			}
		}
	}
}

func (t *memoryTable) addColumns(r *change.Relation) error {
	for i := range r.Columns {
		c := r.Columns[i]
		if t.column(c.Name) != nil {
			continue
		}
		if c.Missing == nil && c.NotNull && len(t.rows) > 0 {
			return apply.Rebuild("nobody knows what older rows hold in column %s", c.Name)
		}
		t.columns = append(t.columns, c)
		for _, row := range t.rows {
			row.values[c.Name] = older(&c)
		}
	}
	return nil
}

// older is what rows from before a column hold.
func older(c *change.Column) change.Datum {
	if c.Missing == nil {
		return change.Datum{}
	}
	return change.Datum{Format: change.Text, Bytes: []byte(*c.Missing)}
}

// Binary implements [apply.Target].
func (m *Memory) Binary(*apply.Table, int) bool { return true }

// Load implements [apply.Target].
func (m *Memory) Load(ctx context.Context, table *apply.Table) (apply.Loader, error) {
	return &memoryLoader{m: m, table: table, ctx: ctx}, ctx.Err()
}

// memoryLoader makes rows visible at once, as a loader may.
type memoryLoader struct {
	m     *Memory
	table *apply.Table
	ctx   context.Context
	used  bool
}

var errUsed = errors.New("the loader is used up")

func (l *memoryLoader) Append(values []change.Datum, p change.Position) error {
	if l.used {
		return errUsed
	}
	if err := l.ctx.Err(); err != nil {
		return err
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	t, err := l.m.table(l.table)
	if err != nil {
		return err
	}
	return l.m.put(t, l.table, &apply.Row{Position: p, Values: values})
}

func (l *memoryLoader) Finish() error {
	if l.used {
		return errUsed
	}
	l.used = true
	return l.ctx.Err()
}

func (l *memoryLoader) Abort() { l.used = true }

func cloneDatum(d change.Datum) change.Datum {
	return change.Datum{Format: d.Format, Bytes: bytes.Clone(d.Bytes)}
}
