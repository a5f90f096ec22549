//go:build crashpoints

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Env names the variable with the point and the passing.
const Env = "PGSLUICE_CRASH_AT"

var (
	point, at = asked(os.Getenv(Env))
	passed    atomic.Int64
)

func asked(text string) (name string, passing int64) {
	if text == "" {
		return "", 0
	}
	name, number, _ := strings.Cut(text, ":")
	passing, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s=%s is not name:number", Env, text))
	}
	return name, passing
}

// At kills the process where the environment says so. It does not return then.
func At(name string) {
	if name != point || passed.Add(1) != at {
		return
	}
	fmt.Fprintf(os.Stderr, "killed at %s:%d\n", name, at)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
