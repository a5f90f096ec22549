package clickhouse

import (
	"encoding/binary"
	"math/big"
	"strings"

	"github.com/pgsluice/pgsluice/change"
)

// Inside back quotes, as inside single ones, ClickHouse reads a backslash as the
// start of an escape; everything else stands for itself.
var (
	identEscaper  = strings.NewReplacer("\\", "\\\\", "`", "\\`")
	stringEscaper = strings.NewReplacer("\\", "\\\\", "'", "\\'")
)

// ident quotes a name of any characters.
func ident(name string) string { return "`" + identEscaper.Replace(name) + "`" }

// text writes a string constant.
func text(s string) string { return "'" + stringEscaper.Replace(s) + "'" }

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}

// unquoteList reads the list of plain columns that system.tables shows as a
// sorting key. ok is false when there is an expression among them.
func unquoteList(list string) (names []string, ok bool) {
	// A single column can stand in parentheses of its own.
	if inner, ok := strings.CutPrefix(list, "("); ok {
		list = strings.TrimSuffix(inner, ")")
	}
	for list != "" {
		name, rest, ok := unquoteIdent(list)
		if !ok {
			return nil, false
		}
		names = append(names, name)
		if rest == "" {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ", "); !ok {
			return nil, false
		}
		list = rest
	}
	return names, true
}

func unquoteIdent(s string) (name, rest string, ok bool) {
	if s[0] != '`' {
		end := strings.IndexFunc(s, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '`':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(unescape(s[i]))
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// unescape gives the byte that ClickHouse writes as a backslash and c.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '0':
		return 0
	}
	return c
}

// versionOf writes a position as the constant that _version holds. A number of
// this size has to travel as text: the parser would make it a Float64.
func versionOf(p change.Position) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(p.Commit))
	binary.BigEndian.PutUint64(b[8:], p.Seq)
	return "toUInt128('" + new(big.Int).SetBytes(b[:]).String() + "')"
}
