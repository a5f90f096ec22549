package bench

import (
	"fmt"
	"testing"
)

const rounds = 3

const lineitem = `
CREATE TABLE lineitem (
  l_orderkey bigint, l_partkey int, l_suppkey int, l_linenumber int,
  l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2),
  l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date,
  l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44), PRIMARY KEY (l_orderkey, l_linenumber))`

const lineitemRows = 3_000_000

var lineitemFill = fmt.Sprintf(`
INSERT INTO lineitem SELECT i / 4, (random() * 200000)::int, (random() * 10000)::int, i %% 4,
  (random() * 50)::numeric(15,2), (random() * 100000)::numeric(15,2), (random() / 10)::numeric(15,2), (random() / 12)::numeric(15,2),
  substr('ANR', 1 + i %% 3, 1), substr('OF', 1 + i %% 2, 1),
  date '1992-01-01' + (random() * 2500)::int, date '1992-01-01' + (random() * 2500)::int, date '1992-01-01' + (random() * 2500)::int,
  'DELIVER IN PERSON', 'TRUCK', substr(md5(i::text) || md5((i * 7)::text), 1, 10 + i %% 34)
FROM generate_series(1, %d) i`, lineitemRows)

// BenchmarkLoad copies a wide table with one worker, beside COPY to nowhere:
// what PostgreSQL itself needs to hand the rows out.
func BenchmarkLoad(b *testing.B) {
	r := newRig(b, "psql")
	r.psql(lineitem, lineitemFill, "VACUUM ANALYZE lineitem", "CHECKPOINT")
	for range b.N {
		var floor, sluice []took
		for i := range rounds {
			floor = append(floor, r.measure("psql", "-q", "-d", r.postgres.DSN(""), "-o", "/dev/null", "-c", "COPY lineitem TO STDOUT (FORMAT binary)"))
			name := fmt.Sprintf("load%d", i)
			sluice = append(sluice, r.sluice("load", name, "--workers", "1", "--table", "public.lineitem"))
			r.mustEqual("rows", r.ask("SELECT count(*)::text FROM lineitem"), r.warehouse("SELECT count() FROM "+name+".lineitem FINAL"))
			r.warehouse("DROP DATABASE " + name)
		}
		r.compare(floor, sluice, lineitemRows)
	}
}

// BenchmarkLargeTransaction applies one transaction that updates two million
// rows. What matters is the peak of memory.
func BenchmarkLargeTransaction(b *testing.B) {
	const rows = 2_000_000
	r := newRig(b)
	r.psql("CREATE TABLE big (id bigint PRIMARY KEY, a int, t text)",
		fmt.Sprintf("INSERT INTO big SELECT i, i, md5(i::text) FROM generate_series(1, %d) i", rows))
	r.sluice("run", "large", "--table", "public.big", "--until", "caught-up")
	for range b.N {
		r.psql("UPDATE big SET a = a + 1")
		t := r.sluice("run", "large", "--table", "public.big", "--until", "caught-up")
		r.mustEqual("sum", r.ask("SELECT sum(a)::text FROM big"), r.warehouse("SELECT sum(a) FROM large.big FINAL"))
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(t.peak)/(1<<20), "peak-MiB")
		b.ReportMetric(float64(t.cpu.Nanoseconds())/rows, "cpu-ns/row")
	}
}
