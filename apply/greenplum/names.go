package greenplum

import (
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Name writes the name of a table as [apply.Table] has it: schema and table,
// each quoted where SQL needs it, divided by a dot.
func Name(schema, table string) string {
	return change.QuoteIdent(schema) + "." + change.QuoteIdent(table)
}

// parseName reads what Name writes.
func parseName(name string) (schema, table string, err error) {
	schema, rest, ok := cutIdent(name)
	if ok && strings.HasPrefix(rest, ".") {
		if table, rest, ok = cutIdent(rest[1:]); ok && rest == "" {
			return schema, table, nil
		}
	}
	return "", "", fault.Usage(fmt.Errorf("%q is not the name of a table", name),
		`write schema.table; a part with capitals, spaces, quotes or dots stands in double quotes: "My Schema"."Order Items"`)
}

// cutIdent takes the identifier that a text begins with.
func cutIdent(s string) (ident, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, `."`)
		if n < 0 {
			n = len(s)
		}
		return s[:n], s[n:], n > 0
	}
	var b strings.Builder
	for s = s[1:]; ; {
		part, after, found := strings.Cut(s, `"`)
		b.WriteString(part)
		if !found {
			return "", "", false
		}
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, b.Len() > 0
		}
		b.WriteByte('"')
		s = after[1:]
	}
}

// quoted is a table as a statement names it.
func quoted(schema, table string) string {
	return change.AlwaysQuote(schema) + "." + change.AlwaysQuote(table)
}

// stateSchema holds what the target remembers, and tables that are being loaded
// beside others.
const stateSchema = "pgsluice"

// Qualify reads a table's name as people write it: with a schema or, in the given
// one, without.
func Qualify(schema, name string) (string, error) {
	if table, rest, ok := cutIdent(name); ok && rest == "" {
		return Name(schema, table), nil
	}
	schema, table, err := parseName(name)
	return Name(schema, table), err
}
