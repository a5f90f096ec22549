package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
)

// compare compares all tables, one after the other.
func (d *demonstration) compare(ctx context.Context) (found []comparison, err error) {
	web := newQueryClient(d.clickhouse.HTTPAddr())
	err = d.inPostgres(ctx, shopDatabase, func(conn *pgx.Conn) error {
		for i := range d.tables {
			t := &d.tables[i]
			c, err := compareTable(ctx, conn, web, t, d.settings.TargetName("public", t.name))
			if err != nil {
				return err
			}
			found = append(found, c)
		}
		return nil
	})
	return found, err
}

// report prints what was found; differences are an error.
func (d *demonstration) report(found []comparison) error {
	width := len("table")
	for _, c := range found {
		width = max(width, len(c.table))
	}
	fmt.Fprintf(d.out, "  %-*s  %15s  %15s  %11s  %16s\n", width, "table", "PostgreSQL rows", "ClickHouse rows", "differences", "changes streamed")
	var differing int64
	for _, c := range found {
		streamed := d.streamed["public."+change.QuoteIdent(c.table)]
		fmt.Fprintf(d.out, "  %-*s  %15s  %15s  %11s  %16s\n", width, c.table, count(c.source), count(c.target), count(c.differing), count(streamed))
		differing += c.differing
	}
	fmt.Fprintln(d.out)
	if differing == 0 {
		return nil
	}
	var lines []string
	for _, c := range found {
		lines = append(lines, c.first...)
		if more := c.differing - int64(len(c.first)); more > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %s more", c.table, count(more)))
		}
	}
	return errors.New("PostgreSQL and ClickHouse DIFFER in " + count(differing) + " rows:\n  " + strings.Join(lines, "\n  "))
}
