package typemap

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// fieldsOf reads the fields of a composite as texts.
func fieldsOf(m *Meaning, d change.Datum) (texts []string, err error) {
	var r FieldReader
	if err := m.ReadFields(d, &r); err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		f, more, err := r.Next()
		if err != nil || !more {
			return texts, err
		}
		if f.Format == change.Null {
			texts = append(texts, "NULL")
			continue
		}
		text, err := m.Fields()[i].Meaning.AppendText(nil, f)
		if err != nil {
			return texts, err
		}
		texts = append(texts, "="+string(text))
	}
}

func TestFieldsAreReadFromBothForms(t *testing.T) {
	m := Resolve(composite(&change.Type{OID: 23, Name: "int4"}, base("text"), base("bool")))
	for _, c := range []struct {
		text string
		bin  change.Datum
		want []string
	}{
		{`(,"a b",f)`, binDatum(int32(3), uint32(23), int32(-1), uint32(25), sized("a b"), uint32(16), sized(false)), []string{"NULL", "=a b", "=f"}},
		{`(7,"",)`, binDatum(int32(3), uint32(23), sized(int32(7)), uint32(25), sized(""), uint32(16), int32(-1)), []string{"=7", "=", "NULL"}},
		{`(-1,"q""\\\\,)(",t)`, binDatum(int32(3), uint32(23), sized(int32(-1)), uint32(25), sized(`q"\\,)(`), uint32(16), sized(true)), []string{"=-1", `=q"\\,)(`, "=t"}},
	} {
		for _, d := range []change.Datum{textDatum(c.text), c.bin} {
			if got, err := fieldsOf(m, d); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%c %s: %q, %v; want %q", d.Format, c.text, got, err, c.want)
			}
		}
		if text, err := m.AppendText(nil, c.bin); err != nil || string(text) != c.text {
			t.Errorf("prints as %s, %v; want %s", text, err, c.text)
		}
	}
	for _, text := range []string{"", "(", ")", "()", "(1,2)", "(1,2,t,4)", `(1,"2,t)`, "(1,2,t", "1,2,t)", "(1,2,t))", "(1,2,t) ", `(1,2,t\`} {
		if got, err := fieldsOf(m, textDatum(text)); err == nil {
			t.Errorf("%q has the fields %q", text, got)
		}
	}
	for _, d := range []change.Datum{
		binDatum(), binDatum(int32(2)), binDatum(int32(3)),
		{Format: change.Unchanged},
		binDatum(int32(3), uint32(20), int32(-1), uint32(25), int32(-1), uint32(16), int32(-1)),
		binDatum(int32(3), uint32(23), int32(-1), uint32(25), int32(-1), uint32(16), int32(-1), uint8(0)),
	} {
		if got, err := fieldsOf(m, d); err == nil {
			t.Errorf("%x has the fields %q", d.Bytes, got)
		}
	}
}

func TestPairsAreReadFromBothForms(t *testing.T) {
	m := Resolve(ofExtension("hstore", "hstore"))
	for _, c := range []struct {
		text string
		bin  change.Datum
		want string
	}{
		{"", binDatum(int32(0)), ""},
		{`""=>""`, binDatum(int32(1), sized(""), sized("")), `""=>"" 116 `},
		{`"a"=>NULL, "b\""=>"\\"`, binDatum(int32(2), sized("a"), int32(-1), sized(`b"`), sized(`\`)), `"a"=>"" 0 "b\""=>"\\" 116 `},
		{`"k\\"=>"NULL", "x"=>"=>, "`, binDatum(int32(2), sized(`k\`), sized("NULL"), sized("x"), sized("=>, ")), `"k\\"=>"NULL" 116 "x"=>"=>, " 116 `},
	} {
		for _, d := range []change.Datum{textDatum(c.text), c.bin} {
			if got, ok := allPairs(m, d); !ok || got != c.want {
				t.Errorf("%c %s: %s, %v; want %s", d.Format, c.text, got, ok, c.want)
			}
		}
	}
	for _, text := range []string{"a", `"a"`, `"a"=>`, `"a"=>b`, `"a"=>"b`, `"a"=>"b",`, `"a"=>"b", `, `"a"=>"b""c"=>"d"`, `"a"=>NUL`, `"a`, `"a\`} {
		if got, ok := allPairs(m, textDatum(text)); ok {
			t.Errorf("%q has the pairs %s", text, got)
		}
	}
	for _, d := range []change.Datum{binDatum(), binDatum(int32(-1)), binDatum(int32(0), uint8(1)), binDatum(int32(1), sized("a")), {Format: change.Unchanged}} {
		if got, ok := allPairs(m, d); ok {
			t.Errorf("%x has the pairs %s", d.Bytes, got)
		}
	}
}

func TestGeometriesAreEWKT(t *testing.T) {
	// What PostGIS sends for the text beside it.
	for digits, want := range map[string]string{
		"0101000000000000000000F03F0000000000000040":                                 "POINT(1 2)",
		"0101000020E6100000000000000000F03F0000000000000040":                         "SRID=4326;POINT(1 2)",
		"01010000C0000000000000F03F000000000000004000000000000008400000000000001040": "POINT(1 2 3 4)",
		"0101000040000000000000F03F00000000000000400000000000000840":                 "POINTM(1 2 3)",
		"0101000000000000000000F87F000000000000F87F":                                 "POINT EMPTY",
		"010200000000000000": "LINESTRING EMPTY",
		"01020000000200000000000000000000000000000000000000000000000000F03F000000000000F03F":                                                                         "LINESTRING(0 0,1 1)",
		"0103000000010000000400000000000000000000000000000000000000000000000000F03F0000000000000000000000000000F03F000000000000F03F00000000000000000000000000000000": "POLYGON((0 0,1 0,1 1,0 0))",
		"0104000000020000000101000000000000000000F03F0000000000000040010100000000000000000008400000000000001040":                                                     "MULTIPOINT((1 2),(3 4))",
		"0107000000010000000101000000000000000000F03F0000000000000040":                                                                                               "GEOMETRYCOLLECTION(POINT(1 2))",
		"00000000013FF00000000000004000000000000000":                                                                                                                 "POINT(1 2)",
		"0109000000010000000102000000020000000000000000000000000000000000000000000000000000F03F000000000000F03F":                                                     "0109000000010000000102000000020000000000000000000000000000000000000000000000000000F03F000000000000F03F",
		"01090000000100000001020000000200000000000000000000000000000000000000000000000000F03F000000000000F03F":                                                       "COMPOUNDCURVE((0 0,1 1))",
	} {
		m := Resolve(ofExtension("postgis", "geometry"))
		raw := make([]byte, len(digits)/2)
		if _, err := hex.Decode(raw, []byte(digits)); err != nil {
			t.Fatal(err)
		}
		for _, d := range []change.Datum{textDatum(digits), {Format: change.Binary, Bytes: raw}} {
			if got, err := m.AppendText([]byte("before "), d); err != nil || string(got) != "before "+want {
				t.Errorf("%c %s is %s, %v; want %s", d.Format, digits, got, err, want)
			}
		}
		// Inside other values it stands as its output function prints it.
		row := Resolve(composite(ofExtension("postgis", "geometry")))
		if got, err := row.AppendText(nil, binDatum(int32(1), uint32(20000), sized(raw))); err != nil || string(got) != "("+digits+")" {
			t.Errorf("in a row: %s, %v", got, err)
		}
	}
	m := Resolve(ofExtension("postgis", "geometry"))
	for _, text := range []string{"", "x", "01", strings.Repeat("0107000000FFFFFFFF", 3), strings.Repeat("010700000001000000", 100)} {
		if got, err := m.AppendText(nil, textDatum(text)); err != nil || string(got) != text {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}
