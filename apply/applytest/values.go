package applytest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// everyday are values in both wire forms, as PostgreSQL's manual and its send
// functions have them.
var everyday = []struct {
	oid      uint32
	name     string
	modifier int32
	text     string
	binary   []byte
}{
	{16, "bool", -1, "t", []byte{1}},
	{16, "bool", -1, "f", []byte{0}},
	{17, "bytea", -1, `\x00ff27`, []byte{0, 0xff, 0x27}},
	{20, "int8", -1, "-9223372036854775808", be64(1 << 63)},
	{21, "int2", -1, "-2", []byte{0xff, 0xfe}},
	{23, "int4", -1, "2147483647", be32(math.MaxInt32)},
	{25, "text", -1, "naïve \\ 'text'", []byte("naïve \\ 'text'")},
	{25, "text", -1, "", nil},
	{700, "float4", -1, "0.1", be32(math.Float32bits(0.1))},
	{701, "float8", -1, "0.30000000000000004", be64(0x3fd3333333333334)},
	{1042, "bpchar", 9, "ab   ", []byte("ab   ")},
	{1043, "varchar", 14, "abc", []byte("abc")},
	{1082, "date", -1, "1969-12-31", be32(uint32(0xffffffff - 10957))},
	{1114, "timestamp", -1, "2000-01-01 00:00:00.000001", be64(1)},
	{1184, "timestamptz", -1, "2000-01-01 00:00:01+00", be64(1e6)},
	{1700, "numeric", 12<<16 | 2 + 4, "-1234.50", []byte{0, 2, 0, 0, 0x40, 0, 0, 2, 0x04, 0xd2, 0x13, 0x88}},
	{1700, "numeric", 30<<16 | 4 + 4, "0.0001", []byte{0, 1, 0xff, 0xff, 0, 0, 0, 4, 0, 1}},
	{1700, "numeric", -1, "10000", []byte{0, 1, 0, 1, 0, 0, 0, 0, 0, 1}},
	{2950, "uuid", -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", unhex("a0eebc999c0b4ef8bb6d6bb9bd380a11")},
	{3802, "jsonb", -1, `{"a": [1, null]}`, append([]byte{1}, `{"a": [1, null]}`...)},
}

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// valuesAgree holds four ways of a value against each other: as text and as
// binary, through a loader and through a batch.
func valuesAgree(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id")
	for i, v := range everyday {
		table.Relation.Columns = append(table.Relation.Columns, change.Column{
			Name:   fmt.Sprintf("c%d_%s", i, v.name),
			Attnum: int16(i + 2),
			Type:   &change.Type{OID: v.oid, Schema: "pg_catalog", Name: v.name, Kind: change.KindBase, Modifier: v.modifier},
		})
	}
	b.prepare(t, table, apply.Refuse, 0)
	row := func(id int, f change.Format) []change.Datum {
		values := []change.Datum{{Format: change.Text, Bytes: fmt.Append(nil, id)}}
		if f == change.Binary {
			values[0] = change.Datum{Format: f, Bytes: be64(uint64(id))}
		}
		for _, v := range everyday {
			switch f {
			case change.Text:
				values = append(values, change.Datum{Format: f, Bytes: []byte(v.text)})
			case change.Binary:
				values = append(values, change.Datum{Format: f, Bytes: v.binary})
			default:
				values = append(values, change.Datum{})
			}
		}
		return values
	}
	// A pipeline asks for one form, so each loader and each batch has one.
	for id, f := range []change.Format{change.Text, change.Binary, change.Null} {
		l, err := b.target.Load(b.ctx, table)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		if err := l.Append(row(id, f), At(1, 0)); err != nil {
			t.Fatalf("append: %v", err)
		}
		if err := l.Finish(); err != nil {
			t.Fatalf("finish: %v", err)
		}
		r := &change.Row{Op: change.Insert, Position: At(2, uint64(id)+1), Relation: table.Relation, New: row(id+3, f)}
		b.apply(t, batchOf(t, table, r))
	}
	got := b.read(t, table)
	if len(got) != 6 {
		t.Fatalf("%d rows", len(got))
	}
	for i, v := range everyday {
		for _, id := range []int{1, 3, 4} {
			if got[id][i+1] != got[0][i+1] {
				t.Errorf("%s %q: %q from text by a loader, %q by way %d", v.name, v.text, got[0][i+1], got[id][i+1], id)
			}
		}
		if got[0][i+1] == Null || got[2][i+1] != Null || got[5][i+1] != Null {
			t.Errorf("%s: NULL and value are not told apart: %q %q", v.name, got[0][i+1], got[2][i+1])
		}
	}
}
