package sandbox

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// killedParent runs this test program as a parent, kills it, and returns the processes that it had started.
func killedParent(t *testing.T, role, dir string) []int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+role, helperEnv+"_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var pids []int
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		pid, err := strconv.Atoi(lines.Text())
		must(t, err)
		pids = append(pids, pid)
		if !runs(pid) {
			t.Errorf("process %d does not run", pid)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if len(pids) == 0 {
		t.Fatal("the parent started nothing")
	}
	return pids
}

func TestServersEndWithTheirParentAndCanBeStartedAgainAtOnce(t *testing.T) {
	dir := t.TempDir()
	pids := killedParent(t, "servers", dir)
	// At once: the start has to wait for the servers that are on their way out.
	startPostgres(t, PostgresOptions{Dir: dir + "/postgres"})
	startClickHouse(t, ClickHouseOptions{Dir: dir + "/clickhouse"})
	for _, pid := range pids {
		eventually(t, "the server ends", func() bool { return !runs(pid) })
	}
}

func TestWatchdogEndsTheChildOfADeadParent(t *testing.T) {
	for _, pid := range killedParent(t, "watchdog", "") {
		eventually(t, "the child ends", func() bool { return !runs(pid) })
	}
}

func TestSweepRemovesWhatAKilledParentLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	abandoned := filepath.Join(os.TempDir(), "pgsluice-clickhouse-1")
	inUse := filepath.Join(os.TempDir(), "pgsluice-clickhouse-2")
	fresh := filepath.Join(os.TempDir(), "pgsluice-clickhouse-3")
	for _, dir := range []string{abandoned, inUse, fresh} {
		must(t, os.Mkdir(dir, 0o700))
	}
	gone := exec.Command("true")
	must(t, gone.Run())
	must(t, os.WriteFile(filepath.Join(abandoned, "lock"), []byte(strconv.Itoa(gone.Process.Pid)), 0o600))
	must(t, os.WriteFile(filepath.Join(inUse, "lock"), []byte(strconv.Itoa(os.Getpid())), 0o600))

	sweep("pgsluice-clickhouse-*")
	if exists(abandoned) {
		t.Error("what was abandoned is still there")
	}
	if !exists(inUse) || !exists(fresh) {
		t.Error("what is in use is gone")
	}
}
