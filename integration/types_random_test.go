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

func newTossed(s *scene, table string, fits func(form) bool) *tossed {
	t := &tossed{table: table}
	for i, g := range generators {
		if s.major < g.since {
			continue
		}
		g.form = s.sent(g.typ, g.form)
		elements := (&sample{form: g.form}).arrayForm()
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
	columns, types := s.columnsOf(t.table), s.typesOfName(s.there(t.table))
	for i, c := range columns[1:] {
		text := s.target.texts(s, c, types[c.name])
		if !s.transactional() {
			text = inClickHouse(c, t.columns[i], text)
		}
		t.canonical = append(t.canonical, text)
	}
}

// inClickHouse are the texts of values whose types ClickHouse does not have: it
// knows neither their order nor how they are written.
func inClickHouse(c comparedColumn, declared string, usual twoTexts) twoTexts {
	switch {
	case strings.HasSuffix(declared, "[][]"):
		return flattened(c, 2)
	case c.elem != "":
		return flattened(c, 1)
	case c.typ == "hstore":
		return twoTexts{
			`coalesce((SELECT string_agg(p, ',' ORDER BY p COLLATE "C") FROM (SELECT encode(convert_to(key, 'UTF8'), 'hex') || '=' || coalesce(encode(convert_to(value, 'UTF8'), 'hex'), 'NULL') AS p FROM tv.each(` + c.name + `)) x), '')`,
			`arrayStringConcat(arraySort(arrayMap((k, v) -> concat(lower(hex(k)), '=', ifNull(lower(hex(v)), 'NULL')), mapKeys(` + c.name + `), mapValues(` + c.name + `))), ',')`,
		}
	}
	return usual
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
func (t *tossed) inSource(s *scene) [][]*string {
	s.Helper()
	t.texts(s)
	expressions := make([]string, len(t.canonical))
	for i, c := range t.canonical {
		expressions[i] = c.source
	}
	return s.printed(fmt.Sprintf("SELECT %s FROM public.%s ORDER BY id", strings.Join(expressions, ", "), t.table))
}

// check compares what a table of the target holds with what the source printed.
func (t *tossed) check(s *scene, want [][]*string, table, how string) {
	s.Helper()
	expressions := make([]string, len(t.canonical))
	for i, c := range t.canonical {
		expressions[i] = c.target
	}
	got := s.query(fmt.Sprintf("SELECT %s FROM %s ORDER BY id", strings.Join(expressions, ", "), s.from(table)))
	if len(got) != len(want) || len(want) != t.rows {
		s.Fatalf("%d rows %s, of %d", len(got), how, len(want))
	}
	wrong := 0
	for n := range want {
		for i, column := range t.columns {
			if is, want := got[n][i], want[n][i]; (is == nil) != (want == nil) || want != nil && *is != *want {
				if wrong++; wrong <= 20 {
					name, _, _ := strings.Cut(column, " ")
					s.Errorf("row %d, column %s %s: the source has %s, %s %s", n+1, column, how, shown(want), s.target, shown(is))
					s.Logf("to see it: SELECT %s FROM %s WHERE id = %d", name, t.table, n+1)
				}
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
	pairs  []string // of source and target
}

func tossedLine() string {
	if tossing.values == 0 {
		return ""
	}
	slices.Sort(tossing.pairs)
	return fmt.Sprintf("types: %d random values from PostgreSQL %s, the fewest of one pair, with %s=%d\n", tossing.values, strings.Join(tossing.pairs, ", "), seedEnv, tossing.seed)
}

// TestRandomValuesSurvive lets PostgreSQL make values of all types, brings the
// same ones by COPY, by the binary stream and by the text stream, and compares
// all of them with what PostgreSQL prints.
func TestRandomValuesSurvive(t *testing.T) {
	seed := randomSeed(t)
	onEveryMajor(t, 12, func(s *scene) {
		s.Logf("%s=%d", seedEnv, seed)
		s.exec("%s", generatorsSetup)
		s.extendTarget()
		if s.transactional() {
			s.exec("%s", cleanXML)
		}
		sent := newTossed(s, "sent", func(f form) bool { return f != readAsText })
		texts := newTossed(s, "texts", func(f form) bool { return f == readAsText })
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
		s.enoughTossed(seed, len(want)*len(sent.columns)+len(wantTexts)*len(texts.columns))
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
	tossing.pairs = append(tossing.pairs, fmt.Sprintf("%d to %s", s.major, s.target))
}
