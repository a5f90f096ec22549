package clickhouse

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

const no = "refused"

// grantedWishes are types that users can have, with values, and what the server
// prints for them or no.
var grantedWishes = []struct {
	typ    *change.Type
	wish   string
	column string // as the server names it, where the source has NULLs
	values [][2]string
}{
	{int2Type, "Int64", "Nullable(Int64)", [][2]string{{"-32768", "-32768"}}},
	{int4Type, "UInt8", "Nullable(UInt8)", [][2]string{{"255", "255"}, {"256", no}, {"-1", no}}},
	{int8Type, "UInt64", "Nullable(UInt64)", [][2]string{{"9223372036854775807", "9223372036854775807"}, {"-1", no}}},
	{int8Type, "Int8", "Nullable(Int8)", [][2]string{{"-128", "-128"}, {"127", "127"}, {"128", no}, {"-129", no}}},
	{int8Type, "Int256", "Nullable(Int256)", [][2]string{{"-9223372036854775808", "-9223372036854775808"}}},
	{int8Type, "Decimal(38,10)", "Nullable(Decimal(38, 10))", [][2]string{{"-9223372036854775808", "-9223372036854775808"}}},
	{int8Type, "Decimal(9, 2)", "Nullable(Decimal(9, 2))", [][2]string{{"9999999", "9999999"}, {"10000000", no}}},
	{int4Type, "Float64", "Nullable(Float64)", [][2]string{{"-2147483648", "-2147483648"}}},
	{int2Type, "Float32", "Nullable(Float32)", [][2]string{{"32767", "32767"}}},
	{int4Type, "String", "Nullable(String)", [][2]string{{"-5", "-5"}}},
	{oidType, "UInt64", "Nullable(UInt64)", [][2]string{{"4294967295", "4294967295"}}},
	{oidType, "Int32", "Nullable(Int32)", [][2]string{{"4294967295", no}, {"7", "7"}}},
	{float4Type, "Float64", "Nullable(Float64)", [][2]string{{"1.5", "1.5"}}},
	{float8Type, "Float32", "Nullable(Float32)", [][2]string{{"1.5", "1.5"}, {"0.1", no}, {"NaN", "nan"}, {"1e300", no}, {"-Infinity", "-inf"}}},
	{float8Type, "String", "Nullable(String)", [][2]string{{"1e+15", "1e+15"}}},
	{numericType(0, 0), "Decimal(38,10)", "Nullable(Decimal(38, 10))", [][2]string{{"1234.5", "1234.5"}, {"0.00000000001", no}, {"1e30", no}, {"NaN", no}}},
	{numericType(10, 2), "Decimal(12,2)", "Nullable(Decimal(12, 2))", [][2]string{{"-12345678.91", "-12345678.91"}}},
	{numericType(0, 0), "UInt256", "Nullable(UInt256)", [][2]string{{"115792089237316195423570985008687907853269984665640564039457584007913129639935", no}, {"18446744073709551616", "18446744073709551616"}, {"1.5", no}, {"-1", no}, {"Infinity", no}}},
	{numericType(20, 0), "Int64", "Nullable(Int64)", [][2]string{{"9223372036854775807", "9223372036854775807"}, {"9223372036854775808", no}}},
	{numericType(0, 0), "Float64", "Nullable(Float64)", [][2]string{{"0.1", "0.1"}, {"1.50", "1.5"}, {"0.00", "0"}, {"1234567890123456789", no}, {"NaN", "nan"}, {"1000000", "1000000"}}},
	{moneyType, "Decimal(38, 4)", "Nullable(Decimal(38, 4))", [][2]string{{"-$0.05", "-0.05"}, {"$1,234.50", "1234.5"}, {"-$92,233,720,368,547,758.08", "-92233720368547758.08"}}},
	{moneyType, "String", "Nullable(String)", [][2]string{{"$1,234.50", "$1,234.50"}}},
	{boolType, "UInt8", "Nullable(UInt8)", [][2]string{{"t", "1"}, {"f", "0"}}},
	{textType, "LowCardinality(String)", "LowCardinality(Nullable(String))", [][2]string{{"a", "a"}, {"", ""}}},
	{textType, "FixedString(3)", "Nullable(FixedString(3))", [][2]string{{"abc", "abc"}, {"ab", no}, {"abcd", no}}},
	{byteaType, "FixedString(2)", "Nullable(FixedString(2))", [][2]string{{`\x6162`, "ab"}, {`\x61`, no}}},
	{textType, "LowCardinality(FixedString(2))", "LowCardinality(Nullable(FixedString(2)))", [][2]string{{"ab", "ab"}}},
	{textType, "UUID", "Nullable(UUID)", [][2]string{{"00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"}, {"00112233-4455-6677-8899-AABBCCDDEEFF", no}, {"x", no}}},
	{uuidType, "String", "Nullable(String)", [][2]string{{"00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"}}},
	{jsonbType, "JSON", "Nullable(JSON)", [][2]string{{`{"a": {"b": 1}}`, `{"a":{"b":1}}`}, {"[1]", no}, {"null", no}}},
	{jsonType, "JSON", "Nullable(JSON)", [][2]string{
		{`{"a":1,"a":2}`, no},
		{`{"a":{"b":1},"a.b":2}`, no},
		{`{"a":[{"b":1,"b":2}]}`, no},
		{`{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":1},{"b":2}]}`},
		{`{"a":-9223372036854775808, "b":18446744073709551615}`, `{"a":-9223372036854775808,"b":18446744073709551615}`},
		{`{"a":-9223372036854775809}`, no},
		{`{"a":18446744073709551616}`, no},
		{`{"a":` + strings.Repeat("9", 100) + `}`, no},
		{`{"a":1e400}`, no},
		{`{"a":0.5}`, `{"a":0.5}`},
		{`{"a":"\ud800"}`, no},
		{`{"a":"\udc00\ud800"}`, no},
		{`{"a":"\ud83d\ude00 \\ud800"}`, `{"a":"😀 \\ud800"}`},
		{strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500), no},
		{`{"a":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + "}", no},
		{`{"":1, "a":{}, "b":null}`, `{"":1}`},
		{`{"a":1,"a":{"b":2}}`, no},

		{`{"a":{"b":1},"a":{"c":1}}`, no},
		{`{"a":{},"a":1}`, no},
	}},
	{jsonType, "JSON", "Nullable(JSON)", [][2]string{{" {}", "{}"}}},
	{weatherType, "Enum8('sun' = 1, 'it''s rain' = 2)", "Nullable(Enum8('sun' = 1, 'it\\'s rain' = 2))", [][2]string{{"sun", "sun"}, {"it's rain", "it's rain"}}},
	{moodType, "Enum16('ok' = 1)", "Nullable(Enum16('ok' = 1))", [][2]string{{"ok", "ok"}, {"sad", no}}},
	{weatherType, "String", "Nullable(String)", [][2]string{{"sun", "sun"}}},
	{inetType, "IPv4", "Nullable(IPv4)", [][2]string{{"10.1.2.3", "10.1.2.3"}, {"10.0.0.0/8", no}, {"::1", no}}},
	{inetType, "IPv6", "Nullable(IPv6)", [][2]string{{"::1", "::1"}, {"10.1.2.3", no}}},
	{dateType, "Date", "Nullable(Date)", [][2]string{{"1970-01-01", "1970-01-01"}, {"2149-06-06", "2149-06-06"}, {"2149-06-07", no}, {"1969-12-31", no}, {"infinity", no}}},
	{stampTZType, "DateTime64(3)", "Nullable(DateTime64(3, 'UTC'))", [][2]string{{"2024-03-10 12:00:00.5+00", "2024-03-10 12:00:00.500"}, {"1969-12-31 23:59:59.999+00", "1969-12-31 23:59:59.999"}, {"2024-03-10 12:00:00.0005+00", no}}},
	{stampTZType, "DateTime64(6, 'Europe/Berlin')", "Nullable(DateTime64(6, 'Europe/Berlin'))", [][2]string{{"2024-03-10 12:00:00+00", "2024-03-10 13:00:00.000000"}}},
	{stampType, "DateTime64(9)", "Nullable(DateTime64(9, 'UTC'))", [][2]string{{"2024-03-10 12:00:00.000001", "2024-03-10 12:00:00.000001000"}, {"1899-12-31 23:59:59", no}, {"2262-01-01 00:00:00", no}}},
	{stampType, "DateTime", "Nullable(DateTime('UTC'))", [][2]string{{"2024-03-10 12:00:00", "2024-03-10 12:00:00"}, {"2106-02-07 06:28:15", "2106-02-07 06:28:15"}, {"2106-02-07 06:28:16", no}, {"1969-12-31 23:59:59", no}, {"2024-03-10 12:00:00.1", no}}},
	{timeType, "Time64(3)", "Nullable(Time64(3))", [][2]string{{"24:00:00", "24:00:00.000"}, {"01:02:03.004", "01:02:03.004"}, {"01:02:03.0004", no}}},
	{timeType, "Time", "Nullable(Time)", [][2]string{{"24:00:00", "24:00:00"}, {"00:00:00.1", no}}},
	{timeType, "String", "Nullable(String)", [][2]string{{"24:00:00", "24:00:00"}}},
	{arrayOf(int4Type, 1), "Array(Int64)", "Array(Int64)", [][2]string{{"{1,2}", "[1,2]"}, {"{1,NULL}", no}, {"{}", "[]"}}},
	{arrayOf(int4Type, 1), "Array(Array(Nullable(UInt8)))", "Array(Array(Nullable(UInt8)))", [][2]string{{"{{1,NULL},{3,4}}", "[[1,NULL],[3,4]]"}, {"{1}", no}, {"{{-1}}", no}}},
	{arrayOf(int4Type, 2), "String", "Nullable(String)", [][2]string{{"{1,2}", "{1,2}"}, {"[0:1]={1,2}", "[0:1]={1,2}"}}},
	{arrayOf(textType, 1), "Array(LowCardinality(Nullable(String)))", "Array(LowCardinality(Nullable(String)))", [][2]string{{"{a,NULL}", "['a',NULL]"}}},
	{arrayOf(jsonbType, 1), "Array(JSON)", "Array(JSON)", [][2]string{{`{"{\"a\": 1}"}`, `['{"a":1}']`}}},
	{vectorType, "Array(Float64)", "Array(Float64)", [][2]string{{"[1,2.5]", "[1,2.5]"}}},
	{pairType, "Tuple(a Int32, `b c` String)", "Tuple(a Int32, `b c` String)", [][2]string{{`(1,"x y")`, "(1,'x y')"}, {"(,x)", no}}},
	{pairType, "Tuple(`b c` Nullable(String), a Nullable(Int64))", "Tuple(`b c` Nullable(String), a Nullable(Int64))", [][2]string{{`(1,)`, "(NULL,1)"}, {`(,"")`, "('',NULL)"}}},
	{pairType, "Tuple(Int32, LowCardinality(String))", "Tuple(Int32, LowCardinality(String))", [][2]string{{"(7,s)", "(7,'s')"}}},
	{arrayOf(pairType, 1), "Array(Tuple(a Int32, `b c` String))", "Array(Tuple(a Int32, `b c` String))", [][2]string{{`{"(1,a)","(2,\"b c\")"}`, "[(1,'a'),(2,'b c')]"}}},
	{hstoreType, "Map(String, Nullable(String))", "Map(String, Nullable(String))", [][2]string{{`"a"=>"1", "b"=>NULL`, "{'a':'1','b':NULL}"}, {"", "{}"}}},
	{hstoreType, "Map(String, String)", "Map(String, String)", [][2]string{{`"a"=>"1"`, "{'a':'1'}"}, {`"b"=>NULL`, no}}},
	{hstoreType, "Map(LowCardinality(String), String)", "Map(LowCardinality(String), String)", [][2]string{{`"a"=>"1"`, "{'a':'1'}"}}},
	{hstoreType, "String", "Nullable(String)", [][2]string{{`"a"=>NULL`, `"a"=>NULL`}}},
}

func wishing(tab *apply.Table, types map[string]string) *apply.Table {
	tab.Wishes.Types = types
	return tab
}

func TestWishesForTypes(t *testing.T) {
	target := open(t, fast)
	for _, w := range grantedWishes {
		tab := wishing(table("wished", 1, "id", int8Type, "c", w.typ), map[string]string{"c": w.wish})
		if err := target.Drop(context.Background(), tab.Name); err != nil {
			t.Fatal(err)
		}
		prepare(t, target, tab)
		prepare(t, target, tab) // the server's names for the types are ours
		if got := target.queryOne(t, "SELECT type FROM system.columns WHERE database = "+text(target.address.database)+" AND table = 'wished' AND name = 'c'"); got != w.column {
			t.Errorf("%s as %s is %s, want %s", w.typ, w.wish, got, w.column)
		}
		for _, v := range w.values {
			got, err := loadInto(target, tab, v[0])
			if err != nil {
				var value *apply.ValueError
				if !errors.As(err, &value) || value.Column != "c" || value.Key != "7" {
					t.Errorf("%s %q as %s: not an error about a value: %v", w.typ, v[0], w.wish, err)
				}
				got = no
			}
			if got != v[1] {
				t.Errorf("%s %q as %s: got %q (%v), want %q", w.typ, v[0], w.wish, got, err, v[1])
			}
		}
		if _, err := loadInto(target, tab, null); err != nil {
			t.Errorf("%s NULL as %s: %v", w.typ, w.wish, err)
		}
		for _, v := range w.values {
			if v[1] != no {
				readsBack(t, target, tab, v[0], v[1])
			}
		}
	}
}

// readsBack brings a value by a batch, updates its row without it, moves the row
// to another key, and deletes it.
func readsBack(t *testing.T, target *Target, tab *apply.Table, value, want string) {
	t.Helper()
	if err := target.statements.Exec(context.Background(), "TRUNCATE TABLE "+target.tableName(tab.Name)); err != nil {
		t.Fatal(err)
	}
	reads := func(at, want string) {
		t.Helper()
		got := strings.Join(target.queryOnes(t, "SELECT concat(toString(id), ' ', ifNull(toString(c), 'NULL')) FROM "+target.tableName(tab.Name)+" FINAL"), "; ")
		if got != want {
			t.Errorf("%s as %s, %s: %q, want %q", tab.Relation.Columns[1].Type, tab.Wishes.Types["c"], at, got, want)
		}
	}
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 7, value)))
	applyBatch(t, target, batch(t, tab, updateRow(tab, at(2, 1), 7, unchanged)))
	reads("after an update", "7 "+want)
	moved := updateRow(tab, at(3, 1), 8, unchanged)
	moved.Old = values(7, null)
	applyBatch(t, target, batch(t, tab, moved))
	reads("after a change of key", "8 "+want)
	applyBatch(t, target, batch(t, tab, deleteRow(tab, at(4, 1), 8, null)))
	reads("after a delete", "")
}

// loadInto loads one value and reads it as text.
func loadInto(target *Target, tab *apply.Table, v string) (string, error) {
	ctx := context.Background()
	if err := target.statements.Exec(ctx, "TRUNCATE TABLE "+target.tableName(tab.Name)); err != nil {
		return "", err
	}
	l, err := target.Load(ctx, tab)
	if err != nil {
		return "", err
	}
	defer l.Abort()
	if err := l.Append(values(7, v), at(1, 0)); err != nil {
		return "", err
	}
	if err := l.Finish(); err != nil {
		return "", err
	}
	var got string
	err = target.statements.QueryRow(ctx, "SELECT ifNull(toString(c), 'NULL') FROM "+target.tableName(tab.Name)).Scan(&got)
	return got, err
}

func TestWishesThatCannotBeGranted(t *testing.T) {
	target := offline()
	for _, w := range []struct {
		typ        *change.Type
		wish, says string
	}{
		{int4Type, "UUID", "cannot be UUID"},
		{int4Type, "Int33", "cannot be Int33"},
		{int4Type, "Int32(", "is no type of ClickHouse"},
		{int4Type, "", "is no type of ClickHouse"},
		{int4Type, "Int32, Int32", "is no type of ClickHouse"},
		{int4Type, "LowCardinality(Int32)", "LowCardinality pays"},
		{int4Type, "Array(Int32)", "cannot be Array(Int32)"},
		{numericType(0, 0), "Decimal(77, 2)", "Decimal(p, s)"},
		{numericType(0, 0), "Decimal(10, 11)", "Decimal(p, s)"},
		{numericType(0, 0), "Decimal", "Decimal(p, s)"},
		{textType, "JSON", "cannot be JSON"},
		{textType, "Int32", "cannot be Int32"},
		{textType, "FixedString", "FixedString(n)"},
		{stampType, "DateTime64(3, 'Europe/Berlin')", "'UTC'"},
		{stampTZType, "DateTime64", "digits"},
		{stampTZType, "DateTime64(10)", "digits"},
		{arrayOf(int4Type, 1), "Array(UUID)", "its elements: cannot be UUID"},
		{arrayOf(int4Type, 1), "Nullable(Array(Int32))", "cannot be Nullable"},
		{pairType, "Tuple(Int32)", "has 2 fields"},
		{pairType, "Tuple(a Int32, z String)", "no further field z"},
		{pairType, "Tuple(a Int32, a Int32)", "no further field a"},
		{vectorType, "Array(Array(Float32))", "one dimension"},
		{textType, "FixedString(257)", "FixedString(n)"},
		{hstoreType, "Map(String, Int32)", "its values: cannot be Int32"},
		{hstoreType, "Map(String)", "Map(String, Type)"},
		{moodType, "Enum8", "lists its labels"},
		{textType, strings.Repeat("Array(", 50) + "Int8" + strings.Repeat(")", 50), "too deeply"},
	} {
		_, err := target.newPlan(wishing(table("wished", 1, "id", int8Type, "c", w.typ), map[string]string{"c": w.wish}))
		if err == nil || !fault.IsUsage(err) || !strings.Contains(err.Error(), w.says) || !strings.Contains(err.Error(), "column c") {
			t.Errorf("%s as %s: %v", w.typ, w.wish, err)
		}
	}
	_, err := target.newPlan(wishing(table("wished", 1, "c", uuidType), map[string]string{"c": "Nullable(UUID)"}))
	if err == nil || !strings.Contains(err.Error(), "in the key") {
		t.Errorf("a Nullable key: %v", err)
	}
}

func TestNamesOfTypesReadBack(t *testing.T) {
	for in, want := range map[string]string{
		"Int32":                                       "Int32",
		" Decimal( 38,10 ) ":                          "Decimal(38, 10)",
		"DateTime64(6,'UTC')":                         "DateTime64(6, 'UTC')",
		"Tuple(a Int32,`b c` String)":                 "Tuple(a Int32, `b c` String)",
		"Enum8('x'=1, 'y''z' = -2)":                   `Enum8('x' = 1, 'y\'z' = -2)`,
		"Map(String,Array(Nullable(FixedString(3))))": "Map(String, Array(Nullable(FixedString(3))))",
	} {
		got, err := parseType(in)
		if err != nil || got.String() != want {
			t.Errorf("%s is %v, %v", in, got, err)
			continue
		}
		if again, err := parseType(got.String()); err != nil || again.String() != want {
			t.Errorf("%s is read as %v, %v", got, again, err)
		}
	}
	for _, bad := range []string{"", "(", ")", "A(", "A(,)", "A(1,)", "A('x)", "A(B C D)", "A() B", "A(1.5)", "`", "A(--1)", "A(99999999999999999999)"} {
		if got, err := parseType(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}
