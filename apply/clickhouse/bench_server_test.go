package clickhouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// These measure with a server, and so the server with them.

func loadRowsOf(b *testing.B, target *Target, t *apply.Table, row []change.Datum, from, n int) {
	b.Helper()
	l, err := target.Load(b.Context(), t)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Abort()
	row = append([]change.Datum(nil), row...)
	key := make([]byte, 8)
	row[0].Bytes = key
	for i := from; i < from+n; i++ {
		binary.BigEndian.PutUint64(key, uint64(i))
		if err := l.Append(row, at(5, 0)); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Finish(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, durable := range []bool{false, true} {
		b.Run(fmt.Sprintf("durable=%v", durable), func(b *testing.B) {
			target := open(b, func(o *Options) { o.DSN += fmt.Sprintf("?durable=%v", durable) })
			t, row := lineitem()
			if _, err := target.Prepare(b.Context(), t, apply.Truncate, 0); err != nil {
				b.Fatal(err)
			}
			const rows = 500_000
			n := 0
			for b.Loop() {
				loadRowsOf(b, target, t, row, n*rows, rows)
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, rows := range []int{0, 1, 100, 10_000} {
			b.Run(fmt.Sprintf("durable=%v/rows=%d", durable, rows), func(b *testing.B) {
				target := open(b, func(o *Options) { o.DSN += fmt.Sprintf("?durable=%v", durable) })
				t := table("pgbench_accounts", 1, "aid", int4Type, "bid", int4Type, "abalance", int4Type, "filler", bpcharType)
				prepare(b, target, t)
				remember(b, target, 1)
				var changes apply.Batch
				commit := uint64(10)
				var took []time.Duration
				for b.Loop() {
					changes.Reset()
					changes.Pipeline = "shop"
					commit++
					for i := range int32(rows) {
						r := change.Row{Op: change.Update, Position: at(commit, uint64(i)+1), Relation: t.Relation, New: []change.Datum{integer(i * 7), integer(1), integer(-i), bin([]byte("                                  "))}}
						if err := changes.Add(t, &r); err != nil {
							b.Fatal(err)
						}
					}
					changes.Watermark = change.LSN(commit)
					start := time.Now()
					applyBatch(b, target, &changes)
					took = append(took, time.Since(start))
				}
				b.StopTimer()
				reportPercentiles(b, took)
				if err := target.statements.Exec(context.Background(), "DROP DATABASE "+ident(target.address.database)+" SYNC"); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{1, 50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}

// BenchmarkReadBack updates rows of a large table whose large value did not
// change, spread over all of it.
func BenchmarkReadBack(b *testing.B) {
	const size = 3_000_000
	target := open(b, nil)
	t := table("docs", 1, "id", int8Type, "doc", textType, "n", int4Type)
	prepare(b, target, t)
	loadRowsOf(b, target, t, []change.Datum{bigint(0), bin(make([]byte, 200)), integer(1)}, 0, size)
	commit := uint64(10)
	for _, rows := range []int{1, 100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				commit++
				var changes apply.Batch
				for i := range rows {
					r := change.Row{Op: change.Update, Position: at(commit, uint64(i)+1), Relation: t.Relation, New: []change.Datum{
						bigint(int64(i) * (size / int64(rows))), {Format: change.Unchanged}, integer(7),
					}}
					if err := changes.Add(t, &r); err != nil {
						b.Fatal(err)
					}
				}
				start := time.Now()
				applyBatch(b, target, &changes)
				took = append(took, time.Since(start))
			}
			reportPercentiles(b, took)
		})
	}
}
