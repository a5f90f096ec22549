package clickhouse

import (
	"fmt"

	"github.com/pgsluice/pgsluice/typemap"
)

// conversion is a way from a class of values to some types of ClickHouse. The
// tables below are all there is: columns are planned by them, and docs/types.md
// is written from them.
type conversion struct {
	// to are the types' names, as is how they are written, for messages.
	to []string
	as string
	// sample is a type written out, for the page that lists them; as where that
	// is one.
	sample string
	// losses are what is not kept of any value.
	losses []string
	// only limits the way to some types of the class, or servers.
	only     func(*typemap.Meaning, version) bool
	onlyText string
	// plan sets the writer and what belongs to it. s.typ and s.sent are the
	// wished type, and may be made more exact.
	plan func(s *spec, t *typeName, v version) error
}

var integerNames = []string{
	"Int8", "Int16", "Int32", "Int64", "Int128", "Int256",
	"UInt8", "UInt16", "UInt32", "UInt64", "UInt128", "UInt256",
}

const integersAs = "Int8 to Int256, UInt8 to UInt256"

var (
	toString  = conversion{to: []string{"String"}, as: "String", plan: planString}
	toInteger = conversion{to: integerNames, as: integersAs, sample: "UInt8", plan: planInteger}
	toDecimal = conversion{to: []string{"Decimal"}, as: "Decimal(p, s)", sample: "Decimal(9, 2)", plan: planDecimal}
	toDouble  = conversion{to: []string{"Float64"}, as: "Float64", plan: planFloat}
	toFixed   = conversion{to: []string{"FixedString"}, as: "FixedString(n)", sample: "FixedString(16)", plan: planFixedString}
)

// integers is the list of a class of whole numbers: its own type first.
func integers(own string, more ...conversion) []conversion {
	list := []conversion{{to: []string{own}, as: own, plan: planInteger}, toInteger, toDecimal, toString}
	return append(list, more...)
}

func moments(own string) []conversion {
	return []conversion{
		{to: []string{"DateTime64"}, as: own, plan: planDateTime64},
		{to: []string{"DateTime"}, as: "DateTime('UTC')", plan: planDateTime},
		toString,
	}
}

// conversions are the ways from each class, the one without a wish first.
var conversions map[typemap.Class][]conversion

// In init, because the writers of containers look into the table again.
func init() {
	conversions = map[typemap.Class][]conversion{
		typemap.Int16:  integers("Int16", conversion{to: []string{"Float32", "Float64"}, as: "Float32, Float64", sample: "Float64", plan: planFloat}),
		typemap.Int32:  integers("Int32", toDouble),
		typemap.Int64:  integers("Int64"),
		typemap.Uint32: integers("UInt32", toDouble),
		typemap.Uint64: integers("UInt64"),
		typemap.Float32: {
			{to: []string{"Float32"}, as: "Float32", plan: planFloat}, toDouble, toString,
		},
		typemap.Float64: {
			toDouble,
			{to: []string{"Float32"}, as: "Float32", plan: planFloat},
			toString,
		},
		typemap.Decimal: {
			toDecimal,
			{to: integerNames, as: integersAs, sample: "UInt8", only: isNumeric, onlyText: "numeric", plan: planInteger},
			{to: []string{"Float64"}, as: "Float64", only: isNumeric, onlyText: "numeric", plan: planFloatText},
			toString,
		},
		typemap.Bool: {
			{to: []string{"Bool"}, as: "Bool", plan: planBool},
			{to: []string{"UInt8", "Int8"}, as: "UInt8, Int8", sample: "UInt8", plan: planBool},
			toString,
		},
		typemap.Text: {
			toString, toFixed,
			{to: []string{"JSON"}, as: "JSON", losses: []string{"JSON: digits of a fraction that a Float64 does not have, whether a whole number had a point, the order of keys, NULL members and empty objects, spaces; a dot in a name becomes a level"}, only: isJSON, onlyText: "json and jsonb, from ClickHouse 25.3", plan: planJSON},
			{to: []string{"Decimal"}, as: "Decimal(p, s)", sample: "Decimal(9, 2)", only: isNumeric, onlyText: "numeric", plan: planDecimal},
			{to: integerNames, as: integersAs, sample: "UInt8", only: isNumeric, onlyText: "numeric", plan: planInteger},
			{to: []string{"Float64"}, as: "Float64", only: isNumeric, onlyText: "numeric", plan: planFloatText},
			{to: []string{"Enum8", "Enum16"}, as: "Enum8('label' = 1, …), Enum16(…)", sample: "Enum8('sun' = 1)", only: isEnum, onlyText: "enums", plan: planEnum},
			{to: []string{"UUID"}, as: "UUID", only: isPlainText, onlyText: "text, varchar, char", plan: planUUIDText},
			{to: []string{"IPv4", "IPv6"}, as: "IPv4, IPv6", sample: "IPv4", only: isInet, onlyText: "inet", plan: planAddress},
			{to: []string{"Tuple"}, as: "Tuple(field Type, …)", sample: "Tuple(Int32, Nullable(String))", only: isComposite, onlyText: "composites", plan: planTuple},
		},
		typemap.Bytes: {toString, toFixed},
		typemap.UUID:  {{to: []string{"UUID"}, as: "UUID", plan: planUUID}, toString},
		typemap.Date: {
			{to: []string{"Date32"}, as: "Date32", plan: planDate32},
			{to: []string{"Date"}, as: "Date", plan: planDate},
			toString,
		},
		typemap.Timestamp:   moments("DateTime64(6, 'UTC')"),
		typemap.TimestampTZ: moments("DateTime64(6, 'UTC')"),
		typemap.Time: {
			{to: []string{"Time64"}, as: "Time64(6)", only: hasTime, onlyText: "from ClickHouse 25.12", plan: planTime64},
			{to: []string{"Time"}, as: "Time", only: hasTime, onlyText: "from ClickHouse 25.12", plan: planTime64},
			toString,
		},
		typemap.Array: {
			{to: []string{"Array"}, as: "Array(Type)", sample: "Array(Int32)", plan: planArray},
			toString,
		},
		typemap.Map: {
			{to: []string{"Map"}, as: "Map(String, Nullable(String))", plan: planMap},
			toString,
		},
	}
}

func isNumeric(m *typemap.Meaning, _ version) bool {
	_, ok := m.AsDecimal(typemap.MaxPrecision, 0)
	return ok
}

func isJSON(m *typemap.Meaning, v version) bool      { return m.JSON && v.hasJSON() }
func isInet(m *typemap.Meaning, _ version) bool      { return m.Inet }
func isEnum(m *typemap.Meaning, _ version) bool      { return m.FewValues }
func isComposite(m *typemap.Meaning, _ version) bool { return len(m.Fields()) > 0 }
func isPlainText(m *typemap.Meaning, _ version) bool { return verbatim(m) && !m.JSON && !m.FewValues }
func hasTime(_ *typemap.Meaning, v version) bool     { return v.hasTime64() }

// valueEdge is a sort of value that a type does not hold, the nearest one that it
// does, and what MakeNull makes of it; each empty where there is none.
type valueEdge struct {
	value, nearest, null string
	settled              bool
}

func (s *spec) edge(value, nearest string) {
	s.edges = append(s.edges, valueEdge{value: value, nearest: nearest})
}

func (s *spec) fixed(width int, put putter) { s.shape, s.width, s.put = shapeFixed, width, put }

func (s *spec) bytes(put putter) { s.shape, s.width, s.put = shapeString, 0, put }

// The OIDs of types that values are read as a second time, or that tables are
// made of here.
const (
	int4OID    = 23
	textOID    = 25
	numericOID = 1700
	uuidOID    = 2950
)

func exactArgs(t *typeName, n int) error {
	if len(t.args) != n {
		return fmt.Errorf("%s takes %d arguments, not %d", t.name, n, len(t.args))
	}
	return nil
}
