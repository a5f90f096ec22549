package sandbox

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// watchdog starts a shell that outlives us by a moment: it waits for the end of a pipe that only we hold, and then ends
// the child by its process id. Only systems without a parent-death signal need it; it is compiled everywhere so that the
// tests can run it. A watchdog that cannot be started is no reason to fail: Stop still works.
func watchdog(pid int) (stop func()) {
	read, write, err := os.Pipe()
	if err != nil {
		return func() {}
	}
	cmd := exec.Command("/bin/sh", "-c", `read -r _; kill -QUIT "$1"`, "sh", strconv.Itoa(pid))
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return func() {}
	}
	return func() {
		// The child is gone, and its process id may soon be somebody else's: first end the shell, then the pipe.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = write.Close()
	}
}
