package typemap

import "github.com/pgsluice/pgsluice/change"

// op selects how a type's bytes are read. It is finer than Class: several
// types share a class, not a wire form.
type op uint8

const (
	opUnknown op = iota // text form only
	opInt2
	opInt4
	opInt8
	opUint4 // oid, xid, cid
	opUint8 // xid8
	opLSN
	opFloat2 // an element of pgvector's halfvec
	opFloat4
	opFloat8
	opNumeric
	opMoney
	opBool
	opText      // both forms are the text itself
	opVersioned // binary: the byte 1, then the text
	opChar
	opBytea
	opUUID
	opDate
	opTimestamp
	opTimestampTZ
	opTime
	opTimeTZ
	opInterval
	opInet
	opCIDR
	opMACAddr
	opMACAddr8
	opPoint
	opLine
	opLseg
	opBox
	opPath
	opPolygon
	opCircle
	opBit
	opTID
	opSnapshot
	opTSVector
	opHstore
	opComposite
	opRange
	opMultirange
	opArray
	opVector // pgvector, 4-byte elements
	opHalfVector
	opGeometry // PostGIS's geometry and geography
)

type builtinType struct {
	oid   uint32
	name  string
	class Class
	op    op
}

// builtins are the types of pg_catalog that have a meaning of their own. OIDs
// are fixed: src/include/catalog/pg_type.dat. What is missing here is text.
var builtins = [...]builtinType{
	{16, "bool", Bool, opBool},
	{17, "bytea", Bytes, opBytea},
	{18, "char", Text, opChar},
	{19, "name", Text, opText},
	{20, "int8", Int64, opInt8},
	{21, "int2", Int16, opInt2},
	{22, "int2vector", Text, opUnknown}, // an array in the catalog, not in its text form
	{23, "int4", Int32, opInt4},
	{25, "text", Text, opText},
	{26, "oid", Uint32, opUint4},
	{27, "tid", Text, opTID},
	{28, "xid", Uint32, opUint4},
	{29, "cid", Uint32, opUint4},
	{30, "oidvector", Text, opUnknown},
	{114, "json", Text, opText},
	{142, "xml", Text, opText},
	{600, "point", Text, opPoint},
	{601, "lseg", Text, opLseg},
	{602, "path", Text, opPath},
	{603, "box", Text, opBox},
	{604, "polygon", Text, opPolygon},
	{628, "line", Text, opLine},
	{650, "cidr", Text, opCIDR},
	{700, "float4", Float32, opFloat4},
	{701, "float8", Float64, opFloat8},
	{718, "circle", Text, opCircle},
	{774, "macaddr8", Text, opMACAddr8},
	{790, "money", Decimal, opMoney},
	{829, "macaddr", Text, opMACAddr},
	{869, "inet", Text, opInet},
	{1042, "bpchar", Text, opText},
	{1043, "varchar", Text, opText},
	{1082, "date", Date, opDate},
	{1083, "time", Time, opTime},
	{1114, "timestamp", Timestamp, opTimestamp},
	{1184, "timestamptz", TimestampTZ, opTimestampTZ},
	{1186, "interval", Text, opInterval},
	{1266, "timetz", Text, opTimeTZ},
	{1560, "bit", Text, opBit},
	{1562, "varbit", Text, opBit},
	{1700, "numeric", Text, opNumeric}, // Decimal when its modifier bounds it
	{1790, "refcursor", Text, opText},
	{2950, "uuid", UUID, opUUID},
	{2970, "txid_snapshot", Text, opSnapshot},
	{3220, "pg_lsn", Uint64, opLSN},
	{3614, "tsvector", Text, opTSVector},
	{3802, "jsonb", Text, opVersioned},
	{4072, "jsonpath", Text, opVersioned},
	{5038, "pg_snapshot", Text, opSnapshot},
	{5069, "xid8", Text, opUint8},
}

// builtin looks a type up by OID, or by name where the OID is not known.
func builtin(t *change.Type) *builtinType {
	for i := range builtins {
		b := &builtins[i]
		if b.oid == t.OID || t.OID == 0 && b.name == t.Name && t.Kind != change.KindArray {
			return b
		}
	}
	return nil
}

type extensionType struct {
	extension, name string
	class           Class
	op              op
}

// extensions are the types of well-known extensions that have a meaning of their
// own. Their OIDs differ from database to database, and anybody can call a type
// of his own by their name.
var extensions = [...]extensionType{
	{"citext", "citext", Text, opText},
	{"ltree", "ltree", Text, opVersioned},
	{"ltree", "lquery", Text, opVersioned},
	{"ltree", "ltxtquery", Text, opVersioned},
	{"hstore", "hstore", Map, opHstore},
	{"postgis", "geometry", Text, opGeometry},
	{"postgis", "geography", Text, opGeometry},
	{"vector", "vector", Array, opVector},
	{"vector", "halfvec", Array, opHalfVector},
}

func (m *Meaning) resolveExtension(t *change.Type) {
	for i := range extensions {
		e := &extensions[i]
		if e.extension != t.Extension || e.name != t.Name {
			continue
		}
		m.Class, m.op, m.BinaryOK = e.class, e.op, true
		switch e.op {
		case opVector:
			m.resolveVector(opFloat4)
		case opHalfVector:
			m.resolveVector(opFloat2)
		}
	}
}

func (m *Meaning) resolveVector(elem op) {
	m.Dims, m.delim = 1, ','
	m.Elem = &Meaning{Class: Float32, BinaryOK: true, plan: plan{op: elem, name: "real"}}
}

// Known are the types that have a meaning of their own, for lists of them; all
// others are made of these, or are text.
func Known() []*change.Type {
	var types []*change.Type
	for _, b := range builtins {
		types = append(types, &change.Type{OID: b.oid, Schema: "pg_catalog", Name: b.name, Kind: change.KindBase, Modifier: -1})
	}
	for _, e := range extensions {
		types = append(types, &change.Type{Extension: e.extension, Name: e.name, Kind: change.KindBase, Modifier: -1})
	}
	return types
}

// delimiter is pg_type.typdelim: a comma for all types but box and those of
// PostGIS, whose own text holds commas.
func delimiter(t *change.Type) byte {
	switch {
	case t.OID == 603 || t.OID == 0 && t.Name == "box":
		return ';'
	case t.Extension == "postgis" && (t.Name == "geometry" || t.Name == "geography"):
		return ':'
	}
	return ','
}
