package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockPatience is how long a start waits for a directory whose last owner is gone: the server of a process that was
// killed needs some seconds to end.
const lockPatience = 15 * time.Second

// home is the directory of one server: its data, its configuration, its log.
//
//	lock         held by the process that started the server, and by the server
//	<kind>.log   what the server prints
//	data/        what the server keeps
type home struct {
	dir       string
	kind      string // "postgres", "clickhouse"
	temporary bool
	lock      *os.File
}

// openHome makes or reopens a directory. A directory that holds anything else is refused, so that a slip of the keyboard
// cannot start a server on somebody's documents.
func openHome(ctx context.Context, dir, kind string) (*home, error) {
	h := &home{dir: dir, kind: kind, temporary: dir == ""}
	var err error
	if h.temporary {
		sweep("pgsluice-" + kind + "-*")
		h.dir, err = os.MkdirTemp("", "pgsluice-"+kind+"-")
	} else if h.dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(h.dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 && !exists(h.logFile()) {
		return nil, fmt.Errorf("directory %s is not empty and holds no %s server of this program", h.dir, kind)
	}
	if err := h.acquire(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }
func (h *home) data() string            { return h.path("data") }
func (h *home) logFile() string         { return h.path(h.kind + ".log") }

// acquire takes the lock of the directory. The server inherits the open file, so the lock is free only when the process
// that took it and the server are both gone: a killed parent's server may still be writing.
func (h *home) acquire(ctx context.Context) error {
	// The log marks the directory as ours, so it has to exist before anything else does.
	log, err := h.openLog()
	if err != nil {
		return err
	}
	_ = log.Close()
	file, err := os.OpenFile(h.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	err = poll(ctx, func() (bool, error) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err == nil, err
		}
		if owner, ok := lockOwner(file); ok {
			return false, fmt.Errorf("process %d uses it", owner)
		}
		return false, nil
	})
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("directory %s is in use: %w", h.dir, err)
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return err
	}
	h.lock = file
	return nil
}

// lockOwner is the process that took the lock, if it still runs. Waiting is of use only when it does not.
func lockOwner(file *os.File) (int, bool) {
	text := make([]byte, 20)
	n, _ := file.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0, false
	}
	err = syscall.Kill(pid, 0)
	return pid, err == nil || errors.Is(err, syscall.EPERM)
}

// close lets go of the directory, and removes it if it is temporary.
func (h *home) close() error {
	err := h.lock.Close()
	if h.temporary {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

func (h *home) openLog() (*os.File, error) {
	return os.OpenFile(h.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// logTail returns the end of the log, at most limit bytes, from a given offset on.
func (h *home) logTail(from, limit int64) string {
	file, err := os.Open(h.logFile())
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	size := h.logSize()
	from = max(from, size-limit)
	text := make([]byte, max(0, size-from))
	n, _ := file.ReadAt(text, from)
	return strings.TrimSpace(string(text[:n]))
}

func (h *home) logSize() int64 {
	info, err := os.Stat(h.logFile())
	if err != nil {
		return 0
	}
	return info.Size()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
