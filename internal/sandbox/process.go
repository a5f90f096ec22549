package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a running server: one child process, and one goroutine that waits for it.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended; valid after ended
}

// startProcess starts cmd in a process group of its own. With tied, the system ends it when we are gone.
//
// The goroutine that starts it is the one that waits for it, and it keeps its thread all the while: on Linux the
// parent-death signal is sent when the *thread* that forked ends, and the Go runtime ends idle threads as it likes.
func startProcess(cmd *exec.Cmd, tied bool) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if tied {
		dieWithParent(cmd.SysProcAttr)
	}

	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		stopWatching := func() {}
		if tied {
			stopWatching = watchParent(cmd.Process.Pid)
		}
		p.err = cmd.Wait()
		stopWatching()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// livingPID is the process id, or 0 when there is no process any more.
func (p *process) livingPID() int {
	if p == nil {
		return 0
	}
	if gone, _ := p.gone(); gone {
		return 0
	}
	return p.pid()
}

// gone says whether the process has ended, and how.
func (p *process) gone() (bool, error) {
	select {
	case <-p.ended:
		if p.err == nil {
			return true, errors.New("exit status 0")
		}
		return true, p.err
	default:
		return false, nil
	}
}

// signal is by process id, and os.Process makes sure that the id is still ours.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to process %d: %w", sig, p.pid(), err)
	}
	return nil
}

// ask is one way to end a process and how long to wait for it before the next, harsher one.
type ask struct {
	how      func() error
	patience time.Duration
}

// end tries one ask after the other until the process is gone.
func (p *process) end(asks ...ask) error {
	for _, a := range asks {
		if err := a.how(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), a.patience)
		select {
		case <-p.ended:
			cancel()
			return nil
		case <-ctx.Done():
			cancel()
		}
	}
	return fmt.Errorf("process %d does not end", p.pid())
}

func (p *process) by(sig os.Signal) func() error { return func() error { return p.signal(sig) } }
