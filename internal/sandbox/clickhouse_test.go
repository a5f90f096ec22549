package sandbox

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func startClickHouse(t *testing.T, opts ClickHouseOptions) *ClickHouse {
	t.Helper()
	c, err := StartClickHouse(t.Context(), opts)
	must(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestClickHouseStopLeavesNothing(t *testing.T) {
	began := time.Now()
	c := startClickHouse(t, ClickHouseOptions{})
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	t.Log(c.mustAsk(t, "SELECT version()"))
	pid := c.PID()
	must(t, c.Stop())
	if runs(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if exists(c.Dir()) {
		t.Errorf("%s is still there", c.Dir())
	}
	must(t, c.Stop())
	if err := c.Restart(t.Context()); err == nil {
		t.Error("a server that was stopped for good starts again")
	}
}

func TestClickHouseListensOnLoopbackOnly(t *testing.T) {
	c := startClickHouse(t, ClickHouseOptions{})
	for _, port := range []int{c.httpPort, c.nativePort} {
		found, err := listeners(port)
		must(t, err)
		if len(found) != 1 || found[0] != "0100007F" {
			t.Errorf("listens on %v", found)
		}
	}
}

func TestClickHouseKeepsItsData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "warehouse")
	c := startClickHouse(t, ClickHouseOptions{Dir: dir})
	c.mustAsk(t, "CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a")
	c.mustAsk(t, "CREATE DATABASE d")
	c.mustAsk(t, "CREATE TABLE d.t (a Int32) ENGINE = ReplacingMergeTree ORDER BY a")
	c.mustAsk(t, "INSERT INTO t VALUES (1)")
	http, native := c.HTTPAddr(), c.NativeAddr()

	must(t, c.Restart(t.Context()))
	c.mustAsk(t, "INSERT INTO t VALUES (2)")
	c.mustAsk(t, "INSERT INTO d.t VALUES (7)")
	must(t, c.Kill())
	if c.PID() != 0 {
		t.Error("it survived")
	}
	must(t, c.Restart(t.Context()))
	c.mustAsk(t, "INSERT INTO t VALUES (3)")
	if c.HTTPAddr() != http || c.NativeAddr() != native {
		t.Errorf("the ports changed from %s, %s to %s, %s", http, native, c.HTTPAddr(), c.NativeAddr())
	}
	must(t, c.Stop())

	again := startClickHouse(t, ClickHouseOptions{Dir: dir})
	if got := again.mustAsk(t, "SELECT arraySort(groupArray(a)) FROM t"); got != "[1,2,3]" {
		t.Errorf("rows: %s", got)
	}
	if got := again.mustAsk(t, "SELECT a FROM d.t"); got != "7" {
		t.Errorf("rows: %s", got)
	}
}

func TestClickHouseSurvivesBadConnections(t *testing.T) {
	c := startClickHouse(t, ClickHouseOptions{User: "u", Password: "p"})
	pid := c.PID()
	for _, greeting := range []string{"", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n", wrongLogin} {
		for _, linger := range []int{-1, 0} { // an orderly end, and a reset
			conn, err := net.Dial("tcp", c.NativeAddr())
			must(t, err)
			_, err = conn.Write([]byte(greeting))
			must(t, err)
			if greeting == wrongLogin {
				answer := make([]byte, 1)
				_, err := conn.Read(answer)
				must(t, err)
				if answer[0] != 2 { // 2 is an exception, 0 would be a welcome
					t.Errorf("a wrong password is answered with packet %d", answer[0])
				}
			}
			must(t, conn.(*net.TCPConn).SetLinger(linger))
			must(t, conn.Close())
		}
	}
	for range 20 {
		if got := c.mustAsk(t, "SELECT 1"); got != "1" {
			t.Fatal(got)
		}
	}
	if c.PID() != pid || !runs(pid) {
		t.Error("the server ended")
	}
}

// wrongLogin is a client's greeting of the native protocol: packet type, client name, version 21.1, revision 54448,
// database, user, password.
const wrongLogin = "\x00\x04test\x15\x01\xb0\xa9\x03\x00\x01u\x05wrong"

func TestClickHouseUsers(t *testing.T) {
	c := startClickHouse(t, ClickHouseOptions{User: "u", Password: `p&"<w`, Settings: map[string]string{"max_threads": "3"}})
	c.mustAsk(t, "CREATE TABLE secrets (a Int32) ENGINE = MergeTree ORDER BY a")
	for _, q := range []struct{ name, user, password, query, want string }{
		{"there is nowhere to keep further users", "u", `p&"<w`, "CREATE USER other IDENTIFIED BY 'x'", "no writeable access storage"},
		{"settings apply", "u", `p&"<w`, "SELECT getSetting('max_threads')", "3"},
		{"a wrong password is refused", "u", "w", "SELECT 1", "Authentication failed"},
		{"the engine's own user sees no tables", "default", "", "SELECT count() FROM secrets", "Not enough privileges"},
		{"the engine's own user reads no files", "default", "", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "Not enough privileges"},
	} {
		t.Run(q.name, func(t *testing.T) {
			answer, err := askClickHouse(c.HTTPAddr(), q.user, q.password, q.query)
			if !strings.Contains(answer+fmt.Sprint(err), q.want) {
				t.Errorf("answer %q, error %v, want %q", answer, err, q.want)
			}
		})
	}
}

func TestClickHouseRefusesWhatItCannotServe(t *testing.T) {
	foreign := t.TempDir()
	must(t, os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600))
	running := startClickHouse(t, ClickHouseOptions{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	free, err := freePort()
	must(t, err)

	for _, c := range []struct {
		name string
		opts ClickHouseOptions
		want string
	}{
		{"somebody's documents", ClickHouseOptions{Dir: foreign}, "not empty"},
		{"a server runs in it", ClickHouseOptions{Dir: running.Dir()}, fmt.Sprintf("in use: process %d", os.Getpid())},
		{"the native port is taken", ClickHouseOptions{NativePort: taken, HTTPPort: free}, "the port is taken"},
		{"the HTTP port is taken", ClickHouseOptions{NativePort: free, HTTPPort: taken}, "the port is taken"},
		{"a password for the engine's own user", ClickHouseOptions{Password: "p"}, "cannot have a password"},
		{"a user that is no name", ClickHouseOptions{User: "a b"}, "only letters"},
		{"a setting that does not exist", ClickHouseOptions{Settings: map[string]string{"max_thread": "1"}}, "max_thread"},
		{"a setting that is no name", ClickHouseOptions{Settings: map[string]string{"<": "1"}}, "not a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := StartClickHouse(t.Context(), c.opts)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	running.mustAsk(t, "SELECT 1")
}

func TestClickHouseDSN(t *testing.T) {
	c := &ClickHouse{opts: ClickHouseOptions{User: "u", Password: "p/w"}, nativePort: 9000}
	if got, want := c.DSN("d"), "clickhouse://u:p%2Fw@127.0.0.1:9000/d"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.opts = ClickHouseOptions{User: "default"}
	if got, want := c.DSN(""), "clickhouse://default@127.0.0.1:9000/default"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
