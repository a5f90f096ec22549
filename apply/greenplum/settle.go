package greenplum

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
)

// Settle implements [apply.Settler]: rows that were kept aside join those of the
// table, and the planner learns what is in it.
func (t *Target) Settle(ctx context.Context, table *apply.Table) error {
	p, err := t.planOf(table)
	if err != nil {
		return err
	}
	if !p.whole {
		err := t.within(ctx, "join the copied rows to those of "+p.quoted, func(conn *pgx.Conn) error {
			for _, sql := range p.joinAside() {
				if _, err := conn.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return t.rememberJoined(ctx, conn, p)
		})
		if err != nil {
			return t.blame(ctx, table, "settle "+p.quoted, err)
		}
	}
	// Without it the table is as good as the copy; plans for it are worse.
	if err := t.within(ctx, "analyze "+p.quoted, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "ANALYZE "+p.quoted)
		return err
	}); err != nil {
		if !blamesTable(err) {
			return err
		}
		t.log.Warn("the target's planner was not told what is in the table", "table", p.quoted, "error", err)
	}
	return nil
}

// aside is where copied rows wait whose table holds others.
func (p *plan) aside() string {
	return quoted(stateSchema, asideName(p.pipeline, p.schema, p.name))
}

// joinAside are the statements that bring the rows from there. Of a key that both
// have, the source's row is the one.
func (p *plan) joinAside() []string {
	var all []string
	if len(p.key) > 0 {
		match := make([]string, len(p.key))
		for place, i := range p.key {
			c := p.columns[i]
			match[place] = fmt.Sprintf("t.%s %s s.%s", c.name, c.equals(), c.name)
		}
		all = append(all, fmt.Sprintf("DELETE FROM %s t USING %s s WHERE %s", p.quoted, p.aside(), strings.Join(match, " AND ")))
	}
	list := p.columnList()
	return append(all,
		fmt.Sprintf("INSERT INTO %s%s SELECT %s FROM %s", p.quoted, list, strings.Trim(list, " ()"), p.aside()),
		"DROP TABLE "+p.aside())
}

// columnList names the columns, in the order in which rows carry them.
func (p *plan) columnList() string {
	names := make([]string, len(p.columns))
	for i, c := range p.columns {
		names[i] = c.name
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// asideName is short enough whatever the table's name is, and of one pipeline: others
// can copy into the table too.
func asideName(pipeline, schema, table string) string {
	sum := fnv.New64a()
	sum.Write([]byte(pipeline + "\x00" + schema + "\x00" + table))
	return fmt.Sprintf("load_%016x", sum.Sum64())
}
