package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The comparison brings every value to a text of its own making, on PostgreSQL
// by casts and on ClickHouse by functions, and holds the rows of both sides
// against each other as multisets. It asks both servers as any user would and
// uses nothing of what it is to judge.

// rowsOf are rows as texts, and how often each is there.
type rowsOf map[string]int

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
func differences(source, target rowsOf) []string {
	var all []string
	for row, n := range source {
		if target[row] != n {
			all = append(all, fmt.Sprintf("%d times in PostgreSQL, %d in ClickHouse: %s%s", n, target[row], shorten(row), closest(row, source, target)))
		}
	}
	for row, n := range target {
		if _, ok := source[row]; !ok {
			all = append(all, fmt.Sprintf("0 times in PostgreSQL, %d in ClickHouse: %s", n, shorten(row)))
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

// compared reads a table on both sides. where restricts the rows of the source.
func (s *scene) compared(table, target, where string, except ...string) ([]string, error) {
	table = s.ask(`SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = '%s'::regclass`,
		strings.ReplaceAll(table, "'", "''"))
	s.execOn(s.source, underSettings)
	defer s.execOn(s.source, "RESET ALL")
	columns, err := columnsOf(s.ctx, s.source, table)
	if err != nil {
		return nil, err
	}
	var pg, ch []string
	for _, c := range columns {
		if slices.Contains(except, c.name) {
			continue
		}
		pg, ch = append(pg, c.inPostgres()), append(ch, c.inClickHouse())
	}
	if where != "" {
		where = " WHERE " + where
	}
	source, err := readPostgres(s.ctx, s.source, "SELECT "+strings.Join(pg, ", ")+" FROM "+table+where)
	if err != nil {
		return nil, err
	}
	warehouse, err := readClickHouse(s.ctx, s.name, "SELECT "+castAll(ch)+" FROM "+quoteClickHouse(target)+" FINAL", len(ch))
	if err != nil {
		return nil, err
	}
	return differences(source, warehouse), nil
}

func castAll(expressions []string) string {
	cast := make([]string, len(expressions))
	for i, e := range expressions {
		cast[i] = "CAST(" + e + " AS Nullable(String))"
	}
	return strings.Join(cast, ", ")
}

func readPostgres(ctx context.Context, conn *pgx.Conn, sql string) (rowsOf, error) {
	results := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
	all := rowsOf{}
	var row []*string
	for results.NextRow() {
		row = row[:0]
		for _, v := range results.Values() {
			if v == nil {
				row = append(row, nil)
				continue
			}
			text := string(v)
			row = append(row, &text)
		}
		all.add(row)
	}
	_, err := results.Close()
	return all, err
}

func readClickHouse(ctx context.Context, database, sql string, columns int) (rowsOf, error) {
	answer, err := queryClickHouse(ctx, database, sql+" FORMAT RowBinary")
	if err != nil {
		return nil, err
	}
	all := rowsOf{}
	row := make([]*string, columns)
	for len(answer) > 0 {
		for i := range row {
			row[i] = nil
			isNull := answer[0] == 1
			answer = answer[1:]
			if isNull {
				continue
			}
			n, size := binary.Uvarint(answer)
			text := string(answer[size : size+int(n)])
			row[i] = &text
			answer = answer[size+int(n):]
		}
		all.add(row)
	}
	return all, nil
}

// queryClickHouse asks over HTTP.
func queryClickHouse(ctx context.Context, database, sql string) ([]byte, error) {
	query := url.Values{"database": {database}}
	if database == "" {
		query.Set("database", "default")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+servers.clickhouse.HTTPAddr()+"/?"+query.Encode(), strings.NewReader(sql))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(targetUser, targetPassword)
	response, err := web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := io.Copy(&answer, response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ClickHouse answered %s: %s", response.Status, answer.String())
	}
	return answer.Bytes(), nil
}

// web keeps no connections, so that none is left at the end.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// equal compares tables of schema public, all columns and all rows.
func (s *scene) equal(tables ...string) {
	s.Helper()
	for _, t := range tables {
		s.equalTo(t, t)
	}
}

// equalTo compares a table with one of another name, without some columns.
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
		different, err := s.compared(table, table, "")
		return len(different) == 0, err
	})
	if err != nil {
		s.Errorf("wait for table %s: %v", table, err)
		s.equal(table)
	}
}

// A comparison that cannot fail proves nothing.
func TestTheComparisonSeesEveryDifference(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, s text, n numeric(10,2), f float8, b bytea, a int[], w timestamptz, c char(4))`)
		s.exec(`INSERT INTO t VALUES (1, 'a', 1.50, 0, '\x00', '{1,NULL}', '2024-01-01 00:00:00.5+00', 'x'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
		if _, err := queryClickHouse(s.ctx, "", "CREATE DATABASE "+s.name); err != nil {
			s.Fatal(err)
		}
		for _, c := range []struct{ what, rows string }{
			{"", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"a NULL", `(1, NULL, 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"an empty text", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, '', NULL, NULL, NULL, [], NULL, NULL)`},
			{"a number", `(1, 'a', 1.51, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"a sign of zero", `(1, 'a', 1.5, -0., unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"a zero byte", `(1, 'a', 1.5, 0, '', [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"an element", `(1, 'a', 1.5, 0, unhex('00'), [1, 2], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"a microsecond", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.500001', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"padding", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x'), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
			{"a row missing", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   ')`},
			{"a row twice", `(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   '), (2, NULL, NULL, NULL, NULL, [], NULL, NULL), (2, NULL, NULL, NULL, NULL, [], NULL, NULL)`},
		} {
			s.warehouse(`CREATE OR REPLACE TABLE %s.t (id Int32, s Nullable(String), n Nullable(Decimal(10,2)), f Nullable(Float64), b Nullable(String), a Array(Nullable(Int32)),
				w Nullable(DateTime64(6, 'UTC')), c Nullable(String), _version UInt64 DEFAULT rowNumberInAllBlocks()) ENGINE = ReplacingMergeTree(_version) ORDER BY _version`, s.name)
			s.warehouse(`INSERT INTO %s.t (id, s, n, f, b, a, w, c) VALUES %s`, s.name, c.rows)
			different, err := s.compared("t", "t", "")
			if err != nil {
				s.Fatal(err)
			}
			if (len(different) > 0) != (c.what != "") {
				s.Errorf("%q: %v", c.what, different)
			}
		}
	})
}
