package clickhouse

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// typeName is a type of ClickHouse as it is written: Decimal(38, 10),
// Tuple(a Int32, b Array(Nullable(String))), Enum8('x' = 1).
type typeName struct {
	name string
	args []typeArg
}

// typeArg is one argument of a type: another type, a number or a text. field is
// its name in a named Tuple, label the text of an Enum's value.
type typeArg struct {
	field, label string
	typ          *typeName
	number       int64
	text         string
	kind         argKind
}

type argKind uint8

const (
	argType argKind = iota
	argNumber
	argText
	argLabel // 'text' = number
)

// named makes a type of types: named("Array", elem).
func named(name string, of ...*typeName) *typeName {
	t := &typeName{name: name}
	for _, a := range of {
		t.args = append(t.args, typeArg{typ: a})
	}
	return t
}

// sized makes a type with numbers: sized("Decimal", 38, 10).
func sized(name string, numbers ...int) *typeName {
	t := &typeName{name: name}
	for _, n := range numbers {
		t.args = append(t.args, typeArg{kind: argNumber, number: int64(n)})
	}
	return t
}

// in gives a type of moments a time zone.
func (t *typeName) in(zone string) *typeName {
	c := *t
	c.args = append(c.args[:len(c.args):len(c.args)], typeArg{kind: argText, text: zone})
	return &c
}

// String writes the type as the server does in system.columns.
func (t *typeName) String() string {
	if len(t.args) == 0 {
		return t.name
	}
	parts := make([]string, len(t.args))
	for i, a := range t.args {
		switch a.kind {
		case argNumber:
			parts[i] = strconv.FormatInt(a.number, 10)
		case argText:
			parts[i] = text(a.text)
		case argLabel:
			parts[i] = text(a.label) + " = " + strconv.FormatInt(a.number, 10)
		default:
			parts[i] = a.typ.String()
			if a.field != "" {
				parts[i] = plainIdent(a.field) + " " + parts[i]
			}
		}
	}
	return t.name + "(" + strings.Join(parts, ", ") + ")"
}

// plainIdent quotes a name only where it has to be.
func plainIdent(s string) string {
	if name, rest, ok := unquoteIdent(s); ok && rest == "" && name == s && (s[0] < '0' || s[0] > '9') {
		return s
	}
	return ident(s)
}

// of is the type inside a wrapper of the name, and whether there was one.
func (t *typeName) of(wrapper string) (*typeName, bool) {
	if t.name == wrapper && len(t.args) == 1 && t.args[0].kind == argType {
		return t.args[0].typ, true
	}
	return t, false
}

// number is argument i where that is a number in the range.
func (t *typeName) number(i, lo, hi int) (int, bool) {
	if i >= len(t.args) || t.args[i].kind != argNumber || t.args[i].number < int64(lo) || t.args[i].number > int64(hi) {
		return 0, false
	}
	return int(t.args[i].number), true
}

// parseType reads a type. It knows the grammar, not which types there are.
func parseType(s string) (*typeName, error) {
	p := typeParser{rest: s}
	t := p.typ(0)
	p.space()
	if p.err == nil && p.rest != "" {
		p.fail("%q is left over", p.rest)
	}
	if p.err != nil {
		return nil, fmt.Errorf("%q is no type of ClickHouse: %w", s, p.err)
	}
	return t, nil
}

type typeParser struct {
	rest string
	err  error
}

// maxNesting is far beyond what anybody writes; it only bounds the recursion.
const maxNesting = 32

func (p *typeParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = ""
}

func (p *typeParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take takes a mark off the front when it stands there.
func (p *typeParser) take(mark string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, mark)
	p.rest = rest
	return ok
}

func (p *typeParser) typ(depth int) *typeName {
	if depth > maxNesting {
		p.fail("it is nested too deeply")
		return nil
	}
	if p.space(); p.rest != "" && (p.rest[0] == '`' || p.rest[0] >= '0' && p.rest[0] <= '9') {
		p.fail("the name of a type begins with a letter, and not with %q", p.rest[:1])
		return nil
	}
	t := &typeName{name: p.ident()}
	if p.err != nil || !p.take("(") {
		return t
	}
	for !p.take(")") {
		if len(t.args) > 0 && !p.take(",") {
			p.fail("a comma or a closing parenthesis is missing")
		}
		if p.err != nil {
			return nil
		}
		t.args = append(t.args, p.arg(depth))
	}
	return t
}

func (p *typeParser) ident() string {
	p.space()
	if p.rest == "" {
		p.fail("a name is missing")
		return ""
	}
	name, rest, ok := unquoteIdent(p.rest)
	if !ok {
		p.fail("a name is missing before %q", p.rest)
		return ""
	}
	p.rest = rest
	return name
}

func (p *typeParser) arg(depth int) typeArg {
	p.space()
	switch {
	case p.rest != "" && (p.rest[0] == '-' || p.rest[0] >= '0' && p.rest[0] <= '9'):
		return typeArg{kind: argNumber, number: p.number()}
	case strings.HasPrefix(p.rest, "'"):
		label := p.quoted()
		if p.take("=") {
			p.space()
			return typeArg{kind: argLabel, label: label, number: p.number()}
		}
		return typeArg{kind: argText, text: label}
	}
	// A type, or the name of a field and its type.
	before := p.rest
	first := p.ident()
	p.space()
	if p.err == nil && first != "" && p.rest != "" && p.rest[0] != ',' && p.rest[0] != ')' && p.rest[0] != '(' {
		return typeArg{field: first, typ: p.typ(depth + 1)}
	}
	p.rest = before
	return typeArg{typ: p.typ(depth + 1)}
}

func (p *typeParser) number() int64 {
	n := 0
	for n < len(p.rest) && (p.rest[n] >= '0' && p.rest[n] <= '9' || n == 0 && p.rest[n] == '-') {
		n++
	}
	v, err := strconv.ParseInt(p.rest[:n], 10, 64)
	if err != nil {
		p.fail("%q is no number", p.rest[:n])
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *typeParser) quoted() string {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\'' && i+1 < len(p.rest) && p.rest[i+1] == '\'':
			b.WriteByte(c)
			i++
		case c == '\'':
			p.rest = p.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(unescape(p.rest[i]))
		default:
			b.WriteByte(c)
		}
	}
	p.fail("a quote is not closed")
	return ""
}

// sameType says whether two spellings are one type: the server sorts an Enum by
// its numbers, quotes what it takes for a keyword, and writes escapes of its own.
func sameType(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := parseType(a)
	y, errY := parseType(b)
	return errX == nil && errY == nil && x.sorted().String() == y.sorted().String()
}

// sorted is the type with the labels of its enums in the order of their numbers.
func (t *typeName) sorted() *typeName {
	c := &typeName{name: t.name, args: slices.Clone(t.args)}
	for i, a := range c.args {
		if a.kind == argType {
			c.args[i].typ = a.typ.sorted()
		}
	}
	slices.SortStableFunc(c.args, func(a, b typeArg) int {
		if a.kind != argLabel || b.kind != argLabel {
			return 0
		}
		return cmp.Compare(a.number, b.number)
	})
	return c
}
