package clickhouse

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// An image's value is a column's wire bytes, without what stands under a NULL. Of a
// container it is the images of what is in it, one behind the other.

// image appends value i. Of a column with strings that was written here, index has
// been called.
func (c *column) image(dst []byte, i int) []byte {
	if c.nullable && c.nulls[i] == 1 {
		return apply.AppendNull(dst)
	}
	switch c.shape {
	case shapeFixed:
		return apply.AppendValue(dst, c.data[i*c.width:(i+1)*c.width])
	case shapeString:
		value := c.data[c.start(i):c.ends[i]]
		_, room := binary.Uvarint(value)
		return apply.AppendValue(dst, value[room:])
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if c.shape == shapeTuple {
		for _, f := range c.fields {
			dst = f.image(dst, i)
		}
	} else {
		for n := c.offset(i); n < c.offset(i+1); n++ {
			dst = c.elem.image(dst, n)
		}
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// index notes where strings that were written here end.
func (c *column) index() {
	if c.shape == shapeString {
		at := 0
		if n := len(c.ends); n > 0 {
			at = c.ends[n-1]
		}
		for at < len(c.data) {
			n, size := binary.Uvarint(c.data[at:])
			at += size + int(n)
			c.ends = append(c.ends, at)
		}
	}
	c.below((*column).index)
}

// unimage makes of a fixed or string value in an image the bytes that are sent.
func (c *column) unimage(value []byte) {
	if c.shape == shapeString {
		c.data = binary.AppendUvarint(c.data, uint64(len(value)))
	}
	c.data = append(c.data, value...)
	c.rows++
}

// reprinted says that the server makes values out of what is sent and prints them
// in its own way: what is read back is not what was sent.
func (s *spec) reprinted() bool {
	if s.typ != nil { // what arrays of arrays and maps are made of has none
		switch s.typ.name {
		case "JSON", "IPv4", "IPv6":
			return true
		}
	}
	if s.elem != nil && s.elem.reprinted() {
		return true
	}
	for _, f := range s.fields {
		if f.reprinted() {
			return true
		}
	}
	return false
}

// imager makes images of the source's rows by writing them as for an INSERT.
type imager struct {
	of    *comparison
	block *block
}

// Image implements [apply.Imager].
func (m *imager) Image(dst []byte, values []change.Datum) ([]byte, error) {
	m.block.reset()
	if err := m.block.append(values, change.Position{}); err != nil {
		return nil, err
	}
	for _, i := range m.of.Columns() {
		c := m.block.columns[i]
		if c.shape != shapeFixed {
			c.index()
		}
		dst = c.image(dst, 0)
	}
	return dst, nil
}

// original is the text that PostgreSQL reads as a value of a key; ok is false where
// this is not known. Whoever asks makes the image anew and sees.
func (s *spec) original(value []byte) (text []byte, ok bool) {
	if value == nil || s.shape > shapeString {
		return nil, false
	}
	if s.shape == shapeString {
		if s.meaning.Class == typemap.Bytes {
			return hex.AppendEncode([]byte(`\x`), value), true
		}
		return value, true
	}
	switch s.typ.name {
	case "Bool":
		return []byte{"ft"[value[0]&1]}, true
	case "UUID", "Decimal":
		c := column{spec: s}
		plain := c.fixedConstant(value)
		return []byte(plain[1 : len(plain)-1]), true
	case "Date32", "Date":
		if s.width == 2 {
			return []byte(dayText(int64(binary.LittleEndian.Uint16(value)))), true
		}
		return []byte(dayText(int64(int32(binary.LittleEndian.Uint32(value))))), true
	case "DateTime64":
		if digits, _ := s.typ.number(0, 0, 9); digits == 6 {
			return []byte(momentText(int64(binary.LittleEndian.Uint64(value)))), true
		}
		return nil, false
	}
	switch s.meaning.Class {
	case typemap.Int16, typemap.Int32, typemap.Int64, typemap.Uint32, typemap.Uint64:
		c := column{spec: s}
		return []byte(strings.Trim(c.fixedConstant(value), "'")), true
	}
	return nil, false
}

// Show implements [apply.Comparison].
func (c *comparison) Show(image []byte) []*string {
	var texts []*string
	for _, i := range c.Columns() {
		var value []byte
		_, value, image = apply.NextValue(image)
		texts = append(texts, c.plan.specs[i].show(value))
	}
	return texts
}

func (s *spec) show(value []byte) *string {
	if value == nil {
		return nil
	}
	if text, ok := s.original(value); ok {
		return apply.Shorten(text)
	}
	switch {
	case s.shape == shapeFixed && s.typ.name == "Float64":
		return apply.Shorten(strconv.AppendFloat(nil, math.Float64frombits(binary.LittleEndian.Uint64(value)), 'g', -1, 64))
	case s.shape == shapeFixed && s.typ.name == "Float32":
		return apply.Shorten(strconv.AppendFloat(nil, float64(math.Float32frombits(binary.LittleEndian.Uint32(value))), 'g', -1, 32))
	case s.shape == shapeArray:
		var parts []string
		for rest := value; len(rest) > 0; {
			var elem []byte
			_, elem, rest = apply.NextValue(rest)
			text := "NULL"
			if shown := s.elem.show(elem); shown != nil {
				text = *shown
			}
			parts = append(parts, text)
		}
		return apply.Shorten([]byte("{" + strings.Join(parts, ",") + "}"))
	}
	return apply.Shorten(fmt.Appendf(nil, "0x%x", value[:min(len(value), apply.TextRoom)]))
}
