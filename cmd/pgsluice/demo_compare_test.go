package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// rowList is a reader of rows that are written as words, - for NULL.
type rowList []string

func (l *rowList) next() ([][]byte, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	var row [][]byte
	for word := range strings.FieldsSeq((*l)[0]) {
		value := []byte(word)
		if word == "-" {
			value = nil
		}
		row = append(row, value)
	}
	*l = (*l)[1:]
	return row, nil
}

func TestMergeTellsWhichRowsDiffer(t *testing.T) {
	keyed := demoTable{name: "t", columns: []demoColumn{{name: "k"}, {name: "v"}}, keys: 1}
	keyless := demoTable{name: "t", columns: []demoColumn{{name: "k"}, {name: "v"}}, keys: 2}
	for _, test := range []struct {
		name           string
		table          demoTable
		source, target rowList
		want           []string
	}{
		{"nothing on either side", keyed, nil, nil, nil},
		{"the same rows", keyed, rowList{"1 a", "2 -"}, rowList{"1 a", "2 -"}, nil},
		{"NULL is not a value", keyed, rowList{"1 -"}, rowList{"1 a"}, []string{`t k="1": v is NULL in PostgreSQL and "a" in ClickHouse`}},
		{"a row too few at the end", keyed, rowList{"1 a", "2 b"}, rowList{"1 a"}, []string{`t k="2" is in PostgreSQL only`}},
		{"a row too many at the beginning", keyed, rowList{"2 b"}, rowList{"1 a", "2 b"}, []string{`t k="1" is in ClickHouse only`}},
		{"a key that is there twice", keyed, rowList{"1 a", "2 b"}, rowList{"1 a", "1 a", "2 b"}, []string{`t k="1" is in ClickHouse only`}},
		{"equal rows without a key", keyless, rowList{"1 a", "1 a", "- a"}, rowList{"1 a", "1 a", "- a"}, nil},
		{
			"one of two equal rows without a key is missing", keyless,
			rowList{"1 a", "1 a", "1 -"},
			rowList{"1 a", "1 -"},
			[]string{`t k="1" v="a" is in PostgreSQL only`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows := [2]int64{int64(len(test.source)), int64(len(test.target))}
			got, err := test.table.merge(&test.source, &test.target)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.first, test.want) || got.differing != int64(len(test.want)) || [2]int64{got.source, got.target} != rows {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

// shopInSync is a demo whose shop has been loaded and which nobody writes to.
func shopInSync(t *testing.T) *demonstration {
	t.Helper()
	temporaryFiles(t)
	out := &listener{}
	d := &demonstration{
		app: &app{out: out, err: out}, display: newDisplay(out), log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		soft: t.Context(), streamed: map[string]int64{},
	}
	t.Cleanup(func() {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	})
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := d.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// tamper runs a statement behind pgsluice's back.
func (d *demonstration) tamper(t *testing.T, sql string) {
	t.Helper()
	answer, err := newQueryClient(d.clickhouse.HTTPAddr()).do(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	_ = answer.Close()
}

// differing gives the differences as the demo reports them.
func (d *demonstration) differing(t *testing.T) (found []comparison, lines []string) {
	t.Helper()
	found, err := d.compare(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.differing > shownDifferences {
			t.Errorf("%s: %d differences", c.table, c.differing)
		}
		lines = append(lines, c.first...)
	}
	return found, lines
}

func TestComparisonFindsWhatWasDoneBehindItsBack(t *testing.T) {
	d := shopInSync(t)
	if _, lines := d.differing(t); len(lines) > 0 {
		t.Fatalf("before anything was changed: %q", lines)
	}
	again := "_version + 1 AS _version"
	d.tamper(t, `INSERT INTO orders SELECT * REPLACE (total + 0.01 AS total, `+again+`) FROM orders FINAL WHERE id = 11`)
	d.tamper(t, `INSERT INTO order_lines SELECT * REPLACE (1 AS _deleted, `+again+`) FROM order_lines FINAL WHERE order_id = 7 AND line_no = 2`)
	d.tamper(t, `INSERT INTO customers SELECT * REPLACE (99999 AS id) FROM (SELECT * FROM customers FINAL WHERE id = 12)`)
	// Without a key rows are equal or they are not.
	d.tamper(t, `INSERT INTO audit_log SELECT * REPLACE (_version + 1000 AS _version) FROM audit_log FINAL WHERE what = 'row 1'`)
	d.tamper(t, `INSERT INTO audit_log SELECT * REPLACE (1 AS _deleted) FROM audit_log FINAL WHERE what = 'row 20'`)
	found, lines := d.differing(t)
	want := []string{
		`^audit_log at=.* what="row 1" .* is in ClickHouse only$`,
		`^audit_log at=.* what="row 20" .* is in PostgreSQL only$`,
		`^customers id="99999" is in ClickHouse only$`,
		`^order_lines order_id="7" line_no="2" is in PostgreSQL only$`,
		`^orders id="11": total is "[\d.]+" in PostgreSQL and "[\d.]+" in ClickHouse$`,
	}
	if len(lines) != len(want) {
		t.Fatalf("got %q, want %q", lines, want)
	}
	for i := range want {
		if !regexp.MustCompile(want[i]).MatchString(lines[i]) {
			t.Errorf("got %q, want %q", lines[i], want[i])
		}
	}
	err := d.report(found)
	if err == nil || !strings.Contains(err.Error(), "DIFFER in 5 rows") || !strings.Contains(err.Error(), lines[4]) {
		t.Errorf("the verdict is %v", err)
	}
}

// different says how a value of a ClickHouse type becomes another one.
var different = []struct{ kind, how string }{
	{"Array", "arrayPushBack(%s, NULL)"},
	{"String", "concat(%s, 'x')"},
	{"Bool", "NOT %s"},
	{"UUID", "generateUUIDv4()"},
	{"DateTime64", "%s + toIntervalMicrosecond(1)"},
	{"Time64", "toTime64('23:59:59.999999', 6)"},
	{"", "%s + 1"},
}

// A column that is read in such a way that all its values look alike would be
// equal for ever.
func TestComparisonSeesEveryColumn(t *testing.T) {
	d := shopInSync(t)
	types := d.columnTypes(t)
	for i := range d.tables {
		table := &d.tables[i]
		var changes, wholly, columns []string
		for _, c := range table.columns[table.keys:] {
			kind := types[table.name+"."+c.name]
			for _, other := range different {
				if strings.Contains(kind, other.kind) {
					changes = append(changes, strings.ReplaceAll(other.how, "%s", c.name)+" AS "+c.name)
					break
				}
			}
			wholly = append(wholly, c.name+" IS NOT NULL")
			if strings.Contains(kind, "Float64") {
				wholly = append(wholly, "isFinite("+c.name+")")
			}
			columns = append(columns, c.name)
		}
		if len(columns) == 0 {
			continue // without a key, every column is part of every difference
		}
		d.tamper(t, "INSERT INTO "+table.name+" SELECT * REPLACE (_version + 1 AS _version, "+strings.Join(changes, ", ")+") FROM (SELECT * FROM "+
			table.name+" FINAL WHERE "+strings.Join(wholly, " AND ")+" LIMIT 1)")
		web := newQueryClient(d.clickhouse.HTTPAddr())
		err := d.inPostgres(t.Context(), shopDatabase, func(conn *pgx.Conn) error {
			found, err := compareTable(t.Context(), conn, web, table, table.name)
			if err == nil && found.differing != 1 {
				t.Errorf("%s: %d differences: %q", table.name, found.differing, found.first)
			}
			for _, column := range columns {
				if !strings.Contains(strings.Join(found.first, ""), " "+column+" is ") {
					t.Errorf("a change of %s.%s (%s) was not seen: %q", table.name, column, types[table.name+"."+column], found.first)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// columnTypes gives ClickHouse's types by table.column.
func (d *demonstration) columnTypes(t *testing.T) map[string]string {
	t.Helper()
	rows, err := newQueryClient(d.clickhouse.HTTPAddr()).rows(t.Context(),
		`SELECT toNullable(table || '.' || name), toNullable(type) FROM system.columns WHERE database = 'default' FORMAT RowBinary`, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.close()
	types := map[string]string{}
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return types
		}
		if err != nil {
			t.Fatal(err)
		}
		types[string(row[0])] = string(row[1])
	}
}
