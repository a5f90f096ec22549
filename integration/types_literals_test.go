package integration

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// values are literals of one type, each cast from text by PostgreSQL.
type values struct {
	typ      string
	since    int // the first version that knows the type or the literals
	literals []string
}

// typesSetup creates what the types below need.
const typesSetup = `
CREATE SCHEMA tv;
CREATE EXTENSION hstore SCHEMA tv;
CREATE EXTENSION ltree SCHEMA tv;
CREATE EXTENSION citext SCHEMA tv;
CREATE TYPE tv.mood AS ENUM ('sad', 'so, so', 'a "happy" one', 'NULL', '', 'back\slash');
CREATE DOMAIN tv.amount AS numeric(10,2);
CREATE DOMAIN tv.price AS tv.amount;
CREATE DOMAIN tv.boxed AS box;
CREATE DOMAIN tv.numbers AS int[];
CREATE TYPE tv.pair AS (a int, b text);
CREATE TYPE tv.nest AS (p tv.pair, f float8, n tv.amount, t timestamptz, l text[], y bytea, m tv.mood, c "char", j jsonb);
CREATE TYPE tv.shut AS (a int, r regclass);
CREATE TABLE tv.altered (a int, b text, c date, d text);
ALTER TABLE tv.altered DROP COLUMN b, ADD e numeric(6,1);
CREATE TYPE tv.float8range AS RANGE (subtype = float8);
CREATE TYPE tv.textrange AS RANGE (subtype = text);
`

var typeValues = []values{
	{"int2", 12, split("0 1 -1 32767 -32768")},
	{"int4", 12, split("0 1 -1 2147483647 -2147483648")},
	{"int8", 12, split("0 1 -1 9223372036854775807 -9223372036854775808")},
	{"oid", 12, split("0 1 4294967295")},
	{"xid", 12, split("0 3 4294967295")},
	{"cid", 12, split("0 7")},
	{"xid8", 13, split("0 3 18446744073709551615")},
	{"pg_lsn", 12, split("0/0 16/B374D848 FFFFFFFF/FFFFFFFF 0/A")},
	{"tid", 12, split("(0,1) (4294967295,65535)")},
	{"bool", 12, split("t f")},
	{"float4", 12, append(randomFloats(32, 200), split("0 -0 1 -1 1e5 999999 1e6 1e-4 1e-5 1.17549435e-38 1e-45 3.4028235e38 NaN Infinity -Infinity 8.5899346e9 33554432 0.1 123.456")...)},
	{"float8", 12, append(randomFloats(64, 400), split("0 -0 1 -1 1e14 999999999999999 1e15 1e-4 0.00012 1e-5 5e-324 2.2250738585072014e-308 1.7976931348623157e308 NaN Infinity -Infinity 1e22 1e23 9007199254740993 5.684341886080802e-14 0.1 123.456")...)},
	{"numeric", 12, append(randomNumerics(200, 60, 40), split("0 0.0 0.000 -0.0001 1 10 100 1000 10000 100000000 1e100 1e-100 1.50 12345678901234567890.1234567890 NaN -5 9999 9999.9999 0.00001 1e-16383 1e131071 -1e5000")...)},
	{"numeric", 14, split("Infinity -Infinity")},
	{"numeric(18,4)", 12, append(randomNumerics(100, 14, 4), split("0 99999999999999.9999 -99999999999999.9999 0.0001 -0.0001 1 NaN 10000 1234.5")...)},
	{"numeric(18,0)", 12, split("0 999999999999999999 -1 100000000")},
	{"numeric(18,18)", 12, split("0 0.999999999999999999 -0.000000000000000001 0.0001")},
	{"numeric(10,2)", 12, split("0.01 -0.01 99999999.99 12.30 NaN")},
	{"numeric(38,10)", 12, append(randomNumerics(100, 28, 10), split("9999999999999999999999999999.9999999999 -0.0000000001 NaN 1")...)},
	{"numeric(76,38)", 12, append(randomNumerics(100, 38, 38), strings.Repeat("9", 38)+"."+strings.Repeat("9", 38), "-"+strings.Repeat("9", 38), "0", "-0.00000000000000000000000000000000000001")},
	{"numeric(76,0)", 12, split(strings.Repeat("9", 76) + " -" + strings.Repeat("9", 76))},
	{"numeric(77,0)", 12, split("1 " + strings.Repeat("9", 77))},
	{"numeric(3,-2)", 15, split("99900 -12345 100 0")},
	{"numeric(3,5)", 15, split("0.00999 -0.00001 0")},
	{"money", 12, split("0 1234.56 -1 -0.05 92233720368547758.07 -92233720368547758.08 999 1000 1000000")},
	{"text", 12, awkwardStrings},
	{"varchar(20)", 12, awkwardStrings},
	{"char(5)", 12, []string{"a", "", "abcde", " b ", "é"}},
	{"name", 12, awkwardStrings},
	{"tv.citext", 12, awkwardStrings},
	{`"char"`, 12, []string{"a", "", `\`, " ", `"`}},
	{`"char"`, 16, []string{`\351`, `\200`, `\377`}},
	{"xml", 12, []string{"<a>b</a>", `<?xml version="1.0" encoding="UTF-8"?><a/>`, `<?xml version="1.0" standalone="yes"?><é/>`, "text"}},
	{"json", 12, jsons},
	{"jsonb", 12, jsons},
	{"jsonpath", 12, []string{"$", "$.a[*] ? (@ > 1)", `$."key with space"`}},
	{"bytea", 12, []string{`\x`, `\x00`, `\xdeadbeef`, `a\\b\001\377é`, `\x5c78`}},
	{"uuid", 12, split("00000000-0000-0000-0000-000000000000 a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 ffffffff-ffff-ffff-ffff-ffffffffffff")},
	{"date", 12, split("2000-01-01 1970-01-01 1969-12-31 0001-01-01 9999-12-31 10000-01-01 5874897-12-31 2024-02-29 1900-03-01 infinity -infinity 4714-11-24_BC 0001-12-31_BC 0044-03-15_BC 0005-02-28_BC")},
	{"timestamp", 12, timestamps},
	{"timestamptz", 12, timestamps},
	{"timestamp(3)", 12, timestamps},
	{"time", 12, split("00:00:00 24:00:00 12:34:56.789 23:59:59.999999 00:00:00.000001 00:00:00.1")},
	{"timetz", 12, split("00:00:00+00 24:00:00-15:59:59 12:34:56.789+05:30 23:59:59.999999-00:30 01:02:03+00:00:01 01:02:03-12 01:02:03+15:59")},
	{"interval", 12, intervals},
	{"interval", 17, split("infinity -infinity 2562047788:00:54.775807 -2562047788:00:54.775807")},
	{"tv.mood", 12, []string{"sad", "so, so", `a "happy" one`, "NULL", "", `back\slash`}},
	{"tv.price", 12, split("1.5 -99999999.99 NaN")},
	{"tv.numbers", 12, split("{} {1,2,NULL} {{1},{2}}")},
	{"inet", 12, split("0.0.0.0 10.1.2.3 10.1.2.3/8 255.255.255.255/32 ::/0 :: ::1 ::2 ::1.2.3.4 ::ffff:1.2.3.4/96 ::1:0 ::ffff:0:0 1:0:0:2:0:0:0:3 1:0:0:2:0:0:3:4 2001:db8::/32 fe80::1:2:3:4 0:0:1:2:3:4:5:6 1:2:3:4:5:6:0:0 1:0:2:3:4:5:6:7 ::5:ffff:0:0 0:0:0:0:ffff:1:2:3")},
	{"cidr", 12, split("0.0.0.0/0 10.0.0.0/8 10.1.2.3/32 ::/0 ::1/128 2001:db8::/32")},
	{"macaddr", 12, split("08:00:2b:01:02:03 ff:ff:ff:ff:ff:ff")},
	{"macaddr8", 12, split("08:00:2b:01:02:03:04:05")},
	{"point", 12, split("(0,0) (-0,1e23) (1.5,-2.25) (NaN,Infinity) (1e-5,123456789012345678)")},
	{"line", 12, split("{1,-1,0} {0.1,2,-3e20}")},
	{"lseg", 12, split("[(1,2),(3,4.5)]")},
	{"box", 12, split("(3,4),(1,2) (0.1,0.2),(-0.1,-0.2)")},
	{"path", 12, split("[(1,2),(3,4)] ((1,2),(3,4),(5,6)) [(0,0)]")},
	{"polygon", 12, split("((1,2),(3,4),(5,6)) ((0,0))")},
	{"circle", 12, split("<(1,2),3> <(0.1,-0.2),1e20>")},
	{"bit(1)", 12, split("0 1")},
	{"bit(10)", 12, split("0101010101 1111111111")},
	{"varbit", 12, []string{"", "1", "0", "11111111", "010101011"}},
	{"tsvector", 12, []string{"", "'a':1A,2B 'b':3C,4", `'it''s' 'back\\slash' 'two words':16383`, "a b c"}},
	{"tsquery", 12, []string{"a & b | !c", "'it''s':*A <-> b"}},
	{"txid_snapshot", 12, split("10:20: 10:20:12,14,19")},
	{"pg_snapshot", 13, split("10:20: 10:20:12,14,19")},
	{"tv.hstore", 12, []string{"", "a=>1", `a=>NULL, "b c"=>"d\"\\e", ""=>""`}},
	{"tv.ltree", 13, split("a a.b.c")},
	{"regclass", 12, split("pg_class tv.altered")},
	{"regtype", 12, split("integer tv.mood")},
	{"int2vector", 12, []string{"", "1", "1 2 3"}},
	{"oidvector", 12, []string{"", "1 2 3"}},
	{"aclitem", 12, split("postgres=r/postgres")},
	{"refcursor", 12, awkwardStrings},

	{"int4[]", 12, split("{} {1} {NULL} {1,2,NULL,-4} {{1,2},{3,4}} {{{1},{2}},{{3},{NULL}}} [0:1]={1,2} [-1:0][5:5]={{1},{2}}")},
	{"numeric(6,2)[]", 12, split("{1.5,NULL,-9999.99,NaN}")},
	{"float8[]", 12, split("{0.1,-0,NaN,Infinity,1e23}")},
	{"float4[]", 12, split("{0.1,-0,NaN,Infinity,1e6}")},
	{"bool[]", 12, split("{t,f,NULL}")},
	{"date[]", 12, split("{2020-01-01,infinity,NULL}")},
	{"timestamptz[]", 12, []string{`{"2020-01-01 00:00:00+00",infinity,"0044-03-15 12:00:00+00 BC"}`}},
	{"uuid[]", 12, split("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}")},
	{"text[]", 12, []string{`{}`, `{a,NULL,"NULL","null",""}`, `{"a,b","{c}","d\"e","f\\g"," h ","i\tj",é}`, `{{a,b},{"c;d",e}}`, "{\"new\nline\",\"v\vt\"}", `[2:3]={"=","[0:1]={}"}`}},
	{"bytea[]", 12, []string{`{"\\x00ff",NULL,""}`}},
	{"box[]", 12, split("{(3,4),(1,2);(1,1),(0,0)} {}")},
	{"tv.boxed[]", 12, split("{(3,4),(1,2);NULL;(1,1),(0,0)}")},
	{"point[]", 12, []string{`{"(1,2)",NULL}`}},
	{"tv.mood[]", 12, []string{`{sad,"so, so","a \"happy\" one","NULL",NULL,"","back\\slash"}`}},
	{"tv.price[]", 12, split("{1.50,NULL}")},
	{"tv.pair[]", 12, []string{`{"(1,x)","(2,\"y, \\\"z\\\"\")",NULL,"(,)"}`}},
	{"jsonb[]", 12, []string{`{"{\"a\": [1, 2]}",null,NULL,"null"}`}},
	{"interval[]", 12, []string{`{"1 day",PT0S}`}},
	{"inet[]", 12, split("{10.0.0.1/8,::1}")},
	{"money[]", 12, []string{`{"$1,000.00",-5}`}},
	{"regclass[]", 12, split("{pg_class,NULL}")},
	{`"char"[]`, 12, []string{`{a,"\\",""}`}},

	{"tv.pair", 12, []string{`(1,x)`, `(,)`, `(1,"")`, `(1,"a b")`, `(1,"a,b")`, `(1,"(")`, `(1,"q""q")`, `(1,"b\\b")`, `(1,{x})`, `(1,[x])`, "(1,\"\n\")", "(1,\"\v\")", `(1,NULL)`, `(1,é)`}},
	{"tv.nest", 12, []string{`(,,,,,,,,)`, `("(1,""a b"")",1e23,1.5,"2020-01-01 00:00:00+00","{a,""b c"",NULL}","\\x00ff","so, so",a,"{""k"": ""v w""}")`, `("(,)",-0,NaN,infinity,{},"","","","null")`}},
	{"tv.shut", 12, split("(1,pg_class)")},
	{"tv.altered", 12, split("(1,2020-01-01,x,1.5) (,,,)")},

	{"int4range", 12, split("empty [1,5) (,) [,5] (1,]")},
	{"int8range", 12, split("[1,5)")},
	{"numrange", 12, split("[1.50,2] (1,2) (,1e20) [0.1,NaN]")},
	{"daterange", 12, split("[2020-01-01,2020-02-01) [2020-01-01,infinity] (,-infinity]")},
	{"tsrange", 12, []string{"[2020-01-01 00:00:00,2020-01-02 00:00:00.5)", "empty", "(,infinity)"}},
	{"tstzrange", 12, []string{"[2020-01-01 00:00:00+02,2020-01-02 00:00:00.5+00)", "[0044-01-01 00:00:00+00 BC,)"}},
	{"tv.float8range", 12, split("[1e23,1e24] (-0,0.1) [-Infinity,Infinity]")},
	{"tv.textrange", 12, []string{`[a,b]`, `["",z]`, `["a b","c""d"]`, `["(","\\"]`, `["[","{"]`, `["a,","z)"]`, "(\"\v\",é)"}},
	{"int4range[]", 12, []string{`{"[1,5)",empty,NULL}`}},
	{"int4multirange", 14, split("{} {[1,5),[7,9)} {(,)}")},
	{"tstzmultirange", 14, []string{"{[2020-01-01 00:00:00+00,2020-01-02 00:00:00+00),[2021-01-01 00:00:00+00,)}"}},
}

var (
	awkwardStrings = []string{"", " ", "a", "NULL", `"`, `'`, `\`, `\x41`, "é ü 漢字 🙂", "tab\tnew\nline\r", "{a,b}", "(a,b)", strings.Repeat("long ", 10)}
	jsons          = []string{`null`, `{"b": 1, "a": [1, 2.50, "x"], "b": 2}`, `"a\u00e9\n\"\\"`, `123456789012345678901234567890.10`, `[]`, `{}`, ` { "k" : true } `}
	timestamps     = []string{
		"2000-01-01 00:00:00", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1999-12-31 23:59:59.9", "2024-02-29 12:34:56.789012",
		"0001-01-01 00:00:00", "0001-12-31 23:59:59.5 BC", "4714-11-24 00:00:00 BC", "0044-03-15 12:00:00 BC", "9999-12-31 23:59:59.999999", "10000-01-01 00:00:00",
		"262143-06-01 00:00:00", "294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "2000-01-01 00:00:00.000001",
	}
	intervals = []string{
		"0", "1 year", "-1 year", "14 months", "-14 months", "1 day", "-1 day", "1 month -1 day", "1 hour", "-1 hour", "59 minutes 59.999999 seconds", "-0.000001 seconds", "0.5 seconds",
		"1 year 2 months 3 days 04:05:06.7", "-1 year -2 months +3 days -04:05:06.7", "1000000 hours", "178956970 years 7 months", "-2147483648 months -2147483648 days", "2147483647 days", "100 microseconds", "-00:00:59.5", "1 min -1 sec",
	}
)

// split divides a list at spaces; an underscore is a space inside a literal.
func split(s string) []string {
	list := strings.Fields(s)
	for i := range list {
		if strings.HasSuffix(list[i], "_BC") {
			list[i] = strings.TrimSuffix(list[i], "_BC") + " BC"
		}
	}
	return list
}

var random = rand.New(rand.NewPCG(1, 2))

func randomFloats(size, n int) []string {
	list := make([]string, n)
	for i := range list {
		f := math.Float64frombits(random.Uint64())
		switch {
		case size == 32 && i%3 == 0:
			f = math.Ldexp(1, random.IntN(270)-145) // powers of two: the uneven gaps
		case size == 32:
			f = float64(math.Float32frombits(random.Uint32()))
		case i%4 == 0:
			f = math.Ldexp(float64(1+random.IntN(3)), random.IntN(2090)-1070)
		case i%4 == 1:
			f, _ = strconv.ParseFloat(fmt.Sprintf("%de%d", random.IntN(100000), random.IntN(50)-25), 64)
		}
		list[i] = strconv.FormatFloat(f, 'g', -1, size)
		if math.IsInf(f, 0) {
			list[i] = "0"
		}
	}
	return list
}

func randomNumerics(n, whole, frac int) []string {
	list := make([]string, n)
	digits := func(most int) string {
		b := make([]byte, random.IntN(most+1))
		for i := range b {
			if b[i] = '0'; random.IntN(3) > 0 {
				b[i] += byte(random.IntN(10))
			}
		}
		return string(b)
	}
	for i := range list {
		list[i] = [...]string{"", "-"}[random.IntN(2)] + digits(whole-1) + "0." + digits(frac)
	}
	return list
}
