package snapshot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Pattern selects tables by name: schema.table, where * stands for any run of
// characters, a part in double quotes is taken as it is written and any other
// folds to lower case as SQL does, and a leading ! takes tables out.
type Pattern struct {
	Exclude bool
	text    string
	schema  glob
	table   glob
}

// glob is a name cut at its stars.
type glob []string

// ParsePattern reads a pattern. One without a dot is a usage fault.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text}
	rest := text
	if strings.HasPrefix(rest, "!") {
		p.Exclude, rest = true, rest[1:]
	}
	schema, rest, err := parseName(rest)
	if err == nil && !strings.HasPrefix(rest, ".") {
		err = errors.New("the schema is missing")
	}
	if err == nil {
		p.schema = schema
		p.table, rest, err = parseName(rest[1:])
	}
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is left over", rest)
	}
	if err != nil {
		return p, fault.Usage(fmt.Errorf("table pattern %q: %w", text, err),
			`write schema.table, with * for any run of characters, double quotes around names with capitals, spaces or dots, and ! in front to leave tables out: public.*, "My Schema"."Order Items", !public.audit_*`)
	}
	return p, nil
}

// parseName takes one part of a pattern off the front.
func parseName(s string) (glob, string, error) {
	if strings.HasPrefix(s, `"`) {
		var name strings.Builder
		for i := 1; i < len(s); i++ {
			if s[i] != '"' {
				name.WriteByte(s[i])
				continue
			}
			if i+1 < len(s) && s[i+1] == '"' {
				name.WriteByte('"')
				i++
				continue
			}
			if name.Len() == 0 {
				return nil, "", errors.New("a name is empty")
			}
			return glob{name.String()}, s[i+1:], nil
		}
		return nil, "", errors.New("a double quote is not closed")
	}
	name, rest := s, ""
	if i := strings.IndexAny(s, `."`); i >= 0 {
		name, rest = s[:i], s[i:]
	}
	if name == "" {
		return nil, "", errors.New("a name is empty")
	}
	if strings.ContainsAny(name, " \t\n;'") {
		return nil, "", fmt.Errorf("%q needs double quotes", name)
	}
	return strings.Split(strings.ToLower(name), "*"), rest, nil
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Exact is the one table that the pattern can mean, nil when it can mean others.
func (p Pattern) Exact() *change.Relation {
	if p.Exclude || len(p.schema) != 1 || len(p.table) != 1 {
		return nil
	}
	return &change.Relation{Schema: p.schema[0], Name: p.table[0]}
}

// Match says whether the names are the pattern's, exclusion or not.
func (p Pattern) Match(schema, table string) bool {
	return p.schema.match(schema) && p.table.match(table)
}

func (g glob) match(s string) bool {
	if len(g) == 1 {
		return s == g[0]
	}
	if !strings.HasPrefix(s, g[0]) {
		return false
	}
	s = s[len(g[0]):]
	for _, part := range g[1 : len(g)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, g[len(g)-1])
}

// Selected says whether a list of patterns takes a table: some pattern does and
// no excluding one does, wherever in the list it stands.
func Selected(patterns []Pattern, schema, table string) bool {
	selected := false
	for _, p := range patterns {
		if p.Match(schema, table) {
			if p.Exclude {
				return false
			}
			selected = true
		}
	}
	return selected
}
