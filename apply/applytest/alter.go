package applytest

import (
	"errors"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

var alterations = []promise{
	{"Alter renames columns", alterRename},
	{"Alter drops columns, or keeps them for the rows that have them", alterGone},
	{"Alter adds columns with what older rows hold", alterAdd},
	{"Alter lets columns be NULL and widens types", alterWiden},
	{"Alter does everything at once, and once", alterAll},
	{"Alter gives a name that has become free to another column", alterNamesMove},
	{"Alter gives names that wishes give", alterWishes},
	{"Alter refuses what older rows would be read wrongly by, and leaves all as it was", alterRefused},
	{"Alter makes a table that is prepared, loaded and altered again", alterGoesOn},
	{"Alter in a transaction that is undone comes to nothing", onlyExact(alterUndone)},
}

// Types that change into others without the values being written again.
var (
	Inet = &change.Type{OID: 869, Schema: "pg_catalog", Name: "inet", Kind: change.KindBase, Modifier: -1}
	Cidr = &change.Type{OID: 650, Schema: "pg_catalog", Name: "cidr", Kind: change.KindBase, Modifier: -1}
)

// Varchar and Numeric are types with a modifier.
func Varchar(length int32) *change.Type {
	return &change.Type{OID: 1043, Schema: "pg_catalog", Name: "varchar", Kind: change.KindBase, Modifier: length + 4}
}

// Numeric is a numeric(precision, scale).
func Numeric(precision, scale int32) *change.Type {
	return &change.Type{OID: 1700, Schema: "pg_catalog", Name: "numeric", Kind: change.KindBase, Modifier: precision<<16 | scale + 4}
}

// altering is a table with two rows: (1, a1, b1, 10) and (2, NULL, b2, NULL).
func altering(t *testing.T, b *bench) *apply.Table {
	table := b.table(0, "t", 1, "#id", "a", "b!", "#n")
	b.prepare(t, table, apply.Refuse, 0)
	b.apply(t, batchOf(t, table, Inserted(table, At(1, 1), 1, "a1", "b1", 10), Inserted(table, At(1, 2), 2, nil, "b2", nil)))
	return table
}

// reshape is the table as DDL has left it.
func reshape(old *apply.Table, ddl func(r *change.Relation)) *apply.Table {
	table, r := *old, *old.Relation
	r.Columns, r.Key = slices.Clone(r.Columns), slices.Clone(r.Key)
	ddl(&r)
	table.Relation = &r
	return &table
}

// is finds a column of a relation.
func is(r *change.Relation, name string) *change.Column {
	return &r.Columns[slices.IndexFunc(r.Columns, func(c change.Column) bool { return c.Name == name })]
}

func without(r *change.Relation, name string) {
	r.Columns = slices.DeleteFunc(r.Columns, func(c change.Column) bool { return c.Name == name })
}

func with(r *change.Relation, attnum int16, name string, typ *change.Type, missing *string) *change.Column {
	r.Columns = append(r.Columns, change.Column{Name: name, Attnum: attnum, Type: typ, Missing: missing})
	return &r.Columns[len(r.Columns)-1]
}

// alter does it, and again by the process that comes next.
func (b *bench) alter(t *testing.T, table, old *apply.Table, drop bool) {
	t.Helper()
	for range 2 {
		if err := b.target.Alter(b.ctx, table, apply.Shape(old.Relation), drop); err != nil {
			t.Fatalf("alter: %v", err)
		}
		b.reopen(t)
	}
	if err := b.target.Alter(b.ctx, table, apply.Shape(old.Relation), drop); err != nil {
		t.Fatalf("alter once more: %v", err)
	}
}

// refused wants a *RebuildError, and everything as it was.
func (b *bench) refused(t *testing.T, what string, table, old *apply.Table, drop bool) {
	t.Helper()
	before := b.read(t, old)
	var rebuild *apply.RebuildError
	for range 2 {
		if err := b.target.Alter(b.ctx, table, apply.Shape(old.Relation), drop); !errors.As(err, &rebuild) || rebuild.Reason == "" {
			t.Fatalf("%s: %v, want a RebuildError", what, err)
		}
	}
	b.expect(t, old, before...)
	b.reopen(t)
	b.prepare(t, old, apply.Keep, 0)
	b.expect(t, old, before...)
}

func alterRename(t *testing.T, b *bench) {
	old := altering(t, b)
	table := reshape(old, func(r *change.Relation) { is(r, "a").Name, is(r, "n").Name = `a "b" \c`, "N" })
	b.alter(t, table, old, false)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, "a3", "b3", 30), Updated(table, At(2, 2), 1, Unchanged{}, "b1", 11)))
	b.expect(t, table, []string{"1", "a1", "b1", "11"}, []string{"2", Null, "b2", Null}, []string{"3", "a3", "b3", "30"})
}

func alterGone(t *testing.T, b *bench) {
	old := altering(t, b)
	table := reshape(old, func(r *change.Relation) { without(r, "a"); without(r, "b") })
	b.alter(t, table, old, false)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, 30), Updated(table, At(2, 2), 2, 22)))
	b.expect(t, table, []string{"1", "10"}, []string{"2", "22"}, []string{"3", "30"})
	kept := b.read(t, old)
	if !slices.Equal(kept[0], []string{"1", "a1", "b1", "10"}) {
		t.Errorf("what was kept of a row is %v", kept[0])
	}
	if row := kept[2]; row[1] != Null || row[2] != Null && row[2] != "" {
		t.Errorf("a row to come has %v where nothing is", row)
	}
	again := reshape(table, func(r *change.Relation) { with(r, 5, "a", Text, nil) })
	b.refused(t, "a column of a name that is kept", again, table, false)

	third := reshape(table, func(r *change.Relation) { without(r, "n") })
	b.alter(t, third, table, true)
	b.expect(t, third, []string{"1"}, []string{"2"}, []string{"3"})
	if rows, err := b.warehouse.Read(b.ctx, table); err == nil && b.subject.Name != nil {
		t.Errorf("a column that was dropped is still there: %v", rows)
	}
}

func alterAdd(t *testing.T, b *bench) {
	old := altering(t, b)
	said := `it's "new" \`
	table := reshape(old, func(r *change.Relation) {
		with(r, 5, "said", Text, &said).NotNull = true
		with(r, 6, "plain", Bigint, nil)
	})
	b.alter(t, table, old, false)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, "a3", "b3", nil, "s", 6)))
	b.expect(t, table, []string{"1", "a1", "b1", "10", said, Null}, []string{"2", Null, "b2", Null, said, Null}, []string{"3", "a3", "b3", Null, "s", "6"})

	loose := reshape(table, func(r *change.Relation) { is(r, "said").NotNull = false })
	b.alter(t, loose, table, false)
	b.apply(t, batchOf(t, loose, Inserted(loose, At(2, 2), 0, nil, "b0", nil, nil, nil)))
	b.expect(t, table, []string{"0", Null, "b0", Null, Null, Null},
		[]string{"1", "a1", "b1", "10", said, Null}, []string{"2", Null, "b2", Null, said, Null}, []string{"3", "a3", "b3", Null, "s", "6"})
	b.apply(t, batchOf(t, loose, Deleted(loose, At(2, 3), 0)))

	// What is kept of a column is not what was added with it.
	gone := reshape(table, func(r *change.Relation) { without(r, "said") })
	b.alter(t, gone, table, false)
	b.apply(t, batchOf(t, gone, Inserted(gone, At(3, 1), 4, "a4", "b4", 4, 4)))
	rows := b.read(t, table)
	if rows[0][4] != said || rows[2][4] != "s" || rows[3][4] != Null && rows[3][4] != "" {
		t.Errorf("a kept column with a value for older rows: %v", rows)
	}
}

func alterWiden(t *testing.T, b *bench) {
	old := b.table(0, "t", 1, "#id", "v!", "w", "d!", "e")
	old.Relation.Columns[1].Type, old.Relation.Columns[2].Type = Varchar(5), Varchar(5)
	old.Relation.Columns[3].Type, old.Relation.Columns[4].Type = Numeric(5, 2), Numeric(9, 2)
	b.prepare(t, old, apply.Refuse, 0)
	b.apply(t, batchOf(t, old, Inserted(old, At(1, 1), 1, "v1", "w1", "1.50", nil), Inserted(old, At(1, 2), 2, "v2", nil, "-999.99", "0.01")))
	table := reshape(old, func(r *change.Relation) {
		is(r, "v").Type, is(r, "v").NotNull, is(r, "w").Type = Varchar(12), false, Text
		is(r, "d").Type, is(r, "e").Type, is(r, "d").NotNull = Numeric(30, 2), Numeric(12, 2), false
	})
	before := b.read(t, old)
	b.alter(t, table, old, false)
	b.expect(t, table, before...)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, nil, "a longer text", nil, "1234567890.12"),
		Inserted(table, At(2, 2), 4, "twelve bytes", nil, "1234567890123456789012345678.91", nil)))
	all := append(before, []string{"3", Null, "a longer text", Null, "1234567890.12"}, []string{"4", "twelve bytes", Null, "1234567890123456789012345678.91", Null})
	b.expect(t, table, all...)
	if !b.exact() { // rows from before the change can come again
		b.prepare(t, old, apply.Keep, 0)
		b.apply(t, batchOf(t, old, Inserted(old, At(1, 1), 1, "v1", "w1", "1.50", nil)))
		b.expect(t, table, all...)
	}
	strict := reshape(table, func(r *change.Relation) { is(r, "w").NotNull = true })
	b.alter(t, strict, table, false)
	b.expect(t, table, all...)
}

func alterAll(t *testing.T, b *bench) {
	old := altering(t, b)
	zero := "0"
	table := reshape(old, func(r *change.Relation) {
		without(r, "n")
		is(r, "b").Type, is(r, "b").NotNull = Varchar(80), false
		is(r, "a").Name = "z"
		with(r, 7, "m", Bigint, &zero).NotNull = true
		r.Columns[1], r.Columns[2] = r.Columns[2], r.Columns[1]
	})
	old.Relation.Columns[2].Type = Text // varchar and text are the same bytes, either way
	b.alter(t, table, old, true)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 3, nil, "z3", 33), Deleted(table, At(2, 2), 1)))
	b.expect(t, table, []string{"2", "b2", Null, "0"}, []string{"3", Null, "z3", "33"})
}

func alterNamesMove(t *testing.T, b *bench) {
	old := altering(t, b)
	table := reshape(old, func(r *change.Relation) {
		without(r, "b")
		is(r, "a").Name = "b"
	})
	b.refused(t, "a name that is kept", table, old, false)
	b.alter(t, table, old, true)
	b.expect(t, table, []string{"1", "a1", "10"}, []string{"2", Null, Null})

	old, table = table, reshape(table, func(r *change.Relation) {
		is(r, "b").Name = "c"
		with(r, 8, "b", Text, nil)
	})
	if err := b.target.Alter(b.ctx, table, apply.Shape(old.Relation), true); err != nil {
		t.Fatalf("alter: %v", err)
	}
	b.expect(t, table, []string{"1", "a1", "10", Null}, []string{"2", Null, Null, Null})
}

func alterWishes(t *testing.T, b *bench) {
	if b.subject.Unwished {
		return
	}
	old := b.table(0, "t", 1, "#id", "a", "b", "c")
	old.Wishes.Rename = map[string]string{"a": "alpha", "beta": "B", "c": "gamma", "see": "gamma"}
	b.prepare(t, old, apply.Refuse, 0)
	b.apply(t, batchOf(t, old, Inserted(old, At(1, 1), 1, "a1", "b1", "c1")))
	table := reshape(old, func(r *change.Relation) { is(r, "a").Name, is(r, "b").Name, is(r, "c").Name = "aleph", "beta", "see" })
	b.alter(t, table, old, false)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 2, "a2", "b2", "c2")))
	shown := reshape(table, func(r *change.Relation) { is(r, "beta").Name, is(r, "see").Name = "B", "gamma" })
	b.expect(t, shown, []string{"1", "a1", "b1", "c1"}, []string{"2", "a2", "b2", "c2"})
}

func alterRefused(t *testing.T, b *bench) {
	old := altering(t, b)
	for what, ddl := range map[string]func(*change.Relation){
		"a NOT NULL column of which nothing tells what rows hold": func(r *change.Relation) { is(r, "a").Name = "z"; with(r, 5, "m", Bigint, nil).NotNull = true },
		"a column with a default that rows may have been given":   func(r *change.Relation) { without(r, "a"); with(r, 5, "m", Bigint, nil).Defaulted = true },
		"a generated column":              func(r *change.Relation) { with(r, 5, "m", Bigint, nil).Generated = true },
		"another key":                     func(r *change.Relation) { r.Key = []int{2} },
		"a key of more columns":           func(r *change.Relation) { r.Key = []int{0, 2} },
		"no key":                          func(r *change.Relation) { r.Key = nil },
		"a key that is dropped":           func(r *change.Relation) { r.Key = []int{1}; without(r, "id") },
		"an inet that was something else": func(r *change.Relation) { is(r, "a").Name, is(r, "b").Type = "z", Inet },
	} {
		b.refused(t, what, reshape(old, ddl), old, true)
	}
	again := reshape(old, func(r *change.Relation) { without(r, "a"); with(r, 5, "a", Bigint, nil) })
	if err := b.target.Alter(b.ctx, again, apply.Shape(old.Relation), false); err == nil {
		t.Error("a column of another type took the place of one that is kept")
	}
	strange := reshape(old, func(r *change.Relation) { with(r, 9, "strange", Text, nil) })
	known := reshape(strange, func(r *change.Relation) { is(r, "strange").Name = "known" })
	var rebuild *apply.RebuildError
	if err := b.target.Alter(b.ctx, known, apply.Shape(strange.Relation), false); !errors.As(err, &rebuild) {
		t.Errorf("a column that was never there: %v", err)
	}
}

func alterGoesOn(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	for i, name := range []string{"first", "second", "third"} {
		old := table
		table = reshape(old, func(r *change.Relation) { r.Columns[1].Name = name })
		b.alter(t, table, old, true)
		b.prepare(t, table, apply.Keep, 0)
		if err := b.load(table, 100*(i+1), 2); err != nil {
			t.Fatal(err)
		}
	}
	if rows := b.read(t, table); len(rows) != 6 {
		t.Errorf("%d rows", len(rows))
	}
}

func alterUndone(t *testing.T, b *bench, tx apply.Transactional) {
	old := altering(t, b)
	b.remember(t, shop(1))
	table := reshape(old, func(r *change.Relation) {
		without(r, "b")
		is(r, "a").Name = "z"
	})
	begin(t, b, tx)
	b.apply(t, batchOf(t, old, Inserted(old, At(2, 1), 3, "a3", "b3", 30)))
	if err := b.target.Alter(b.ctx, table, apply.Shape(old.Relation), true); err != nil {
		t.Fatal(err)
	}
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 2), 4, "a4", 40)))
	var rebuild *apply.RebuildError
	wrong := reshape(table, func(r *change.Relation) { is(r, "z").Name, is(r, "n").Name = "n", "z" })
	if err := b.target.Alter(b.ctx, wrong, apply.Shape(table.Relation), true); !errors.As(err, &rebuild) {
		t.Fatalf("names that change places: %v", err)
	}
	commit(t, b, tx)
	b.expect(t, table, []string{"1", "a1", "10"}, []string{"2", Null, Null}, []string{"3", "a3", "30"}, []string{"4", "a4", "40"})

	begin(t, b, tx)
	back := reshape(table, func(r *change.Relation) { is(r, "z").Name = "a" })
	if err := b.target.Alter(b.ctx, back, apply.Shape(table.Relation), true); err != nil {
		t.Fatal(err)
	}
	tx.Rollback(b.ctx)
	b.reopen(t)
	b.prepare(t, table, apply.Keep, 0)
	b.expect(t, table, []string{"1", "a1", "10"}, []string{"2", Null, Null}, []string{"3", "a3", "30"}, []string{"4", "a4", "40"})
}
