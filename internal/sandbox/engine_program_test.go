package sandbox

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEngineProgramEndsInOrderWhenASignalAsks(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			c := startClickHouse(t, ClickHouseOptions{})
			child := c.process
			must(t, child.signal(sig))
			eventually(t, "it ends", func() bool { return !runs(child.pid()) })
			<-child.ended
			if child.err != nil {
				t.Errorf("it ended with %v\n%s", child.err, c.Log())
			}
		})
	}
}

func TestEngineProgramReportsWhatItsEngineSays(t *testing.T) {
	running := startClickHouse(t, ClickHouseOptions{})
	program, err := FindEngineProgram()
	must(t, err)
	library, err := FindClickHouse()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), program, "-library", library, "-path", running.home.data())
	// Standard input that stays open: the program has to notice by itself that its engine is gone.
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want exit status 1", err)
	}
	for _, want := range []string{"Another server instance in same directory", "pgsluice-engine: the server ended"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("%q is not in:\n%s", want, output)
		}
	}
}
