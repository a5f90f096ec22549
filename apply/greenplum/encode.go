package greenplum

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// encoder writes rows as COPY reads them. Binary is the ordinary form; text it is
// where values come as text. Both are those of the PostgreSQL manual, COPY, "File
// Formats". One goroutine.
type encoder struct {
	plan *plan
	// text says which form rows are written in now.
	text bool
	// meanings are the columns' types, for values that become text here.
	meanings []*typemap.Meaning
	// plain are the columns whose binary values are passed on as they are.
	plain    []bool
	adjusted map[adjustment]int64
}

func newEncoder(p *plan) *encoder {
	e := &encoder{plan: p, text: p.textual}
	for _, c := range p.columns {
		e.meanings = append(e.meanings, typemap.Resolve(c.source.Type))
		e.plain = append(e.plain, !p.textual && !c.asText && c.rewrite == nil)
	}
	return e
}

type adjustment struct{ column, reason string }

// errForm says that a row cannot be written in the form at hand.
var errForm = errors.New("the row is to be written in the other form of COPY")

var copySignature = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// begin and end are what stands around the rows.
func (e *encoder) begin(dst []byte) []byte {
	if e.text {
		return dst
	}
	return append(dst, copySignature...)
}

func (e *encoder) end(dst []byte) []byte {
	if e.text {
		return dst
	}
	return append(dst, 0xff, 0xff)
}

// options are the statement's, for the form at hand.
func (e *encoder) options() string {
	if e.text {
		return ""
	}
	return " WITH (FORMAT binary)"
}

// head begins a row of n values.
func (e *encoder) head(dst []byte, n int) []byte {
	if e.text {
		return dst
	}
	return binary.BigEndian.AppendUint16(dst, uint16(n))
}

// tail ends a row.
func (e *encoder) tail(dst []byte) []byte {
	if e.text {
		dst[len(dst)-1] = '\n' // the last value's divider
	}
	return dst
}

// null writes a NULL.
func (e *encoder) null(dst []byte) []byte {
	if e.text {
		return append(dst, '\\', 'N', '\t')
	}
	return append(dst, 0xff, 0xff, 0xff, 0xff)
}

// int32 writes a value of a column of type integer.
func (e *encoder) int32(dst []byte, v int32) []byte {
	if e.text {
		return fmt.Appendf(dst, "%d\t", v)
	}
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(v))
}

// value writes a value of column i. Unchanged is written as NULL. It fails with
// errForm, or with a *apply.ValueError without key.
func (e *encoder) value(dst []byte, i int, d change.Datum) ([]byte, error) {
	c := e.plan.columns[i]
	switch {
	case d.Format == change.Null || d.Format == change.Unchanged:
		return e.null(dst), nil
	case e.text:
		return e.textValue(dst, i, d)
	case c.asText && d.Format == change.Binary:
		out, err := sized(dst, func(dst []byte) ([]byte, error) { return e.print(dst, i, d) })
		if err != nil {
			return nil, e.broken(i, err)
		}
		return out, nil
	case c.asText:
	case d.Format == change.Text:
		return dst, errForm
	case c.rewrite != nil:
		at := len(dst)
		out, err := sized(dst, func(dst []byte) ([]byte, error) { return c.rewrite(dst, d.Bytes) })
		if err != nil {
			return e.refused(dst[:at], i, d, err)
		}
		return out, nil
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(d.Bytes)))
	return append(dst, d.Bytes...), nil
}

// sized writes a value behind its length.
func sized(dst []byte, value func([]byte) ([]byte, error)) ([]byte, error) {
	at := len(dst)
	dst, err := value(append(dst, 0, 0, 0, 0))
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

// broken is the error of bytes that are no value of the column's type.
func (e *encoder) broken(i int, err error) error {
	return fault.Permanent(fmt.Errorf("column %s: %w", e.plan.columns[i].name, err), "the source has sent what its type does not hold")
}

// refused does with a value that the column cannot hold what the user wants.
func (e *encoder) refused(dst []byte, i int, d change.Datum, err error) ([]byte, error) {
	c := e.plan.columns[i]
	var r *refusal
	if !errors.As(err, &r) {
		return nil, e.broken(i, err)
	}
	switch {
	case c.policy == apply.MakeNull && !c.notNull:
		dst = e.null(dst)
	case c.policy == apply.Clamp && r.clamped != nil:
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(r.clamped))), r.clamped...)
	default:
		return nil, &apply.ValueError{Column: c.source.Name, Type: c.ddl, Value: e.shown(i, d), Reason: r.reason}
	}
	e.adjust(c.source.Name, r.reason)
	return dst, nil
}

// textValue writes a value for COPY's text form. What comes in binary, beside
// columns that have none, is made text here.
func (e *encoder) textValue(dst []byte, i int, d change.Datum) ([]byte, error) {
	value := d.Bytes
	if d.Format == change.Binary {
		text, err := e.print(nil, i, d)
		if err != nil {
			return nil, e.broken(i, err)
		}
		value = text
	}
	if e.plan.columns[i].infinite && infinity.Match(value) {
		return e.refusedText(dst, i, d, value)
	}
	if e.plan.columns[i].chars {
		var err error
		if value, err = e.charText(i, value); err != nil {
			return nil, err
		}
	}
	for {
		n := bytes.IndexAny(value, "\\\t\n\r\v\f\b")
		if n < 0 {
			break
		}
		dst = append(dst, value[:n]...)
		dst = append(dst, '\\', escapes[value[n]])
		value = value[n+1:]
	}
	return append(append(dst, value...), '\t'), nil
}

// infinity is how an interval or a numeric prints it, alone or as an element.
var infinity = regexp.MustCompile(`(?i)(^|[{,])-?infinity($|[},])`)

// refusedText is refused, of an infinity that came as text.
func (e *encoder) refusedText(dst []byte, i int, d change.Datum, value []byte) ([]byte, error) {
	c := e.plan.columns[i]
	alone := c.source.Type.Underlying()
	sign, reason := "", reasonInfinity
	if bytes.Contains(bytes.ToLower(value), []byte(reasonNegative)) {
		sign, reason = "-", reasonNegative
	}
	switch {
	case c.policy == apply.MakeNull && !c.notNull:
		dst = e.null(dst)
	case c.policy == apply.Clamp && alone.Kind == change.KindBase && alone.Name == "interval":
		dst = fmt.Appendf(dst, "%s%d months\t", sign, longestMonths)
	default:
		return nil, &apply.ValueError{Column: c.source.Name, Type: c.ddl, Value: e.shown(i, d), Reason: reason}
	}
	e.adjust(c.source.Name, reason)
	return dst, nil
}

func (e *encoder) adjust(column, reason string) {
	if e.adjusted == nil {
		e.adjusted = map[adjustment]int64{}
	}
	e.adjusted[adjustment{column, reason}]++
}

var octal = regexp.MustCompile(`\\[23][0-7][0-7]`)

// charText makes the text of a "char" what the target reads. A byte beyond ASCII is
// itself in the text of servers before 16, and \303 in that of later ones, of which
// the former take the backslash. What is made of such values cannot be told from
// other texts like it, and is refused as well.
func (e *encoder) charText(i int, value []byte) ([]byte, error) {
	c := e.plan.columns[i]
	raw := len(value) == 1 && value[0] >= 0x80
	switch {
	case !e.plan.octalChars && (raw || octal.Match(value)):
		return nil, &apply.ValueError{Column: c.source.Name, Type: c.ddl, Value: fmt.Sprintf("%q", value), Reason: "a byte beyond ASCII cannot be given as text"}
	case raw:
		return fmt.Appendf(nil, `\%03o`, value[0]), nil
	}
	return value, nil
}

var escapes = [256]byte{'\\': '\\', '\t': 't', '\n': 'n', '\r': 'r', '\v': 'v', '\f': 'f', '\b': 'b'}

// print writes a value's text, as PostgreSQL does.
func (e *encoder) print(dst []byte, i int, d change.Datum) ([]byte, error) {
	if e.meanings[i].Class == typemap.Bytes && e.plan.columns[i].source.Type.Underlying().Name == "bytea" && d.Format == change.Binary {
		return hex.AppendEncode(append(dst, '\\', 'x'), d.Bytes), nil
	}
	return e.meanings[i].AppendText(dst, d)
}

// shown is a value as PostgreSQL prints it, shortened.
func (e *encoder) shown(i int, d change.Datum) string {
	const enough = 100
	text, err := e.print(nil, i, d)
	switch {
	case d.Format == change.Null:
		return "NULL"
	case err != nil:
		return fmt.Sprintf(`\x%x`, d.Bytes[:min(len(d.Bytes), enough/2)])
	case len(text) > enough:
		return string(text[:enough]) + "…"
	}
	return string(text)
}

// row writes a whole row.
func (e *encoder) row(dst []byte, values []change.Datum) ([]byte, error) {
	dst = e.head(dst, len(values))
	var err error
	for i := range values {
		d := &values[i]
		if d.Format == change.Binary && e.plain[i] && !e.text {
			n := uint32(len(d.Bytes))
			dst = append(append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), d.Bytes...)
			continue
		}
		if dst, err = e.value(dst, i, *d); err != nil {
			return nil, err
		}
	}
	return e.tail(dst), nil
}

// withKey completes a *apply.ValueError.
func (e *encoder) withKey(err error, values []change.Datum) error {
	var v *apply.ValueError
	if errors.As(err, &v) && v.Key == "" {
		for place, i := range e.plan.key {
			if place > 0 {
				v.Key += ", "
			}
			v.Key += e.shown(i, values[i])
		}
	}
	return err
}
