package clickhouse

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestKeysOfEveryTypeAreFoundAgain(t *testing.T) {
	target := open(t, nil)
	for _, c := range []struct {
		typ  *change.Type
		keys []string
	}{
		{int2Type, []string{"-32768", "0"}},
		{int4Type, []string{"-1", "2147483647"}},
		{int8Type, []string{"-9223372036854775808", "1"}},
		{oidType, []string{"4294967295", "0"}},
		{lsnType, []string{"FFFFFFFF/FFFFFFFF", "0/1"}},
		{float8Type, []string{"0.1", "-Infinity"}},
		{boolType, []string{"t", "f"}},
		{textType, []string{"", strings.Repeat("ключ ", 50), "it's\\", "a\nb"}},
		{byteaType, []string{`\x`, `\x00`, `\x0000`, `\xff27`}},
		{bpcharType, []string{"a         ", "b         "}},
		{numericType(9, 2), []string{"-0.01", "9999999.99"}},
		{numericType(18, 0), []string{"1", "-999999999999999999"}},
		{numericType(38, 3), []string{"1.000", "-12345678901234567890123456789012345.678"}},
		{numericType(76, 0), []string{"1", "-" + strings.Repeat("7", 76)}},
		{uuidType, []string{"00112233-4455-6677-8899-aabbccddeeff", "00000000-0000-0000-0000-000000000000"}},
		{dateType, []string{"0001-01-01", "9999-12-31", "2024-02-29"}},
		{stampType, []string{"0001-01-01 00:00:00", "2024-02-29 23:59:59.999999"}},
		{stampTZType, []string{"1969-12-31 23:59:59.999999+00", "9999-12-31 23:59:59.999999+00"}},
		{timeType, []string{"00:00:00", "24:00:00"}},
		{moodType, []string{"sad", "ok"}},
		{jsonbType, []string{"{}", "[]"}},
	} {
		for _, second := range []bool{false, true} {
			keys := 1
			columns := []any{"k", c.typ}
			if second {
				keys = 2
				columns = append(columns, "part", textType)
			}
			columns = append(columns, "doc", textType, "list", arrayOf(numericType(5, 2), 2), "mood", moodType, "small", int4Type)
			tab := table("t", keys, columns...)
			if err := target.Drop(t.Context(), "t"); err != nil {
				t.Fatal(err)
			}
			prepare(t, target, tab)
			row := func(key string, rest ...any) []any {
				if second {
					return append([]any{key, key}, rest...)
				}
				return append([]any{key}, rest...)
			}
			var before, after []*change.Row
			for i, k := range c.keys {
				before = append(before, insertRow(tab, at(1, uint64(i)+1), row(k, "doc "+k, "{{1.50},{NULL}}", "ok", 1)...))
				after = append(after, updateRow(tab, at(2, uint64(i)+1), row(k, unchanged, unchanged, unchanged, 2)...))
			}
			after = append(after, updateRow(tab, at(2, 100), row(c.keys[0], unchanged, unchanged, unchanged, 2)...))
			applyBatch(t, target, batch(t, tab, before...))
			if err := target.Apply(t.Context(), batch(t, tab, after...)); err != nil {
				t.Errorf("%s: %v", c.typ, err)
				continue
			}
			got := target.queryText(t, "SELECT toString(count()), toString(countIf(small = 2 AND startsWith(assumeNotNull(doc), 'doc') AND mood = 'ok' AND toString(list) = '[[1.5],[NULL]]')), toString(uniqExact(doc)) FROM "+target.tableName("t")+" FINAL")[0]
			n := values(len(c.keys))[0].Bytes
			if want := string(n) + " " + string(n) + " " + string(n); strings.Join(got, " ") != want {
				t.Errorf("%s: %v, want %s", c.typ, got, want)
			}
		}
	}
}

func TestLargeValuesComeInPortions(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "doc", textType, "n", int4Type)
	prepare(t, target, tab)
	const rows = 3000
	doc := strings.Repeat("x", 50_000)
	var before, after []*change.Row
	for i := range rows {
		before = append(before, insertRow(tab, at(1, uint64(i)+1), i, doc, 0))
		after = append(after, updateRow(tab, at(2, uint64(i)+1), i, unchanged, 1))
	}
	for from := 0; from < rows; from += 500 {
		applyBatch(t, target, batch(t, tab, before[from:from+500]...))
	}
	applyBatch(t, target, batch(t, tab, after...))
	got := target.queryText(t, "SELECT toString(sum(n)), toString(sum(length(doc))) FROM "+target.tableName("t")+" FINAL")[0]
	if strings.Join(got, " ") != "3000 150000000" {
		t.Error(got)
	}
}
