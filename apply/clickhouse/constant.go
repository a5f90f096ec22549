package clickhouse

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pgsluice/pgsluice/typemap"
)

// constant writes value i as SQL, from its wire bytes: what policies made of it
// is in there already. Numbers with a point and moments are not written as text
// where the server's parser rounds or saturates.
func (c *column) constant(i int) string {
	if c.nullable && c.nulls[i] == 1 {
		return "NULL"
	}
	switch c.shape {
	case shapeArray, shapeTuple:
		return c.containerConstant(i)
	case shapeString:
		return stringConstant(c.data[c.stringStart(i):c.stringStart(i+1)])
	case shapeFixed:
	}
	return c.fixedConstant(c.data[i*c.width : (i+1)*c.width])
}

func (c *column) fixedConstant(b []byte) string {
	n := signed(b)
	digits, _ := c.typ.number(0, 0, 9)
	switch c.typ.name {
	case "Bool":
		return strconv.FormatBool(b[0] == 1)
	case "Float32":
		return fmt.Sprintf("reinterpretAsFloat32(toUInt32(%d))", binary.LittleEndian.Uint32(b))
	case "Float64":
		return fmt.Sprintf("reinterpretAsFloat64(toUInt64(%d))", binary.LittleEndian.Uint64(b))
	case "Decimal":
		scale, _ := c.typ.number(1, 0, typemap.MaxPrecision)
		return text(pointed(n, scale))
	case "FixedString":
		return "unhex('" + hex.EncodeToString(b) + "')"
	case "UUID":
		hi, lo := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		return fmt.Sprintf("'%08x-%04x-%04x-%04x-%012x'", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
	case "Date32", "Date":
		return "addDays(toDate32('1970-01-01'), " + n.String() + ")"
	case "DateTime64":
		if digits > 6 {
			return fmt.Sprintf("fromUnixTimestamp64Nano(toInt64(%d), 'UTC')", n.Int64()*int64(pow10(9-digits)))
		}
		return fmt.Sprintf("fromUnixTimestamp64Micro(toInt64(%d), 'UTC')", n.Int64()*int64(pow10(6-digits)))
	case "DateTime":
		return "toDateTime(" + new(big.Int).SetBytes(bigEndian(b)).String() + ", 'UTC')"
	case "Time64", "Time":
		return clockConstant(n.Int64(), digits)
	}
	if strings.HasPrefix(c.typ.name, "UInt") {
		n = new(big.Int).SetBytes(bigEndian(b))
	}
	if c.width > 8 {
		return text(n.String()) // the parser would make it a Float64
	}
	return n.String()
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func clockConstant(ticks int64, digits int) string {
	per := int64(pow10(digits))
	seconds := ticks / per
	clock := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if digits > 0 {
		clock += fmt.Sprintf(".%0*d", digits, ticks%per)
	}
	return text(clock)
}

// containerConstant writes an array, a map or a tuple. Those inside others have
// no type of their own to be cast to, and need none.
func (c *column) containerConstant(i int) string {
	var parts []string
	write, cast := "tuple(", c.ddl
	switch {
	case c.shape == shapeTuple:
		for _, f := range c.fields {
			parts = append(parts, f.constant(i))
		}
	default:
		write = "array("
		pairs := c.elem.shape == shapeTuple && c.typ != nil && c.typ.name == "Map"
		if pairs {
			write = "map("
		}
		for n := c.offset(i); n < c.offset(i+1); n++ {
			if pairs {
				parts = append(parts, c.elem.fields[0].constant(n), c.elem.fields[1].constant(n))
			} else {
				parts = append(parts, c.elem.constant(n))
			}
		}
	}
	constant := write + strings.Join(parts, ", ") + ")"
	if cast == "" {
		return constant
	}
	return "CAST(" + constant + ", " + text(cast) + ")"
}

// stringStart is where string i begins, its length included, in a column that
// was written here and so has no ends.
func (c *column) stringStart(i int) int {
	at := 0
	for range i {
		n, size := binary.Uvarint(c.data[at:])
		at += size + int(n)
	}
	return at
}

func stringConstant(b []byte) string {
	_, size := binary.Uvarint(b)
	b = b[size:]
	if utf8.Valid(b) && !slices.Contains(b, 0) {
		return text(string(b))
	}
	return "unhex('" + hex.EncodeToString(b) + "')"
}

func bigEndian(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(bigEndian(b))
	if b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// pointed prints a whole number with scale digits behind the point.
func pointed(n *big.Int, scale int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + digits
	}
	return digits
}
