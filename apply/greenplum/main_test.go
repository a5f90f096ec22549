package greenplum

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// GreenplumEnv names a real Greenplum, as a DSN of a superuser. What only it can
// show is tested where it is set.
const GreenplumEnv = "PGSLUICE_TEST_GREENPLUM"

// servers are the targets that every test runs on: PostgreSQL, oldest and newest,
// and the Greenplum that is named. They are started by the first test.
var servers struct {
	once     sync.Once
	postgres map[int]*sandbox.Postgres
	err      error
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	for _, p := range servers.postgres {
		if err := p.Stop(); err != nil {
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

// dsns are the servers' by their names, each of the superuser and its database.
func dsns(t testing.TB) map[string]string {
	t.Helper()
	servers.once.Do(func() {
		servers.postgres, servers.err = sandbox.StartMajors(context.Background(), func(major int) sandbox.PostgresOptions {
			return sandbox.PostgresOptions{Major: major, Settings: map[string]string{"max_connections": "200"}}
		})
	})
	if servers.err != nil {
		t.Fatal(servers.err)
	}
	all := map[string]string{}
	for major, p := range servers.postgres {
		all[fmt.Sprintf("PostgreSQL %d", major)] = p.DSN("")
	}
	if dsn := os.Getenv(GreenplumEnv); dsn != "" {
		all["Greenplum"] = dsn
	}
	return all
}

// onEveryServer runs a test on each of them, in a database of its own.
func onEveryServer(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	all := dsns(t)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) { test(t, database(t, all[name])) })
	}
}

// onGreenplum runs a test on a real one, where one is named.
func onGreenplum(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	if dsn := dsns(t)["Greenplum"]; dsn != "" {
		test(t, database(t, dsn))
	}
}

var databases atomic.Int64

// database makes one for the test, and gives its DSN.
func database(t testing.TB, server string) string {
	t.Helper()
	name := fmt.Sprintf("gp_%d_%d", os.Getpid(), databases.Add(1))
	admin := func(sql string) error {
		conn, err := pgx.Connect(context.Background(), server)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(context.Background(), sql)
		return err
	}
	if err := admin("CREATE DATABASE " + name + " TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin("DROP DATABASE " + name); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	before, after, _ := strings.Cut(server, "?")
	dsn := before[:strings.LastIndexByte(before, '/')+1] + name
	if after != "" {
		dsn += "?" + after
	}
	return dsn
}

// open gives a target of pipeline shop, closed at the test's end.
func open(t testing.TB, dsn string, adjust func(*Options)) *Target {
	t.Helper()
	opts := Options{DSN: dsn, Pipeline: "shop", Log: slog.New(slog.DiscardHandler)}
	if adjust != nil {
		adjust(&opts)
	}
	target, err := Open(t.Context(), opts)
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

// query gives the answer of a query as text, over a connection of its own.
func query(t testing.TB, dsn, sql string) [][]string {
	t.Helper()
	rows, err := read(context.Background(), dsn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func read(ctx context.Context, dsn, sql string) ([][]string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, result := range results {
		for _, values := range result.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = string(v)
			}
			all = append(all, row)
		}
	}
	return all, nil
}

// waitFor polls for a condition.
func waitFor(t testing.TB, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
