package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

// carried is a type, the column it becomes, and values with what ClickHouse
// prints for them.
type carried struct {
	typ, column string
	values      [][2]string
}

func same(values ...string) [][2]string {
	pairs := make([][2]string, len(values))
	for i, v := range values {
		pairs[i] = [2]string{v, v}
	}
	return pairs
}

const carriedSetup = `
	CREATE TYPE mood AS ENUM ('sad', 'so, so', 'ä "quoted"');
	CREATE DOMAIN amount AS numeric(10,2); CREATE DOMAIN price AS amount CHECK (VALUE IS NULL OR VALUE > -1000);
	CREATE TYPE pair AS (a int, b text);`

var carriedTypes = []carried{
	{"smallint", "Nullable(Int16)", same("-32768", "32767", "0")},
	{"integer", "Nullable(Int32)", same("-2147483648", "2147483647")},
	{"bigint", "Nullable(Int64)", same("-9223372036854775808", "9223372036854775807")},
	{"real", "Nullable(Float32)", [][2]string{{"1.5", "1.5"}, {"NaN", "nan"}, {"Infinity", "inf"}, {"-Infinity", "-inf"}, {"-0", "-0"}, {"1e-45", "1e-45"}}},
	{"double precision", "Nullable(Float64)", [][2]string{{"0.1", "0.1"}, {"NaN", "nan"}, {"Infinity", "inf"}, {"-Infinity", "-inf"}, {"-0", "-0"}, {"5e-324", "5e-324"}}},
	{"numeric(12,3)", "Nullable(Decimal(12, 3))", [][2]string{{"-123456789.123", "-123456789.123"}, {"1.5", "1.5"}, {"0", "0"}, {"0.001", "0.001"}}},
	{"numeric(76,38)", "Nullable(Decimal(76, 38))", same(strings.Repeat("9", 38)+"."+strings.Repeat("9", 38), "-0."+strings.Repeat("0", 37)+"1")},
	{"numeric", "Nullable(String)", [][2]string{{"1.500", "1.500"}, {"NaN", "NaN"}, {"1e30", "1" + strings.Repeat("0", 30)}, {"-0.00001", "-0.00001"}}},
	{"numeric(80,2)", "Nullable(String)", [][2]string{{"1.5", "1.50"}}},
	{"money", "Nullable(Decimal(19, 2))", [][2]string{{"$1,234.56", "1234.56"}, {"-0.05", "-0.05"}, {"-92233720368547758.08", "-92233720368547758.08"}}},
	{"boolean", "Nullable(Bool)", [][2]string{{"t", "true"}, {"f", "false"}}},
	{"text", "Nullable(String)", same("", "a", "NULL", "tab\tline\n", `back\slash 'quoted'`, "漢字 🙂")},
	{"varchar(20)", "Nullable(String)", same("", "x y ")},
	{"char(5)", "Nullable(String)", [][2]string{{"ab", "ab   "}, {"", "     "}, {"é", "é    "}}},
	{"name", "Nullable(String)", same("a name")},
	{`"char"`, "Nullable(String)", same("x")},
	{"bytea", "Nullable(String)", [][2]string{{`\x`, ""}, {`\x616263`, "abc"}, {`\x00`, "\x00"}}},
	{"uuid", "Nullable(UUID)", same("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000")},
	{"date", "Nullable(Date32)", same("1970-01-01", "1900-01-01", "2299-12-31", "2024-02-29")},
	{"timestamp", "Nullable(DateTime64(6, 'UTC'))", [][2]string{{"2024-02-29 12:34:56.789012", "2024-02-29 12:34:56.789012"}, {"1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"}}},
	{"timestamptz", "Nullable(DateTime64(6, 'UTC'))", [][2]string{{"2024-02-29 12:34:56.5+05:30", "2024-02-29 07:04:56.500000"}, {"1900-01-01 00:00:00+00", "1900-01-01 00:00:00.000000"}}},
	{"time", "Nullable(Time64(6))", [][2]string{{"12:34:56.5", "12:34:56.500000"}, {"00:00:00", "00:00:00.000000"}, {"24:00:00", "24:00:00.000000"}}},
	{"timetz", "Nullable(String)", [][2]string{{"12:34:56.5+05:30", "12:34:56.5+05:30"}}},
	{"interval", "Nullable(String)", [][2]string{{"1 year 2 months -3 days 04:05:06.7", "P1Y2M-3DT4H5M6.7S"}, {"0", "PT0S"}}},
	{"json", "Nullable(String)", same(`{"b": 1, "a" : [1, 2.50], "b": 2}`, "null")},
	{"jsonb", "Nullable(String)", [][2]string{{`{"b": 1, "a": 123456789012345678901234567890.10}`, `{"a": 123456789012345678901234567890.10, "b": 1}`}, {"null", "null"}}},
	{"mood", "LowCardinality(Nullable(String))", same("sad", "so, so", `ä "quoted"`)},
	{"price", "Nullable(Decimal(10, 2))", [][2]string{{"12.34", "12.34"}, {"-0.5", "-0.5"}}},
	{"int[]", "Array(Nullable(Int32))", [][2]string{{"{1,NULL,-3}", "[1,NULL,-3]"}, {"{}", "[]"}}},
	{"bigint[]", "Array(Nullable(Int64))", [][2]string{{"{9223372036854775807}", "[9223372036854775807]"}}},
	{"text[]", "Array(Nullable(String))", [][2]string{{`{a,NULL,"NULL","b c",""}`, `['a',NULL,'NULL','b c','']`}}},
	{"boolean[]", "Array(Nullable(Bool))", [][2]string{{"{t,f,NULL}", "[true,false,NULL]"}}},
	{"numeric(6,2)[]", "Array(Nullable(Decimal(6, 2)))", [][2]string{{"{1.5,NULL,-9999.99}", "[1.5,NULL,-9999.99]"}}},
	{"double precision[]", "Array(Nullable(Float64))", [][2]string{{"{0.1,NaN,-0}", "[0.1,nan,-0]"}}},
	{"date[]", "Array(Nullable(Date32))", [][2]string{{"{2024-02-29,NULL}", "['2024-02-29',NULL]"}}},
	{"timestamptz[]", "Array(Nullable(DateTime64(6, 'UTC')))", [][2]string{{`{"2024-02-29 12:00:00+02"}`, "['2024-02-29 10:00:00.000000']"}}},
	{"uuid[]", "Array(Nullable(UUID))", [][2]string{{"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}", "['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',NULL]"}}},
	{"bytea[]", "Array(Nullable(String))", [][2]string{{`{"\\x6162",NULL}`, "['ab',NULL]"}}},
	{"mood[]", "Array(Nullable(String))", [][2]string{{`{sad,"so, so",NULL}`, "['sad','so, so',NULL]"}}},
	{"jsonb[]", "Array(Nullable(String))", [][2]string{{`{"{\"a\": 1}",NULL}`, `['{"a": 1}',NULL]`}}},
	{"price[]", "Array(Nullable(Decimal(10, 2)))", [][2]string{{"{1.5,NULL}", "[1.5,NULL]"}}},
	{"inet", "Nullable(String)", same("10.1.2.3/8", "10.1.2.3", "::1")},
	{"cidr", "Nullable(String)", same("10.0.0.0/8")},
	{"macaddr", "Nullable(String)", same("08:00:2b:01:02:03")},
	{"point", "Nullable(String)", same("(0.1,-2)")},
	{"box", "Nullable(String)", same("(3,4),(1,2)")},
	{"polygon", "Nullable(String)", same("((0,0),(1,1),(2,0))")},
	{"int4range", "Nullable(String)", [][2]string{{"[1,5]", "[1,6)"}, {"empty", "empty"}, {"(,)", "(,)"}}},
	{"tstzrange", "Nullable(String)", [][2]string{{`["2024-01-01 00:00:00+02",)`, `["2023-12-31 22:00:00+00",)`}}},
	{"tsvector", "Nullable(String)", [][2]string{{"'a':1 'b':2,3", "'a':1 'b':2,3"}}},
	{"pair", "Nullable(String)", same(`(1,"a b")`, "(,)", `(2,"q""q")`)},
	{"bit(3)", "Nullable(String)", same("101")},
	{"varbit", "Nullable(String)", same("10101", "")},
	{"xml", "Nullable(String)", same("<a>b</a>")},
	{"oid", "Nullable(UInt32)", same("4294967295")},
	{"pg_lsn", "Nullable(UInt64)", [][2]string{{"16/B374D848", "97500059720"}}},
}

// TestTypesMeanTheSameByCopyAndByStream brings each value once by COPY, once by
// the stream in its binary form, and once by a stream that has to be text because
// another table of the pipeline has a type that is read as text only.
func TestTypesMeanTheSameByCopyAndByStream(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		columns, names := []string{"id int PRIMARY KEY"}, []string{}
		most := 0
		for i, c := range carriedTypes {
			names = append(names, fmt.Sprintf("c%d", i))
			columns = append(columns, names[i]+" "+c.typ)
			most = max(most, len(c.values))
		}
		s.exec("%s CREATE TABLE types (%s)", carriedSetup, strings.Join(columns, ", "))
		insert := func(first int) string {
			var rows []string
			for n := range most {
				row := []string{fmt.Sprint(first + n)}
				for _, c := range carriedTypes {
					row = append(row, "'"+strings.ReplaceAll(c.values[n%len(c.values)][0], "'", "''")+"'::"+c.typ)
				}
				rows = append(rows, "("+strings.Join(row, ", ")+")")
			}
			nulls := fmt.Sprintf("(%d%s)", first+most, strings.Repeat(", NULL", len(carriedTypes)))
			return "INSERT INTO types VALUES " + strings.Join(append(rows, nulls), ", ")
		}
		s.exec("%s", insert(0))
		s.catchUp()
		s.exec("%s", insert(100))
		s.catchUp()
		// From here on the stream is text.
		s.exec(`CREATE TABLE forces_text (id int PRIMARY KEY, r regclass); INSERT INTO forces_text VALUES (1, 'types')`)
		s.exec("%s", insert(200))
		s.catchUp()
		s.exec(`INSERT INTO forces_text VALUES (2, 'pg_class')`)
		s.exec("%s", insert(300))
		s.catchUp()
		s.equal("types", "forces_text")
		if s.major >= 14 {
			s.mentions(s.logged.String(), "binary=true", "binary=false")
		}
		for i, c := range carriedTypes {
			s.is("the column of "+c.typ, s.warehouse(`SELECT type FROM system.columns WHERE database = '%s' AND table = 'types' AND name = '%s'`, s.name, names[i]),
				strings.ReplaceAll(c.column, "'", `\'`))
			for n, v := range c.values {
				for first := 0; first < 400; first += 100 {
					got, err := queryClickHouse(s.ctx, s.name, fmt.Sprintf("SELECT toString(%s) FROM types FINAL WHERE id = %d FORMAT RawBLOB", names[i], first+n))
					if err != nil {
						s.Fatal(err)
					}
					s.is(fmt.Sprintf("%s %q of row %d", c.typ, v[0], first+n), string(got), v[1])
				}
			}
		}
	})
}

func TestAValueThatCannotBeHeld(t *testing.T) {
	const setup = `CREATE TABLE t (id int PRIMARY KEY, d date, w timestamptz, n numeric(6,2), required date NOT NULL DEFAULT '2024-01-01');
		CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, '2024-01-01', '2024-01-01', 1)`
	t.Run("stops the table and names it", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			r := s.start().streaming()
			s.exec(`BEGIN; INSERT INTO other VALUES (1); INSERT INTO t VALUES (42, 'infinity'); INSERT INTO other VALUES (2); COMMIT`)
			s.parked("public.t", "column d", "key (42)", "infinity", "Date32", "on_unrepresentable")
			r.here()
			r.halt()
			s.equal("other")
			if phase := s.state().Tables["public.other"].Phase; phase != apply.Streaming {
				s.Errorf("table other is %s", phase)
			}
			s.command("status").exits(0, "public.t failed", "column d", "(42)")
			s.exec(`UPDATE t SET d = NULL WHERE id = 42`)
			s.catchUp()
			s.equal("t", "other")
		})
	})
	t.Run("becomes NULL where that is wanted", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			null := func(p *plan) { p.policy = apply.MakeNull }
			s.exec(`INSERT INTO t VALUES (2, 'infinity', '-infinity', 'NaN')`)
			s.catchUp(null)
			s.exec(`INSERT INTO t VALUES (3, '-infinity', 'infinity', 'NaN')`)
			s.catchUp(null)
			s.is("values", s.warehouse(`SELECT id, d, w, n FROM t FINAL WHERE id > 1 ORDER BY id`), "2\t\\N\t\\N\t\\N\n3\t\\N\t\\N\t\\N")
			s.mentions(s.logged.String(), "values are adjusted", "column=d", "reason=infinity")
			s.exec(`INSERT INTO t (id, required) VALUES (4, 'infinity')`)
			if err := s.tryCatchUp(null); err == nil {
				s.Error("a column that cannot be NULL took infinity")
			}
			s.parked("public.t", "column required", "key (4)")
		})
	})
	t.Run("becomes the nearest where that is wanted", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			clamp := func(p *plan) { p.policy = apply.Clamp }
			s.exec(`INSERT INTO t (id, d, w) VALUES (2, 'infinity', '-infinity'), (3, '0044-03-15 BC', '20000-01-01')`)
			s.catchUp(clamp)
			s.exec(`INSERT INTO t (id, d, w) VALUES (12, 'infinity', '-infinity'), (13, '0044-03-15 BC', '20000-01-01')`)
			s.catchUp(clamp)
			s.is("by COPY and by stream", s.warehouse(`SELECT id, d, w FROM t FINAL WHERE id < 10 AND id > 1 ORDER BY id`),
				s.warehouse(`SELECT id - 10, d, w FROM t FINAL WHERE id > 10 ORDER BY id`))
			s.is("values", s.warehouse(`SELECT d, w FROM t FINAL WHERE id > 10 ORDER BY id`),
				"9999-12-31\t0001-01-01 00:00:00.000000\n0001-01-01\t9999-12-31 23:59:59.999999")
		})
	})
}
