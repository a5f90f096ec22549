package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

var writeDocs = flag.Bool("docs", false, "write the tables of docs/types.md anew")

const typesPage = "../../docs/types.md"

// TestThePageOfTypesIsWhatTheCodeDoes holds the tables of docs/types.md against
// those that columns are planned by. go test ./apply/clickhouse -run PageOfTypes
// -docs writes them.
func TestThePageOfTypesIsWhatTheCodeDoes(t *testing.T) {
	raw, err := os.ReadFile(typesPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for name, table := range map[string]string{"mapping": mappingTable(t), "wishes": wishesTable(t), "versions": versionsTable()} {
		begin, end := "<!-- "+name+": written by a test -->\n", "\n<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(page, begin)
		is, after, okEnd := strings.Cut(rest, end)
		if !ok || !okEnd {
			t.Fatalf("the page has no place for %s", name)
		}
		if is != table && !*writeDocs {
			t.Errorf("the table of %s is not what the code does: go test ./apply/clickhouse -run PageOfTypes -docs", name)
		}
		page = before + begin + table + end + after
	}
	if *writeDocs {
		if err := os.WriteFile(typesPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type row struct{ source, target, edges, losses string }

func rowOf(t *testing.T, source string, typ *change.Type) row {
	t.Helper()
	s, err := newSpec(&change.Column{Name: "c", Type: typ, NotNull: true}, false, version{26, 7}, apply.Fail, &apply.Wishes{})
	if err != nil {
		t.Fatal(err)
	}
	var edges []string
	for _, e := range s.edges {
		edges = append(edges, e.value)
	}
	return row{source, "`" + s.ddl + "`", strings.Join(edges, "; "), strings.Join(s.losses, "; ")}
}

// mappingTable has a row for every sort of type, those that are treated alike in
// one.
func mappingTable(t *testing.T) string {
	var rows []row
	for _, typ := range typemap.Known() {
		if typ.Name == "numeric" {
			continue // below
		}
		name := typ.Declared()
		if typ.Extension != "" && typ.Extension != typ.Name {
			name += " (" + typ.Extension + ")"
		}
		r := rowOf(t, name, typ)
		same := slices.IndexFunc(rows, func(o row) bool {
			return o.target == r.target && o.edges == r.edges && o.losses == r.losses
		})
		if same < 0 {
			rows = append(rows, r)
		} else {
			rows[same].source += ", " + name
		}
	}
	textArray := func(typ *change.Type) *change.Type { return arrayOf(typ, 1) }
	for _, c := range []struct {
		source string
		typ    *change.Type
	}{
		{"numeric(10,2)", numericType(10, 2)},
		{"numeric(5,-2)", numericType(5, -2)},
		{"numeric(2,5)", numericType(2, 5)},
		{"numeric, and with more than 76 digits", numericType(0, 0)},
		{"an enum", weatherType},
		{"a domain, through any depth: its base type", &change.Type{Kind: change.KindDomain, Name: "d", Base: int4Type}},
		{"integer[]: an array of any type", textArray(int4Type)},
		{"numeric(10,2)[][]: declared with two dimensions", arrayOf(numericType(10, 2), 2)},
		{"an enum's array", textArray(weatherType)},
		{"a composite", pairType},
		{"a range", &change.Type{Kind: change.KindRange, Name: "r", Elem: int4Type}},
		{"a multirange", &change.Type{Kind: change.KindMultirange, Name: "m", Elem: int4Type}},
		{"anything else: user-defined base types, types of other extensions", &change.Type{OID: 99999, Kind: change.KindBase, Name: "x"}},
	} {
		rows = append(rows, rowOf(t, c.source, c.typ))
	}
	var b strings.Builder
	b.WriteString("| PostgreSQL | ClickHouse | what the type does not hold | what is not kept |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.source, r.target, r.edges, r.losses)
	}
	return b.String()
}

// samples are the types of PostgreSQL that the ways of a class are shown with.
var samples = map[typemap.Class][]*change.Type{
	typemap.Int16: {int2Type}, typemap.Int32: {int4Type}, typemap.Int64: {int8Type}, typemap.Uint32: {oidType}, typemap.Uint64: {lsnType},
	typemap.Float32: {float4Type}, typemap.Float64: {float8Type}, typemap.Decimal: {numericType(18, 4)}, typemap.Bool: {boolType},
	typemap.Text:  {textType, jsonbType, numericType(0, 0), weatherType, inetType, pairType},
	typemap.Bytes: {byteaType}, typemap.UUID: {uuidType}, typemap.Date: {dateType}, typemap.Timestamp: {stampType}, typemap.TimestampTZ: {stampTZType},
	typemap.Time: {timeType}, typemap.Array: {arrayOf(int4Type, 1)}, typemap.Map: {hstoreType},
}

func wishesTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| values of | types | only | for example | which does not hold | what is not kept |\n| --- | --- | --- | --- | --- | --- |\n")
	for class := typemap.Int16; class <= typemap.Map; class++ {
		for i, c := range conversions[class] {
			name := ""
			if i == 0 {
				name = classWords[class]
			}
			sample, edges := c.example(t, samples[class])
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", name, c.as, c.onlyText, sample, edges, strings.Join(c.losses, "; "))
		}
	}
	return b.String()
}

// example plans a column of the first type that the way is for.
func (c *conversion) example(t *testing.T, of []*change.Type) (sample, edges string) {
	t.Helper()
	sample = c.sample
	if sample == "" {
		sample = c.as
	}
	for _, typ := range of {
		if c.only != nil && !c.only(typemap.Resolve(typ), version{26, 7}) {
			continue
		}
		s, err := newSpec(&change.Column{Name: "c", Type: typ, NotNull: true}, false, version{26, 7}, apply.Fail, &apply.Wishes{Types: map[string]string{"c": sample}})
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, e := range s.edges {
			values = append(values, e.value)
		}
		if sample = "`" + sample + "`"; c.sample == "" {
			sample = ""
		}
		return sample, strings.Join(values, "; ")
	}
	t.Fatalf("no type of the samples can be %s", c.as)
	return "", ""
}

var classWords = map[typemap.Class]string{
	typemap.Int16: "smallint", typemap.Int32: "integer", typemap.Int64: "bigint", typemap.Uint32: "oid, xid, cid", typemap.Uint64: "pg_lsn",
	typemap.Float32: "real", typemap.Float64: "double precision", typemap.Decimal: "numeric(p,s), money", typemap.Bool: "boolean",
	typemap.Text: "everything that is kept as text", typemap.Bytes: "bytea", typemap.UUID: "uuid", typemap.Date: "date",
	typemap.Timestamp: "timestamp", typemap.TimestampTZ: "timestamptz", typemap.Time: "time", typemap.Array: "arrays, vectors", typemap.Map: "hstore",
}

func versionsTable() string {
	var b strings.Builder
	b.WriteString("| ClickHouse from | |\n| --- | --- |\n")
	for _, v := range []version{oldest, {25, 3}, {25, 12}, {26, 7}} {
		fmt.Fprintf(&b, "| %s | %s |\n", v, strings.Join(v.features(), ", "))
	}
	return b.String()
}
