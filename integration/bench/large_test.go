package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const largeRows = 2_000_000

// BenchmarkLargeTransactionFollowed has one transaction update 2,000,000 rows, while
// pgsluice follows, and while pg_recvlogical does, which does nothing with what it
// receives: in the plain protocol and with transactions streamed while they are in
// progress. It reports how long after COMMIT the target has the rows, or the server
// has sent them, and what the server has spilled to disk.
func BenchmarkLargeTransactionFollowed(b *testing.B) {
	r := newRig(b, "pg_recvlogical")
	r.psql("CREATE TABLE big (id bigint PRIMARY KEY, v int, note text)", "CREATE TABLE marker (id int PRIMARY KEY)",
		fmt.Sprintf("INSERT INTO big SELECT n, 0, 'a note of some length, like many' FROM generate_series(1, %d) n", largeRows),
		"VACUUM ANALYZE big", "CREATE PUBLICATION large FOR TABLE big, marker")
	const muchMemory = "-c logical_decoding_work_mem=2GB"
	for _, c := range []struct {
		name, options string
		received      []string // by pg_recvlogical; nil for pgsluice
	}{
		{"received/plain", "", []string{"proto_version=1"}},
		{"received/plain, 2GB of memory", muchMemory, []string{"proto_version=1"}},
		{"received/streamed", "", []string{"proto_version=2", "streaming=on"}},
		{"pgsluice/plain", "", nil},
		{"pgsluice/plain, 2GB of memory", muchMemory, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			r.B = b
			for n := range b.N {
				slot := fmt.Sprintf("large_%d_%d", len(c.name), n)
				if c.received == nil {
					r.largeToTarget(slot, c.options)
				} else {
					r.largeReceived(slot, c.options, c.received)
				}
			}
		})
	}
}

// large runs the transaction and says when it was committed, and where it ended.
func (r *rig) large() (began, committed time.Time, end string) {
	r.Helper()
	began = time.Now()
	r.psql("UPDATE big SET v = v + 1")
	committed = time.Now()
	return began, committed, r.ask("SELECT pg_current_wal_insert_lsn()::text")
}

func (r *rig) largeReceived(slot, options string, plugin []string) {
	r.Helper()
	r.ask(fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')::text", slot))
	args := []string{"-d", r.postgres.DSN(""), "-S", slot, "--start", "-o", "publication_names=large", "-o", "binary=true", "-f", filepath.Join(r.TempDir(), "changes")}
	for _, o := range plugin {
		args = append(args, "-o", o)
	}
	receive := exec.CommandContext(r.Context(), "pg_recvlogical", args...)
	receive.Env = append(os.Environ(), "PGOPTIONS="+options)
	if err := receive.Start(); err != nil {
		r.Fatal(err)
	}
	r.until(time.Minute, func() bool {
		return r.ask(fmt.Sprintf("SELECT active::text FROM pg_replication_slots WHERE slot_name = '%s'", slot)) == "true"
	})
	began, committed, end := r.large()
	r.until(5*time.Minute, func() bool {
		return r.ask(fmt.Sprintf("SELECT coalesce(bool_or(sent_lsn >= '%s'), false)::text FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '%s')", end, slot)) == "true"
	})
	r.reportLarge(slot, began, committed)
	_ = receive.Process.Signal(os.Interrupt)
	_ = receive.Wait()
	r.ask(fmt.Sprintf("SELECT pg_drop_replication_slot('%s')::text", slot))
}

func (r *rig) largeToTarget(name, options string) {
	r.Helper()
	source := r.postgres.DSN("")
	if options != "" {
		source += "&options=" + strings.NewReplacer(" ", "%20", "=", "%3D").Replace(options)
	}
	s := r.untilStreaming([]string{"run", "--name", name, "--source", source, "--target", r.clickhouse.DSN(name), "--table", "public.big", "--table", "public.marker"}, 3*time.Minute)
	defer func() {
		s.end()
		r.sluice("drop", name, "--with-data")
	}()
	began, committed, _ := r.large()
	r.psql("INSERT INTO marker SELECT coalesce(max(id), 0) + 1 FROM marker")
	marked := r.ask("SELECT max(id)::text FROM marker")
	r.until(5*time.Minute, func() bool {
		return r.warehouse("SELECT count() FROM "+name+".marker FINAL WHERE id = "+marked) == "1"
	})
	r.reportLarge("pgsluice_"+name, began, committed)
	r.ReportMetric(float64(memoryOf(s.cmd.Process.Pid, "VmHWM"))/(1<<20), "peak-MiB")
	r.mustEqual("sum", r.ask("SELECT sum(v)::text FROM big"), r.warehouse("SELECT sum(v) FROM "+name+".big FINAL"))
}

func (r *rig) reportLarge(slot string, began, committed time.Time) {
	r.Helper()
	r.ReportMetric(0, "ns/op")
	r.ReportMetric(committed.Sub(began).Seconds(), "s-transaction")
	r.ReportMetric(time.Since(committed).Seconds(), "s-after-commit")
	for _, what := range []string{"spill", "stream"} {
		var bytes float64
		text := r.ask(fmt.Sprintf("SELECT coalesce(max(%s_bytes), 0)::text FROM pg_stat_replication_slots WHERE slot_name = '%s'", what, slot))
		if _, err := fmt.Sscan(text, &bytes); err != nil {
			r.Fatal(err)
		}
		r.ReportMetric(bytes/(1<<20), what+"-MiB")
	}
}
