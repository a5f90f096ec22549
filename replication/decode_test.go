package replication

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// message builds a pgoutput message the way the manual lays it out.
type message struct{ bytes.Buffer }

func (m *message) u8(v byte) *message    { m.WriteByte(v); return m }
func (m *message) u16(v uint16) *message { m.Write(binary.BigEndian.AppendUint16(nil, v)); return m }

func (m *message) u32(v uint32) *message { m.Write(binary.BigEndian.AppendUint32(nil, v)); return m }

func (m *message) u64(v uint64) *message  { m.Write(binary.BigEndian.AppendUint64(nil, v)); return m }
func (m *message) str(s string) *message  { m.WriteString(s); m.WriteByte(0); return m }
func (m *message) text(s string) *message { m.u8('t').u32(uint32(len(s))); m.WriteString(s); return m }

func begin(commit uint64) []byte { return new(message).u8('B').u64(commit).u64(0).u32(7).Bytes() }

func commit(at, end uint64) []byte {
	return new(message).u8('C').u8(0).u64(at).u64(end).u64(0).Bytes()
}

func relationMessage() []byte {
	m := new(message).u8('R').u32(9).str("public").str("t").u8('d').u16(2)
	m.u8(1).str("id").u32(25).u32(0xffffffff)
	m.u8(0).str("body").u32(25).u32(0xffffffff)
	return m.Bytes()
}

func testStream() *Stream {
	resolve := func(_ context.Context, m *RelationMessage) (*change.Relation, error) {
		r := &change.Relation{OID: m.OID, Schema: m.Schema, Name: m.Name, Identity: m.Identity, Key: []int{0}}
		for _, c := range m.Columns {
			r.Columns = append(r.Columns, change.Column{Name: c.Name, Type: &change.Type{OID: c.TypeOID, Modifier: c.Modifier}})
		}
		return r, nil
	}
	return &Stream{options: Options{Resolve: resolve}, known: map[uint32]*source{}}
}

// feed wraps a message as the server does and takes it.
func feed(s *Stream, m []byte) error {
	s.event.Kind = Nothing
	return s.copyData(context.Background(), append(new(message).u8('w').u64(1).u64(2).u64(3).Bytes(), m...))
}

func mustFeed(t *testing.T, s *Stream, m []byte) {
	t.Helper()
	if err := feed(s, m); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyABacklogOfSmallMessagesIsOne(t *testing.T) {
	for _, c := range []struct {
		name string
		late time.Duration
		size int
		want bool
	}{
		{"small messages, long after their commit", 2 * time.Second, 100, true},
		{"small messages, soon after their commit", time.Second, 100, false},
		{"small messages, by a clock that was set back", -2 * time.Second, 100, false},
		{"large messages, long after their commit", 2 * time.Second, 1000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testStream()
			header := new(message).u8('w').u64(1).u64(2).u64(uint64(c.late.Microseconds())).Bytes()
			other := append(bytes.Clone(header), 'O')
			for range 1000 {
				mustTake(t, s, append(other, make([]byte, c.size-len(other))...))
			}
			mustTake(t, s, append(header, begin(100)...)) // whose commit's time is 0
			if s.backlog() != c.want {
				t.Errorf("%t, %d bytes on average", s.backlog(), s.size)
			}
		})
	}
}

func mustTake(t *testing.T, s *Stream, data []byte) {
	t.Helper()
	if err := s.copyData(context.Background(), data); err != nil {
		t.Fatal(err)
	}
}

func TestATransactionIsDecodedRowByRow(t *testing.T) {
	s := testStream()
	mustFeed(t, s, begin(100))
	if s.event.Kind != Begin || s.event.Position.Commit != 100 {
		t.Fatalf("begin: %+v", s.event)
	}
	mustFeed(t, s, relationMessage())
	if s.event.Kind != Nothing {
		t.Fatalf("a relation is nothing to the caller: %+v", s.event)
	}
	insert := new(message).u8('I').u32(9).u8('N').u16(2).text("1").u8('n').Bytes()
	mustFeed(t, s, insert)
	r := s.event.Row
	if s.event.Kind != Row || r.Op != change.Insert || string(r.New[0].Bytes) != "1" || r.New[1].Format != change.Null || r.Position.Seq != 1 {
		t.Fatalf("insert: %+v", s.event)
	}
	update := new(message).u8('U').u32(9).u8('K').u16(2).text("1").u8('n')
	update.u8('N').u16(2).text("2").u8('u')
	mustFeed(t, s, update.Bytes())
	r = s.event.Row
	if r.Op != change.Update || string(r.Old[0].Bytes) != "1" || r.OldFull || r.New[1].Format != change.Unchanged || r.Position.Seq != 2 {
		t.Fatalf("update: %+v", r)
	}
	mustFeed(t, s, new(message).u8('D').u32(9).u8('O').u16(2).text("2").text("x").Bytes())
	r = s.event.Row
	if r.Op != change.Delete || !r.OldFull || r.New != nil || string(r.Old[1].Bytes) != "x" {
		t.Fatalf("delete: %+v", r)
	}
	mustFeed(t, s, new(message).u8('T').u32(1).u8(0).u32(9).Bytes())
	if s.event.Kind != Truncated || len(s.event.Relations) != 1 || s.event.Position.Seq != 4 {
		t.Fatalf("truncate: %+v", s.event)
	}
	mustFeed(t, s, commit(100, 140))
	if s.event.Kind != Commit || s.event.End != 140 {
		t.Fatalf("commit: %+v", s.event)
	}
}

func TestAKeepaliveIsIdleOnlyBetweenTransactions(t *testing.T) {
	s := testStream()
	keepalive := new(message).u8('k').u64(500).u64(0).u8(0).Bytes()
	take := func() EventKind {
		s.event.Kind = Nothing
		if err := s.copyData(context.Background(), keepalive); err != nil {
			t.Fatal(err)
		}
		return s.event.Kind
	}
	if take() != Idle || s.event.End != 500 {
		t.Fatal("a keepalive between transactions says how far the source is")
	}
	mustFeed(t, s, begin(100))
	if take() != Nothing {
		t.Fatal("inside a transaction nothing may be confirmed")
	}
}

func TestForeignBytesAreErrors(t *testing.T) {
	cases := map[string][]byte{
		"a row of a table nobody announced": new(message).u8('I').u32(1).u8('N').u16(0).Bytes(),
		"a message of unknown type":         {'?'},
		"nothing at all":                    {},
		"a tuple of another width":          new(message).u8('I').u32(9).u8('N').u16(1).text("1").Bytes(),
		"a length beyond the end":           new(message).u8('I').u32(9).u8('N').u16(2).u8('t').u32(1 << 30).Bytes(),
		"a negative length":                 new(message).u8('I').u32(9).u8('N').u16(2).u8('t').u32(1 << 31).Bytes(),
		"an insert with an old row":         new(message).u8('I').u32(9).u8('K').u16(2).text("1").text("2").Bytes(),
		"a delete with a new row":           new(message).u8('D').u32(9).u8('N').u16(2).text("1").text("2").Bytes(),
		"a value of unknown kind":           new(message).u8('I').u32(9).u8('N').u16(2).u8('x').u32(0).Bytes(),
		"a commit of another transaction":   commit(101, 140),
		"a truncate that ends early":        new(message).u8('T').u32(5).u8(0).Bytes(),
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			s := testStream()
			mustFeed(t, s, begin(100))
			mustFeed(t, s, relationMessage())
			if err := feed(s, m); err == nil {
				t.Fatalf("taken without an error: %+v", s.event)
			}
		})
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range [][]byte{
		begin(1), commit(1, 2), relationMessage(),
		new(message).u8('I').u32(9).u8('N').u16(2).text("1").u8('n').Bytes(),
		new(message).u8('U').u32(9).u8('O').u16(2).text("1").u8('n').u8('N').u16(2).text("1").u8('u').Bytes(),
		new(message).u8('T').u32(1).u8(0).u32(9).Bytes(),
	} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		s := testStream()
		mustFeed(t, s, begin(100))
		mustFeed(t, s, relationMessage())
		_ = feed(s, m)
		_ = s.copyData(context.Background(), m)
	})
}

func BenchmarkDecodeUpdate(b *testing.B) {
	s := testStream()
	if err := feed(s, relationMessage()); err != nil {
		b.Fatal(err)
	}
	m := new(message).u8('w').u64(1).u64(2).u64(3)
	m.u8('U').u32(9).u8('N').u16(2).text("12345678").text(strings.Repeat("x", 30))
	b.ReportAllocs()
	for range b.N {
		if err := s.copyData(context.Background(), m.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
