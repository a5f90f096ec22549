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
	switch {
	case c.elem != nil:
		return c.arrayConstant(i)
	case c.width == 0:
		return stringConstant(c.data[c.stringStart(i):c.stringStart(i+1)])
	}
	b := c.data[i*c.width : (i+1)*c.width]
	n := signed(b)
	switch c.meaning.Class {
	case typemap.Bool:
		return strconv.FormatBool(b[0] == 1)
	case typemap.Float32:
		return fmt.Sprintf("reinterpretAsFloat32(toUInt32(%d))", binary.LittleEndian.Uint32(b))
	case typemap.Float64:
		return fmt.Sprintf("reinterpretAsFloat64(toUInt64(%d))", binary.LittleEndian.Uint64(b))
	case typemap.Uint32, typemap.Uint64:
		return new(big.Int).SetBytes(bigEndian(b)).String()
	case typemap.Decimal:
		return text(pointed(n, c.meaning.Scale))
	case typemap.UUID:
		hi, lo := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		return fmt.Sprintf("'%08x-%04x-%04x-%04x-%012x'", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
	case typemap.Date:
		return "addDays(toDate32('1970-01-01'), " + n.String() + ")"
	case typemap.Timestamp, typemap.TimestampTZ:
		return "fromUnixTimestamp64Micro(toInt64(" + n.String() + "), 'UTC')"
	case typemap.Time:
		micros := n.Int64()
		seconds := micros / 1e6
		return fmt.Sprintf("'%02d:%02d:%02d.%06d'", seconds/3600, seconds/60%60, seconds%60, micros%1e6)
	default:
		return n.String()
	}
}

func (c *column) arrayConstant(i int) string {
	var parts []string
	for n := c.offset(i); n < c.offset(i+1); n++ {
		parts = append(parts, c.elem.constant(n))
	}
	return "CAST([" + strings.Join(parts, ", ") + "], " + text(c.ddl) + ")"
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
