package clickhouse

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// comparison reads a table back as wire bytes, as FINAL shows it.
type comparison struct {
	apply.Chosen
	t    *Target
	plan *plan
	key  []int // places in Columns
}

var _ apply.Comparer = (*Target)(nil)

// Compare implements [apply.Comparer].
func (t *Target) Compare(ctx context.Context, table *apply.Table) (apply.Comparison, error) {
	p, err := t.newPlan(table)
	if err != nil {
		return nil, err
	}
	doing := "compare table " + p.name
	there, err := t.describe(ctx, table.Name)
	if err != nil {
		return nil, t.failed(ctx, doing, err)
	}
	if there == nil {
		return nil, fault.Precondition(fmt.Errorf("%s: it is not there", doing), "pgsluice resync copies the table anew")
	}
	missing, err := p.adopt(there, t.version)
	if err == nil && len(missing) > 0 {
		err = fault.Precondition(fmt.Errorf("column %s is missing", change.QuoteIdent(p.specs[missing[0]].name)), "")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	c := &comparison{t: t, plan: p}
	for i, s := range p.specs {
		if s.reprinted() {
			c.LeaveOut(i, s.ddl+" does not keep the text of a value")
			continue
		}
		c.Take(i)
	}
	for _, i := range p.key {
		at := slices.Index(c.Columns(), i)
		if at < 0 {
			return nil, fault.Permanent(fmt.Errorf("%s: column %s of its key is %s, which does not keep the text of a value", doing, change.QuoteIdent(p.specs[i].name), p.specs[i].ddl), "")
		}
		c.key = append(c.key, at)
	}
	return c, nil
}

// Imager implements [apply.Comparison].
func (c *comparison) Imager() apply.Imager { return &imager{of: c, block: newBlock(c.plan)} }

// Close implements [apply.Comparison].
func (c *comparison) Close() {}

func (c *comparison) columns() []*column {
	columns := make([]*column, len(c.Columns()))
	for n, i := range c.Columns() {
		columns[n] = newColumn(c.plan.specs[i])
	}
	return columns
}

// Blocks of an answer have so many rows at most: the memory that they take is not
// known before they come.
const scanRows, findRows = "8192", "64"

// Scan implements [apply.Comparison]. In a table without a key the version tells
// when a row came; in one with a key an older version may have been merged away.
func (c *comparison) Scan(ctx context.Context, before change.LSN, each func(image []byte) error) error {
	columns := c.columns()
	var names, sent []string
	for _, col := range columns {
		names, sent = append(names, col.name), append(sent, col.read())
	}
	from := "SELECT " + idents(names) + " FROM " + c.plan.name + " FINAL"
	if before > 0 && len(c.plan.key) == 0 {
		from += " WHERE " + versionColumn + " < " + versionOf(change.Position{Commit: before})
	}
	var image []byte
	err := c.read(ctx, "SELECT "+strings.Join(sent, ", ")+" FROM ("+from+")", scanRows, nil, columns, func() error {
		for i := range columns[0].rows {
			image = image[:0]
			for _, col := range columns {
				image = col.image(image, i)
			}
			if err := each(image); err != nil {
				return err
			}
		}
		return nil
	})
	return c.t.failed(ctx, "read table "+c.plan.name, err)
}

// read runs a query and calls each for every block of the answer.
func (c *comparison) read(ctx context.Context, sql, rows string, keys proto.Input, columns []*column, each func() error) error {
	var result proto.Results
	for _, col := range columns {
		result = append(result, proto.ResultColumn{Name: col.name, Data: col})
	}
	q := ch.Query{
		Body: sql, Settings: append(slices.Clone(selectSettings), ch.Setting{Key: "max_block_size", Value: rows}),
		Result: result,
	}
	if keys != nil {
		q.ExternalTable, q.ExternalData = "_keys", keys
	}
	var refused error
	q.OnResult = func(context.Context, proto.Block) error {
		refused = each()
		for _, col := range columns {
			col.reset()
		}
		return refused
	}
	err := c.t.wires.do(ctx, q)
	if refused != nil {
		return refused
	}
	return err
}

// Find implements [apply.Comparison].
func (c *comparison) Find(ctx context.Context, keys [][]byte, each func(place int, f apply.Found) error) error {
	if len(keys) == 0 {
		return nil
	}
	asked := newKeyColumns(c.plan)
	places := map[string]int{}
	for n, key := range keys {
		places[string(key)] = n
		for _, col := range asked.columns {
			var value []byte
			_, value, key = apply.NextValue(key)
			col.unimage(value)
		}
	}
	columns := c.columns()
	sql, input, texts := c.lookup(asked, columns)
	version := newColumn(versionSpec)
	var image, key []byte
	err := c.read(ctx, sql, findRows, input, append(append(slices.Clone(columns), version), texts...), func() error {
		for i := range version.rows {
			image, key = image[:0], key[:0]
			for _, col := range columns {
				image = col.image(image, i)
			}
			for _, at := range c.key {
				key = columns[at].image(key, i)
			}
			n, there := places[string(key)]
			if !there {
				return errors.New("the server has found a key that was not asked for")
			}
			f := apply.Found{Image: image, Written: hex.EncodeToString(version.value(i))}
			for _, t := range texts {
				f.Texts = append(f.Texts, t.text(i))
			}
			if err := each(n, f); err != nil {
				return err
			}
		}
		return nil
	})
	return c.t.failed(ctx, "look keys up in table "+c.plan.name, err)
}

// lookup is the query for keys that are sent along, with columns for the texts of
// its answer.
func (c *comparison) lookup(asked keyColumns, columns []*column) (sql string, input proto.Input, texts []*column) {
	var casts, names, sent []string
	for i, col := range asked.columns {
		input = append(input, proto.InputColumn{Name: keyName(i), Data: col})
		casts = append(casts, "CAST("+ident(keyName(i))+", "+text(col.ddl)+")")
	}
	for _, col := range columns {
		names, sent = append(names, col.name), append(sent, col.read())
	}
	sent = append(sent, versionColumn)
	for i, col := range columns {
		spec := &spec{name: fmt.Sprintf("_text%d", i), typ: named("String"), ddl: "Nullable(String)", wire: "Nullable(String)", nullable: true, shape: shapeString}
		texts = append(texts, newColumn(spec))
		sent = append(sent, fmt.Sprintf("CAST(substringUTF8(toString(%s), 1, %d), 'Nullable(String)') AS %s", ident(col.name), apply.TextRoom, spec.name))
	}
	key := idents(c.plan.keyNames())
	from := "SELECT " + idents(append(names, versionColumn)) + " FROM " + c.plan.name + " FINAL WHERE (" + key + ") IN (SELECT " + strings.Join(casts, ", ") + " FROM _keys)"
	return "SELECT " + strings.Join(sent, ", ") + " FROM (" + from + ")", input, texts
}

// text is a string that was read back; nil for NULL.
func (c *column) text(i int) *string {
	if c.nulls[i] == 1 {
		return nil
	}
	value := c.data[c.start(i):c.ends[i]]
	_, room := binary.Uvarint(value)
	s := strings.ToValidUTF8(string(value[room:]), "\uFFFD")
	return &s
}

// Key implements [apply.Comparison].
func (c *comparison) Key(image []byte) (key []change.Datum, ok bool) {
	rest := image
	for _, at := range c.key {
		s := c.plan.specs[c.Columns()[at]]
		var value []byte
		_, value, rest = apply.NextValue(rest)
		original, ok := s.original(value)
		if !ok {
			return nil, false
		}
		key = append(key, change.Datum{Format: change.Text, Bytes: original})
	}
	return key, c.same(key, image)
}

// same makes the key's image anew, and sees that it is the one at hand.
func (c *comparison) same(key []change.Datum, image []byte) bool {
	k := newKeyColumns(c.plan)
	if _, err := k.add(key); err != nil {
		return false
	}
	var made []byte
	for _, col := range k.columns {
		if col.shape != shapeFixed {
			col.index()
		}
		made = col.image(made, 0)
	}
	return string(made) == string(image)
}
