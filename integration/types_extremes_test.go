package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

// The extremes are of ClickHouse's types; what those of the PostgreSQL family
// cannot hold is in types_family_test.go.

// extreme is a value that its column does not hold, why, and the nearest that it
// does hold: none for NaN.
type extreme struct {
	column, value, reason, nearest string
	since                          int
}

const (
	firstMoment, lastMoment = "0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"
	lastNumber              = "9999999999999999999999999999.9999999999"
)

// The columns of the extremes. Only a numeric without digits of its own holds an
// infinity, so this one becomes a Decimal by wish.
const extremeColumns = "d date, w timestamp, z timestamptz, n numeric, m numeric(6,2), a date[]"

var extremeWish = sync.TableWish{Wishes: apply.Wishes{Types: map[string]string{"n": "Decimal(38, 10)"}}}

var extremes = []extreme{
	{column: "d", value: "infinity", reason: "infinity", nearest: "9999-12-31"},
	{column: "d", value: "-infinity", reason: "-infinity", nearest: "0001-01-01"},
	{column: "d", value: "4713-01-01 BC", reason: "too small", nearest: "0001-01-01"},
	{column: "d", value: "0001-12-31 BC", reason: "too small", nearest: "0001-01-01"},
	{column: "d", value: "10000-01-01", reason: "too large", nearest: "9999-12-31"},
	{column: "d", value: "5874897-12-31", reason: "too large", nearest: "9999-12-31"},
	{column: "w", value: "infinity", reason: "infinity", nearest: lastMoment},
	{column: "w", value: "-infinity", reason: "-infinity", nearest: firstMoment},
	{column: "w", value: "4713-01-01 00:00:00 BC", reason: "too small", nearest: firstMoment},
	{column: "w", value: "294276-12-31 23:59:59.999999", reason: "too large", nearest: lastMoment},
	{column: "w", value: "10000-01-01 00:00:00", reason: "too large", nearest: lastMoment},
	{column: "z", value: "infinity", reason: "infinity", nearest: lastMoment},
	{column: "z", value: "-infinity", reason: "-infinity", nearest: firstMoment},
	{column: "z", value: "4713-01-01 00:00:00+00 BC", reason: "too small", nearest: firstMoment},
	{column: "z", value: "294276-12-31 23:59:59.999999+00", reason: "too large", nearest: lastMoment},
	{column: "z", value: "0001-12-31 23:59:59.999999+00 BC", reason: "too small", nearest: firstMoment},
	{column: "n", value: "Infinity", reason: "infinity", nearest: lastNumber, since: 14},
	{column: "n", value: "-Infinity", reason: "-infinity", nearest: "-" + lastNumber, since: 14},
	{column: "n", value: "NaN", reason: "NaN"},
	{column: "n", value: "-1" + zeroes(28), reason: "too small", nearest: "-" + lastNumber},
	{column: "n", value: "1" + zeroes(131071), reason: "too large", nearest: lastNumber},
	{column: "n", value: "0.00000000017", reason: "inexact", nearest: "0.0000000002"},
	{column: "n", value: "0." + zeroes(16382) + "1", reason: "inexact", nearest: "0"},
	{column: "m", value: "NaN", reason: "NaN"},
	{column: "a", value: "{2024-01-01,infinity}", reason: "infinity", nearest: "['2024-01-01','9999-12-31']"},
	{column: "a", value: "{{2024-01-01}}", reason: "wrong dimensions"},
}

func extremesOf(major int) (known []extreme) {
	for _, e := range extremes {
		if major >= e.since {
			known = append(known, e)
		}
	}
	return known
}

func TestExtremesStopTheirTableAndNoOther(t *testing.T) {
	onClickHouseOfEveryMajor(t, 12, func(s *scene) {
		known := extremesOf(s.major)
		wishes := func(p *plan) {
			for n := range known {
				wishing(fmt.Sprintf("public.loaded%d", n), extremeWish)(p)
				wishing(fmt.Sprintf("public.streamed%d", n), extremeWish)(p)
			}
		}
		insert := "INSERT INTO %s%d (id, %s) VALUES (42, '%s')"
		for n, e := range known {
			s.exec(`CREATE TABLE loaded%[1]d (id int PRIMARY KEY, %[2]s); CREATE TABLE streamed%[1]d (LIKE loaded%[1]d INCLUDING ALL)`, n, extremeColumns)
			s.exec(insert, "loaded", n, e.column, e.value)
		}
		s.exec("CREATE TABLE good (id int PRIMARY KEY, d date)")
		if err := s.tryCatchUp(wishes); err == nil {
			s.Error("values that cannot be held were loaded")
		}
		for n, e := range known {
			s.exec(insert, "streamed", n, e.column, e.value)
		}
		s.exec("INSERT INTO good VALUES (1, '2024-01-01')")
		if err := s.tryCatchUp(wishes); err == nil {
			s.Error("values that cannot be held were streamed")
		}
		tables := s.state().Tables
		for n, e := range known {
			for _, name := range []string{"loaded", "streamed"} {
				at := tables[fmt.Sprintf("public.%s%d", name, n)]
				if at.Phase != apply.Failed {
					s.Errorf("%s %s: table %s%d is %s", e.column, shorten(e.value), name, n, at.Phase)
				}
				s.mentions(at.Reason, "column "+e.column, "key (42)", e.value[:min(len(e.value), 100)], e.reason)
				s.mentions(at.Hint, "on_unrepresentable")
			}
		}
		s.equal("good")
	})
}

// extremeRows says, for a policy, which values are inserted and what is read: a
// row for each value.
func extremeRows(s *scene, wanted func(extreme) (string, bool)) (insert func(first int) string, want []string) {
	var rows []string
	for _, e := range extremesOf(s.major) {
		if text, ok := wanted(e); ok {
			rows = append(rows, fmt.Sprintf("INSERT INTO t (id, %s) VALUES (%%d + %d, '%s')", e.column, len(rows), e.value))
			want = append(want, e.column+" "+text)
		}
	}
	return func(first int) string {
		var all strings.Builder
		for _, row := range rows {
			fmt.Fprintf(&all, row+"; ", first)
		}
		return all.String()
	}, want
}

// extremesAre brings the values by COPY, by the stream and by a stream that is
// text.
func (s *scene) extremesAre(policy apply.Policy, wanted func(extreme) (string, bool)) {
	s.Helper()
	with := func(p *plan) { p.policy = policy; wishing("public.t", extremeWish)(p) }
	insert, want := extremeRows(s, wanted)
	s.exec("CREATE TABLE t (id int PRIMARY KEY, %s); %s", extremeColumns, insert(0))
	s.catchUp(with)
	s.exec("%s", insert(100))
	s.catchUp(with)
	s.exec("CREATE TABLE forces_text (id int PRIMARY KEY, r regclass)")
	s.catchUp(with)
	s.exec("%s", insert(200))
	s.catchUp(with)
	column := map[string]string{"d": "toString(d)", "w": "toString(w)", "z": "toString(z)", "n": "toString(n)", "m": "toString(m)", "a": "toString(a)"}
	for first := 0; first <= 200; first += 100 {
		for n, w := range want {
			name, text, _ := strings.Cut(w, " ")
			s.is(fmt.Sprintf("row %d, column %s", first+n, name), s.warehouse("SELECT ifNull(%s, 'NULL') FROM t FINAL WHERE id = %d", column[name], first+n), text)
		}
	}
	s.mentions(s.logged.String(), "values are adjusted", "column=d", "column=w", "column=z", "column=n", `reason="too large"`, "reason=-infinity")
}

func TestExtremesBecomeNullWhereThatIsWanted(t *testing.T) {
	onClickHouseOfEveryMajor(t, 12, func(s *scene) {
		s.extremesAre(apply.MakeNull, func(e extreme) (string, bool) {
			switch {
			case e.column != "a":
				return "NULL", true
			case e.reason == "infinity":
				return "['2024-01-01',NULL]", true
			}
			return "[]", true
		})
	})
}

func TestExtremesBecomeTheNearestWhereThatIsWanted(t *testing.T) {
	onClickHouseOfEveryMajor(t, 12, func(s *scene) {
		s.extremesAre(apply.Clamp, func(e extreme) (string, bool) { return e.nearest, e.nearest != "" })
		clamp := func(p *plan) {
			p.policy = apply.Clamp
			wishing("public.t", extremeWish)(p)
			wishing("public.nan", extremeWish)(p)
			wishing("public.dims", extremeWish)(p)
		}
		s.exec(`CREATE TABLE nan (id int PRIMARY KEY, %[1]s); CREATE TABLE dims (id int PRIMARY KEY, %[1]s)`, extremeColumns)
		s.catchUp(clamp)
		s.exec(`INSERT INTO nan (id, n) VALUES (7, 'NaN'); INSERT INTO dims (id, a) VALUES (8, '{{2024-01-01}}')`)
		if err := s.tryCatchUp(clamp); err == nil {
			s.Error("what has no nearest value was taken")
		}
		s.parked("public.nan", "column n", "key (7)", "NaN", "clamp")
		s.parked("public.dims", "column a", "key (8)", "wrong dimensions", "clamp")
	})
}

// A column without NULLs has none to become.
func TestExtremesOfColumnsThatCannotBeNull(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, required date NOT NULL); CREATE TABLE other (id date PRIMARY KEY, v int)`)
		null := func(p *plan) { p.policy = apply.MakeNull }
		s.catchUp(null)
		s.exec(`INSERT INTO t VALUES (4, 'infinity'); INSERT INTO other VALUES ('2024-01-01', 1), ('infinity', 2)`)
		if err := s.tryCatchUp(null); err == nil {
			s.Error("a column that cannot be NULL took infinity")
		}
		s.parked("public.t", "column required", "key (4)")
		s.parked("public.other", "column id", "key (infinity)")
	})
}
