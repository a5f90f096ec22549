package clickhouse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// block is rows of one table as columns, ready to be sent.
type block struct {
	plan    *plan
	columns []*column
	// loose are the columns whose size is not the plan's to know.
	loose   []*column
	version *column
	deleted *column
	input   proto.Input
	rows    int
}

func newBlock(p *plan) *block {
	b := &block{plan: p, version: newColumn(versionSpec), deleted: newColumn(deletedSpec)}
	for _, s := range p.specs {
		c := newColumn(s)
		b.columns = append(b.columns, c)
		if s.shape != shapeFixed {
			b.loose = append(b.loose, c)
		}
		b.input = append(b.input, proto.InputColumn{Name: s.name, Data: c})
	}
	b.input = append(b.input,
		proto.InputColumn{Name: versionColumn, Data: b.version},
		proto.InputColumn{Name: deletedColumn, Data: b.deleted})
	return b
}

// append adds a row. After an error the block holds half a row and is only good
// for reset.
func (b *block) append(values []change.Datum, p change.Position) error {
	if len(values) != len(b.columns) {
		return fmt.Errorf("a row of %d values arrived for %d columns", len(values), len(b.columns))
	}
	// This is column.append written out, for here go all the values there are.
	for i, c := range b.columns {
		d := values[i]
		if d.Format == change.Null {
			if err := c.appendNull(); err != nil {
				return b.explain(c, values, d, err)
			}
			continue
		}
		if edge, err := c.put(c, d); err != nil || edge != typemap.Fits {
			if err := c.adjust(edge, err); err != nil {
				return b.explain(c, values, d, err)
			}
			continue
		}
		if c.nullable {
			c.nulls = append(c.nulls, 0)
		}
		c.rows++
	}
	b.finish(p, 0)
	return nil
}

// appendTombstone adds the deletion of a key.
func (b *block) appendTombstone(values []change.Datum, p change.Position) error {
	for i, c := range b.columns {
		if !b.plan.inKey[i] {
			c.appendDefault()
		} else if err := c.append(values[i]); err != nil {
			return b.explain(c, values, values[i], err)
		}
	}
	b.finish(p, 1)
	return nil
}

func (b *block) finish(p change.Position, deleted byte) {
	b.version.data = binary.LittleEndian.AppendUint64(b.version.data, p.Seq)
	b.version.data = binary.LittleEndian.AppendUint64(b.version.data, uint64(p.Commit))
	b.version.rows++
	b.deleted.data = append(b.deleted.data, deleted)
	b.deleted.rows++
	b.rows++
}

// size is the memory that the rows take.
func (b *block) size() int {
	n := b.rows * b.plan.fixed
	for _, c := range b.loose {
		n += c.size()
	}
	return n
}

func (b *block) capacity() int {
	n := b.version.capacity() + b.deleted.capacity()
	for _, c := range b.columns {
		n += c.capacity()
	}
	return n
}

func (b *block) reset() {
	for _, c := range b.columns {
		c.reset()
	}
	b.version.reset()
	b.deleted.reset()
	b.rows = 0
}

// excerpt is how many bytes of a value an error shows.
const excerpt = 120

// explain names the column, the key and the value of a row that was refused.
func (b *block) explain(c *column, values []change.Datum, d change.Datum, err error) error {
	var edge *edgeError
	v := &apply.ValueError{Column: c.source, Type: c.ddl, Key: b.describeKey(values), Value: describe(c.spec, d), Reason: err.Error()}
	if errors.As(err, &edge) {
		return &apply.TableError{Table: b.plan.table, Err: v}
	}
	// It is no value of the type that the column had when it was looked at.
	return &apply.TableError{Table: b.plan.table, Err: fault.Permanent(v, copyAgain)}
}

func (b *block) describeKey(values []change.Datum) string {
	var parts []string
	for _, i := range b.plan.key {
		parts = append(parts, describe(b.plan.specs[i], values[i]))
	}
	return strings.Join(parts, ", ")
}

// describe prints a value as PostgreSQL does, shortened.
func describe(s *spec, d change.Datum) string {
	switch d.Format {
	case change.Null:
		return "NULL"
	case change.Unchanged:
		return "(unchanged)"
	}
	t, err := s.meaning.AppendText(nil, d)
	if err != nil {
		t = fmt.Appendf(nil, "%q", d.Bytes[:min(len(d.Bytes), excerpt)])
	}
	if len(t) > excerpt {
		return strings.ToValidUTF8(string(t[:excerpt]), "") + "…"
	}
	return strings.ToValidUTF8(string(t), "\uFFFD")
}
