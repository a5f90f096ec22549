package clickhouse

import (
	"encoding/binary"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func bin(b []byte) change.Datum { return change.Datum{Format: change.Binary, Bytes: b} }

func bigint(v int64) change.Datum { return bin(binary.BigEndian.AppendUint64(nil, uint64(v))) }

func integer(v int32) change.Datum { return bin(binary.BigEndian.AppendUint32(nil, uint32(v))) }

// lineitem is TPC-H's table, and a row of it as COPY BINARY has it.
func lineitem() (*apply.Table, []change.Datum) {
	money := numericType(15, 2)
	t := table("lineitem", 4-2,
		"l_orderkey", int8Type, "l_linenumber", int4Type, "l_partkey!", int8Type, "l_suppkey!", int4Type,
		"l_quantity!", money, "l_extendedprice!", money, "l_discount!", money, "l_tax!", money,
		"l_returnflag!", bpcharType, "l_linestatus!", bpcharType,
		"l_shipdate!", dateType, "l_commitdate!", dateType, "l_receiptdate!", dateType,
		"l_shipinstruct!", bpcharType, "l_shipmode!", bpcharType, "l_comment", varcharType)
	price := bin([]byte{0, 3, 0, 1, 0, 0, 0, 2, 0, 3, 0x1a, 0x2b, 0x16, 0x44})
	small := bin([]byte{0, 1, 0xff, 0xff, 0, 0, 0, 2, 0x01, 0x90})
	quantity := bin([]byte{0, 1, 0, 0, 0, 0, 0, 2, 0, 17})
	return t, []change.Datum{
		bigint(1234567), integer(3), bigint(155190), integer(7706),
		quantity, price, small, small,
		bin([]byte("N")), bin([]byte("O")),
		integer(-1388), integer(-1400), integer(-1377),
		bin([]byte("DELIVER IN PERSON        ")), bin([]byte("TRUCK     ")), bin([]byte("egular courts above the")),
	}
}

// offline is a target that is connected to nothing, for what needs no server.
func offline() *Target {
	return &Target{
		version: version{26, 7}, address: address{database: "db", user: "u"},
		plans: map[string]*plan{}, logged: map[[3]string]bool{}, pace: newPacer(0),
	}
}

func BenchmarkCopiedRow(b *testing.B) {
	t, row := lineitem()
	p, err := offline().newPlan(t)
	if err != nil {
		b.Fatal(err)
	}
	blk := newBlock(p)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := blk.append(row, at(5, 0)); err != nil {
			b.Fatal(err)
		}
		if blk.rows == loadRows {
			blk.reset()
		}
	}
}

func BenchmarkUpdatedRow(b *testing.B) {
	t := table("pgbench_accounts", 1, "aid", int4Type, "bid", int4Type, "abalance", int4Type, "filler", bpcharType)
	p, err := offline().newPlan(t)
	if err != nil {
		b.Fatal(err)
	}
	filler := bin([]byte("                                                                                    "))
	const rows = 10_000
	var changes apply.Batch
	for i := range int32(rows) {
		r := change.Row{Op: change.Update, Position: at(9, uint64(i)+1), Relation: t.Relation, New: []change.Datum{integer(i), integer(1), integer(-i), filler}}
		if err := changes.Add(t, &r); err != nil {
			b.Fatal(err)
		}
	}
	w := &writer{plan: p, batch: changes.Tables()[0], block: newBlock(p)}
	b.ReportAllocs()
	for b.Loop() {
		w.block.reset()
		if err := w.rows(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
