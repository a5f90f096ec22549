package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

// familyEdge is a value that a target of the PostgreSQL family does not hold when
// it is older than the source, and the nearest that it does; none where there is
// none.
type familyEdge struct {
	column, value, reason, nearest string
	since, held                    int
}

const familyColumns = "i interval, n numeric, l interval[], p numeric[]"

var familyEdges = []familyEdge{
	{column: "i", value: "infinity", reason: "infinity", nearest: "178000000 years", since: 17, held: infiniteIntervals},
	{column: "i", value: "-infinity", reason: "-infinity", nearest: "-178000000 years", since: 17, held: infiniteIntervals},
	{column: "l", value: "{1 day,infinity}", reason: "infinity", since: 17, held: infiniteIntervals},
	{column: "n", value: "Infinity", reason: "infinity", since: 14, held: infiniteNumerics},
	{column: "n", value: "-Infinity", reason: "-infinity", since: 14, held: infiniteNumerics},
	{column: "p", value: "{1,NULL,Infinity}", reason: "infinity", since: 14, held: infiniteNumerics},
}

// familyEdges are those that the source has and the target has not.
func (s *scene) familyEdges() (known []familyEdge) {
	for _, e := range familyEdges {
		if f := s.target.(family); s.major >= e.since && f.number < e.held {
			known = append(known, e)
		}
	}
	return known
}

// insertEdges writes each into a row of its own, of a table or of one table for
// all.
func (s *scene) insertEdges(table string, edges []familyEdge, first int) {
	s.Helper()
	for n, e := range edges {
		s.exec("INSERT INTO %s (id, %s) VALUES (%d, '%s')", strings.ReplaceAll(table, "?", fmt.Sprint(n)), e.column, first+n, e.value)
	}
}

func TestEdgesOfOlderServersStopTheirTableAndNoOther(t *testing.T) {
	onFamilyOfEveryMajor(t, 12, func(s *scene) {
		edges := s.familyEdges()
		for n := range edges {
			s.exec(`CREATE TABLE loaded%[1]d (id int PRIMARY KEY, %[2]s); CREATE TABLE streamed%[1]d (LIKE loaded%[1]d INCLUDING ALL)`, n, familyColumns)
		}
		s.exec("CREATE TABLE good (id int PRIMARY KEY, i interval)")
		s.insertEdges("loaded?", edges, 42)
		if err := s.tryCatchUp(); (err == nil) != (len(edges) == 0) {
			s.Errorf("of %d values that cannot be held: %v", len(edges), err)
		}
		s.insertEdges("streamed?", edges, 42)
		s.exec("INSERT INTO good VALUES (1, '1 day')")
		if err := s.tryCatchUp(); (err == nil) != (len(edges) == 0) {
			s.Errorf("of %d values that cannot be held: %v", len(edges), err)
		}
		tables := s.state().Tables
		for n, e := range edges {
			for _, name := range []string{"loaded", "streamed"} {
				at := tables[fmt.Sprintf("public.%s%d", name, n)]
				if at.Phase != apply.Failed {
					s.Errorf("%s %s: table %s%d is %s", e.column, e.value, name, n, at.Phase)
				}
				s.mentions(at.Reason, "column "+e.column, fmt.Sprintf("key (%d)", 42+n), e.reason)
				s.mentions(at.Hint, "on_unrepresentable")
			}
		}
		s.equal("good")
	})
}

// edgesAre brings the values by COPY, by the stream and by a stream that is text,
// and reads what they became.
func (s *scene) edgesAre(policy apply.Policy, became func(familyEdge) string) {
	s.Helper()
	edges := s.familyEdges()
	if policy == apply.Clamp {
		edges = withNearest(edges)
	}
	with := func(p *plan) { p.policy = policy }
	s.exec("CREATE TABLE t (id int PRIMARY KEY, %s)", familyColumns)
	s.insertEdges("t", edges, 0)
	s.catchUp(with)
	s.insertEdges("t", edges, 100)
	s.catchUp(with)
	s.exec("CREATE TABLE forces_text (id int PRIMARY KEY, r regclass)")
	s.catchUp(with)
	s.insertEdges("t", edges, 200)
	s.catchUp(with)
	for first := 0; first <= 200; first += 100 {
		for n, e := range edges {
			s.is(fmt.Sprintf("row %d, column %s", first+n, e.column), s.warehouse("SELECT coalesce(%s = %s, %[1]s IS NULL AND %[2]s IS NULL) FROM %s WHERE id = %d",
				e.column, became(e), s.from("t"), first+n), "t")
		}
	}
	if len(edges) > 0 {
		s.mentions(s.logged.String(), "column="+edges[0].column, "reason="+edges[0].reason)
	}
}

func withNearest(edges []familyEdge) (held []familyEdge) {
	for _, e := range edges {
		if e.nearest != "" {
			held = append(held, e)
		}
	}
	return held
}

func TestEdgesOfOlderServersBecomeWhatIsWanted(t *testing.T) {
	for _, policy := range []apply.Policy{apply.MakeNull, apply.Clamp} {
		t.Run(policy.String(), func(t *testing.T) {
			onFamilyOfEveryMajor(t, 12, func(s *scene) {
				s.edgesAre(policy, func(e familyEdge) string {
					if policy == apply.MakeNull {
						return "NULL"
					}
					return "'" + e.nearest + "'::interval"
				})
			})
		})
	}
}

// A "char" beyond ASCII is a byte that no text of UTF-8 is. PostgreSQL 16 and later
// read it as \303 from text; from binary all do.
func TestCharsBeyondASCII(t *testing.T) {
	onFamilyOfEveryMajor(t, 14, func(s *scene) {
		s.exec(`CREATE TABLE chars (id int PRIMARY KEY, c "char", l "char"[]); INSERT INTO chars VALUES (1, 'é', ARRAY['a', 'é', NULL]::"char"[])`)
		s.catchUp()
		s.exec(`INSERT INTO chars SELECT 2, c, l FROM chars`)
		s.catchUp()
		s.equal("chars")
		s.exec("CREATE TABLE forces_text (id int PRIMARY KEY, r regclass)")
		s.catchUp()
		s.exec(`INSERT INTO chars SELECT 3, c, NULL FROM chars WHERE id = 1; INSERT INTO chars VALUES (4, 'a', NULL)`)
		err := s.tryCatchUp()
		if s.target.(family).number >= escapedChars {
			if err != nil {
				s.Fatal(err)
			}
			s.equal("chars")
			return
		}
		s.parked("public.chars", "column c", "key (3)", "beyond ASCII")
		// What is copied comes in binary again.
		s.catchUp()
		s.equal("chars")
	})
}
