package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// helperEnv turns the test program into a parent that starts servers and is then killed.
const helperEnv = "PGSLUICE_SANDBOX_TEST_PARENT"

func TestMain(m *testing.M) {
	if role := os.Getenv(helperEnv); role != "" {
		if err := parent(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// parent starts what its role says, prints the process ids, and waits to be killed.
func parent(role string) error {
	var pids []int
	switch role {
	case "servers":
		dir := os.Getenv(helperEnv + "_DIR")
		p, err := StartPostgres(context.Background(), PostgresOptions{Dir: dir + "/postgres"})
		if err != nil {
			return err
		}
		c, err := StartClickHouse(context.Background(), ClickHouseOptions{Dir: dir + "/clickhouse"})
		if err != nil {
			return err
		}
		pids = []int{p.PID(), c.PID()}
	case "watchdog":
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			return err
		}
		watchdog(cmd.Process.Pid)
		pids = []int{cmd.Process.Pid}
	}
	for _, pid := range pids {
		fmt.Println(pid)
	}
	fmt.Println("ready")
	select {}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return holds(), nil }); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// runs says whether a process exists, other than as a zombie.
func runs(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	return !zombie(pid)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
