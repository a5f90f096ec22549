package clickhouse

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// server is started by the first test that needs it and shared by all.
var server struct {
	once sync.Once
	ch   *sandbox.ClickHouse
	err  error
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if server.ch != nil {
		if err := server.ch.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func startServer(t testing.TB) *sandbox.ClickHouse {
	t.Helper()
	server.once.Do(func() {
		server.ch, server.err = sandbox.StartClickHouse(context.Background(), sandbox.ClickHouseOptions{})
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.ch
}

// database is a name of the test's own.
func database(t testing.TB) string {
	return "d_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name())
}

// fast leaves out waiting for the disk.
func fast(o *Options) { o.DSN += "?durable=false" }

// open gives a target on a database of the test's own, which does not exist yet.
func open(t testing.TB, adjust func(*Options)) *Target {
	t.Helper()
	opts := Options{DSN: startServer(t).DSN(database(t)), Log: slog.New(slog.DiscardHandler)}
	if adjust != nil {
		adjust(&opts)
	}
	target, err := Open(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// query reads any answer as text.
func (t *Target) queryText(tb testing.TB, sql string) [][]string {
	tb.Helper()
	rows, err := t.statements.Query(context.Background(), sql)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	n := len(rows.Columns())
	var all [][]string
	for rows.Next() {
		row := make([]string, n)
		into := make([]any, n)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return all
}

// queryOnes gives the values of a query of one column.
func (t *Target) queryOnes(tb testing.TB, sql string) (values []string) {
	tb.Helper()
	for _, row := range t.queryText(tb, sql) {
		values = append(values, row[0])
	}
	return values
}

func (t *Target) queryOne(tb testing.TB, sql string) string {
	tb.Helper()
	rows := t.queryText(tb, sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		tb.Fatalf("%s: %v", sql, rows)
	}
	return rows[0][0]
}
