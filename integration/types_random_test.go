package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seedEnv names the variable that repeats a run with the values of another.
const seedEnv = "PGSLUICE_TEST_SEED"

const randomValues = 100_000

// tossed is a table with a column of random values for each generator that is
// sent alike, for an array of most, and for arrays of two dimensions of some.
type tossed struct {
	table       string
	rows        int
	columns     []string // as they are declared
	expressions []string
	canonical   []twoTexts
}

// twoTexts are the expressions that make the same text on both sides.
type twoTexts struct{ postgres, clickHouse string }

func newTossed(table string, major int, fits func(form) bool) *tossed {
	t := &tossed{table: table}
	for i, g := range generators {
		elements := (&sample{form: g.form}).arrayForm()
		if major < g.since {
			continue
		}
		if fits(g.form) {
			t.add(fmt.Sprintf("c%d %s", i, g.typ), g.expression)
		}
		if fits(elements) && !g.single {
			const list = "ARRAY(SELECT CASE WHEN random() > 0.2 THEN %s END FROM generate_series(1, n %% 4))"
			t.add(fmt.Sprintf("a%d %s[]", i, g.typ), fmt.Sprintf(list, g.expression))
		}
		if fits(elements) && !g.single && i%5 == 1 {
			t.add(fmt.Sprintf("b%d %s[][]", i, g.typ), fmt.Sprintf("ARRAY[ARRAY[%[1]s, NULL, %[1]s], ARRAY[NULL, NULL, %[1]s]]", g.expression))
		}
	}
	return t
}

func (t *tossed) add(column, expression string) {
	t.columns = append(t.columns, column)
	t.expressions = append(t.expressions, "CASE WHEN random() > 0.05 THEN "+expression+" END")
}

// create does not say LIKE, which loses how many dimensions an array has.
func (t *tossed) create(name string) string {
	return fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, %s)", name, strings.Join(t.columns, ", "))
}

func (t *tossed) fill() string {
	return fmt.Sprintf("INSERT INTO %s SELECT n, %s FROM generate_series(1, %d) n", t.table, strings.Join(t.expressions, ", "), t.rows)
}

// texts finds the expressions for the columns' canonical texts.
func (t *tossed) texts(s *scene) {
	s.Helper()
	columns, err := columnsOf(s.ctx, s.source, "public."+t.table)
	if err != nil {
		s.Fatal(err)
	}
	for i, c := range columns[1:] {
		text := twoTexts{c.inPostgres(), c.inClickHouse()}
		switch {
		case strings.HasSuffix(t.columns[i], "[][]"):
			text = flattened(c, 2)
		case c.elem != "":
			text = flattened(c, 1)
		case c.typ == "hstore":
			text = twoTexts{
				`coalesce((SELECT string_agg(p, ',' ORDER BY p COLLATE "C") FROM (SELECT encode(convert_to(key, 'UTF8'), 'hex') || '=' || coalesce(encode(convert_to(value, 'UTF8'), 'hex'), 'NULL') AS p FROM tv.each(` + c.name + `)) x), '')`,
				`arrayStringConcat(arraySort(arrayMap((k, v) -> concat(lower(hex(k)), '=', ifNull(lower(hex(v)), 'NULL')), mapKeys(` + c.name + `), mapValues(` + c.name + `))), ',')`,
			}
		}
		t.canonical = append(t.canonical, text)
	}
}

// flattened are the lengths of an array's dimensions and its elements one after
// another. A row of an array of composites would fall apart in unnest.
func flattened(c comparedColumn, dims int) twoTexts {
	if dims == 1 {
		return twoTexts{fmt.Sprintf("(SELECT '[' || coalesce(string_agg(coalesce(%s, 'NULL'), ', ' ORDER BY i), '') || ']' FROM generate_subscripts(%s, 1) i)",
			postgresText(c.elem, c.name+"[i]"), c.name), c.inClickHouse()}
	}
	return twoTexts{
		fmt.Sprintf("(SELECT coalesce(array_length(%[2]s, 1), 0) || 'x' || '[' || coalesce(string_agg(coalesce(%[1]s, 'NULL'), ', ' ORDER BY i, j), '') || ']' FROM generate_subscripts(%[2]s, 1) i, generate_subscripts(%[2]s, 2) j)",
			postgresText(c.elem, c.name+"[i][j]"), c.name),
		fmt.Sprintf("concat(toString(length(%s)), 'x[', arrayStringConcat(arrayMap(e -> ifNull(%s, 'NULL'), arrayFlatten(%s)), ', '), ']')", c.name, c.clickHouseText(c.elem, "e"), c.name),
	}
}

// inSource are the texts that PostgreSQL makes, row by row.
func (t *tossed) inSource(s *scene) []*string {
	s.Helper()
	s.execOn(s.source, underSettings)
	defer s.execOn(s.source, "RESET ALL")
	t.texts(s)
	expressions := make([]string, len(t.canonical))
	for i, c := range t.canonical {
		expressions[i] = c.postgres
	}
	results := s.source.PgConn().ExecParams(s.ctx, fmt.Sprintf("SELECT %s FROM public.%s ORDER BY id", strings.Join(expressions, ", "), t.table), nil, nil, nil, nil)
	var all []*string
	for results.NextRow() {
		for _, v := range results.Values() {
			if v == nil {
				all = append(all, nil)
				continue
			}
			text := string(v)
			all = append(all, &text)
		}
	}
	if _, err := results.Close(); err != nil {
		s.Fatal(err)
	}
	return all
}

// check compares what a table of the target holds with what the source printed.
func (t *tossed) check(s *scene, want []*string, target, how string) {
	s.Helper()
	expressions := make([]string, len(t.canonical))
	for i, c := range t.canonical {
		expressions[i] = c.clickHouse
	}
	got := s.texts(fmt.Sprintf("SELECT %s FROM %s FINAL ORDER BY id", castAll(expressions), target))
	if len(got) != len(want) || len(want) != t.rows*len(t.columns) {
		s.Fatalf("%d values %s, of %d", len(got), how, len(want))
	}
	wrong := 0
	for i := range want {
		if (got[i] == nil) != (want[i] == nil) || want[i] != nil && *got[i] != *want[i] {
			if wrong++; wrong <= 20 {
				column, _, _ := strings.Cut(t.columns[i%len(t.columns)], " ")
				s.Errorf("row %d, column %s %s: PostgreSQL has %s, ClickHouse %s", i/len(t.columns)+1, t.columns[i%len(t.columns)], how, shown(want[i]), shown(got[i]))
				s.Logf("to see it: SELECT %s FROM %s WHERE id = %d", column, t.table, i/len(t.columns)+1)
			}
		}
	}
	if wrong > 20 {
		s.Errorf("and %d more", wrong-20)
	}
}

func randomSeed(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv(seedEnv)
	if text == "" {
		return time.Now().UnixNano() % 1_000_000_000
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s is not a number", seedEnv, text)
	}
	return seed
}

// tossing is what the tests end with saying about the random values.
var tossing struct {
	seed   int64
	values int
	majors []int
}

func tossedLine() string {
	if tossing.values == 0 {
		return ""
	}
	slices.Sort(tossing.majors)
	return fmt.Sprintf("types: %d random values of PostgreSQL %v, the fewest of one version, with %s=%d\n", tossing.values, tossing.majors, seedEnv, tossing.seed)
}

// TestRandomValuesSurvive lets PostgreSQL make values of all types, brings the
// same ones by COPY, by the binary stream and by the text stream, and compares
// all of them with what PostgreSQL prints.
func TestRandomValuesSurvive(t *testing.T) {
	seed := randomSeed(t)
	onEveryMajor(t, 12, func(s *scene) {
		s.Logf("%s=%d", seedEnv, seed)
		s.exec("%s", generatorsSetup)
		sent := newTossed("sent", s.major, func(f form) bool { return f != readAsText })
		texts := newTossed("texts", s.major, func(f form) bool { return f == readAsText })
		sent.rows = randomValues/(len(sent.columns)+len(texts.columns)) + 1
		texts.rows = sent.rows
		s.exec("%s", sent.create("sent")+"; "+sent.create("as_binary")+"; "+sent.create("as_text"))
		s.exec("SELECT setseed(%.9f)", float64(seed%1_000_000_000)/1e9)
		s.exec("%s", sent.fill())
		s.catchUp()
		s.exec("INSERT INTO as_binary SELECT * FROM sent")
		s.catchUp()
		if s.major >= 14 && strings.Contains(s.logged.String(), "binary=false") {
			s.Error("the stream is text already")
		}
		s.exec("%s", texts.create("texts")+"; "+texts.create("texts_streamed"))
		s.exec("%s", texts.fill())
		s.catchUp()
		s.exec("INSERT INTO as_text SELECT * FROM sent; INSERT INTO texts_streamed SELECT * FROM texts")
		s.catchUp()
		want := sent.inSource(s)
		sent.check(s, want, "sent", "by COPY")
		sent.check(s, want, "as_binary", "by the binary stream")
		sent.check(s, want, "as_text", "by the text stream")
		wantTexts := texts.inSource(s)
		texts.check(s, wantTexts, "texts", "by COPY")
		texts.check(s, wantTexts, "texts_streamed", "by the text stream")
		s.enoughTossed(seed, len(want)+len(wantTexts))
	})
}

func (s *scene) enoughTossed(seed int64, values int) {
	s.Helper()
	if values < randomValues {
		s.Errorf("%d random values only", values)
	}
	counted.Lock()
	defer counted.Unlock()
	if tossing.seed = seed; tossing.values == 0 || values < tossing.values {
		tossing.values = values
	}
	tossing.majors = append(tossing.majors, s.major)
}
