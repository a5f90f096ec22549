package clickhouse

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// FuzzColumns feeds bytes to a column of every type: the answer is a value or an
// error, and a column that took a value holds exactly one more.
func FuzzColumns(f *testing.F) {
	var specs []*spec
	for _, typ := range []*change.Type{
		int2Type, int4Type, int8Type, oidType, lsnType, float4Type, float8Type, boolType, textType, byteaType, uuidType, dateType, timeType,
		stampType, stampTZType, jsonbType, moodType, vectorType, numericType(9, 2), numericType(18, 2), numericType(38, 2), numericType(76, 2),
		numericType(0, 0), arrayOf(int4Type, 1), arrayOf(textType, 2), arrayOf(numericType(9, 2), 3), arrayOf(dateType, 1),
	} {
		for _, policy := range []apply.Policy{apply.Fail, apply.MakeNull, apply.Clamp} {
			for _, notNull := range []bool{false, true} {
				specs = append(specs, fuzzSpec(f, typ, "", notNull, policy))
			}
		}
	}
	for _, w := range grantedWishes {
		specs = append(specs, fuzzSpec(f, w.typ, w.wish, false, apply.Clamp), fuzzSpec(f, w.typ, w.wish, true, apply.MakeNull))
	}
	at := func(ddl string) uint16 {
		for i, s := range specs {
			if s.ddl == ddl {
				return uint16(i)
			}
		}
		f.Fatalf("no column is %s", ddl)
		return 0
	}
	array := []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7}
	for _, seed := range []struct {
		ddl    string
		binary bool
		value  []byte
	}{
		{"Nullable(Int16)", false, []byte("1")},
		{"Array(Nullable(Int32))", true, array},
		{"Array(Array(Nullable(String)))", false, []byte(`{{a,NULL},{"\"",b}}`)},
		{"Map(String, Nullable(String))", false, []byte(`"a"=>"b", "c"=>NULL`)},
		{"Map(String, Nullable(String))", true, []byte("\x00\x00\x00\x01\x00\x00\x00\x01a\xff\xff\xff\xff")},
		{"Tuple(Int32, LowCardinality(String))", false, []byte(`(1,"a b")`)},
		{"Array(Tuple(a Int32, `b c` String))", false, []byte(`{"(1,a)"}`)},
		{"Nullable(JSON)", false, []byte(`{"a": {"b": [1, 2.5, "\u00e9"]}}`)},
		{"Nullable(Enum16('ok' = 1))", false, []byte("ok")},
		{"Nullable(IPv4)", false, []byte("10.0.0.1")},
		{"Nullable(UUID)", false, []byte("00112233-4455-6677-8899-aabbccddeeff")},
		{"Nullable(Decimal(38, 10))", false, []byte("-1.5")},
	} {
		f.Add(at(seed.ddl), seed.binary, seed.value)
	}
	f.Fuzz(func(t *testing.T, which uint16, binary bool, b []byte) {
		c := newColumn(specs[int(which)%len(specs)])
		d := change.Datum{Format: change.Text, Bytes: b}
		if binary {
			d.Format = change.Binary
		}
		for n := range 3 {
			if err := c.append(d); err != nil {
				return
			}
			if err := c.whole(n + 1); err != nil {
				t.Fatalf("%s %q: %v after %d values", c.ddl, b, err, n+1)
			}
		}
	})
}

func fuzzSpec(f *testing.F, typ *change.Type, wish string, notNull bool, policy apply.Policy) *spec {
	w := &apply.Wishes{}
	if wish != "" {
		w.Types = map[string]string{"c": wish}
	}
	s, err := newSpec(&change.Column{Name: "c", Type: typ, NotNull: notNull}, false, version{26, 7}, policy, w)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// whole says whether the column holds so many values, and each part of it as
// many as go with them.
func (c *column) whole(rows int) error {
	if c.rows != rows || c.nullable && len(c.nulls) != rows || c.width > 0 && len(c.data) != rows*c.width {
		return fmt.Errorf("%s: %d rows, %d nulls, %d bytes", c.wire, c.rows, len(c.nulls), len(c.data))
	}
	for _, f := range c.fields {
		if err := f.whole(rows); err != nil {
			return err
		}
	}
	if c.elem == nil {
		return nil
	}
	return c.elem.whole(c.offset(rows))
}

// FuzzTypeNames reads what system.columns might say.
func FuzzTypeNames(f *testing.F) {
	for _, w := range grantedWishes {
		f.Add(w.wish)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, err := parseType(s)
		if err != nil {
			return
		}
		again, err := parseType(typ.String())
		if err != nil || again.String() != typ.String() || !sameType(s, typ.String()) {
			t.Errorf("%q is %s, and that is %v, %v", s, typ, again, err)
		}
	})
}
