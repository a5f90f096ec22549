package typemap

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Geometries of PostGIS come as EWKB, in hexadecimal digits where the form is
// text, and are kept as EWKT. EWKB is OGC's Well-Known Binary with three flags
// in the type for Z, M and a spatial reference (PostGIS manual, "OpenGIS WKB and
// WKT", and liblwgeom's lwgeom_wkb.c).

const (
	ewkbZ    = 0x80000000
	ewkbM    = 0x40000000
	ewkbSRID = 0x20000000
)

type shape uint32

const (
	shapePoint      shape = 1
	shapeLine       shape = 2
	shapePolygon    shape = 3
	shapeMultiPoint shape = 4
	shapeMultiLine  shape = 5
	shapeMultiPoly  shape = 6
	shapeCollection shape = 7
	shapeCircular   shape = 8
	shapeCompound   shape = 9
	shapeCurvePoly  shape = 10
	shapeMultiCurve shape = 11
	shapeMultiSurf  shape = 12
	shapePolyhedral shape = 15
	shapeTIN        shape = 16
	shapeTriangle   shape = 17
)

var shapeNames = map[shape]string{
	shapePoint: "POINT", shapeLine: "LINESTRING", shapePolygon: "POLYGON", shapeMultiPoint: "MULTIPOINT",
	shapeMultiLine: "MULTILINESTRING", shapeMultiPoly: "MULTIPOLYGON", shapeCollection: "GEOMETRYCOLLECTION",
	shapeCircular: "CIRCULARSTRING", shapeCompound: "COMPOUNDCURVE", shapeCurvePoly: "CURVEPOLYGON",
	shapeMultiCurve: "MULTICURVE", shapeMultiSurf: "MULTISURFACE", shapePolyhedral: "POLYHEDRALSURFACE",
	shapeTIN: "TIN", shapeTriangle: "TRIANGLE",
}

// bare says whether a part of a geometry stands without its name, because the
// whole allows no other there.
func (whole shape) bare(part shape) bool {
	switch whole {
	case shapeMultiPoint, shapeMultiLine, shapeMultiPoly, shapePolyhedral, shapeTIN:
		return true
	case shapeCompound, shapeCurvePoly, shapeMultiCurve:
		return part == shapeLine
	case shapeMultiSurf:
		return part == shapePolygon
	default:
		return false
	}
}

// ewkb reads one geometry. Its parts have byte orders of their own.
type ewkb struct {
	reader
	little bool
	dims   int
	depth  int
}

// appendGeometry prints EWKB as EWKT. What cannot be read, a shape of a newer
// PostGIS perhaps, stays what geometry's output function prints.
func appendGeometry(dst, b []byte) []byte {
	from := len(dst)
	e := ewkb{reader: reader{b: b}}
	if dst = e.appendShape(dst, shapeCollection); e.done() {
		return dst
	}
	return appendUpperDigits(dst[:from], b)
}

// appendGeometryText does the same for the hexadecimal form.
func appendGeometryText(dst, digits []byte) []byte {
	from := len(dst)
	// The bytes stand behind dst until the text, printed behind them, takes
	// their place.
	dst, err := hex.AppendDecode(dst, digits)
	if err != nil {
		return append(dst[:from], digits...)
	}
	raw := len(dst)
	dst = slices.Grow(dst, len(digits))
	dst = appendGeometry(dst, dst[from:raw:raw])
	return append(dst[:from], dst[raw:]...)
}

// appendUpperDigits prints bytes as geometry's output function does.
func appendUpperDigits(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// maxShapes is how deep collections nest at most; more is nobody's geometry.
const maxShapes = 64

func (e *ewkb) number() uint32 {
	v := e.u32()
	if e.little {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (e *ewkb) appendNumber(dst []byte) []byte {
	b := e.take(8)
	if b == nil {
		return dst
	}
	v := binary.BigEndian.Uint64(b)
	if e.little {
		v = bits.ReverseBytes64(v)
	}
	return appendFloat(dst, math.Float64frombits(v), 64)
}

// appendShape prints a geometry that stands inside another, or alone as inside a
// collection.
func (e *ewkb) appendShape(dst []byte, whole shape) []byte {
	if e.depth++; e.depth > maxShapes {
		e.bad = true
		return dst
	}
	defer func() { e.depth-- }()
	order := e.u8()
	e.little = order == 1
	flags := e.number()
	if order > 1 {
		e.bad = true
	}
	if flags&ewkbSRID != 0 {
		dst = append(dst, "SRID="...)
		dst = append(strconv.AppendUint(dst, uint64(e.number()), 10), ';')
	}
	kind := shape(flags &^ (ewkbZ | ewkbM | ewkbSRID))
	switch kind { // as PostGIS 1 numbered them
	case 13:
		kind = shapeCurvePoly
	case 14:
		kind = shapeMultiCurve
	}
	name, known := shapeNames[kind]
	if !known || e.bad {
		e.bad = true
		return dst
	}
	e.dims = 2 + bits.OnesCount32(flags&(ewkbZ|ewkbM))
	if !whole.bare(kind) {
		if dst = append(dst, name...); flags&ewkbZ == 0 && flags&ewkbM != 0 {
			dst = append(dst, 'M')
		}
	}
	return e.appendBody(dst, kind, !whole.bare(kind))
}

func (e *ewkb) appendBody(dst []byte, kind shape, named bool) []byte {
	switch kind {
	case shapePoint:
		if e.emptyPoint() {
			e.take(8 * e.dims)
			return appendEmpty(dst, named)
		}
		return append(e.appendPoint(append(dst, '(')), ')')
	case shapeLine, shapeCircular:
		return e.appendList(dst, named, 8*e.dims, e.appendPoint)
	case shapePolygon, shapeTriangle:
		return e.appendList(dst, named, 4, func(dst []byte) []byte {
			return e.appendList(dst, false, 8*e.dims, e.appendPoint)
		})
	default:
		return e.appendList(dst, named, 5, func(dst []byte) []byte { return e.appendShape(dst, kind) })
	}
}

// emptyPoint looks whether all coordinates of the point that follows are NaN.
func (e *ewkb) emptyPoint() bool {
	ahead := *e
	for range e.dims {
		var text [32]byte
		if string(ahead.appendNumber(text[:0])) != "NaN" {
			return false
		}
	}
	return true
}

func appendEmpty(dst []byte, named bool) []byte {
	if named {
		dst = append(dst, ' ')
	}
	return append(dst, "EMPTY"...)
}

func (e *ewkb) appendPoint(dst []byte) []byte {
	for i := range e.dims {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = e.appendNumber(dst)
	}
	return dst
}

// appendList prints a count's worth of items, each of at least size bytes.
func (e *ewkb) appendList(dst []byte, named bool, size int, item func([]byte) []byte) []byte {
	n := int(e.number())
	if n > len(e.b)/size {
		e.bad = true
		return dst
	}
	if n == 0 {
		return appendEmpty(dst, named)
	}
	little, dims := e.little, e.dims
	dst = append(dst, '(')
	for i := 0; i < n && !e.bad; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst)
		e.little, e.dims = little, dims
	}
	return append(dst, ')')
}
