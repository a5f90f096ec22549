package typemap

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// containers have texts of their own inside: what is read from one, printed
// again by its rules, has to read as the same.
func containers() []*Meaning {
	var meanings []*Meaning
	for _, t := range []*change.Type{
		arrayOf(base("text"), 1), arrayOf(base("text"), 2), arrayOf(base("int4"), 3), arrayOf(base("box"), 1), arrayOf(base("bytea"), 1),
		composite(base("text")), composite(base("int4"), base("text"), base("text")), composite(arrayOf(base("text"), 1), composite(base("text"), base("text"))),
		arrayOf(composite(base("text"), base("int4")), 1), ofExtension("hstore", "hstore"), ofExtension("vector", "vector"), ofExtension("vector", "halfvec"),
		rangeOf(change.KindRange, base("text")), rangeOf(change.KindMultirange, base("numeric")),
	} {
		meanings = append(meanings, Resolve(t))
	}
	return meanings
}

// part is a text inside a container; nil is NULL.
type part *string

func partOf(d change.Datum) part {
	if d.Format == change.Null {
		return nil
	}
	s := string(d.Bytes)
	return &s
}

// elementPartsOf reads an array and prints it again.
func elementPartsOf(m *Meaning, text []byte) (parts []part, again []byte, ok bool) {
	var a ArrayReader
	if _, err := m.Array(exactly(change.Text, text), &a); err != nil {
		return nil, nil, false
	}
	dims := a.Dims()
	if len(dims) == 0 {
		return nil, []byte("{}"), true
	}
	for i := 0; ; i++ {
		d, more, err := a.Next()
		if err != nil {
			return nil, nil, false
		}
		edges := edgesAt(dims, i)
		if i > 0 {
			again = append(again, strings.Repeat("}", edges)...)
		}
		if !more {
			return parts, again, true
		}
		if i > 0 {
			again = append(again, m.delim)
		}
		again = append(again, strings.Repeat("{", edges)...)
		if parts = append(parts, partOf(d)); d.Format == change.Null {
			again = append(again, "NULL"...)
			continue
		}
		from := len(again)
		again = quoteTail(append(again, d.Bytes...), from, quoteInArray, m.delim)
	}
}

func fieldPartsOf(m *Meaning, text []byte) (parts []part, again []byte, ok bool) {
	var r FieldReader
	if m.ReadFields(exactly(change.Text, text), &r) != nil {
		return nil, nil, false
	}
	again = append(again, '(')
	for {
		d, more, err := r.Next()
		if err != nil {
			return nil, nil, false
		}
		if !more {
			return parts, append(again, ')'), len(parts) == len(m.Fields())
		}
		if len(parts) > 0 {
			again = append(again, ',')
		}
		if parts = append(parts, partOf(d)); d.Format != change.Null {
			from := len(again)
			again = quoteTail(append(again, d.Bytes...), from, quoteInComposite, ',')
		}
	}
}

func pairPartsOf(m *Meaning, text []byte) (parts []part, again []byte, ok bool) {
	var r PairReader
	if m.ReadPairs(exactly(change.Text, text), &r) != nil {
		return nil, nil, false
	}
	for {
		key, value, more, err := r.Next()
		if err != nil || !more {
			return parts, again, err == nil
		}
		if len(parts) > 0 {
			again = append(again, ", "...)
		}
		parts = append(parts, partOf(key), partOf(value))
		again = append(appendQuoted(again, key.Bytes), "=>"...)
		if value.Format == change.Null {
			again = append(again, "NULL"...)
		} else {
			again = appendQuoted(again, value.Bytes)
		}
	}
}

func partsOf(m *Meaning, text []byte) ([]part, []byte, bool) {
	switch {
	case m.op == opArray:
		return elementPartsOf(m, text)
	case m.op == opComposite:
		return fieldPartsOf(m, text)
	case m.op == opHstore:
		return pairPartsOf(m, text)
	}
	_, ok := decodeAll(m, exactly(change.Text, text), 0)
	return nil, text, ok
}

func sameParts(a, b []part) bool {
	for i := range min(len(a), len(b)) {
		if (a[i] == nil) != (b[i] == nil) || a[i] != nil && *a[i] != *b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func FuzzContainersText(f *testing.F) {
	meanings := containers()
	for _, s := range []string{
		"{}", "{a}", `{"a,b",NULL,"NULL",""}`, `{{a,"\""},{"\\",b}}`, "[2:3][0:0]={{1},{2}}", `{(3,4),(1,2);NULL}`, `{"\\x00"}`, `{"{}","}"}`,
		"()", "(a)", `("")`, `(1,"a ""b""",)`, `("{a,""b c""}","(x,""y"")")`, `(a\,b,"c\"d",)`, `{"(a,1)",NULL}`,
		"", `"a"=>"b", "c\""=>NULL`, `""=>"", "=>"=>", "`, "[1,2.5]", "[]", "empty", `["a","b")`, "{[1,2),(3,)}",
	} {
		for i := range meanings {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		m := meanings[int(which)%len(meanings)]
		parts, text, ok := partsOf(m, b)
		if !ok {
			return
		}
		again, same, ok := partsOf(m, text)
		if !ok || !sameParts(parts, again) || !bytes.Equal(text, same) {
			t.Errorf("%s: %q has %d parts; printed again, %q, it has %d (%v), and then it is %q", m.name, b, len(parts), text, len(again), ok, same)
		}
	})
}

// Both forms of a geometry are the same bytes.
func FuzzGeometry(f *testing.F) {
	point := wire(uint8(0), uint32(1), 1.0, 2.0)
	for _, b := range [][]byte{
		{},
		{0},
		point, point[:20],
		wire(uint8(0), uint32(0xE0000003), uint32(4326), uint32(1), uint32(1), 1.0, 2.0, 3.0, 4.0),
		wire(uint8(0), uint32(0x40000002), uint32(2), 1.0, 2.0, 3.0, 1.0, 2.0, 3.0),
		wire(uint8(0), uint32(7), uint32(2), point, wire(uint8(0), uint32(4), uint32(1), point)),
		wire(uint8(0), uint32(10), uint32(1), wire(uint8(0), uint32(9), uint32(1), wire(uint8(0), uint32(8), uint32(0)))),
		wire(uint8(1), []byte{15, 0, 0, 0, 0, 0, 0, 0}), wire(uint8(0), uint32(99), uint32(1)),
		bytes.Repeat(wire(uint8(0), uint32(7), uint32(1)), 70),
	} {
		f.Add(b)
	}
	m := Resolve(ofExtension("postgis", "geometry"))
	f.Fuzz(func(t *testing.T, b []byte) {
		binary, err := m.AppendText([]byte("before"), exactly(change.Binary, b))
		text, errText := m.AppendText([]byte("before"), exactly(change.Text, []byte(strings.ToUpper(hex.EncodeToString(b)))))
		if err != nil || errText != nil || !bytes.Equal(binary, text) || !bytes.HasPrefix(binary, []byte("before")) {
			t.Errorf("%x: %q (%v), and from its text %q (%v)", b, binary, err, text, errText)
		}
		if len(binary) > 64+64*len(b) {
			t.Errorf("%d bytes print as %d", len(b), len(binary))
		}
	})
}
