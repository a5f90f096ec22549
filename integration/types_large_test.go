package integration

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
)

// largeValue is a value as PostgreSQL makes it, and the text that ClickHouse has
// to hold, too long for a literal.
type largeValue struct {
	name, typ, expression string
	read                  string // of the column, where it is no String
	want                  string
}

func largeValues() []largeValue {
	const million = 1 << 20
	var numbers, words, document strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&numbers, ",%d", n+1)
		if n%10 == 9 {
			words.WriteString(",NULL")
		} else {
			fmt.Fprintf(&words, ",'w%d'", n+1)
		}
	}
	for n := range 20_000 {
		fmt.Fprintf(&document, `, "%d%s"`, n+1, strings.Repeat("ü", 500))
	}
	var everyByte, planes strings.Builder
	for b := range 256 {
		everyByte.WriteByte(byte(b))
	}
	codes := make([]string, 0, 17*5)
	for plane := range 17 {
		// Noncharacters are characters to PostgreSQL; only the surrogates and zero
		// are none.
		for _, offset := range []int{1, 0x7f, 0x8000, 0xfffd, 0xffff} {
			code := plane<<16 + offset
			codes = append(codes, fmt.Sprint(code))
			planes.WriteRune(rune(code))
		}
	}
	return []largeValue{
		{name: "doc", typ: "text", expression: "repeat('long ü text ', 1500000)", want: strings.Repeat("long ü text ", 1500000)},
		{name: "j", typ: "jsonb", expression: "(SELECT jsonb_agg(n || repeat('ü', 500) ORDER BY n) FROM generate_series(1, 20000) n)", want: "[" + document.String()[2:] + "]"},
		{name: "k", typ: "json", expression: `('{"a": "' || repeat('x', 1000000) || '"}')::json`, want: `{"a": "` + strings.Repeat("x", 1_000_000) + `"}`},
		{name: "most", typ: "numeric", expression: "(repeat('9', 131072) || '.' || repeat('9', 16383))::numeric", want: nines(131072) + "." + nines(16383)},
		{name: "large", typ: "numeric", expression: "-1e131071", want: "-1" + zeroes(131071)},
		// PostgreSQL takes no more than 16,383 digits behind the point.
		{name: "small", typ: "numeric", expression: "1e-16383", want: "0." + zeroes(16382) + "1"},
		{name: "digits", typ: "jsonb", expression: "('[' || repeat('1234567890', 10) || ', -0.' || repeat('0987654321', 10) || ']')::jsonb", want: "[" + digits100 + ", -0." + strings.Repeat("0987654321", 10) + "]"},
		{name: "whole", typ: "int[]", expression: "(SELECT array_agg(n ORDER BY n) FROM generate_series(1, 10000) n)", read: "toString(whole)", want: "[" + numbers.String()[1:] + "]"},
		{name: "words", typ: "text[]", expression: "(SELECT array_agg(CASE WHEN n % 10 > 0 THEN 'w' || n END ORDER BY n) FROM generate_series(1, 10000) n)", read: "toString(words)", want: "[" + words.String()[1:] + "]"},
		{
			name: "six", typ: "int[][][][][][]", expression: "array_fill(7, ARRAY[2,3,2,3,2,3])", read: "toString(six)",
			want: nested(nested(nested(nested(nested(nested("7", 3), 2), 3), 2), 3), 2),
		},
		{name: "bytes", typ: "bytea", expression: "(SELECT string_agg(decode(lpad(to_hex(n % 256), 2, '0'), 'hex'), '' ORDER BY n) FROM generate_series(0, 25599) n)", want: strings.Repeat(everyByte.String(), 100)},
		{name: "planes", typ: "text", expression: "(SELECT string_agg(chr(c), '' ORDER BY n) FROM unnest(ARRAY[" + strings.Join(codes, ", ") + "]) WITH ORDINALITY u(c, n))", want: planes.String()},
		{name: "bits", typ: "varbit", expression: fmt.Sprintf("repeat('10', %d)::varbit", million/8), want: strings.Repeat("10", million/8)},
		{name: "pairs", typ: "tv.hstore", expression: "(SELECT tv.hstore(array_agg('k' || n ORDER BY n), array_agg(repeat('v', n) ORDER BY n)) FROM generate_series(1, 3000) n)", read: "toString(arraySum(v -> ifNull(length(v), 0), mapValues(pairs))) || ' ' || pairs['k2999']", want: "4501500 " + strings.Repeat("v", 2999)},
	}
}

func nested(inner string, times int) string {
	return "[" + strings.Repeat(inner+",", times-1) + inner + "]"
}

// there is the query for the lengths and sums of the value in all rows: of its
// bytes in ClickHouse, and elsewhere of what is printed.
func (v *largeValue) there(s *scene) string {
	if s.transactional() {
		return fmt.Sprintf(`SELECT id, n, length(v) || ' ' || md5(v) FROM (SELECT id, n, format('%%s', %s) AS v FROM %s) x ORDER BY id`, v.name, s.from("large"))
	}
	read := v.read
	if read == "" {
		read = "assumeNotNull(" + v.name + ")"
	}
	return fmt.Sprintf(`SELECT id, n, concat(toString(length(v)), ' ', lower(hex(MD5(v)))) FROM (SELECT id, n, %s AS v FROM %s) ORDER BY id`, read, s.from("large"))
}

// wanted is the length and the sum.
func (v *largeValue) wanted(s *scene) string {
	s.Helper()
	if s.transactional() {
		rows := s.printed(fmt.Sprintf(`SELECT length(v) || ' ' || md5(v) FROM (SELECT format('%%s', %s) AS v FROM public.large WHERE id = 4) x`, v.name))
		return *rows[0][0]
	}
	return fmt.Sprintf("%d %x", len(v.want), md5.Sum([]byte(v.want)))
}

// TestLargeValuesArriveWhole loads and streams values at the ends of what
// PostgreSQL holds, and changes their rows without touching them: the log then
// leaves them out.
func TestLargeValuesArriveWhole(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		values := largeValues()
		columns, expressions := []string{"id int PRIMARY KEY", "n int"}, []string{}
		for _, v := range values {
			columns, expressions = append(columns, v.name+" "+v.typ), append(expressions, v.expression)
		}
		s.exec("CREATE SCHEMA tv; CREATE EXTENSION hstore SCHEMA tv; CREATE TABLE large (%s); INSERT INTO large SELECT 1, 0, %s", strings.Join(columns, ", "), strings.Join(expressions, ", "))
		s.catchUp()
		s.exec("INSERT INTO large SELECT 2, 0, %s", strings.Join(expressions, ", "))
		s.catchUp()
		s.exec("UPDATE large SET n = n + 1; UPDATE large SET id = 3 WHERE id = 1")
		s.exec("CREATE TABLE forces_text (id int PRIMARY KEY, r regclass)")
		s.catchUp()
		s.exec("INSERT INTO large SELECT 4, 0, %s; UPDATE large SET n = n + 1", strings.Join(expressions, ", "))
		s.catchUp()
		for _, v := range values {
			want := v.wanted(s)
			s.is("the value of "+v.name, s.warehouse("%s", v.there(s)), "2\t2\t"+want+"\n3\t2\t"+want+"\n4\t1\t"+want)
		}
	})
}
