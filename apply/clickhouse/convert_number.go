package clickhouse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// Conversions between sorts of numbers, and of texts that are checked by
// reading them. None is met without a wish, except the ways of integers to the
// type that is their own.

// planInteger gives a type's own values its own writer, and all others the one
// that looks.
func planInteger(s *spec, t *typeName, _ version) error {
	if err := exactArgs(t, 0); err != nil {
		return err
	}
	own := map[typemap.Class]struct {
		name  string
		width int
		put   putter
	}{
		typemap.Int16: {"Int16", 2, putInt16}, typemap.Int32: {"Int32", 4, putInt32}, typemap.Int64: {"Int64", 8, putInt64},
		typemap.Uint32: {"UInt32", 4, putUint32}, typemap.Uint64: {"UInt64", 8, putUint64},
	}
	if o, ok := own[s.meaning.Class]; ok && o.name == t.name {
		s.fixed(o.width, o.put)
		return nil
	}
	digits, signed := strings.CutPrefix(t.name, "Int")
	if !signed {
		digits = strings.TrimPrefix(t.name, "UInt")
	}
	bits, err := strconv.Atoi(digits)
	if err != nil {
		return err
	}
	width := bits / 8
	if !s.narrower(bits, signed) {
		lo, hi := integerBounds(width, signed)
		if isNumeric(s.meaning, version{}) && bits == 256 {
			// Numerics are read through as many digits as a Decimal has.
			hi = "10^76 - 1"
			if signed {
				lo = "-(10^76 - 1)"
			}
		}
		s.edge("below "+lo+", above "+hi, lo+", "+hi)
	}
	read := readWhole(s.meaning)
	if isNumeric(s.meaning, version{}) {
		s.infinities("the nearest " + t.name)
		s.edge("NaN", "")
		if s.meaning.Class == typemap.Text || s.meaning.Scale > 0 {
			s.edge("a fraction", "rounded")
		}
	}
	s.fixed(width, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, edge, err := read(d)
		if err != nil {
			return edge, err
		}
		b, beyond := narrow(v, width, signed)
		if beyond != typemap.Fits && (edge == typemap.Fits || edge == typemap.Inexact) {
			edge = beyond
		}
		c.data = append(c.data, b[:width]...)
		return edge, nil
	})
	return nil
}

// narrower says whether every value of the column fits so many bits.
func (s *spec) narrower(bits int, signed bool) bool {
	switch s.meaning.Class {
	case typemap.Int16:
		return signed && bits >= 16
	case typemap.Int32:
		return signed && bits >= 32
	case typemap.Int64:
		return signed && bits >= 64
	case typemap.Uint32:
		return bits > 32 || !signed && bits == 32
	case typemap.Uint64:
		return bits > 64 || !signed && bits == 64
	default:
		return false
	}
}

// integerBounds are the least and the greatest value, for people.
func integerBounds(width int, signed bool) (lo, hi string) {
	bits := 8 * width
	if !signed {
		if width == 8 {
			return "0", strconv.FormatUint(math.MaxUint64, 10)
		}
		if width < 8 {
			return "0", strconv.FormatUint(1<<bits-1, 10)
		}
		return "0", fmt.Sprintf("2^%d - 1", bits)
	}
	if width <= 8 {
		return strconv.FormatInt(-1<<(bits-1), 10), strconv.FormatInt(1<<(bits-1)-1, 10)
	}
	return fmt.Sprintf("-2^%d", bits-1), fmt.Sprintf("2^%d - 1", bits-1)
}

// readWhole decodes a class of numbers as 256 bits in two's complement, least
// significant limb first.
func readWhole(m *typemap.Meaning) func(change.Datum) ([4]uint64, typemap.Edge, error) {
	if whole, ok := m.AsDecimal(typemap.MaxPrecision, 0); ok {
		return whole.Decimal256
	}
	if m.Class <= typemap.Int64 {
		return func(d change.Datum) ([4]uint64, typemap.Edge, error) {
			v, err := m.Int(d)
			high := uint64(v >> 63)
			return [4]uint64{uint64(v), high, high, high}, typemap.Fits, err
		}
	}
	return func(d change.Datum) ([4]uint64, typemap.Edge, error) {
		v, err := m.Uint(d)
		return [4]uint64{v}, typemap.Fits, err
	}
}

// narrow brings a number into width bytes, or to the nearest they hold.
func narrow(v [4]uint64, width int, signed bool) (b [32]byte, edge typemap.Edge) {
	for i, limb := range v {
		binary.LittleEndian.PutUint64(b[8*i:], limb)
	}
	negative := v[3]>>63 == 1
	var above byte // what every byte above the type's has to be
	if negative {
		above = 0xff
	}
	fits := signed || !negative
	for _, x := range b[width:] {
		fits = fits && x == above
	}
	if fits && (!signed || (b[width-1]>>7 == 1) == negative) {
		return b, typemap.Fits
	}
	edge = typemap.TooLarge
	fill, top := byte(0xff), byte(0xff)
	if signed {
		top = 0x7f
	}
	if negative {
		edge, fill, top = typemap.TooSmall, 0, 0
		if signed {
			top = 0x80
		}
	}
	for i := range b[:width] {
		b[i] = fill
	}
	b[width-1] = top
	return b, edge
}

// planOtherDecimal is for a Decimal that the declaration does not lead to.
func (s *spec) planOtherDecimal(precision, scale int) error {
	read := decimalReader(s.meaning, precision, scale)
	if m := s.meaning; m.Class != typemap.Decimal || precision-scale < m.Precision-m.Scale || scale < m.Scale {
		s.edge(fmt.Sprintf("more than %d digits before the point, more than %d behind it", precision-scale, scale), "the nearest")
	}
	if isNumeric(s.meaning, version{}) {
		s.infinities("the nearest")
		s.edge("NaN", "")
	}
	width := decimalWidth(precision)
	s.fixed(width, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, edge, err := read(d)
		for i := 0; i < width; i += 8 {
			c.data = appendLittle(c.data, v[i/8], min(width, 8))
		}
		return edge, err
	})
	return nil
}

// decimalReader decodes a class of numbers as a Decimal: numerics as they come,
// whole numbers and hundredths of money by way of their digits.
func decimalReader(m *typemap.Meaning, precision, scale int) func(change.Datum) ([4]uint64, typemap.Edge, error) {
	if as, ok := m.AsDecimal(precision, scale); ok {
		return as.Decimal256
	}
	numeric := typemap.Resolve(&change.Type{OID: numericOID, Modifier: -1})
	as, _ := numeric.AsDecimal(precision, scale)
	return func(d change.Datum) ([4]uint64, typemap.Edge, error) {
		var room [24]byte
		text, err := appendDigits(room[:0], m, d)
		if err != nil {
			return [4]uint64{}, typemap.Fits, err
		}
		return as.Decimal256(change.Datum{Format: change.Text, Bytes: text})
	}
}

// appendDigits prints a number as PostgreSQL prints a numeric.
func appendDigits(dst []byte, m *typemap.Meaning, d change.Datum) ([]byte, error) {
	switch {
	case m.Class == typemap.Decimal: // money
		cents, _, err := m.Decimal64(d)
		whole, part := cents/100, cents%100
		if cents < 0 {
			dst, part = append(dst, '-'), -part
			return append(dst, fmt.Sprintf("%d.%02d", uint64(-(whole+1))+1, part)...), err
		}
		return append(dst, fmt.Sprintf("%d.%02d", whole, part)...), err
	case m.Class <= typemap.Int64:
		v, err := m.Int(d)
		return strconv.AppendInt(dst, v, 10), err
	default:
		v, err := m.Uint(d)
		return strconv.AppendUint(dst, v, 10), err
	}
}

func putNarrowFloat(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Float(d)
	edge := typemap.Fits
	narrow := float32(v)
	if float64(narrow) != v && v == v {
		edge = typemap.Inexact
		if math.IsInf(float64(narrow), 0) {
			edge = typemap.TooLarge
			narrow = math.MaxFloat32
			if v < 0 {
				edge, narrow = typemap.TooSmall, -math.MaxFloat32
			}
		}
	}
	c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(narrow))
	return edge, err
}

// wholeFloat decodes a whole number that a float holds exactly.
func (c *column) wholeFloat(d change.Datum) (float64, error) {
	if c.meaning.Class <= typemap.Int64 {
		v, err := c.meaning.Int(d)
		return float64(v), err
	}
	v, err := c.meaning.Uint(d)
	return float64(v), err
}

func putWholeFloat32(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.wholeFloat(d)
	c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v)))
	return typemap.Fits, err
}

func putWholeFloat64(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.wholeFloat(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
	return typemap.Fits, err
}

// planFloatText is for numerics: a value fits when the float prints as the same
// number, as every one of up to 15 digits does.
func planFloatText(s *spec, t *typeName, _ version) error {
	s.edge("what a Float64 does not print as the same number", "the nearest Float64")
	s.fixed(8, func(c *column, d change.Datum) (typemap.Edge, error) {
		text, err := c.meaning.AppendText(c.scratch[:0], d)
		if err != nil {
			return typemap.Fits, err
		}
		c.scratch = text
		f, edge := floatOf(text)
		c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(f))
		return edge, nil
	})
	return exactArgs(t, 0)
}

func floatOf(text []byte) (float64, typemap.Edge) {
	f, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil && f > 0:
		return math.MaxFloat64, typemap.TooLarge
	case err != nil:
		return -math.MaxFloat64, typemap.TooSmall
	case f != f || math.IsInf(f, 0):
		return f, typemap.Fits
	}
	if !bytes.Equal(plainNumber(strconv.AppendFloat(nil, f, 'f', -1, 64)), plainNumber(text)) {
		return f, typemap.Inexact
	}
	return f, typemap.Fits
}

// plainNumber takes from a number's digits what does not change it.
func plainNumber(b []byte) []byte {
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(bytes.TrimRight(b, "0"), ".")
	}
	if string(b) == "-0" {
		return b[1:]
	}
	return b
}

func planUUIDText(s *spec, t *typeName, _ version) error {
	s.edge("anything but a UUID in lower case", "")
	uuid := typemap.Resolve(&change.Type{OID: uuidOID})
	s.fixed(16, func(c *column, d change.Datum) (typemap.Edge, error) {
		if d.Format == change.Unchanged {
			return typemap.Fits, errUnsent
		}
		u, err := uuid.UUID(change.Datum{Format: change.Text, Bytes: d.Bytes})
		edge := typemap.Fits
		if err != nil || !bytes.Equal(bytes.ToLower(d.Bytes), d.Bytes) {
			edge = typemap.NoCounterpart
		}
		c.data = appendUUID(c.data, u)
		return edge, nil
	})
	return exactArgs(t, 0)
}

func planAddress(s *spec, t *typeName, _ version) error {
	s.edge("a network, an address of the other family", "")
	four, zero := t.name == "IPv4", "::"
	if four {
		zero = "0.0.0.0"
	}
	s.checkedText(zero, func(text []byte) bool {
		a, err := netip.ParseAddr(string(text))
		return err == nil && a.Is4() == four
	})
	return exactArgs(t, 0)
}
