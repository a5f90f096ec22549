package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// file is the configuration as it is written in YAML. Absent keys stay zero; the
// scalars know whether they were there.
type file struct {
	Name   text `yaml:"name"`
	Source struct {
		DSN         text `yaml:"dsn"`
		Slot        text `yaml:"slot"`
		Publication text `yaml:"publication"`
	} `yaml:"source"`
	Target struct {
		DSN   text `yaml:"dsn"`
		Table text `yaml:"table"`
		// Storage and Compression are Greenplum's.
		Storage     text `yaml:"storage"`
		Compression text `yaml:"compression"`
	} `yaml:"target"`
	Tables []entry `yaml:"tables"`
	Load   struct {
		Copy     boolean `yaml:"copy"`
		Workers  integer `yaml:"workers"`
		Existing text    `yaml:"existing"`
	} `yaml:"load"`
	Stream struct {
		FlushInterval     duration `yaml:"flush_interval"`
		MaxRows           integer  `yaml:"max_rows"`
		MaxBytes          size     `yaml:"max_bytes"`
		MaxPartsPerSecond number   `yaml:"max_parts_per_second"`
		Operations        []text   `yaml:"operations"`
	} `yaml:"stream"`
	OnUnrepresentable policyWord `yaml:"on_unrepresentable"`
	OnDropColumn      text       `yaml:"on_drop_column"`
	MaxRetainedWAL    size       `yaml:"max_retained_wal"`
	OnLimit           text       `yaml:"on_limit"`
	SpoolDir          text       `yaml:"spool_dir"`
	Listen            text       `yaml:"listen"`
	ListenAuth        struct {
		User     text `yaml:"user"`
		Password text `yaml:"password"`
	} `yaml:"listen_auth"`
	ListenTLS struct {
		Cert text `yaml:"cert"`
		Key  text `yaml:"key"`
	} `yaml:"listen_tls"`
	ReadyLag duration `yaml:"ready_lag"`
	Schedule struct {
		Resync text            `yaml:"resync"`
		Tables map[string]text `yaml:"tables"`
	} `yaml:"schedule"`
}

func readFile(path string) (*file, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Usage(fmt.Errorf("read the configuration: %w", err), "")
	}
	f, err := parseFile(raw)
	if err != nil {
		return nil, fault.Usage(fmt.Errorf("configuration %s: %w", path, err), "docs/configuration.md lists every key")
	}
	return f, nil
}

// parseFile reads YAML and reports every problem it finds, each with its line.
func parseFile(raw []byte) (*file, error) {
	d := yaml.NewDecoder(strings.NewReader(string(raw)))
	d.KnownFields(true)
	f := &file{}
	err := d.Decode(f)
	var problems *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case errors.As(err, &problems):
		lines := make([]string, len(problems.Errors))
		for i, p := range problems.Errors {
			lines[i] = plainProblem(p)
		}
		return nil, errors.New(strings.Join(lines, "; "))
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("one file describes one pipeline: what stands behind the first `---` is not read")
	}
	return f, nil
}

var (
	unknownField = regexp.MustCompile(`^(line \d+): field (.*) not found in type .*$`)
	wrongShape   = regexp.MustCompile("^(line \\d+): cannot unmarshal (!!\\w+)(?: `.*`)? into (.*)$")
)

// plainProblem says in the user's words what the YAML library says in Go's. The
// value is left out: it may be a password.
func plainProblem(p string) string {
	if m := unknownField.FindStringSubmatch(p); m != nil {
		return fmt.Sprintf("%s: unknown key %q", m[1], m[2])
	}
	if m := wrongShape.FindStringSubmatch(p); m != nil {
		want := "a single value"
		switch {
		case strings.HasPrefix(m[3], "[]"):
			want = "a list"
		case strings.HasPrefix(m[3], "struct"), strings.HasPrefix(m[3], "map["), strings.HasSuffix(m[3], "main.file"):
			want = "keys and values"
		}
		return fmt.Sprintf("%s: expected %s", m[1], want)
	}
	return p
}
