package greenplum

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

func builtin(oid uint32, name string, modifier int32) *change.Type {
	return &change.Type{OID: oid, Schema: "pg_catalog", Name: name, Kind: change.KindBase, Modifier: modifier}
}

// retyped makes table t of (id, v), with a row, and alters v from one type to another.
func retyped(t *testing.T, target *Target, dsn string, before, after *change.Type, value string, wishes apply.Wishes) error {
	t.Helper()
	table := func(typ *change.Type) *apply.Table {
		table := applytest.NewTable(0, "t", 1, "#id", "v")
		table.Name, table.Wishes, table.Relation.Columns[1].Type = Name("public", "t"), wishes, typ
		return table
	}
	old := table(before)
	query(t, dsn, "DROP TABLE IF EXISTS public.t")
	if _, err := target.Prepare(t.Context(), old, apply.Keep, 0); err != nil {
		t.Fatal(err)
	}
	query(t, dsn, fmt.Sprintf("INSERT INTO public.t VALUES (1, %s)", literal(value)))
	return target.Alter(t.Context(), table(after), apply.Shape(old.Relation), false)
}

func TestTypesBecomeWhatTheSourcesAre(t *testing.T) {
	timestamp3, timestamp6 := builtin(timestampOID, "timestamp", 3), builtin(timestampOID, "timestamp", 6)
	moment, unbounded := builtin(timestamptzOID, "timestamptz", -1), builtin(numericOID, "numeric", -1)
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		for _, c := range []struct {
			before, after *change.Type
			value, typ    string
			want          string // empty: as it was
		}{
			{applytest.Varchar(5), applytest.Varchar(9), "short", "character varying(9)", ""},
			{applytest.Varchar(5), applytest.Text, "short", "text", ""},
			{applytest.Text, builtin(varcharOID, "varchar", -1), "short", "text", ""}, // they are the same
			{applytest.Numeric(5, 2), applytest.Numeric(7, 2), "1.50", "numeric(7,2)", ""},
			{applytest.Numeric(5, 2), unbounded, "1.50", "numeric", ""},
			{timestamp3, timestamp6, "2024-05-06 07:08:09.123", "timestamp(6) without time zone", ""},
			{timestamp6, moment, "2024-05-06 07:08:09.123456", "timestamp with time zone", "2024-05-06 07:08:09.123456+00"},
			{moment, builtin(timestampOID, "timestamp", -1), "2024-05-06 07:08:09+02", "timestamp without time zone", "2024-05-06 05:08:09"},
			{applytest.Cidr, applytest.Inet, "10.1.2.3/32", "inet", "10.1.2.3"},
			{builtin(bitOID, "bit", 3), builtin(varbitOID, "varbit", -1), "101", "bit varying", ""},
		} {
			if err := retyped(t, target, dsn, c.before, c.after, c.value, apply.Wishes{}); err != nil {
				t.Errorf("%s to %s: %v", c.before.Declared(), c.after.Declared(), err)
				continue
			}
			if c.want == "" {
				c.want = c.value
			}
			got := query(t, dsn, "SET TimeZone = 'UTC'; SELECT v, (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname = 'v') FROM public.t")
			if fmt.Sprint(got) != fmt.Sprint([][]string{{c.want, c.typ}}) {
				t.Errorf("%s to %s: the target has %v, want %s, %s", c.before.Declared(), c.after.Declared(), got, c.want, c.typ)
			}
		}
	})
}

func TestWhatWouldReadOtherwiseIsARebuild(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		text := apply.Wishes{Types: map[string]string{"v": "text"}}
		for _, c := range []struct {
			before, after *change.Type
			value         string
			wishes        apply.Wishes
		}{
			{applytest.Cidr, applytest.Inet, "10.1.2.3/32", text},
			{builtin(timestampOID, "timestamp", -1), builtin(timestamptzOID, "timestamptz", -1), "2024-05-06 07:08:09", text},
			{builtin(2205, "regclass", -1), builtin(26, "oid", -1), "pg_class", text},
			{applytest.Bigint, applytest.Text, "7", apply.Wishes{}},
		} {
			var rebuild *apply.RebuildError
			if err := retyped(t, target, dsn, c.before, c.after, c.value, c.wishes); !errors.As(err, &rebuild) {
				t.Errorf("%s to %s: %v, want a RebuildError", c.before.Declared(), c.after.Declared(), err)
			}
			if got := query(t, dsn, "SELECT v FROM public.t"); fmt.Sprint(got) != fmt.Sprint([][]string{{c.value}}) {
				t.Errorf("%s to %s: the target has %v", c.before.Declared(), c.after.Declared(), got)
			}
		}
		if err := retyped(t, target, dsn, applytest.Varchar(5), applytest.Text, "short", text); err != nil {
			t.Errorf("a text that is kept as one: %v", err)
		}
	})
}

// What rows are distributed by stays as it is, whatever it is called.
func TestAnAlterOfADistributedTable(t *testing.T) {
	onGreenplum(t, func(t *testing.T, dsn string) {
		target := open(t, dsn, nil)
		for _, storage := range []string{"heap", "ao_row", "ao_column"} {
			old := applytest.NewTable(0, storage, 1, "k", "v!", "gone")
			old.Name, old.Wishes.Storage = Name("public", storage), storage
			old.Relation.Columns[0].Type, old.Relation.Columns[1].Type = applytest.Varchar(5), applytest.Numeric(5, 2)
			if _, err := target.Prepare(t.Context(), old, apply.Refuse, 0); err != nil {
				t.Fatal(err)
			}
			query(t, dsn, "INSERT INTO public."+storage+" SELECT i, i, i FROM generate_series(1, 100) i")
			table := applytest.NewTable(0, storage, 1, "key", "v")
			table.Name, table.Wishes.Storage = old.Name, storage
			table.Relation.Columns[0].Type, table.Relation.Columns[1].Type = applytest.Varchar(5), applytest.Numeric(9, 2)
			said := "said"
			table.Relation.Columns = append(table.Relation.Columns, change.Column{Name: "more", Attnum: 4, Type: applytest.Text, NotNull: true, Missing: &said})
			for range 2 {
				if err := target.Alter(t.Context(), table, apply.Shape(old.Relation), true); err != nil {
					t.Fatalf("%s: %v", storage, err)
				}
			}
			if got := query(t, dsn, "SELECT count(*), sum(v), max(more) FROM public."+storage+" WHERE key::integer > 0"); fmt.Sprint(got) != "[[100 5050.00 said]]" {
				t.Errorf("%s: %v", storage, got)
			}
			wider := applytest.NewTable(0, storage, 1, "key", "v", "more")
			wider.Name, wider.Wishes.Storage, wider.Relation.Columns[1] = old.Name, storage, table.Relation.Columns[1]
			wider.Relation.Columns[0].Type, wider.Relation.Columns[2].Attnum = applytest.Varchar(9), 4
			var rebuild *apply.RebuildError
			if err := target.Alter(t.Context(), wider, apply.Shape(table.Relation), true); !errors.As(err, &rebuild) {
				t.Errorf("%s: widen what rows are distributed by: %v", storage, err)
			}
		}
	})
}
