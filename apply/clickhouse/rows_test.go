package clickhouse

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Types as the catalog gives them.
var (
	boolType    = &change.Type{OID: 16, Schema: "pg_catalog", Name: "bool", Kind: change.KindBase, Modifier: -1}
	byteaType   = &change.Type{OID: 17, Schema: "pg_catalog", Name: "bytea", Kind: change.KindBase, Modifier: -1}
	int8Type    = &change.Type{OID: 20, Schema: "pg_catalog", Name: "int8", Kind: change.KindBase, Modifier: -1}
	int2Type    = &change.Type{OID: 21, Schema: "pg_catalog", Name: "int2", Kind: change.KindBase, Modifier: -1}
	int4Type    = &change.Type{OID: 23, Schema: "pg_catalog", Name: "int4", Kind: change.KindBase, Modifier: -1}
	textType    = &change.Type{OID: 25, Schema: "pg_catalog", Name: "text", Kind: change.KindBase, Modifier: -1}
	oidType     = &change.Type{OID: 26, Schema: "pg_catalog", Name: "oid", Kind: change.KindBase, Modifier: -1}
	float4Type  = &change.Type{OID: 700, Schema: "pg_catalog", Name: "float4", Kind: change.KindBase, Modifier: -1}
	float8Type  = &change.Type{OID: 701, Schema: "pg_catalog", Name: "float8", Kind: change.KindBase, Modifier: -1}
	bpcharType  = &change.Type{OID: 1042, Schema: "pg_catalog", Name: "bpchar", Kind: change.KindBase, Modifier: 14}
	varcharType = &change.Type{OID: 1043, Schema: "pg_catalog", Name: "varchar", Kind: change.KindBase, Modifier: 24}
	dateType    = &change.Type{OID: 1082, Schema: "pg_catalog", Name: "date", Kind: change.KindBase, Modifier: -1}
	timeType    = &change.Type{OID: 1083, Schema: "pg_catalog", Name: "time", Kind: change.KindBase, Modifier: -1}
	stampType   = &change.Type{OID: 1114, Schema: "pg_catalog", Name: "timestamp", Kind: change.KindBase, Modifier: -1}
	stampTZType = &change.Type{OID: 1184, Schema: "pg_catalog", Name: "timestamptz", Kind: change.KindBase, Modifier: -1}
	uuidType    = &change.Type{OID: 2950, Schema: "pg_catalog", Name: "uuid", Kind: change.KindBase, Modifier: -1}
	lsnType     = &change.Type{OID: 3220, Schema: "pg_catalog", Name: "pg_lsn", Kind: change.KindBase, Modifier: -1}
	jsonbType   = &change.Type{OID: 3802, Schema: "pg_catalog", Name: "jsonb", Kind: change.KindBase, Modifier: -1}
	moodType    = &change.Type{OID: 16500, Schema: "public", Name: "mood", Kind: change.KindEnum, Modifier: -1, Labels: []string{"sad", "ok"}}
	vectorType  = &change.Type{OID: 16600, Schema: "public", Name: "vector", Extension: "vector", Kind: change.KindBase, Modifier: -1}
	jsonType    = &change.Type{OID: 114, Schema: "pg_catalog", Name: "json", Kind: change.KindBase, Modifier: -1}
	inetType    = &change.Type{OID: 869, Schema: "pg_catalog", Name: "inet", Kind: change.KindBase, Modifier: -1}
	moneyType   = &change.Type{OID: 790, Schema: "pg_catalog", Name: "money", Kind: change.KindBase, Modifier: -1}
	hstoreType  = &change.Type{OID: 16800, Schema: "public", Name: "hstore", Extension: "hstore", Kind: change.KindBase, Modifier: -1}
	weatherType = &change.Type{OID: 16700, Schema: "public", Name: "weather", Kind: change.KindEnum, Modifier: -1, Labels: []string{"sun", "it's rain"}}
	pairType    = &change.Type{OID: 16710, Schema: "public", Name: "pair", Kind: change.KindComposite, Modifier: -1, Fields: []change.Field{{Name: "a", Type: int4Type}, {Name: "b c", Type: textType}}}
)

func numericType(p, s int) *change.Type {
	t := &change.Type{OID: 1700, Schema: "pg_catalog", Name: "numeric", Kind: change.KindBase, Modifier: -1}
	if p > 0 {
		t.Modifier = int32(p<<16|s&0x7ff) + 4
	}
	return t
}

func arrayOf(elem *change.Type, dims int) *change.Type {
	return &change.Type{OID: 17000, Name: "_" + elem.Name, Kind: change.KindArray, Modifier: elem.Modifier, Dimensions: dims, Elem: elem}
}

// relation makes a relation whose first keys columns are its key. Columns are
// written name, type; a name that ends in ! is NOT NULL.
func relation(name string, keys int, columns ...any) *change.Relation {
	r := &change.Relation{OID: 1, Schema: "public", Name: name, Identity: change.IdentityDefault}
	for i := 0; i < len(columns); i += 2 {
		c := change.Column{Name: columns[i].(string), Type: columns[i+1].(*change.Type), Attnum: int16(i/2 + 1)}
		if n := len(c.Name); c.Name[n-1] == '!' {
			c.Name, c.NotNull = c.Name[:n-1], true
		}
		if i/2 < keys {
			c.NotNull = true
			r.Key = append(r.Key, i/2)
		}
		r.Columns = append(r.Columns, c)
	}
	return r
}

func table(name string, keys int, columns ...any) *apply.Table {
	return &apply.Table{Relation: relation(name, keys, columns...), Name: name}
}

// null and unchanged stand for those in values.
const (
	null      = "\x00null"
	unchanged = "\x00unchanged"
)

// values makes text datums.
func values(of ...any) []change.Datum {
	out := make([]change.Datum, len(of))
	for i, v := range of {
		switch s := fmt.Sprint(v); s {
		case null:
		case unchanged:
			out[i].Format = change.Unchanged
		default:
			out[i] = change.Datum{Format: change.Text, Bytes: []byte(s)}
		}
	}
	return out
}

func at(commit, seq uint64) change.Position {
	return change.Position{Commit: change.LSN(commit), Seq: seq}
}

func insertRow(t *apply.Table, p change.Position, of ...any) *change.Row {
	return &change.Row{Op: change.Insert, Position: p, Relation: t.Relation, New: values(of...)}
}

func updateRow(t *apply.Table, p change.Position, of ...any) *change.Row {
	return &change.Row{Op: change.Update, Position: p, Relation: t.Relation, New: values(of...)}
}

func deleteRow(t *apply.Table, p change.Position, old ...any) *change.Row {
	return &change.Row{Op: change.Delete, Position: p, Relation: t.Relation, Old: values(old...)}
}

// batch gathers rows of one table.
func batch(tb testing.TB, t *apply.Table, rows ...*change.Row) *apply.Batch {
	tb.Helper()
	b := &apply.Batch{}
	for _, r := range rows {
		if err := b.Add(t, r); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}
