package greenplum

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// infinities are values that older servers do not hold, by column of the table.
var infinities = []struct {
	column, value string
	since         int
	clamped       string
}{
	{"i", "'infinity'", 170000, "178000000 years"},
	{"a", "'{1 day,-infinity,NULL}'", 170000, `{"1 day","-178000000 years",NULL}`},
	{"c", "ROW('-infinity', 7)", 170000, `("-178000000 years",7)`},
	{"n", "'infinity'", 140000, ""},
	{"r", "'[1,infinity)'", 140000, ""},
}

func TestInfinityIsRefusedWhereTheServerHasNone(t *testing.T) {
	s := newSource(t, "CREATE TYPE public.span AS (i interval, n integer)",
		`CREATE TABLE public.spans (id integer PRIMARY KEY, i interval, a interval[], c public.span, r numrange, n numeric)`)
	onEveryServer(t, func(t *testing.T, dsn string) {
		for _, policy := range []apply.Policy{apply.Fail, apply.MakeNull, apply.Clamp} {
			var counted string
			target := open(t, dsn, func(o *Options) {
				o.OnUnrepresentable = policy
				o.Adjusted = func(_, column, reason string, _ int64) { counted += column + " " + reason }
			})
			table := s.table("public.spans", apply.Wishes{})
			for _, c := range infinities {
				s.exec("TRUNCATE public.spans", "INSERT INTO public.spans (id, "+c.column+") VALUES (1, "+c.value+")")
				if _, err := target.Prepare(t.Context(), table, apply.Truncate, 0); err != nil {
					t.Fatal(err)
				}
				counted = ""
				reason := reasonInfinity
				if strings.Contains(c.value, reasonNegative) {
					reason = reasonNegative
				}
				err := load(t.Context(), target, table, s.rows(table, func(i int) bool { return target.Binary(table, i) }))
				got := query(t, dsn, "SET intervalstyle = postgres; SELECT coalesce("+c.column+"::text, 'NULL') FROM public.spans")
				var value *apply.ValueError
				switch {
				case target.server.number >= c.since:
					if err != nil || counted != "" {
						t.Errorf("%s %s: %v, %q", c.column, policy, err, counted)
					}
				case policy == apply.Fail || policy == apply.Clamp && c.clamped == "":
					if !errors.As(err, &value) || value.Column != c.column || value.Reason != reason || value.Key != "1" {
						t.Errorf("%s %s: %v", c.column, policy, err)
					}
				case err != nil || counted != c.column+" "+reason:
					t.Errorf("%s %s: %v, counted %q", c.column, policy, err, counted)
				case policy == apply.MakeNull && got[0][0] != "NULL" || policy == apply.Clamp && got[0][0] != c.clamped:
					t.Errorf("%s %s: %q", c.column, policy, got[0][0])
				}
			}
		}
	})
}

func TestPhrasesAreRefusedWhereTheServerHasNone(t *testing.T) {
	s := newSource(t, "CREATE TABLE public.queries (id integer PRIMARY KEY, q tsquery)",
		"INSERT INTO public.queries VALUES (1, 'a & !b:*A'), (2, 'a <-> b | c')")
	onGreenplum(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, func(o *Options) { o.OnUnrepresentable = apply.MakeNull })
		table := s.table("public.queries", apply.Wishes{})
		if _, err := target.Prepare(t.Context(), table, apply.Refuse, 0); err != nil {
			t.Fatal(err)
		}
		err := load(t.Context(), target, table, s.rows(table, func(i int) bool { return target.Binary(table, i) }))
		var value *apply.ValueError
		if !errors.As(err, &value) || value.Column != "q" || value.Value != "'a' <-> 'b' | 'c'" {
			t.Errorf("%v", err)
		}
	})
}

// FuzzRewriting: whatever the bytes, a rewriting neither panics nor reads beyond
// them, and gives dst back as it came unless it succeeds.
func FuzzRewriting(f *testing.F) {
	core := func(oid uint32, name string) *change.Type {
		return &change.Type{OID: oid, Schema: "pg_catalog", Name: name, Kind: change.KindBase, Modifier: -1}
	}
	interval, numeric := core(1186, "interval"), core(1700, "numeric")
	mood := &change.Type{OID: 20001, Schema: "public", Name: "mood", Kind: change.KindEnum, Modifier: -1}
	list := func(t *change.Type) *change.Type {
		return &change.Type{OID: t.OID + 1, Schema: t.Schema, Name: "_" + t.Name, Kind: change.KindArray, Elem: t, Modifier: -1}
	}
	pair := &change.Type{OID: 20003, Schema: "public", Name: "pair", Kind: change.KindComposite, Modifier: -1, Fields: []change.Field{{Name: "m", Type: mood}, {Name: "i", Type: list(interval)}}}
	numrange := &change.Type{OID: 3906, Schema: "pg_catalog", Name: "numrange", Kind: change.KindRange, Elem: numeric, Modifier: -1}
	several := &change.Type{OID: 4532, Schema: "pg_catalog", Name: "nummultirange", Kind: change.KindMultirange, Elem: numeric, Modifier: -1}
	s := &server{product: greenplum, number: 90426}
	r := &rewriter{server: s, oidOf: func(t *change.Type) uint32 { return t.OID + 1000 }}
	var all []rewriting
	for _, t := range []*change.Type{interval, numeric, list(mood), list(interval), pair, list(pair), numrange, several} {
		all = append(all, r.of(t))
	}
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 162, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 16, 127, 255, 255, 255, 255, 255, 255, 255, 127, 255, 255, 255, 127, 255, 255, 255})
	f.Add([]byte{0, 0, 0, 2, 0, 0, 78, 33, 0, 0, 0, 1, 'a', 0, 0, 4, 163, 255, 255, 255, 255})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 9, 0x08, 0, 0, 0, 8, 0, 0, 0, 0, 0xd0, 0, 0, 0})
	before := []byte("before")
	f.Fuzz(func(t *testing.T, value []byte) {
		given := bytes.Clone(value)
		for i, rewrite := range all {
			dst, err := rewrite(bytes.Clone(before), value)
			if !bytes.HasPrefix(dst, before) || err != nil && len(dst) != len(before) {
				t.Fatalf("rewriting %d of %x: %x, %v", i, value, dst, err)
			}
			var refused *refusal
			if errors.As(err, &refused) && refused.clamped != nil {
				// What it is replaced by is not refused again.
				if _, err := rewrite(nil, refused.clamped); err != nil {
					t.Fatalf("rewriting %d of %x: the nearest value %x: %v", i, value, refused.clamped, err)
				}
			}
			if !bytes.Equal(value, given) {
				t.Fatalf("rewriting %d of %x has changed it", i, given)
			}
		}
	})
}

func TestNothingIsLookedForThatTheServerHolds(t *testing.T) {
	s := &server{product: postgreSQL, number: 180000}
	r := &rewriter{server: s, oidOf: func(t *change.Type) uint32 { return t.OID }}
	for _, name := range []string{"interval", "numeric", "tsquery", "text"} {
		elem := &change.Type{OID: 5, Schema: "pg_catalog", Name: name, Kind: change.KindBase, Modifier: -1}
		if r.of(elem) != nil || r.of(&change.Type{OID: 6, Kind: change.KindArray, Elem: elem}) != nil {
			t.Errorf("values of %s are rewritten", name)
		}
	}
}
