package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// carrier is a table with a column for every sample that is sent alike, and one
// for an array of it. Row n holds the n-th value of each, an array's rows are
// all of its type's values, none, and NULL; the last row is all NULL.
type carrier struct {
	table   string
	columns []carried
	rows    int
}

// carried is a column, the expressions of its values and what ClickHouse prints.
type carried struct {
	name, typ, column string
	array             bool
	values            [][2]string
}

// What the elements of an array are divided by, and what stands for NULL.
const (
	nextElement = "\x1f"
	nullElement = "\x00NULL"
)

// newCarrier carries what the source knows and the target holds: the PostgreSQL
// family holds also what lies beyond ClickHouse.
func newCarrier(scene *scene, table string, fits func(form) bool) *carrier {
	t := &carrier{table: table}
	for i := range samples {
		s := samples[i]
		if !s.known(scene.major) || !scene.holds(&s) {
			continue
		}
		if scene.transactional() {
			s.values = both(s.values, same(s.beyond...))
		}
		s.form = scene.sent(s.typ, s.form)
		if fits(s.form) {
			c := carried{name: fmt.Sprintf("c%d", i), typ: s.typ, column: s.column}
			for _, v := range s.values {
				c.values = append(c.values, [2]string{literal(v[0], s.typ), v[1]})
			}
			t.add(c)
		}
		if fits(s.arrayForm()) && !s.single {
			t.add(arrayOf(&s, fmt.Sprintf("a%d", i)))
		}
	}
	return t
}

// arrayOf is the column of an array whose elements are the sample's values, and
// a NULL.
func arrayOf(s *sample, name string) carried {
	var elements, printed []string
	for _, v := range s.values {
		elements, printed = append(elements, literal(v[0], s.typ)), append(printed, v[1])
	}
	all := "ARRAY[" + strings.Join(append(elements, "NULL"), ", ") + "]::" + s.typ + "[]"
	return carried{name: name, typ: s.typ + "[]", column: s.arrayColumn(), array: true, values: [][2]string{
		{all, strings.Join(append(printed, nullElement), nextElement)}, {"'{}'", ""},
	}}
}

func literal(value, typ string) string {
	return "'" + strings.ReplaceAll(value, "'", "''") + "'::" + typ
}

func (t *carrier) add(c carried) {
	t.columns = append(t.columns, c)
	t.rows = max(t.rows, len(c.values)+1)
}

func (t *carrier) create() string {
	columns := []string{"id int PRIMARY KEY"}
	for _, c := range t.columns {
		columns = append(columns, c.name+" "+c.typ)
	}
	return "CREATE TABLE " + t.table + " (" + strings.Join(columns, ", ") + ")"
}

// insert writes the rows, the first of them with that id.
func (t *carrier) insert(first int) string {
	rows := make([]string, t.rows)
	for n := range rows {
		row := []string{fmt.Sprint(first + n)}
		for _, c := range t.columns {
			if n < len(c.values) {
				row = append(row, c.values[n][0])
			} else {
				row = append(row, "NULL")
			}
		}
		rows[n] = "(" + strings.Join(row, ", ") + ")"
	}
	return "INSERT INTO " + t.table + " VALUES " + strings.Join(rows, ", ")
}

// check reads the rows back and returns how many values there were, without the
// arrays that were made of them.
func (t *carrier) check(s *scene, first int, how string) (values int) {
	s.Helper()
	texts := t.texts(s)
	expressions := make([]string, len(texts))
	for i, c := range t.columns {
		expressions[i] = texts[i].target
		if !c.array {
			values += len(c.values)
		}
	}
	got := s.query(fmt.Sprintf("SELECT %s FROM %s WHERE id >= %d AND id < %d ORDER BY id", strings.Join(expressions, ", "), s.from(t.table), first, first+t.rows))
	wanted := t.wanted(s, texts, first)
	if len(got) != t.rows || len(wanted) != t.rows {
		s.Fatalf("%d rows of %s are there %s, and %d in the source, not %d", len(got), t.table, how, len(wanted), t.rows)
	}
	for i, c := range t.columns {
		for n := range t.rows {
			is, want := got[n][i], wanted[n][i]
			if (is == nil) != (want == nil) || want != nil && *is != *want {
				s.Errorf("%s %s: %s, want %s", shorten(c.source(n)), how, shown(is), shown(want))
			}
		}
	}
	return values
}

// texts are the expressions for the columns' texts: what ClickHouse prints, and
// what both sides do where they are PostgreSQL.
func (t *carrier) texts(s *scene) []twoTexts {
	s.Helper()
	texts := make([]twoTexts, len(t.columns))
	if s.transactional() {
		columns, types := s.columnsOf(t.table), s.typesOfName(s.there(t.table))
		for i, c := range columns[1:] {
			texts[i] = s.target.texts(s, c, types[c.name])
		}
		return texts
	}
	for i, c := range t.columns {
		expression := c.name
		if c.array {
			expression = fmt.Sprintf("arrayStringConcat(arrayMap(e -> ifNull(toString(e), char(0) || 'NULL'), %s), char(31))", c.name)
		}
		texts[i].target = "CAST(" + expression + " AS Nullable(String))"
	}
	return texts
}

// wanted is what is to be read: of ClickHouse what the table of samples says, and
// of the others what the source itself prints.
func (t *carrier) wanted(s *scene, texts []twoTexts, first int) [][]*string {
	s.Helper()
	if s.transactional() {
		expressions := make([]string, len(texts))
		for i := range texts {
			expressions[i] = texts[i].source
		}
		return s.printed(fmt.Sprintf("SELECT %s FROM public.%s WHERE id >= %d AND id < %d ORDER BY id", strings.Join(expressions, ", "), t.table, first, first+t.rows))
	}
	wanted := make([][]*string, t.rows)
	for n := range wanted {
		for i := range t.columns {
			wanted[n] = append(wanted[n], t.columns[i].printed(n))
		}
	}
	return wanted
}

func (c *carried) source(n int) string {
	if n < len(c.values) {
		return c.values[n][0]
	}
	return "NULL::" + c.typ
}

// printed is what is to be read in a row: a container has no NULL.
func (c *carried) printed(n int) *string {
	empty := map[string]string{"A": "[]", "M": "{}"}[c.column[:1]]
	switch {
	case n < len(c.values):
		return &c.values[n][1]
	case c.array:
		return new(string)
	case empty != "":
		return &empty
	}
	return nil
}

func shown(value *string) string {
	if value == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", shorten(*value))
}

// TestTypesMeanTheSameByCopyAndByStream brings every value of the table once by
// COPY, once by the stream in its binary form where the server has that, and
// once by a stream that has to be text because a table of the pipeline has types
// that are read as text only. That one is loaded first: by then the load has
// had them too.
func TestTypesMeanTheSameByCopyAndByStream(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec("%s", samplesSetup)
		s.extendTarget()
		sent := newCarrier(s, "types", func(f form) bool { return f != readAsText })
		asText := newCarrier(s, "texts", func(f form) bool { return f == readAsText })
		s.exec("%s", sent.create()+"; "+sent.insert(0))
		s.catchUp()
		s.exec("%s", sent.insert(100))
		s.catchUp()
		if s.major >= 14 && strings.Contains(s.logged.String(), "binary=false") {
			s.Error("a type that should have come in its binary form made the stream text")
		}
		s.exec("%s", asText.create()+"; "+asText.insert(0))
		s.exec("%s", sent.insert(200))
		s.catchUp()
		s.exec("%s", sent.insert(300)+"; "+asText.insert(100))
		s.catchUp()
		if s.major >= 14 {
			s.mentions(s.logged.String(), "binary=true", "binary=false")
		}
		values := sent.check(s, 0, "by COPY")
		sent.check(s, 100, "by the stream")
		sent.check(s, 200, "by the stream, when it became text")
		sent.check(s, 300, "by the stream as text")
		values += asText.check(s, 0, "by COPY")
		asText.check(s, 100, "by the stream as text")
		s.everyTypeIsCarried(sent, asText)
		s.columnsAre(sent)
		s.columnsAre(asText)
		s.looked(values, sent, asText)
	})
}

func (s *scene) columnsAre(t *carrier) {
	s.Helper()
	there := s.typesOfName(s.there(t.table))
	for i, c := range s.columnsOf(t.table)[1:] {
		want := t.columns[i].column
		if s.transactional() {
			want, _ = s.keptAs(c.oid, c.modifier)
		}
		s.is("the column of "+t.columns[i].typ, there[c.name], want)
	}
}

// withoutInput are the types of pg_catalog whose input function refuses every
// text: their values are made by the server inside its own tables.
var withoutInput = []string{
	"gtsvector",                                      // what an index on tsvector keeps
	"pg_brin_bloom_summary",                          // what BRIN indexes keep
	"pg_brin_minmax_multi_summary",                   //
	"pg_dependencies", "pg_mcv_list", "pg_ndistinct", // extended statistics
	"pg_node_tree", // parsed expressions
}

// everyTypeIsCarried asks the server which types a column can have.
func (s *scene) everyTypeIsCarried(tables ...*carrier) {
	s.Helper()
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.table
	}
	rows, err := s.source.Query(s.ctx, `
		SELECT t.typname::text, t.typname = ANY($2) FROM pg_type t
		WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'e', 'r', 'm')
		  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = ANY($1::text[]::regclass[]) AND a.atttypid = t.oid)
		  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid AND (e.typname = ANY($2) OR e.typtype IN ('c', 'p')))
		ORDER BY 1`, names, withoutInput)
	if err != nil {
		s.Fatal(err)
	}
	var name string
	var refused bool
	_, err = pgx.ForEachRow(rows, []any{&name, &refused}, func() error {
		if !refused {
			s.Errorf("PostgreSQL %d has the type %s, and no sample is of it", s.major, name)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}
