package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pgsluice/pgsluice/apply"
)

// The scalars of the configuration. Each takes ${NAME} from the environment and
// ${file:/path} from a file before it is read as what it is, and complains with
// its line but without its value, which may be a secret.

type scalar[T any] struct {
	value T
	set   bool
}

func (s scalar[T]) or(other T) T {
	if s.set {
		return s.value
	}
	return other
}

type (
	text     struct{ scalar[string] }
	integer  struct{ scalar[int] }
	number   struct{ scalar[float64] }
	boolean  struct{ scalar[bool] }
	duration struct{ scalar[time.Duration] }
	size     struct{ scalar[int] }
)

func (t *text) UnmarshalYAML(n *yaml.Node) error { return read(n, &t.scalar, "a text", asText) }

func (i *integer) UnmarshalYAML(n *yaml.Node) error {
	return read(n, &i.scalar, "a whole number", strconv.Atoi)
}

func (f *number) UnmarshalYAML(n *yaml.Node) error {
	return read(n, &f.scalar, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
}

func (b *boolean) UnmarshalYAML(n *yaml.Node) error {
	return read(n, &b.scalar, "true or false", strconv.ParseBool)
}

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	return read(n, &d.scalar, "a duration like 500ms, 2s or 0", parseDuration)
}

func (s *size) UnmarshalYAML(n *yaml.Node) error {
	return read(n, &s.scalar, "a size like 64MiB", parseSize)
}

// policyWord is the word of a policy. One of them is YAML's own null, which is never
// given to a type that reads itself: so it is kept as it stands, and read later.
type policyWord = yaml.Node

// policyOf reads a word; it is not set where nothing stands.
func policyOf(n *policyWord) (word text, err error) {
	switch {
	case n.Kind == 0, n.Tag == "!!null" && n.Value != apply.MakeNull.String():
		return word, nil
	case n.Tag == "!!null":
		word.value, word.set = n.Value, true
		return word, nil
	}
	return word, word.UnmarshalYAML(n)
}

func asText(s string) (string, error) { return s, nil }

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("negative")
	}
	return d, err
}

var units = map[string]int{"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 1e3, "MB": 1e6, "GB": 1e9}

func parseSize(s string) (int, error) {
	digits := strings.TrimRight(s, "kKmMgGiIbB ")
	unit, ok := units[strings.ToUpper(strings.TrimSpace(s[len(digits):]))]
	n, err := strconv.Atoi(digits)
	if err != nil || !ok || n < 0 || n > 1<<40/unit {
		return 0, fmt.Errorf("not a size")
	}
	return n * unit, nil
}

func read[T any](n *yaml.Node, into *scalar[T], want string, parse func(string) (T, error)) error {
	complain := func(format string, args ...any) error {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: ", n.Line) + fmt.Sprintf(format, args...)}}
	}
	if n.Kind != yaml.ScalarNode {
		return complain("expected %s", want)
	}
	if n.Tag == "!!null" {
		return nil
	}
	value, err := substitute(n.Value)
	if err != nil {
		return complain("%v", err)
	}
	if into.value, err = parse(value); err != nil {
		return complain("expected %s", want)
	}
	into.set = true
	return nil
}

var reference = regexp.MustCompile(`\$\{[^}]*\}`)

// substitute replaces references in one pass: what comes in is not looked at
// again.
func substitute(s string) (string, error) {
	var failed error
	result := reference.ReplaceAllStringFunc(s, func(ref string) string {
		name := ref[2 : len(ref)-1]
		if path, ok := strings.CutPrefix(name, "file:"); ok {
			raw, err := os.ReadFile(path)
			if err != nil {
				failed = fmt.Errorf("%s: %w", ref, err)
			}
			return strings.TrimRight(string(raw), "\r\n")
		}
		value, ok := os.LookupEnv(name)
		if !ok {
			failed = fmt.Errorf("%s: the environment has no %s", ref, name)
		}
		return value
	})
	return result, failed
}
