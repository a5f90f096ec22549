package sandbox

import (
	"os"
	"path/filepath"
	"syscall"
)

// sweep removes temporary directories whose owner was killed before it could. A directory is one of those when its lock
// names a process that is gone and nobody holds the lock: neither that process nor its server.
// What cannot be removed stays: it is in the way of nobody.
func sweep(pattern string) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), pattern))
	for _, dir := range dirs {
		file, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // not ours, or not locked yet
		}
		pid, alive := lockOwner(file)
		free := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
		if pid != 0 && !alive && free {
			_ = os.RemoveAll(dir)
		}
		_ = file.Close()
	}
}
