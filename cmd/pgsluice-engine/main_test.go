package main

import (
	"bytes"
	"strings"
	"testing"
)

// What the server does once it runs is tested in internal/sandbox, which starts it.

func TestRunSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   string
		status int
		want   []string
	}{
		{"nothing given", "", 2, []string{"-library is missing", "-path is missing"}},
		{"ports that are none", "-library l -path p -http-port 0 -tcp-port 70000", 2, []string{"-http-port 0", "-tcp-port 70000"}},
		{"an argument too many", "-library l -path p start", 2, []string{`unexpected argument "start"`}},
		{"an unknown flag", "-port 1", 2, []string{"not defined: -port"}},
		{"no such library", "-library /nowhere/libchdb.so -path p", 1, []string{"load the ClickHouse engine", "/nowhere/libchdb.so"}},
		{"help", "-help", 0, []string{"Usage: pgsluice-engine", "-library"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if status := run(strings.Fields(c.args), &stderr); status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("%q is not in:\n%s", want, stderr.String())
				}
			}
		})
	}
}

func TestCommandLineOfTheEngine(t *testing.T) {
	opts, err := parse(strings.Fields("-library l -path d/ -config c.xml -http-port 1 -tcp-port 2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(opts.argv(), " ")
	for _, want := range []string{"--config-file=c.xml", "--path=d ", "--http_port=1", "--tcp_port=2", "START LISTEN TCP"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
}
