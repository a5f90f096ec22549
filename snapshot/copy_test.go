package snapshot

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func twoColumns(keyed bool) Query {
	t := &change.Type{OID: 23, Name: "int4", Kind: change.KindBase, Modifier: -1}
	r := &change.Relation{Schema: "s", Name: "t", Columns: []change.Column{{Name: "a", Type: t}, {Name: `b"c`, Type: t}}}
	if keyed {
		r.Key = []int{0}
	}
	return Query{Relation: r, AsText: []bool{false, true}}
}

func copyHeader() []byte { return append(append([]byte{}, signature...), 0, 0, 0, 0, 0, 0, 0, 0) }

func copyTuple(values ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		if v == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}

var trailer = []byte{0xff, 0xff}

func TestCopyIsReadInPlace(t *testing.T) {
	for _, together := range []bool{true, false} {
		var got []string
		d := newDecoder(twoColumns(false), Chunk{Number: 3}, func(v []change.Datum, seq uint64) error {
			got = append(got, fmt.Sprintf("%x/%c %c%s", seq, v[0].Format, v[1].Format, v[1].Bytes))
			return nil
		})
		ctid := []byte{0, 0, 0, 7, 0, 2}
		messages := [][]byte{
			append(copyHeader(), copyTuple(ctid, []byte{0, 0, 0, 1}, []byte("x"))...),
			copyTuple(ctid, []byte{0, 0, 0, 1}, []byte{}), trailer,
		}
		if together {
			messages = [][]byte{append(append(messages[0], messages[1]...), trailer...)}
		}
		for _, m := range messages {
			if _, err := d.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		if want := "3000000070002/b tx,3000000070002/b t"; strings.Join(got, ",") != want || !d.ended || d.rows != 2 {
			t.Fatalf("got %s, ended %v, %d rows", strings.Join(got, ","), d.ended, d.rows)
		}
	}
}

func TestBrokenCopyDataAreErrors(t *testing.T) {
	good := copyTuple([]byte{0, 0, 0, 1}, []byte("x"))
	cases := map[string][]byte{
		"no header":             good,
		"unknown flags":         append(append(append([]byte{}, signature...), 0, 1, 0, 0, 0, 0, 0, 0), good...),
		"a long extension":      append(append([]byte{}, signature...), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
		"half a row":            append(copyHeader(), good[:len(good)-1]...),
		"too few values":        append(copyHeader(), copyTuple([]byte("x"))...),
		"a negative length":     append(append(copyHeader(), 0, 2), 0xff, 0xff, 0xff, 0xfe),
		"data after the end":    append(append(copyHeader(), trailer...), good...),
		"half a count":          append(copyHeader(), 0),
		"a length past the end": append(append(copyHeader(), 0, 2), 0x7f, 0xff, 0xff, 0xff),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(twoColumns(true), Chunk{}, func([]change.Datum, uint64) error { return nil })
			if _, err := d.Write(data); err == nil {
				t.Fatal("taken without an error")
			}
		})
	}
}

func TestChunksCoverATableOnce(t *testing.T) {
	table := &Table{Relation: &change.Relation{}, Leaves: []Leaf{{Bytes: 100 * pageSize}, {Bytes: 0}, {Bytes: 25 * pageSize}}}
	next := map[uint16]uint32{}
	open := map[uint16]bool{}
	for _, c := range Chunks(table, 140000, 10*pageSize) {
		if c.From != next[c.Number] || open[c.Number] {
			t.Fatalf("leaf %d: a chunk from %d where %d is next", c.Number, c.From, next[c.Number])
		}
		next[c.Number], open[c.Number] = c.To, c.To == 0
	}
	if len(open) != 3 || !open[0] || !open[1] || !open[2] {
		t.Fatalf("some leaf has no open end: %v", open)
	}
	if n := len(Chunks(table, 130000, 10*pageSize)); n != 3 {
		t.Fatalf("before PostgreSQL 14 every leaf is one chunk; got %d", n)
	}
}

func TestTheCopyStatementQuotesEverything(t *testing.T) {
	q := twoColumns(false)
	q.RowFilter = "a > 1 OR a < 0"
	got := q.sql(Chunk{Leaf: Leaf{Schema: `we"ird`, Name: "t"}, From: 5, To: 9})
	want := `COPY (SELECT ctid, "a", CASE WHEN "b""c" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', "b""c") END FROM ONLY "we""ird"."t" WHERE ctid >= '(5,0)' AND ctid < '(9,0)' AND (a > 1 OR a < 0)) TO STDOUT (FORMAT binary)`
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func FuzzCopy(f *testing.F) {
	f.Add(append(append(copyHeader(), copyTuple([]byte{0, 0, 0, 1}, nil)...), trailer...), true)
	f.Add(append(copyHeader(), copyTuple([]byte{0, 0, 0, 7, 0, 2}, []byte{0, 0, 0, 1}, []byte("x"))...), false)
	f.Fuzz(func(_ *testing.T, data []byte, keyed bool) {
		d := newDecoder(twoColumns(keyed), Chunk{}, func(values []change.Datum, _ uint64) error {
			for _, v := range values {
				_ = len(v.Bytes)
			}
			return nil
		})
		_, _ = d.Write(data)
		_, _ = d.Write(data)
	})
}

func BenchmarkCopy(b *testing.B) {
	row := copyTuple([]byte{0, 0, 0, 1}, []byte("some text"))
	d := newDecoder(twoColumns(true), Chunk{}, func([]change.Datum, uint64) error { return nil })
	d.started = true
	b.ReportAllocs()
	for range b.N {
		if _, err := d.Write(row); err != nil {
			b.Fatal(err)
		}
	}
}
