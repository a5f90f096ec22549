package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

const manyTables = 2000

// BenchmarkManyTables starts a pipeline of 2,000 tables with a few rows each: the
// time until it streams, the memory it takes, what a second start costs, and what
// the source and the program pay for watching the catalog when nothing happens.
func BenchmarkManyTables(b *testing.B) {
	r := newRig(b)
	into, err := sandbox.StartPostgres(b.Context(), sandbox.PostgresOptions{Major: 14})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = into.Stop() })
	var sql strings.Builder
	for n := range manyTables {
		fmt.Fprintf(&sql, "CREATE TABLE t%d (id int PRIMARY KEY, v text, at timestamptz DEFAULT now()); INSERT INTO t%[1]d SELECT n, 'v' || n FROM generate_series(1, 5) n;\n", n)
	}
	r.psql(sql.String())
	for _, target := range []struct{ name, dsn string }{{"ClickHouse", r.clickhouse.DSN("many")}, {"PostgreSQL", into.DSN("")}} {
		b.Run(target.name, func(b *testing.B) {
			r.B = b
			for range b.N {
				r.manyTables(strings.ToLower(target.name), target.dsn)
			}
		})
	}
}

func (r *rig) manyTables(name, target string) {
	args := []string{"run", "--name", "many_" + name, "--source", r.postgres.DSN(""), "--target", target, "--table", "public.*"}
	first := r.untilStreaming(args, 10*time.Minute)
	first.end()
	second := r.untilStreaming(args, 5*time.Minute)
	cpu := second.cpu() + r.serverCPU()
	const idle = 20 * time.Second
	<-time.After(idle)
	cpu = second.cpu() + r.serverCPU() - cpu
	second.end()
	r.ReportMetric(0, "ns/op")
	r.ReportMetric(first.took.Seconds(), "s-until-streaming")
	r.ReportMetric(second.took.Seconds(), "s-second-start")
	r.ReportMetric(float64(first.peak)/(1<<20), "peak-MiB")
	r.ReportMetric(100*cpu.Seconds()/idle.Seconds(), "idle-%cpu")
}

// started is a run that is under way.
type started struct {
	rig  *rig
	cmd  *exec.Cmd
	took time.Duration
	peak int64
}

// untilStreaming starts the program and returns when it says that it streams.
func (r *rig) untilStreaming(args []string, limit time.Duration) *started {
	r.Helper()
	s := &started{rig: r, cmd: exec.CommandContext(r.Context(), r.program, args...)}
	log, err := s.cmd.StderrPipe()
	if err != nil {
		r.Fatal(err)
	}
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	streams := make(chan string, 1)
	go func() {
		var last string
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if last = lines.Text(); strings.Contains(last, "msg=streaming") {
				streams <- ""
			}
		}
		streams <- last
	}()
	select {
	case last := <-streams:
		if last != "" {
			r.Fatalf("the program ended: %s", last)
		}
	case <-time.After(limit):
		_ = s.cmd.Process.Kill()
		r.Fatalf("it does not stream after %v", limit)
	}
	s.took = time.Since(begun)
	s.peak = memoryOf(s.cmd.Process.Pid, "VmHWM")
	return s
}

func (s *started) end() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

func (s *started) cpu() time.Duration { return cpuOf(s.cmd.Process.Pid) }

// serverCPU is what the source's processes have used, of those that are there.
func (r *rig) serverCPU() time.Duration {
	r.Helper()
	var all time.Duration
	for _, field := range strings.Fields(r.ask("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE pid <> pg_backend_pid()")) {
		if pid, err := strconv.Atoi(field); err == nil {
			all += cpuOf(pid)
		}
	}
	return all
}

// cpuOf is the time a process has used so far.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	var ticks int64
	for _, i := range []int{11, 12} { // utime and stime, of 100 in a second
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memoryOf is a line of /proc/pid/status, in bytes.
func memoryOf(pid int, what string) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, what+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
