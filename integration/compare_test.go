package integration

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The comparison brings every value to a text of its own making, on PostgreSQL
// by casts and on the target by what it has for that, and holds the rows of both
// sides against each other as multisets. It asks both servers as any user would
// and uses nothing of what it is to judge.

// rowsOf are rows as texts, and how often each is there.
type rowsOf map[string]int

func rowsIn(rows [][]*string) rowsOf {
	all := rowsOf{}
	for _, row := range rows {
		all.add(row)
	}
	return all
}

func (r rowsOf) add(values []*string) {
	var text strings.Builder
	for i, v := range values {
		if i > 0 {
			text.WriteString(between)
		}
		if v == nil {
			text.WriteString("NULL")
		} else {
			fmt.Fprintf(&text, "%q", *v)
		}
	}
	r[text.String()]++
}

// differences says what is on one side only.
func (s *scene) differences(source, target rowsOf) []string {
	var all []string
	for row, n := range source {
		if target[row] != n {
			all = append(all, fmt.Sprintf("%d times in the source, %d in %s: %s%s", n, target[row], s.target, shorten(row), closest(row, source, target)))
		}
	}
	for row, n := range target {
		if _, ok := source[row]; !ok {
			all = append(all, fmt.Sprintf("0 times in the source, %d in %s: %s", n, s.target, shorten(row)))
		}
	}
	sort.Strings(all)
	return all
}

// closest finds the row of the target that begins like a row of the source, and
// tells in which values they differ.
func closest(row string, source, target rowsOf) string {
	values := strings.Split(row, between)
	for other := range target {
		others := strings.Split(other, between)
		if source[other] > 0 || others[0] != values[0] || len(others) != len(values) {
			continue
		}
		text := "; there"
		for i := range values {
			if values[i] != others[i] {
				text += fmt.Sprintf(" value %d is %s and not %s", i+1, shorten(others[i]), shorten(values[i]))
			}
		}
		return text
	}
	return ""
}

const between = " | "

// compared reads a table on both sides; target is its name there. where restricts
// the rows of the source.
func (s *scene) compared(table, target, where string, except ...string) ([]string, error) {
	table = s.ask(`SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = '%s'::regclass`,
		strings.ReplaceAll(table, "'", "''"))
	s.execOn(s.source, underSettings)
	defer s.execOn(s.source, "RESET ALL")
	columns, err := columnsOf(s.ctx, s.source, table)
	if err != nil {
		return nil, err
	}
	types := s.typesOfName(target)
	var here, there []string
	for _, c := range columns {
		if !slices.Contains(except, c.name) {
			texts := s.target.texts(s, c, types[c.name])
			here, there = append(here, texts.source), append(there, texts.target)
		}
	}
	if where != "" {
		where = " WHERE " + where
	}
	source, err := readPostgres(s.ctx, s.source, "SELECT "+strings.Join(here, ", ")+" FROM "+table+where)
	if err != nil {
		return nil, err
	}
	warehouse := rowsOf{}
	for _, row := range s.query("SELECT " + strings.Join(there, ", ") + " FROM " + s.target.from(target)) {
		warehouse.add(row)
	}
	return s.differences(rowsIn(source), warehouse), nil
}

// columnsOf lists the columns of a table of schema public.
func (s *scene) columnsOf(table string) []comparedColumn {
	s.Helper()
	columns, err := columnsOf(s.ctx, s.source, "public."+table)
	if err != nil {
		s.Fatal(err)
	}
	return columns
}

// printed is what a query of the source gives under settings that do not depend
// on anything.
func (s *scene) printed(sql string) [][]*string {
	s.Helper()
	s.execOn(s.source, underSettings)
	defer s.execOn(s.source, "RESET ALL")
	rows, err := readPostgres(s.ctx, s.source, sql)
	if err != nil {
		s.Fatalf("%s: %v", shorten(sql), err)
	}
	return rows
}

// readPostgres gives the rows of a query as texts, nil for NULL.
func readPostgres(ctx context.Context, conn *pgx.Conn, sql string) (rows [][]*string, err error) {
	results := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
	for results.NextRow() {
		row := make([]*string, len(results.Values()))
		for i, v := range results.Values() {
			if v != nil {
				text := string(v)
				row[i] = &text
			}
		}
		rows = append(rows, row)
	}
	_, err = results.Close()
	return rows, err
}

// equal compares tables of schema public, all columns and all rows.
func (s *scene) equal(tables ...string) {
	s.Helper()
	for _, t := range tables {
		s.equalTo(t, s.there(t))
	}
}

// equalTo compares a table with the one of a name in the target, without some
// columns.
func (s *scene) equalTo(table, target string, except ...string) {
	s.Helper()
	s.equalWhere(table, target, "", except...)
}

// equalWhere compares the rows of the source that fulfil a condition.
func (s *scene) equalWhere(table, target, where string, except ...string) {
	s.Helper()
	different, err := s.compared(table, target, where, except...)
	if err != nil {
		s.Fatalf("compare %s: %v", table, err)
	}
	if len(different) > 0 {
		s.Errorf("table %s differs in %d rows:\n  %s", table, len(different), strings.Join(different[max(0, len(different)-10):], "\n  "))
	}
}

// eventuallyEqual waits for it: a pipeline is under way.
func (s *scene) eventuallyEqual(table string) {
	s.Helper()
	err := poll(s.ctx, patience, func() (bool, error) {
		different, err := s.compared(table, s.there(table), "")
		return len(different) == 0, err
	})
	if err != nil {
		s.Errorf("wait for table %s: %v", table, err)
		s.equal(table)
	}
}
