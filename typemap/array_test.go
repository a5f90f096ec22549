package typemap

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// head is the beginning of an array's binary form.
func head(bounds ...int32) []byte {
	return wire(int32(len(bounds)/2), int32(1), int32(23), bounds)
}

// elements reads an array's elements as text, NULL as <null>.
func elements(t *testing.T, m *Meaning, d change.Datum) ([]string, []int, Edge) {
	t.Helper()
	var a ArrayReader
	e, err := m.Array(d, &a)
	if err != nil {
		t.Fatalf("%q: %v", d.Bytes, err)
	}
	list := []string{}
	for {
		v, more, err := a.Next()
		switch {
		case err != nil:
			t.Fatalf("%q: %v", d.Bytes, err)
		case !more:
			return list, slices.Clone(a.Dims()), e
		case v.Format == change.Null:
			list = append(list, "<null>")
		case v.Format != d.Format:
			t.Fatalf("%q: an element has format %c", d.Bytes, v.Format)
		default:
			s, err := m.Elem.AppendText(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(s))
		}
	}
}

func TestArraysAreReadInRowMajorOrder(t *testing.T) {
	one, two, null := sized(int32(1)), sized(int32(-2)), wire(int32(-1))
	for _, c := range []struct {
		name string
		dims int
		text string
		bin  change.Datum
		want []string
		have []int
		edge Edge
	}{
		{"empty", 1, "{}", binDatum(head()), []string{}, []int{}, Fits},
		{"empty for any declaration", 3, "{}", binDatum(head()), []string{}, []int{}, Fits},
		{"one element", 1, "{1}", binDatum(head(1, 1), one), []string{"1"}, []int{1}, Fits},
		{"a NULL among them", 1, "{1,NULL,-2}", binDatum(head(3, 1), one, null, two), []string{"1", "<null>", "-2"}, []int{3}, Fits},
		{"two dimensions", 2, "{{1,-2,1},{-2,NULL,1}}", binDatum(head(2, 1, 3, 1), one, two, one, two, null, one), []string{"1", "-2", "1", "-2", "<null>", "1"}, []int{2, 3}, Fits},
		{"more dimensions than declared", 1, "{{1},{-2}}", binDatum(head(2, 1, 1, 1), one, two), []string{"1", "-2"}, []int{2, 1}, WrongDimensions},
		{"fewer dimensions than declared", 2, "{1}", binDatum(head(1, 1), one), []string{"1"}, []int{1}, WrongDimensions},
		{"bounds of their own", 2, "[0:1][-3:-3]={{1},{-2}}", binDatum(head(2, 0, 1, -3), one, two), []string{"1", "-2"}, []int{2, 1}, Fits},
		{"six dimensions", 6, "{{{{{{1}}}}}}", binDatum(head(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), one), []string{"1"}, []int{1, 1, 1, 1, 1, 1}, Fits},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Resolve(arrayOf(base("int4"), c.dims))
			for _, d := range []change.Datum{textDatum(c.text), c.bin} {
				list, dims, e := elements(t, m, d)
				if !slices.Equal(list, c.want) || !slices.Equal(dims, c.have) || e != c.edge {
					t.Errorf("%c: %q with dimensions %v, %v", d.Format, list, dims, e)
				}
				if s, err := m.AppendText(nil, d); string(s) != c.text || err != nil {
					t.Errorf("%c: prints as %s, %v", d.Format, s, err)
				}
			}
		})
	}
}

func TestElementsAreFreedOfTheirQuotes(t *testing.T) {
	m := Resolve(arrayOf(base("text"), 1))
	list := []string{"a", "NULL", "null", "", " ", "a,b", "{c}", `d"e`, `f\g`, "é\n", `\"`, strings.Repeat("x", 100)}
	bin := head(int32(len(list)), 1)
	for _, s := range list {
		bin = append(bin, sized(s)...)
	}
	want := `{a,"NULL","null",""," ","a,b","{c}","d\"e","f\\g","é` + "\n" + `","\\\"",` + strings.Repeat("x", 100) + "}"
	text, err := m.AppendText(nil, change.Datum{Format: change.Binary, Bytes: bin})
	if string(text) != want || err != nil {
		t.Errorf("prints as %s, %v", text, err)
	}
	if got, _, _ := elements(t, m, textDatum(want)); !slices.Equal(got, list) {
		t.Errorf("read back as %q", got)
	}
}

func TestBoxesAreDividedBySemicolons(t *testing.T) {
	m := Resolve(arrayOf(domainOver(&change.Type{OID: 603, Name: "box"}), 1))
	text := "{(3,4),(1,2);NULL;(1,1),(0,0)}"
	bin := binDatum(head(3, 1), sized(3.0, 4.0, 1.0, 2.0), int32(-1), sized(1.0, 1.0, 0.0, 0.0))
	want := []string{"(3,4),(1,2)", "<null>", "(1,1),(0,0)"}
	for _, d := range []change.Datum{textDatum(text), bin} {
		if got, _, _ := elements(t, m, d); !slices.Equal(got, want) {
			t.Errorf("%c: %q", d.Format, got)
		}
	}
	if s, err := m.AppendText(nil, bin); string(s) != text || err != nil {
		t.Errorf("prints as %s, %v", s, err)
	}
}

func TestVectorsAreArraysOfReals(t *testing.T) {
	for _, c := range []struct {
		name, text string
		bin        change.Datum
		want       []string
	}{
		{"vector", "[1,-2.5,1e+06]", binDatum(uint16(3), uint16(0), []float32{1, -2.5, 1e6}), []string{"1", "-2.5", "1e+06"}},
		{"vector", "[0.1]", binDatum(uint16(1), uint16(0), float32(0.1)), []string{"0.1"}},
		{"halfvec", "[1,-2,65504]", binDatum(uint16(3), uint16(0), []uint16{0x3c00, 0xc000, 0x7bff}), []string{"1", "-2", "65504"}},
		{"vector", "[]", binDatum(uint16(0), uint16(0)), []string{}},
	} {
		m := Resolve(ofExtension("vector", c.name))
		for _, d := range []change.Datum{textDatum(c.text), c.bin} {
			if got, _, e := elements(t, m, d); !slices.Equal(got, c.want) || e != Fits {
				t.Errorf("%s %c: %q, %v", c.name, d.Format, got, e)
			}
			if s, err := m.AppendText(nil, d); string(s) != c.text || err != nil {
				t.Errorf("%s %c prints as %s, %v", c.name, d.Format, s, err)
			}
		}
		for _, s := range []string{"", "[", "]", "[1", "[1,]", "[,1]", "[1]2]", "[1],[2]", "{1}"} {
			if e, err := m.Array(textDatum(s), new(ArrayReader)); err == nil {
				t.Errorf("%q is a %s, %v", s, c.name, e)
			}
		}
		for _, d := range []change.Datum{binDatum(), binDatum(uint16(3), uint16(0), float32(1)), binDatum(uint16(0), uint16(0), uint8(1))} {
			if e, err := m.Array(d, new(ArrayReader)); err == nil {
				t.Errorf("%x is a %s, %v", d.Bytes, c.name, e)
			}
		}
	}
}

func TestMalformedArraysAreErrors(t *testing.T) {
	m := Resolve(arrayOf(base("int4"), 1))
	for _, s := range []string{
		"", "1", "{", "}", "{1", "1}", "{1,}", "{,1}", "{1}}", "{{1}", "{1}{2}", "{1},{2}", "{{1},2}", "{1,{2}}", "{{1},{2,3}}", "{{}}", "{{},{}}",
		`{"1}`, `{"1"2}`, `{1"2"}`, `{1\2}`, `{"1\`, "{{{{{{{1}}}}}}}", "[0:1]", "[0:1={1}", "={1", "{}{", "{1} ",
	} {
		var a ArrayReader
		if e, err := m.Array(textDatum(s), &a); err == nil {
			t.Errorf("%q has dimensions %v, %v", s, a.Dims(), e)
		}
		if _, more, err := a.Next(); more || err != nil {
			t.Errorf("%q has an element", s)
		}
	}
	one := sized(int32(1))
	for name, d := range map[string]change.Datum{
		"nothing":                   binDatum(),
		"half a head":               binDatum(int32(1), int32(0)),
		"a dimension without end":   binDatum(head(1<<30, 1)),
		"dimensions without end":    binDatum(head(1<<30, 1, 1<<30, 1, 1<<30, 1, 1<<30, 1)),
		"a negative dimension":      binDatum(head(-1, 1), one),
		"a negative count":          binDatum(int32(-1), int32(0), int32(23)),
		"seven dimensions":          binDatum(head(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), one),
		"an element too many":       binDatum(head(), one),
		"bytes behind an empty one": binDatum(head(0, 1), one),
	} {
		var a ArrayReader
		if e, err := m.Array(d, &a); err == nil {
			t.Errorf("%s has dimensions %v, %v", name, a.Dims(), e)
		}
	}
	for name, d := range map[string]change.Datum{
		"an element too long":      binDatum(head(1, 1), int32(5), int32(1)),
		"a length below NULL's":    binDatum(head(1, 1), int32(-2), int32(1)),
		"bytes behind the last":    binDatum(head(1, 1), one, uint8(0)),
		"an element that is short": binDatum(head(2, 1), one, int32(4)),
	} {
		var a ArrayReader
		_, err := m.Array(d, &a)
		for more := err == nil; more; {
			_, more, err = a.Next()
		}
		if err == nil {
			t.Errorf("%s was read", name)
		}
		if _, err := m.AppendText(nil, d); err == nil {
			t.Errorf("%s was printed", name)
		}
	}
	if _, err := Resolve(base("int4")).Array(textDatum("{}"), new(ArrayReader)); err == nil {
		t.Error("an integer was read as an array")
	}
}
