package greenplum

import (
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// BenchmarkRow writes a row of sixteen columns for COPY, as it came from one.
func BenchmarkRow(b *testing.B) {
	columns := []any{"a", coreType(20, "int8", -1), "b", int4Type, "c", int4Type, "d", int4Type}
	for _, name := range []string{"e", "f", "g", "h"} {
		columns = append(columns, name, numericType(15, 2))
	}
	for _, name := range []string{"i", "j", "k", "l", "m", "n", "o", "p"} {
		columns = append(columns, name, textType)
	}
	server := pretended(postgreSQL, "18", 180000)
	p, err := server.newPlan(tableOf("wide", 1, columns...), &Options{})
	if err != nil {
		b.Fatal(err)
	}
	values := make([]change.Datum, len(p.columns))
	for i := range values {
		values[i] = change.Datum{Format: change.Binary, Bytes: []byte("12345678")}
	}
	e, dst := newEncoder(p), make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.row(dst, values); err != nil {
			b.Fatal(err)
		}
	}
}
