package clickhouse

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

// ddl is a change of a source's table, as its columns are before and after it.
type ddl struct {
	name          string
	before, after []change.Column
	drop          bool
	// statements are how many it takes here.
	statements int
}

func col(attnum int16, name string, typ *change.Type, notNull bool) change.Column {
	return change.Column{Name: name, Attnum: attnum, Type: typ, NotNull: notNull}
}

func added(attnum int16, name string, typ *change.Type, missing string) change.Column {
	return change.Column{Name: name, Attnum: attnum, Type: typ, Missing: &missing}
}

var (
	id      = col(1, "id", applytest.Bigint, true)
	changes = []ddl{
		{
			name: "a name is given on to another column", drop: true, statements: 2,
			before: []change.Column{id, col(2, "a", applytest.Text, true), col(3, "b", applytest.Text, true)},
			after:  []change.Column{id, col(3, "a", applytest.Text, true)},
		},
		{
			name: "everything at once", drop: true, statements: 3,
			before: []change.Column{id, col(2, "a", applytest.Text, true), col(3, "b", applytest.Numeric(5, 2), true), col(4, "c", applytest.Text, false)},
			after:  []change.Column{id, col(2, "A", applytest.Text, false), col(3, "b", applytest.Numeric(15, 2), false), added(5, "d", applytest.Text, "x"), added(6, "e", applytest.Bigint, "7")},
		},
		{
			name: "a column is kept that older rows hold a default of", statements: 3,
			before: []change.Column{id, added(2, "a", applytest.Text, "x"), col(3, "b", applytest.Text, true)},
			after:  []change.Column{id, col(3, "B", applytest.Text, true)},
		},
	}
)

// Statements are not of one transaction here. Whichever was the last one that a
// process lived to see, the next process goes on behind it.
func TestAnAlterGoesOnBehindEachStatement(t *testing.T) {
	for _, c := range changes {
		for done := range c.statements + 1 {
			t.Run(fmt.Sprintf("%s, %d of %d", c.name, done, c.statements), func(t *testing.T) {
				target := open(t, nil)
				before := altered(c.before)
				before.Relation.Columns = slices.DeleteFunc(slices.Clone(c.before), func(c change.Column) bool { return c.Missing != nil })
				if _, err := target.Prepare(t.Context(), before, apply.Refuse, 0); err != nil {
					t.Fatal(err)
				}
				target.exec(t, "INSERT INTO "+target.tableName("t")+" (id, b) VALUES (1, '1')")
				before = altered(c.before)
				if _, err := target.Prepare(t.Context(), before, apply.Keep, 0); err != nil {
					t.Fatal(err)
				}
				after := altered(c.after)
				alterUpTo(t, target, after, before, c, done)
				target = open(t, nil)
				if err := target.Alter(t.Context(), after, apply.Shape(before.Relation), c.drop); err != nil {
					t.Fatal(err)
				}
				if left := statementsOf(t, target, after, before, c.drop); len(left) != 0 {
					t.Errorf("still to be done: %q", left)
				}
				for i := range c.after {
					if c.after[i].Missing == nil || c.after[i].Name == "id" {
						continue
					}
					if v := target.queryOne(t, "SELECT toString("+ident(c.after[i].Name)+") FROM "+target.tableName("t")); v != *c.after[i].Missing {
						t.Errorf("column %s holds %q", c.after[i].Name, v)
					}
				}
				if _, err := target.Prepare(t.Context(), after, apply.Keep, 0); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func altered(columns []change.Column) *apply.Table {
	table := applytest.NewTable(0, "t", 1, "#id")
	table.Relation.Columns = columns
	return table
}

func statementsOf(t *testing.T, target *Target, after, before *apply.Table, drop bool) []string {
	t.Helper()
	p, err := target.newPlan(after)
	if err != nil {
		t.Fatal(err)
	}
	d, err := apply.Differ(after, apply.Shape(before.Relation))
	if err != nil {
		t.Fatal(err)
	}
	statements, err := target.alterStatements(t.Context(), p, d, drop)
	if err != nil {
		t.Fatal(err)
	}
	return statements
}

func alterUpTo(t *testing.T, target *Target, after, before *apply.Table, c ddl, done int) {
	t.Helper()
	statements := statementsOf(t, target, after, before, c.drop)
	if len(statements) != c.statements {
		t.Fatalf("there are %d statements: %q", len(statements), statements)
	}
	for _, statement := range statements[:done] {
		target.exec(t, statement)
	}
}

// What ClickHouse cannot do to a table it is not asked for.
func TestAnAlterThatWouldFailIsARebuild(t *testing.T) {
	key := col(1, "id", applytest.Numeric(5, 0), true)
	other := col(2, "a", applytest.Text, true)
	for _, c := range []struct {
		name          string
		before, after []change.Column
		sql           string
	}{
		{name: "the key is renamed", before: []change.Column{key, other}, after: []change.Column{col(1, "ID", key.Type, true), other}},
		{name: "the key is widened", before: []change.Column{key, other}, after: []change.Column{col(1, "id", applytest.Numeric(9, 0), true), other}},
		{name: "a Decimal becomes a String", before: []change.Column{key, col(2, "a", applytest.Numeric(5, 2), true)}, after: []change.Column{key, col(2, "a", &change.Type{OID: 1700, Schema: "pg_catalog", Name: "numeric", Kind: change.KindBase, Modifier: -1}, true)}},
		{name: "an index of the user's is in the way", before: []change.Column{key, other}, after: []change.Column{key}, sql: "ALTER TABLE %s ADD INDEX mine a TYPE bloom_filter"},
		{name: "a column of the user's is computed of it", before: []change.Column{key, other}, after: []change.Column{key}, sql: "ALTER TABLE %s ADD COLUMN mine String MATERIALIZED upper(a)"},
		{name: "a column of the user's has the name", before: []change.Column{key, other}, after: []change.Column{key, col(2, "b", applytest.Text, true)}, sql: "ALTER TABLE %s ADD COLUMN b String"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := open(t, nil)
			before, after := altered(c.before), altered(c.after)
			if _, err := target.Prepare(t.Context(), before, apply.Refuse, 0); err != nil {
				t.Fatal(err)
			}
			target.exec(t, "INSERT INTO "+target.tableName("t")+" (id, a) VALUES (1, '1')")
			if c.sql != "" {
				target.exec(t, fmt.Sprintf(c.sql, target.tableName("t")))
			}
			was := target.queryOne(t, "SHOW CREATE TABLE "+target.tableName("t"))
			var rebuild *apply.RebuildError
			if err := target.Alter(t.Context(), after, apply.Shape(before.Relation), true); !errors.As(err, &rebuild) {
				t.Errorf("%v, want a RebuildError", err)
			}
			if is := target.queryOne(t, "SHOW CREATE TABLE "+target.tableName("t")); is != was {
				t.Errorf("the table is now\n%s", is)
			}
			if n := target.queryOne(t, "SELECT toString(count()) FROM system.mutations WHERE NOT is_done"); n != "0" {
				t.Errorf("%s mutations are left", n)
			}
			target.queryText(t, "SELECT toString(a) FROM "+target.tableName("t"))
		})
	}
}

// A column of any type can come to be NULL, and what rows hold stays.
func TestAnAlterLetsEveryTypeBeNull(t *testing.T) {
	target := open(t, nil)
	values := []struct {
		typ   *change.Type
		value string
	}{
		{int2Type, "-32768"},
		{int8Type, "9223372036854775807"},
		{oidType, "4294967295"},
		{lsnType, "16/B374D848"},
		{float4Type, "1e-45"},
		{float8Type, "-0"},
		{boolType, "f"},
		{textType, ""},
		{byteaType, `\x00ff`},
		{bpcharType, "ab        "},
		{numericType(9, 9), "-0.999999999"},
		{numericType(76, 0), "-1"},
		{numericType(0, 0), "1.50"},
		{uuidType, "00112233-4455-6677-8899-aabbccddeeff"},
		{dateType, "0001-01-01"},
		{stampType, "1970-01-01 00:00:00"},
		{stampTZType, "0001-01-01 00:00:00+00"},
		{timeType, "24:00:00"},
		{jsonbType, `{"a": 1}`},
		{moodType, "ok"},
		{inetType, "10.0.0.0/8"},
		{arrayOf(int4Type, 1), "{1,NULL,3}"},
		{arrayOf(moodType, 1), "{ok,sad}"},
		{pairType, "(1,x)"},
		{vectorType, "[1,2.5]"},
	}
	before, after := []change.Column{col(1, "id", int8Type, true)}, []change.Column{col(1, "id", int8Type, true)}
	row, nulls := []any{1}, []any{2}
	for i, v := range values {
		name := fmt.Sprintf("c%d", i)
		before = append(before, col(int16(i+2), name, v.typ, true))
		after = append(after, col(int16(i+2), name, v.typ, false))
		row, nulls = append(row, v.value), append(nulls, nil)
	}
	load := func(table *apply.Table, row []any) {
		t.Helper()
		l, err := target.Load(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Abort()
		if err := l.Append(applytest.Values(row...), applytest.At(1, 0)); err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	old, table := altered(before), altered(after)
	if _, err := target.Prepare(t.Context(), old, apply.Refuse, 0); err != nil {
		t.Fatal(err)
	}
	load(old, row)
	read := "SELECT toString(tuple(*)) FROM " + target.tableName("t") + " WHERE id = 1"
	was := target.queryOne(t, read)
	if err := target.Alter(t.Context(), table, apply.Shape(old.Relation), false); err != nil {
		t.Fatal(err)
	}
	load(table, nulls)
	if is := target.queryOne(t, read); is != was {
		t.Errorf("the row reads\n%s\nand read\n%s", is, was)
	}
	for i, v := range values {
		holds := target.queryOne(t, fmt.Sprintf("SELECT ifNull(toString(c%d), 'NULL') FROM %s WHERE id = 2", i, target.tableName("t")))
		if container := v.typ.Kind == change.KindArray || v.typ == vectorType || v.typ == pairType; holds != "NULL" && !container {
			t.Errorf("%s: a NULL is %q", v.typ, holds)
		}
	}
	if left := statementsOf(t, target, table, old, false); len(left) != 0 {
		t.Errorf("still to be done: %q", left)
	}
}
