package integration

import (
	"strings"
	"testing"
)

// compare_proof holds the comparison against tables that differ in one place.

const provedSource = `CREATE TABLE t (id int PRIMARY KEY, s text, n numeric(10,2), f float8, b bytea, a int[], w timestamptz, c char(4));
	INSERT INTO t VALUES (1, 'a', 1.50, 0, '\x00', '{1,NULL}', '2024-01-01 00:00:00.5+00', 'x'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`

// What the rows are in the target when nothing is wrong.
var (
	provedClickHouse = []string{`(1, 'a', 1.5, 0, unhex('00'), [1, NULL], '2024-01-01 00:00:00.5', 'x   ')`, `(2, NULL, NULL, NULL, NULL, [], NULL, NULL)`}
	provedFamily     = []string{`(1, 'a', 1.5, 0, '\x00', '{1,NULL}', '2024-01-01 00:00:00.5+00', 'x')`, `(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`}
)

// provedDifferences replace what stands in the rows by something else; what both
// kinds of target write alike is said once. An empty text is for a kind that
// does not have the difference.
var provedDifferences = []struct{ what, from, to, fromFamily, toFamily string }{
	{"a NULL", `'a'`, `NULL`, `'a'`, `NULL`},
	{"an empty text", `(2, NULL`, `(2, ''`, `(2, NULL`, `(2, ''`},
	{"a text that says NULL", `(2, NULL`, `(2, 'NULL'`, `(2, NULL`, `(2, 'NULL'`},
	{"a number", `1.5,`, `1.51,`, `1.5,`, `1.51,`},
	{"a sign of zero", ` 0,`, ` -0.,`, ` 0,`, ` '-0',`},
	{"the last bit of a float", ` 0,`, ` 5e-324,`, ` 0,`, ` 5e-324,`},
	{"a zero byte", `unhex('00')`, `''`, `'\x00'`, `''`},
	{"an element", `[1, NULL]`, `[1, 2]`, `{1,NULL}`, `{1,2}`},
	{"an array that is none", "", "", `NULL, NULL, NULL)`, `'{}', NULL, NULL)`},
	{"a lower bound", "", "", `{1,NULL}`, `[0:1]={1,NULL}`},
	{"another dimension", "", "", `{1,NULL}`, `{{1,NULL}}`},
	{"a microsecond", `00.5`, `00.500001`, `00.5`, `00.500001`},
	{"padding", `'x   '`, `'x'`, "", ""},
	{"a key", `(2,`, `(3,`, `(2,`, `(3,`},
}

// A comparison that cannot fail proves nothing.
func TestTheComparisonSeesEveryDifference(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(provedSource)
		rows := differs(s, provedClickHouse, provedFamily)
		s.proveMade()
		s.proved("", rows)
		s.proved("a row missing", rows[:1])
		s.proved("a row twice", append([]string{rows[1]}, rows...))
		s.proved("no row", nil)
		for _, d := range provedDifferences {
			from, to := differs(s, d.from, d.fromFamily), differs(s, d.to, d.toFamily)
			if from == "" {
				continue
			}
			var changed []string
			for _, row := range rows {
				changed = append(changed, strings.Replace(row, from, to, 1))
			}
			if strings.Join(changed, "") == strings.Join(rows, "") {
				s.Fatalf("%s changes nothing", d.what)
			}
			s.proved(d.what, changed)
		}
	})
}

// proveMade makes the table that is compared, without a key, so that it holds
// what a table of the program would not.
func (s *scene) proveMade() {
	s.Helper()
	if s.transactional() {
		s.warehouse(`CREATE TABLE public.t (id int, s text, n numeric(10,2), f float8, b bytea, a int[], w timestamptz, c char(4))`)
		return
	}
	s.makeDatabase()
	s.warehouse(`CREATE TABLE t (id Int32, s Nullable(String), n Nullable(Decimal(10,2)), f Nullable(Float64), b Nullable(String), a Array(Nullable(Int32)),
		w Nullable(DateTime64(6, 'UTC')), c Nullable(String), _version UInt64 DEFAULT rowNumberInAllBlocks()) ENGINE = ReplacingMergeTree(_version) ORDER BY _version`)
}

// proved wants the comparison to find a difference exactly where one is named.
func (s *scene) proved(difference string, rows []string) {
	s.Helper()
	s.warehouse("TRUNCATE TABLE %s", s.there("t"))
	if len(rows) > 0 {
		s.warehouse(`INSERT INTO %s (id, s, n, f, b, a, w, c) VALUES %s`, s.there("t"), strings.Join(rows, ", "))
	}
	different, err := s.compared("t", s.there("t"), "")
	if err != nil {
		s.Fatal(err)
	}
	if (len(different) > 0) != (difference != "") {
		s.Errorf("%q: %v", difference, different)
	}
}
