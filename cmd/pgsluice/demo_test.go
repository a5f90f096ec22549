package main

import (
	"bytes"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// listener is a terminal that somebody watches: at each cue, in order, it does
// something.
type listener struct {
	mu   stdsync.Mutex
	text bytes.Buffer
	cues []cue
}

type cue struct {
	on string
	do func()
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	for len(l.cues) > 0 && strings.Contains(l.text.String(), l.cues[0].on) {
		l.cues[0].do()
		l.cues = l.cues[1:]
	}
	return len(p), nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// temporaryFiles gives the test a directory for temporary files, which has to
// be empty in the end, with no goroutine left either.
func temporaryFiles(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		goleak.VerifyNone(t, before)
	})
}

var addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// stopped sees that nobody listens any more where the demo said it would.
func stopped(t *testing.T, said string) {
	t.Helper()
	for _, address := range addresses.FindAllString(said, -1) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s still answers", address)
		}
	}
}

func interrupt(t *testing.T) func() {
	return func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
}

func TestDemoEndsEqual(t *testing.T) {
	temporaryFiles(t)
	out, errOut := &listener{}, &listener{}
	if status := execute([]string{"demo", "--for", "8s"}, out, errOut); status != exitDone {
		t.Fatalf("exit status %d\n%s\n%s", status, out, errOut)
	}
	if !strings.Contains(out.String(), "are equal") {
		t.Errorf("no verdict:\n%s", out)
	}
	streamed := false // into which tables, so soon, a slow machine decides
	for _, table := range []string{"audit_log", "customers", "events", "offers", "order_lines", "orders", "products"} {
		line := regexp.MustCompile(`(?m)^  ` + table + ` +[\d,]*[1-9][\d,]* +[\d,]*[1-9][\d,]* +0 +([\d,]+)$`).FindStringSubmatch(out.String())
		if line == nil {
			t.Errorf("table %s: no line with rows and no differences:\n%s", table, out)
			continue
		}
		streamed = streamed || line[1] != "0"
	}
	if !streamed {
		t.Errorf("no changes:\n%s", out)
	}
	if n := len(addresses.FindAllString(errOut.String(), -1)); n < 3 {
		t.Errorf("%d addresses to look at:\n%s", n, errOut)
	}
	stopped(t, errOut.String())
}

func TestDemoInterrupted(t *testing.T) {
	for _, test := range []struct {
		name   string
		cues   []string // a Ctrl-C at each
		status int
		says   string
	}{
		{"while the servers start", []string{"Starting"}, exitFailed, "stopped before there was anything to compare"},
		{"while the shop is filled", []string{"Filling"}, exitFailed, "stopped before there was anything to compare"},
		{"while tables are copied", []string{"copying tables"}, exitDone, "are equal"},
		{"while changes are streamed", []string{"streaming"}, exitDone, "are equal"},
		{"twice", []string{"streaming", "once more stops at once"}, exitFailed, "stopped at once by interrupt"},
		{"twice while the servers start", []string{"Starting", "once more stops at once"}, exitFailed, "stopped"},
	} {
		t.Run(test.name, func(t *testing.T) {
			temporaryFiles(t)
			both := &listener{}
			for _, on := range test.cues {
				both.cues = append(both.cues, cue{on, interrupt(t)})
			}
			if status := execute([]string{"demo", "--for", "1h"}, both, both); status != test.status || !strings.Contains(both.String(), test.says) {
				t.Errorf("exit status %d, want %d and %q:\n%s", status, test.status, test.says, both)
			}
			stopped(t, both.String())
		})
	}
}

func TestDemoOutlivesItsTerminal(t *testing.T) {
	temporaryFiles(t)
	// The tests may have been started under nohup, which the demo respects.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	both := &listener{}
	both.cues = []cue{{"copying tables", func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}}}
	if status := execute([]string{"demo", "--for", "1m"}, both, both); status != exitFailed {
		t.Errorf("exit status %d:\n%s", status, both)
	}
	stopped(t, both.String())
}

func TestDemoRefusesNoTime(t *testing.T) {
	for _, lasting := range []string{"0", "0s", "-3s", "soon"} {
		errOut := &listener{}
		if status := execute([]string{"demo", "--for", lasting}, errOut, errOut); status != exitUsage {
			t.Errorf("--for %s: exit status %d:\n%s", lasting, status, errOut)
		}
	}
}

func TestDemoSaysHowToGetMissingEngines(t *testing.T) {
	temporaryFiles(t)
	empty := t.TempDir()
	t.Chdir(empty)
	for _, name := range []string{"PGSLUICE_ENGINES", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, empty)
	}
	t.Setenv("PATH", "")
	t.Setenv("PGSLUICE_ENGINE", "")
	errOut := &listener{}
	if status := execute([]string{"demo"}, errOut, errOut); status != exitUnmet {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{"PostgreSQL 18 is missing", "ClickHouse engine is missing", "pgsluice-engine is missing", "npm install", "go install"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("no %q in:\n%s", want, errOut)
		}
	}
}
