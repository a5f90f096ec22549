package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// program is cmd/pgsluice, built by the first test that runs it.
var program struct {
	once sync.Once
	dir  string
	env  []string
	err  error
}

func buildProgram() (path string, env []string, err error) {
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "pgsluice-integration-"); program.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(program.dir, "pgsluice"), "github.com/pgsluice/pgsluice/cmd/pgsluice")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build cmd/pgsluice: %w\n%s", err, out)
			return
		}
		program.env, program.err = engineEnvironment()
	})
	return filepath.Join(program.dir, "pgsluice"), program.env, program.err
}

// engineEnvironment lets a program that runs in a directory of its own find the
// embedded engine.
func engineEnvironment() ([]string, error) {
	engine, err := sandbox.FindEngineProgram()
	if err != nil {
		return nil, err
	}
	library, err := sandbox.FindClickHouse()
	if err != nil {
		return nil, err
	}
	engines, _, ok := strings.Cut(library, string(filepath.Separator)+"node_modules"+string(filepath.Separator))
	if !ok {
		return nil, fmt.Errorf("%s is not below node_modules", library)
	}
	absolute, err := filepath.Abs(engine)
	return []string{sandbox.EngineProgramEnv + "=" + absolute, sandbox.EnginesEnv + "=" + engines}, err
}

func removeProgram() error {
	if program.dir == "" {
		return nil
	}
	return os.RemoveAll(program.dir)
}

// process is a run of the program.
type process struct {
	s        *scene
	cmd      *exec.Cmd
	out, err journal
	done     chan struct{}
	code     int // the exit status, -1 after a signal; when done
}

// pgsluice starts the program in a directory of the test's own.
func (s *scene) pgsluice(args ...string) *process {
	s.Helper()
	path, env, err := buildProgram()
	if err != nil {
		s.Fatal(err)
	}
	return s.launch(path, env, args...)
}

// launch starts a program with more in its environment than the test has.
func (s *scene) launch(path string, env []string, args ...string) *process {
	s.Helper()
	p := &process{s: s, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Dir = s.dir()
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			p.code = exit.ExitCode()
		} else if err != nil {
			p.code = -2
		}
	}()
	s.Cleanup(func() {
		p.kill()
		if s.Failed() {
			s.Logf("pgsluice %s ended with %d and said:\n%s%s", strings.Join(args, " "), p.code, &p.out, &p.err)
		}
	})
	return p
}

// dir is where the scene's processes run.
func (s *scene) dir() string {
	if s.place == "" {
		s.place = s.TempDir()
	}
	return s.place
}

// command runs a subcommand on the scene's two sides, to its end.
func (s *scene) command(name string, args ...string) *process {
	s.Helper()
	p := s.pgsluice(append(append([]string{name}, s.both()...), args...)...)
	p.wait()
	return p
}

// wait returns the exit status. Whatever the program said must not hold a
// password.
func (p *process) wait() int {
	p.s.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * patience):
		p.kill()
		p.s.Fatalf("the program does not end; it said:\n%s%s", &p.out, &p.err)
	}
	for _, secret := range []string{sourcePassword, targetPassword} {
		if strings.Contains(p.said(), secret) {
			p.s.Errorf("a password is in the output:\n%s", p.said())
		}
	}
	return p.code
}

// exits wants the exit status, and each of the words in what was said.
func (p *process) exits(code int, words ...string) *process {
	p.s.Helper()
	if got := p.wait(); got != code {
		p.s.Errorf("exit status %d, want %d; it said:\n%s", got, code, p.said())
	}
	p.s.mentions(p.said(), words...)
	return p
}

func (p *process) said() string { return p.out.String() + p.err.String() }

// says waits until one of the texts is in the output.
func (p *process) says(texts ...string) *process {
	p.s.Helper()
	said := func() bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(p.said(), text) })
	}
	p.s.eventually("the program says "+strings.Join(texts, " or "), func() bool {
		if said() {
			return true
		}
		select {
		case <-p.done:
			if !said() {
				p.s.Fatalf("the program ended with %d and did not say %q:\n%s", p.code, texts, p.said())
			}
		default:
		}
		return false
	})
	return p
}

// saysWithin waits for a text in the output, at most so long and not beyond the
// program's end.
func (p *process) saysWithin(most time.Duration, text string) bool {
	err := poll(p.s.ctx, most, func() (bool, error) {
		select {
		case <-p.done:
			return true, nil
		default:
			return strings.Contains(p.said(), text), nil
		}
	})
	return err == nil && strings.Contains(p.said(), text)
}

func (p *process) signal(s os.Signal) {
	p.s.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.s.Error(err)
	}
}

// kill ends the process as a crash would and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// killAfter kills the process after a while. A process that has ended by itself
// by then, and not well, fails the test.
func (p *process) killAfter(d time.Duration) {
	p.s.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		p.kill()
	case <-p.done:
	}
	if p.code != -1 {
		p.s.Errorf("the program ended by itself with %d and said:\n%s", p.code, p.said())
	}
}
