package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// loadOne loads one value of a type into a table of its own and reads it as
// text.
func loadOne(t *testing.T, target *Target, typ *change.Type, notNull bool, value string) (string, error) {
	t.Helper()
	name := "c"
	if notNull {
		name = "c!"
	}
	tab := table("one", 1, "id", int8Type, name, typ)
	if err := target.Drop(context.Background(), tab.Name); err != nil {
		t.Fatal(err)
	}
	prepare(t, target, tab)
	prepare(t, target, tab) // the server's names for the types are ours
	l, err := target.Load(context.Background(), tab)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Abort()
	if err := l.Append(values(7, value), at(1, 0)); err != nil {
		return "", err
	}
	if err := l.Finish(); err != nil {
		return "", err
	}
	return target.queryOne(t, "SELECT ifNull(toString(c), 'NULL') FROM "+target.tableName(tab.Name)), nil
}

func TestEveryTypeReadsBack(t *testing.T) {
	target := open(t, nil)
	long := strings.Repeat("0123456789", 30)
	for _, c := range []struct {
		typ         *change.Type
		value, want string
	}{
		{int2Type, "-32768", "-32768"},
		{int4Type, "-2147483648", "-2147483648"},
		{int8Type, "9223372036854775807", "9223372036854775807"},
		{oidType, "4294967295", "4294967295"},
		{lsnType, "16/B374D848", "97500059720"},
		{float4Type, "-Infinity", "-inf"},
		{float4Type, "1e-45", "1e-45"},
		{float8Type, "NaN", "nan"},
		{float8Type, "-0", "-0"},
		{boolType, "f", "false"},
		{textType, "", ""},
		{textType, long, long},
		{byteaType, `\x00ff`, "\x00\xff"},
		{bpcharType, "ab        ", "ab        "},
		{numericType(9, 9), "-0.999999999", "-0.999999999"},
		{numericType(18, 0), "999999999999999999", "999999999999999999"},
		{numericType(38, 2), "-999999999999999999999999999999999999.99", "-999999999999999999999999999999999999.99"},
		{numericType(76, 0), strings.Repeat("9", 76), strings.Repeat("9", 76)},
		{numericType(0, 0), "-1e3", "-1e3"},
		{uuidType, "00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"},
		{dateType, "0001-01-01", "0001-01-01"},
		{dateType, "9999-12-31", "9999-12-31"},
		{stampType, "1970-01-01 00:00:00", "1970-01-01 00:00:00.000000"},
		{stampType, "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"},
		{stampTZType, "0001-01-01 00:00:00+00", "0001-01-01 00:00:00.000000"},
		{stampTZType, "2024-03-10 12:00:00.5-03:30", "2024-03-10 15:30:00.500000"},
		{timeType, "24:00:00", "24:00:00.000000"},
		{jsonbType, `{"a": 12345678901234567890}`, `{"a": 12345678901234567890}`},
		{moodType, "ok", "ok"},
		{arrayOf(int4Type, 1), "{1,NULL,3}", "[1,NULL,3]"},
		{arrayOf(int4Type, 1), "{}", "[]"},
		{arrayOf(textType, 2), "{{a,b},{c,NULL}}", "[['a','b'],['c',NULL]]"},
		{arrayOf(int4Type, 3), "{{{1},{2}}}", "[[[1],[2]]]"},
		{arrayOf(moodType, 1), "{ok,sad}", "['ok','sad']"},
		{arrayOf(boolType, 1), "{t,f}", "[true,false]"},
		{arrayOf(hstoreType, 1), `{"\"a\"=>\"1\"",NULL}`, `['"a"=>"1"',NULL]`},
		{vectorType, "[1,2.5]", "[1,2.5]"},
	} {
		for _, notNull := range []bool{true, false} {
			got, err := loadOne(t, target, c.typ, notNull, c.value)
			if err != nil || got != c.want {
				t.Errorf("%s %q (not null: %v): got %q, want %q, %v", c.typ, c.value, notNull, got, c.want, err)
			}
		}
		want := "NULL"
		if c.typ.Kind == change.KindArray || c.typ == vectorType {
			want = "[]"
		}
		if got, err := loadOne(t, target, c.typ, false, null); err != nil || got != want {
			t.Errorf("%s NULL: got %q, %v", c.typ, got, err)
		}
		if _, err := loadOne(t, target, c.typ, true, null); err == nil {
			t.Errorf("%s: a NULL was taken for a NOT NULL column", c.typ)
		}
	}
}

func TestEdgesMeetThePolicy(t *testing.T) {
	const refused = "refused"
	for _, c := range []struct {
		typ                        *change.Type
		value                      string
		edge                       string
		null, nullNotNull, clamped string
	}{
		{numericType(5, 2), "NaN", "NaN", "NULL", refused, refused},
		{numericType(5, 2), "Infinity", "infinity", "NULL", refused, "999.99"},
		{numericType(38, 2), "-Infinity", "-infinity", "NULL", refused, "-999999999999999999999999999999999999.99"},
		{dateType, "infinity", "infinity", "NULL", refused, "9999-12-31"},
		{dateType, "-infinity", "-infinity", "NULL", refused, "0001-01-01"},
		{dateType, "4713-01-01 BC", "too small", "NULL", refused, "0001-01-01"},
		{dateType, "10000-01-01", "too large", "NULL", refused, "9999-12-31"},
		{stampType, "infinity", "infinity", "NULL", refused, "9999-12-31 23:59:59.999999"},
		{stampTZType, "0001-12-31 23:59:59.999999+00 BC", "too small", "NULL", refused, "0001-01-01 00:00:00.000000"},
		{stampType, "294276-12-31 23:59:59.999999", "too large", "NULL", refused, "9999-12-31 23:59:59.999999"},
		{arrayOf(int4Type, 2), "{1,2}", "wrong dimensions", "[]", refused, refused},
		{arrayOf(dateType, 1), "{infinity,2024-01-01}", "infinity", "[NULL,'2024-01-01']", "[NULL,'2024-01-01']", "['9999-12-31','2024-01-01']"},
	} {
		for _, policy := range []apply.Policy{apply.Fail, apply.MakeNull, apply.Clamp} {
			for _, notNull := range []bool{false, true} {
				var adjusted []string
				target := open(t, func(o *Options) {
					o.OnUnrepresentable = policy
					o.Adjusted = func(table, column, reason string, n int64) {
						adjusted = append(adjusted, fmt.Sprintf("%s.%s %s %d", table, column, reason, n))
					}
				})
				want := map[apply.Policy]string{apply.Fail: refused, apply.MakeNull: c.null, apply.Clamp: c.clamped}[policy]
				if policy == apply.MakeNull && notNull {
					want = c.nullNotNull
				}
				got, err := loadOne(t, target, c.typ, notNull, c.value)
				if err != nil {
					checkRefusal(t, err, c.value, c.edge)
					got = refused
				}
				if got != want {
					t.Errorf("%s %q, %s, not null %v: got %q (%v), want %q", c.typ, c.value, policy, notNull, got, err, want)
				}
				if err == nil && !strings.Contains(strings.Join(adjusted, ";"), "public.one.c "+c.edge+" 1") {
					t.Errorf("%s %q, %s: counted as %v", c.typ, c.value, policy, adjusted)
				}
			}
		}
	}
}

func checkRefusal(t *testing.T, err error, value, reason string) {
	t.Helper()
	var failure *apply.TableError
	var v *apply.ValueError
	if !errors.As(err, &failure) || !errors.As(err, &v) {
		t.Errorf("not a *TableError about a value: %v", err)
		return
	}
	if v.Column != "c" || v.Key != "7" || v.Value != value || !strings.Contains(v.Reason, reason) {
		t.Errorf("the error says column %q, key %q, value %q, reason %q", v.Column, v.Key, v.Value, v.Reason)
	}
}

func TestOlderServersHoldFewerYears(t *testing.T) {
	if lo, hi := (version{26, 6}).micros(6), (version{26, 7}).micros(6); lo == hi {
		t.Error("the gate does not look at the version")
	}
	if d := (version{25, 8}).days(); d.lo != -25567 || d.hi != 120529 {
		t.Errorf("1900 to 2299 are days %v", d)
	}
	if d := (version{26, 7}).days(); d.lo != -719162 || d.hi != 2932896 {
		t.Errorf("1 to 9999 are days %v", d)
	}
	if m := (version{25, 8}).micros(6); m.hi != 10413791999999999 || m.lo != -2208988800000000 {
		t.Errorf("1900 to 2299 are microseconds %v", m)
	}
	if m := (version{30, 1}).micros(6); m.hi >= math.MaxInt64/10 {
		t.Errorf("microseconds %v", m)
	}
}

func TestForeignBytesAreAnErrorNotAPanic(t *testing.T) {
	tab, row := lineitem()
	target := offline()
	p, err := target.newPlan(tab)
	if err != nil {
		t.Fatal(err)
	}
	for column := range row {
		for _, d := range []change.Datum{
			{Format: change.Binary},
			{Format: change.Text},
			{Format: change.Binary, Bytes: []byte{1, 2, 3}},
			{Format: change.Text, Bytes: []byte("\xff\xfe")},
			{Format: change.Unchanged},
		} {
			bad := append([]change.Datum(nil), row...)
			bad[column] = d
			b := newBlock(p)
			err := b.append(bad, at(1, 1))
			if isText := p.specs[column].width == 0; err == nil && (!isText || d.Format == change.Unchanged) {
				t.Errorf("column %s took %q as %c", p.specs[column].name, d.Bytes, d.Format)
			}
		}
	}
	if err := newBlock(p).append(row[1:], at(1, 1)); err == nil {
		t.Error("a row with too few values was taken")
	}
}
