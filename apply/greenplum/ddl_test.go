package greenplum

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

var update = flag.Bool("update", false, "write the golden files anew")

// awkwardTable has one column of every sort of type that is written in a way of
// its own.
func awkwardTable(keys int) *apply.Table {
	extension := func(oid uint32, extension, name string) *change.Type {
		return &change.Type{OID: oid, Schema: "app", Name: name, Kind: change.KindBase, Extension: extension, Modifier: -1}
	}
	mood := enumType("My mood", "it's", `b\c`)
	price := &change.Type{OID: 90010, Schema: "public", Name: "price", Kind: change.KindDomain, Modifier: -1, Base: numericType(12, 2)}
	pair := compositeType("pair", change.Field{Name: "A", Type: mood}, change.Field{Name: "p", Type: price}, change.Field{Name: "ps", Type: arrayOf(price)})
	lost := compositeType("lost", change.Field{Name: "m", Type: coreType(774, "macaddr8", -1)})
	matrix := arrayOf(numericType(5, 1))
	matrix.Dimensions = 2
	table := tableOf("o'rders \"x\"", keys, "id", coreType(20, "int8", -1), "amount!", coreType(790, "money", -1), "Note", coreType(1043, "varchar", 24),
		"fixed", coreType(1042, "bpchar", 9), "open", coreType(1042, "bpchar", -1), "c", coreType(18, "char", -1), "bits", coreType(1560, "bit", -1), "bit3", coreType(1560, "bit", 3), "varbits", coreType(1562, "varbit", 8),
		"n", numericType(3, -2), "m", numericType(2, 4), "price", price, "at", coreType(1184, "timestamptz", 3), "i", coreType(1186, "interval", 6<<16|0xFFFF), "s", coreType(1186, "interval", 0x1000<<16|2), "plain", coreType(1186, "interval", -1),
		"mood", mood, "moods", arrayOf(mood), "pair", pair, "pairs", arrayOf(pair), "lost", lost, "matrix", matrix, "r", &change.Type{OID: 3904, Schema: "pg_catalog", Name: "int4range", Kind: change.KindRange, Elem: int4Type, Modifier: -1},
		"mac", coreType(774, "macaddr8", -1), "cls", coreType(2205, "regclass", -1), "tree", extension(95000, "ltree", "ltree"), "ci", extension(95001, "citext", "citext"), "shape", extension(95002, "postgis", "geometry"),
	)
	table.Relation.Columns[len(table.Relation.Columns)-1].NotNull = true
	return table
}

// goldenTable is a table with the file that says how a server's is made.
type goldenTable struct {
	file   string
	server *server
	table  *apply.Table
}

func goldenTables() []goldenTable {
	simple := func(w apply.Wishes, keys int) *apply.Table {
		table := tableOf("orders", keys, "tenant", int4Type, "id", int4Type, "amount!", coreType(790, "money", -1), "note", textType)
		table.Wishes = w
		return table
	}
	six, seven, berry, plain := greenplum6(), pretended(greenplum, "7.1.0", 120012), pretended(cloudberry, "2.0.0", 140004), pretended(postgreSQL, "18", 180000)
	return []goldenTable{
		{"greenplum6_every_type.sql", six, awkwardTable(1)},
		{"postgres18_every_type.sql", plain, awkwardTable(1)},
		{"greenplum6_key.sql", six, simple(apply.Wishes{}, 2)},
		{"greenplum6_distributed_by.sql", six, simple(apply.Wishes{DistributedBy: []string{"tenant"}}, 2)},
		{"greenplum6_no_key.sql", six, simple(apply.Wishes{}, 0)},
		{"greenplum6_no_key_distributed_by.sql", six, simple(apply.Wishes{DistributedBy: []string{"note", "id"}}, 0)},
		{"greenplum6_unhashed_key_column.sql", six, simple(apply.Wishes{}, 3)},
		{"greenplum6_ao_column.sql", six, simple(apply.Wishes{Storage: "ao_column", Compression: "zstd:5"}, 2)},
		{"greenplum6_wishes.sql", six, simple(apply.Wishes{Rename: map[string]string{"note": "it's"}, Types: map[string]string{"tenant": "bigint", "amount": "text"}}, 2)},
		{"greenplum7_ao_row.sql", seven, simple(apply.Wishes{Storage: "ao_row"}, 2)},
		{"cloudberry_ao_column.sql", berry, simple(apply.Wishes{Storage: "ao_column", Compression: "lz4"}, 2)},
		{"postgres18_key.sql", plain, simple(apply.Wishes{}, 2)},
		{"postgres18_no_key.sql", plain, simple(apply.Wishes{}, 0)},
	}
}

func TestTablesAreMadeLikeThis(t *testing.T) {
	for _, c := range goldenTables() {
		p, err := c.server.newPlan(c.table, &Options{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		var b strings.Builder
		for _, typ := range p.made {
			b.WriteString(c.server.createType(typ) + ";\n")
		}
		b.WriteString(c.server.createTable(p) + ";\n")
		for _, column := range p.columns {
			for _, loss := range column.losses {
				b.WriteString("-- " + column.name + ": " + loss + "\n")
			}
			for _, e := range column.edges {
				b.WriteString("-- " + column.name + " cannot hold " + e.value + "\n")
			}
		}
		golden(t, c.file, b.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestColumnsAreAddedLikeThis(t *testing.T) {
	said := `it's \ "x"`
	table := tableOf("orders", 1, "id", int4Type, "plain", textType, "said!", textType, "mac", coreType(774, "macaddr8", -1), "untold!", int4Type, "made", int4Type)
	mac := "08:00:2b:01:02:03:04:05"
	table.Relation.Columns[2].Missing, table.Relation.Columns[3].Missing, table.Relation.Columns[5].Generated = &said, &mac, true
	p, err := greenplum6().newPlan(table, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, empty := range []bool{false, true} {
		for _, c := range p.columns[1:] {
			statements, err := p.addColumn(c, empty)
			if err != nil {
				statements = []string{"-- " + err.Error()}
			}
			b.WriteString(strings.Join(statements, ";\n") + ";\n")
		}
	}
	golden(t, "greenplum6_add_column.sql", b.String())
}

// The statements of the files are ones that a real server takes.
func TestGoldenTablesCanBeMade(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		prefix, without := "postgres18_", `"public"."citext"`
		if target.server.distributes() {
			prefix, without = "greenplum6_", `"My Extensions"."ltree"`
			query(t, dsn, "CREATE EXTENSION citext SCHEMA pg_catalog")
		}
		for _, c := range goldenTables() {
			if !strings.HasPrefix(c.file, prefix) || target.server.number < c.server.number {
				continue
			}
			sql, err := os.ReadFile(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer(without, "text", `"My Extensions"."ltree"`, "text", `"public"."citext"`, "citext").Replace(string(sql))
			query(t, dsn, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "+text)
		}
	})
}
