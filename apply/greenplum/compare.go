package greenplum

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// comparison reads a table back as COPY would write it again.
type comparison struct {
	apply.Chosen
	t      *Target
	plan   *plan
	arrays []bool // of the plan's columns, those that come as binary arrays
	key    []int  // places in the plan's columns

	mu   sync.Mutex // one look-up at a time
	conn *pgx.Conn
}

var _ apply.Comparer = (*Target)(nil)

// Compare implements [apply.Comparer].
func (t *Target) Compare(ctx context.Context, table *apply.Table) (apply.Comparison, error) {
	p, err := t.newPlan(table)
	if err != nil {
		return nil, err
	}
	doing := "compare table " + p.quoted
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &comparison{t: t, plan: p, key: p.key, conn: conn}
	err = c.fit(ctx)
	if err == nil {
		err = c.choose()
	}
	if err != nil {
		c.Close()
		return nil, t.failed(ctx, doing, err)
	}
	return c, nil
}

// fit holds the plan against the table that is there.
func (c *comparison) fit(ctx context.Context) error {
	t, p := c.t, c.plan
	if err := t.server.consult(ctx, c.conn, p); err != nil {
		return err
	}
	p.expect(t.server)
	there, err := t.server.describe(ctx, c.conn, p.schema, p.name)
	if err != nil {
		return err
	}
	if there == nil {
		return fault.Precondition(fmt.Errorf("it is not there"), "pgsluice resync copies the table anew")
	}
	if err := t.server.bind(ctx, c.conn, p); err != nil {
		return err
	}
	a, err := p.adopt(t.server, there)
	if err != nil {
		return err
	}
	if len(a.missing) > 0 {
		return fault.Precondition(fmt.Errorf("column %s is missing", p.columns[a.missing[0]].name), "")
	}
	return nil
}

// choose leaves out what would be printed otherwise than it was written.
func (c *comparison) choose() error {
	for i, col := range c.plan.columns {
		source := col.source.Type.Underlying()
		c.arrays = append(c.arrays, !c.plan.textual && !col.asText && source.Kind == change.KindArray)
		if col.wish != "" {
			c.LeaveOut(i, "types wishes for "+col.ddl+", which prints values in its own way")
			continue
		}
		c.Take(i)
	}
	for _, i := range c.key {
		if why, out := c.LeftOut()[i]; out {
			return fault.Permanent(fmt.Errorf("column %s of its key cannot be compared: %s", c.plan.columns[i].name, why), "")
		}
	}
	return nil
}

// Imager implements [apply.Comparison].
func (c *comparison) Imager() apply.Imager { return &imager{of: c, encoder: newEncoder(c.plan)} }

// Close implements [apply.Comparison].
func (c *comparison) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_ = c.conn.Close(ctx)
}

func (c *comparison) names() []string {
	names := make([]string, len(c.Columns()))
	for n, i := range c.Columns() {
		names[n] = c.plan.columns[i].name
	}
	return names
}

// Scan implements [apply.Comparison]. It has a connection of its own.
func (c *comparison) Scan(ctx context.Context, _ change.LSN, each func(image []byte) error) error {
	conn, err := c.t.borrow(ctx)
	if err != nil {
		return err
	}
	form := " WITH (FORMAT binary)"
	if c.plan.textual {
		form = ""
	}
	r := &rows{of: c, each: each}
	_, err = conn.PgConn().CopyTo(ctx, r, "COPY (SELECT "+strings.Join(c.names(), ", ")+" FROM "+c.plan.quoted+") TO STDOUT"+form)
	if r.failed != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return r.failed
	}
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return c.t.failed(ctx, "read table "+c.plan.quoted, err)
	}
	c.t.giveBack(conn)
	return nil
}

// findSQL asks for the rows of one key. Where there is no xmin, as in tables that
// are append-optimised, rows do not tell when they were written.
func (c *comparison) findSQL() string {
	var conditions []string
	for n, i := range c.key {
		col := c.plan.columns[i]
		conditions = append(conditions, fmt.Sprintf("%s %s $%d", col.name, col.equals(), n+1))
	}
	selected := c.names()
	for _, name := range c.names() {
		selected = append(selected, fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM NULL THEN pg_catalog.left(pg_catalog.format('%%s', %[1]s), %d) END", name, apply.TextRoom))
	}
	written := "''"
	if c.plan.storage.kind == heap || c.plan.storage.kind == "" {
		written = "xmin::text"
	}
	return "SELECT " + strings.Join(append(selected, written), ", ") + " FROM " + c.plan.quoted + " WHERE " + strings.Join(conditions, " AND ")
}

// Find implements [apply.Comparison].
func (c *comparison) Find(ctx context.Context, keys [][]byte, each func(place int, f apply.Found) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.find(ctx, keys, each)
	return c.t.failed(ctx, "look keys up in table "+c.plan.quoted, err)
}

func (c *comparison) find(ctx context.Context, keys [][]byte, each func(place int, f apply.Found) error) error {
	if len(keys) == 0 {
		return nil
	}
	const name = "pgsluice_find"
	pg := c.conn.PgConn()
	if _, err := pg.Prepare(ctx, name, c.findSQL(), nil); err != nil {
		return err
	}
	defer func() { _ = pg.Deallocate(context.WithoutCancel(ctx), name) }()
	format := int16(1)
	if c.plan.textual {
		format = 0
	}
	formats := make([]int16, 2*len(c.Columns())+1)
	for n := range c.Columns() {
		formats[n] = format
	}
	var image []byte
	for place, key := range keys {
		params := make([][]byte, len(c.key))
		for n := range c.key {
			_, params[n], key = apply.NextValue(key)
		}
		results := pg.ExecPrepared(ctx, name, params, []int16{format}, formats)
		for results.NextRow() {
			f := c.found(image[:0], results.Values())
			image = f.Image
			if err := each(place, f); err != nil {
				_, _ = results.Close()
				return err
			}
		}
		if _, err := results.Close(); err != nil {
			return err
		}
	}
	return nil
}

// found reads a row of an answer: the values, their texts, and when it was written.
func (c *comparison) found(image []byte, values [][]byte) apply.Found {
	f := apply.Found{Image: image, Written: string(values[len(values)-1])}
	for n, i := range c.Columns() {
		if values[n] == nil {
			f.Image = apply.AppendNull(f.Image)
		} else {
			at := len(f.Image)
			f.Image = apply.AppendValue(f.Image, values[n])
			c.settleArray(i, f.Image[at:])
		}
		var text *string
		if t := values[len(c.Columns())+n]; t != nil {
			s := string(t)
			text = &s
		}
		f.Texts = append(f.Texts, text)
	}
	return f
}

// Key implements [apply.Comparison]. What is written otherwise than it comes is not
// known to the source.
func (c *comparison) Key(image []byte) (key []change.Datum, ok bool) {
	for _, i := range c.key {
		col := c.plan.columns[i]
		var value []byte
		_, value, image = apply.NextValue(image)
		d := change.Datum{Format: change.Binary, Bytes: value}
		if c.plan.textual || col.asText {
			d.Format = change.Text
		} else if col.rewrite != nil {
			return nil, false
		}
		key = append(key, d)
	}
	return key, true
}

// Show implements [apply.Comparison].
func (c *comparison) Show(image []byte) []*string {
	var texts []*string
	e := newEncoder(c.plan)
	for _, i := range c.Columns() {
		var value []byte
		_, value, image = apply.NextValue(image)
		switch {
		case value == nil:
			texts = append(texts, nil)
			continue
		case !c.plan.textual && !c.plan.columns[i].asText:
			if printed, err := e.print(nil, i, change.Datum{Format: change.Binary, Bytes: value}); err == nil {
				value = printed
			} else {
				value = fmt.Appendf(nil, `\x%x`, value)
			}
		}
		texts = append(texts, apply.Shorten(value))
	}
	return texts
}
