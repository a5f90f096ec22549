package typemap

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// wire puts values one behind the other in network byte order; strings and
// bytes go as they are.
func wire(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if s, ok := v.(string); ok {
			v = []byte(s)
		}
		if err := binary.Write(&b, binary.BigEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// sized is a value behind its length, as containers hold it.
func sized(values ...any) []byte {
	b := wire(values...)
	return wire(int32(len(b)), b)
}

func binDatum(values ...any) change.Datum {
	return change.Datum{Format: change.Binary, Bytes: wire(values...)}
}

func textDatum(s string) change.Datum { return change.Datum{Format: change.Text, Bytes: []byte(s)} }

func base(name string) *change.Type { return &change.Type{Name: name, Modifier: -1} }

func modified(name string, modifier int32) *change.Type {
	return &change.Type{Name: name, Modifier: modifier}
}

func numericType(precision, scale int) *change.Type {
	return modified("numeric", int32(precision<<16|scale&0x7ff)+4)
}

func arrayOf(elem *change.Type, dims int) *change.Type {
	return &change.Type{Kind: change.KindArray, Elem: elem, Dimensions: dims, Modifier: -1}
}

func rangeOf(kind change.Kind, elem *change.Type) *change.Type {
	return &change.Type{Kind: kind, Name: "range", Elem: elem, Modifier: -1}
}

func ofExtension(extension, name string) *change.Type {
	return &change.Type{OID: 20000, Name: name, Extension: extension, Modifier: -1}
}

func domainOver(t *change.Type) *change.Type {
	return &change.Type{Kind: change.KindDomain, Name: "domain", Base: t, Modifier: -1}
}

func composite(fields ...*change.Type) *change.Type {
	t := &change.Type{Kind: change.KindComposite, Name: "composite", Modifier: -1}
	for _, f := range fields {
		t.Fields = append(t.Fields, change.Field{Name: "f", Type: f})
	}
	return t
}

// numericWire is the binary form of a decimal's text, made here a second time
// and by other means than the decoder reads it.
func numericWire(s string) change.Datum {
	sign := uint16(numericPositive)
	switch s {
	case "NaN":
		return binDatum(uint16(0), int16(0), uint16(numericNaN), uint16(0))
	case "Infinity":
		return binDatum(uint16(0), int16(0), uint16(numericPInf), uint16(0))
	case "-Infinity":
		return binDatum(uint16(0), int16(0), uint16(numericNInf), uint16(0))
	}
	if strings.HasPrefix(s, "-") {
		sign, s = numericNegative, s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	dscale := len(frac)
	for len(whole)%4 != 0 {
		whole = "0" + whole
	}
	for len(frac)%4 != 0 {
		frac += "0"
	}
	weight := len(whole)/4 - 1
	all := whole + frac
	var digits []int16
	for i := 0; i < len(all); i += 4 {
		digits = append(digits, int16(all[i]-'0')*1000+int16(all[i+1]-'0')*100+int16(all[i+2]-'0')*10+int16(all[i+3]-'0'))
	}
	for len(digits) > 0 && digits[0] == 0 {
		digits, weight = digits[1:], weight-1
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		weight, sign = 0, numericPositive
	}
	return binDatum(uint16(len(digits)), int16(weight), sign, uint16(dscale), digits)
}

func TestAReaderNeverReadsBeyondItsBytes(t *testing.T) {
	for size := range 9 {
		r := reader{b: make([]byte, size)}
		r.u64()
		if r.bad != (size < 8) || r.bad && r.u8() != 0 {
			t.Errorf("8 bytes out of %d: bad is %v", size, r.bad)
		}
	}
	for _, n := range []int32{-2, 5, math.MaxInt32, math.MinInt32} {
		r := reader{b: wire(n, "four")}
		if b, null := r.value(); !r.bad || b != nil || null {
			t.Errorf("a value of %d bytes in 4: %q", n, b)
		}
	}
}

func TestAnErrorShowsTheTypeAndTheBeginningOnly(t *testing.T) {
	m := Resolve(base("int4"))
	_, err := m.Int(textDatum(strings.Repeat("x", 1000)))
	if err == nil || !strings.HasPrefix(err.Error(), "int4: 1000 bytes") || len(err.Error()) > 120 {
		t.Errorf("error %v", err)
	}
	if _, err := m.Int(change.Datum{Format: change.Unchanged}); err == nil {
		t.Error("an unchanged value was decoded")
	}
}
