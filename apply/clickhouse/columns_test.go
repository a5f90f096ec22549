package clickhouse

import (
	"context"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func TestOlderRowsReadAsPostgreSQLSays(t *testing.T) {
	target := open(t, nil)
	for _, c := range []struct {
		typ         *change.Type
		value, want string
	}{
		{int2Type, "-32768", "-32768"},
		{int4Type, "7", "7"},
		{int8Type, "-9223372036854775808", "-9223372036854775808"},
		{oidType, "4294967295", "4294967295"},
		{lsnType, "FFFFFFFF/FFFFFFFF", "18446744073709551615"},
		{float4Type, "0.1", "0.1"},
		{float8Type, "5e-324", "5e-324"},
		{float8Type, "0.30000000000000004", "0.30000000000000004"},
		{float8Type, "-Infinity", "-inf"},
		{float8Type, "NaN", "nan"},
		{numericType(12, 2), "-0.05", "-0.05"},
		{numericType(9, 0), "-999999999", "-999999999"},
		{numericType(38, 10), "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"},
		{numericType(76, 40), "-0.0000000000000000000000000000000000000001", "-0.0000000000000000000000000000000000000001"},
		{numericType(0, 0), "NaN", "NaN"},
		{boolType, "t", "true"},
		{textType, "it's a \\ \"quoted\"\n`text`\tü {} ? $1", "it's a \\ \"quoted\"\n`text`\tü {} ? $1"},
		{textType, "", ""},
		{byteaType, "\\x00ff27", "\x00\xff'"},
		{uuidType, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{dateType, "0001-01-01", "0001-01-01"},
		{dateType, "9999-12-31", "9999-12-31"},
		{dateType, "2024-02-29", "2024-02-29"},
		{timeType, "24:00:00", "24:00:00.000000"},
		{timeType, "01:02:03.000004", "01:02:03.000004"},
		{stampType, "0001-01-01 00:00:00", "0001-01-01 00:00:00.000000"},
		{stampTZType, "9999-12-31 23:59:59.999999+00", "9999-12-31 23:59:59.999999"},
		{stampTZType, "1969-12-31 23:59:59.999999+00", "1969-12-31 23:59:59.999999"},
		{jsonbType, `{"a": "it's"}`, `{"a": "it's"}`},
		{moodType, "ok", "ok"},
		{arrayOf(int4Type, 1), "{1,NULL,-3}", "[1,NULL,-3]"},
		{arrayOf(textType, 2), `{{a,"b\"'\\"},{NULL,""}}`, `[['a','b"\'\\'],[NULL,'']]`},
		{arrayOf(numericType(5, 2), 1), "{1.50}", "[1.5]"},
		{arrayOf(int4Type, 2), "{}", "[]"},
		{vectorType, "[1,2.5]", "[1,2.5]"},
	} {
		for _, notNull := range []string{"", "!"} {
			if c.typ.Kind == change.KindArray && notNull == "" {
				continue
			}
			if err := target.Drop(context.Background(), "t"); err != nil {
				t.Fatal(err)
			}
			before := table("t", 1, "id", int8Type)
			prepare(t, target, before)
			applyBatch(t, target, batch(t, before, insertRow(before, at(1, 1), 1)))
			after := table("t", 1, "id", int8Type, "c"+notNull, c.typ)
			after.Relation.Columns[1].Missing = &c.value
			for range 2 {
				if _, err := target.Prepare(context.Background(), after, apply.Keep, 0); err != nil {
					t.Errorf("%s %q: %v", c.typ, c.value, err)
				}
			}
			b := batch(t, before, insertRow(before, at(2, 1), 2)) // replayed under the old relation
			applyBatch(t, target, b)
			got := target.queryText(t, "SELECT toString(c) FROM "+target.tableName("t")+" ORDER BY id")
			if len(got) != 2 || got[0][0] != c.want || got[1][0] != c.want {
				t.Errorf("%s %q: got %q, want %q twice", c.typ, c.value, got, c.want)
			}
		}
	}
}
