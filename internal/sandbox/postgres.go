package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// PostgresOptions describes a PostgreSQL server. The zero value is a good one.
type PostgresOptions struct {
	// Major is the major version; 0 means 18.
	Major int
	// Dir keeps the server's files. Empty means a temporary directory that Stop removes.
	Dir string
	// Password of the superuser postgres. Empty means that everybody on this machine may come in as anybody (trust);
	// otherwise every connection, replication included, has to prove it with SCRAM. It is set when the directory is made.
	Password string
	// Settings are lines of postgresql.conf. They win over this package's own, which prepare the server for logical
	// replication (wal_level=logical, 20 slots, 20 senders) and for being thrown away (fsync=off).
	// ALTER SYSTEM and the settings of a database or role win over them, as always.
	Settings map[string]string
}

// DefaultPostgres is the major version that starts when none is asked for.
const DefaultPostgres = 18

// MajorsEnv names the environment variable with the PostgreSQL majors that the tests run on, like "12,14,16,18".
const MajorsEnv = "PGSLUICE_TEST_POSTGRES"

// Majors lists the PostgreSQL majors that the tests run on: those of $PGSLUICE_TEST_POSTGRES, else 18 and 14, which is
// the newest and the oldest whose walsender sends binary values.
func Majors() ([]int, error) {
	text := os.Getenv(MajorsEnv)
	if text == "" {
		return []int{DefaultPostgres, 14}, nil
	}
	var majors []int
	for field := range strings.SplitSeq(text, ",") {
		major, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %q is not a major version", MajorsEnv, text, field)
		}
		majors = append(majors, major)
	}
	return majors, nil
}

// Postgres is a PostgreSQL server. It listens on 127.0.0.1 only, on a port that stays the same until Stop.
type Postgres struct {
	opts    PostgresOptions
	engine  string // the directory with bin, lib and share
	account account
	home    *home
	port    int

	mu      sync.Mutex // guards what follows
	process *process   // nil when the server does not run
	closed  bool
}

// How long each way to shut down may take. A fast shutdown waits for logical replication clients to receive everything,
// and a test may hold one of those back on purpose.
const (
	fastPatience      = 10 * time.Second
	immediatePatience = 8 * time.Second
	killPatience      = 5 * time.Second
)

// StartPostgres starts a server and returns when it accepts connections. In a directory that already holds one, the data
// of that one is served. Without a deadline in ctx it gives up after a minute; ctx is of no importance after the start.
func StartPostgres(ctx context.Context, opts PostgresOptions) (*Postgres, error) {
	if opts.Major == 0 {
		opts.Major = DefaultPostgres
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	engine, err := FindPostgres(opts.Major)
	if err != nil {
		return nil, err
	}
	p := &Postgres{opts: opts, engine: engine}
	if p.account, err = postgresAccount(); err != nil {
		return nil, err
	}
	if p.home, err = openHome(ctx, opts.Dir, "postgres"); err != nil {
		return nil, fmt.Errorf("start PostgreSQL %d: %w", opts.Major, err)
	}
	err = p.initialise(ctx)
	if err == nil {
		err = p.launchOnFreePort(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL %d in %s: %w", opts.Major, p.home.dir, err), p.home.close())
	}
	return p, nil
}

// Port is the TCP port on 127.0.0.1.
func (p *Postgres) Port() int { return p.port }

// Addr is host:port.
func (p *Postgres) Addr() string { return address(p.port) }

// DSN is the connection string of a database for the superuser; an empty name means the database postgres.
func (p *Postgres) DSN(db string) string {
	if db == "" {
		db = "postgres"
	}
	dsn := url.URL{Scheme: "postgres", Host: p.Addr(), Path: "/" + db, RawQuery: "sslmode=disable", User: url.User("postgres")}
	if p.opts.Password != "" {
		dsn.User = url.UserPassword("postgres", p.opts.Password)
	}
	return dsn.String()
}

// Dir is the directory that keeps the server's files.
func (p *Postgres) Dir() string { return p.home.dir }

// PID is the process id of the postmaster, 0 when it does not run.
func (p *Postgres) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.livingPID()
}

// Log returns the last 64 KiB of what the server printed.
func (p *Postgres) Log() string { return p.home.logTail(0, 64<<10) }

// Stop shuts the server down: fast (clients are cut off, everything is written), or harder when that takes too long.
// It returns when the process is gone, and removes a temporary directory. Stopping twice is no error.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	if err := p.halt(syscall.SIGINT, fastPatience); err != nil {
		return err
	}
	p.closed = true
	return p.home.close()
}

// Kill ends the server at once, as a crash would: nothing is written, clients see their connection break.
// The data stays: Restart recovers it, Stop removes it if the directory is temporary.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.halt(syscall.SIGQUIT, immediatePatience)
}

// Restart stops the server, if it runs, and starts it again on the same port with the same data.
func (p *Postgres) Restart(ctx context.Context) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("restart PostgreSQL: it was stopped for good")
	}
	err := p.halt(syscall.SIGINT, fastPatience)
	if err == nil {
		err = p.launch(ctx)
	}
	if err != nil {
		return fmt.Errorf("restart PostgreSQL %d in %s: %w", p.opts.Major, p.home.dir, err)
	}
	return nil
}

// halt ends the process, first with sig, then harder. It does nothing when there is none. The caller holds the mutex.
func (p *Postgres) halt(sig syscall.Signal, patience time.Duration) error {
	if p.process == nil {
		return nil
	}
	err := p.process.end(
		ask{p.process.by(sig), patience},
		ask{p.process.by(syscall.SIGQUIT), immediatePatience},
		ask{p.process.by(syscall.SIGKILL), killPatience},
	)
	if err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	p.process = nil
	return nil
}

// launchOnFreePort repeats the launch when somebody took the port in between.
func (p *Postgres) launchOnFreePort(ctx context.Context) error {
	for {
		var err error
		if p.port, err = freePort(); err != nil {
			return err
		}
		err = p.launch(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

var errPortTaken = errors.New("the port is taken")

// launch starts the server on p.port and waits until it is ready.
func (p *Postgres) launch(ctx context.Context) error {
	if err := p.writeSettings(); err != nil {
		return err
	}
	from := p.home.logSize()
	log, err := p.home.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.program("postgres"), "-D", p.home.data(), "-p", strconv.Itoa(p.port))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = p.environment()
	cmd.SysProcAttr = p.account.attributes(p.program("postgres"), p.home.data())
	cmd.ExtraFiles = []*os.File{p.home.lock}
	child, err := startProcess(cmd, true)
	if err != nil {
		return err
	}
	err = poll(ctx, func() (bool, error) {
		if gone, err := child.gone(); gone {
			return false, err
		}
		return p.ready(child.pid()), nil
	})
	if err == nil {
		p.process = child
		return nil
	}
	said := p.home.logTail(from, 4<<10)
	if strings.Contains(said, "could not create any TCP/IP sockets") {
		err = errPortTaken
	}
	return errors.Join(fmt.Errorf("%w; it said:\n%s", err, said), child.end(ask{child.by(syscall.SIGKILL), killPatience}))
}

// ready reads the status that the postmaster keeps in its lock file: line 1 is its process id, line 8 its state. The
// file of a killed server looks ready for ever, hence the comparison. Seen in pg_ctl and in src/include/utils/pidfile.h.
func (p *Postgres) ready(pid int) bool {
	text, err := os.ReadFile(filepath.Join(p.home.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

// writeSettings writes the file that postgresql.conf includes.
func (p *Postgres) writeSettings() error {
	settings := map[string]string{
		"listen_addresses":        loopback,
		"unix_socket_directories": "",
		"wal_level":               "logical",
		"max_wal_senders":         "20",
		"max_replication_slots":   "20",
		"fsync":                   "off",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	maps.Copy(settings, p.opts.Settings)
	var text strings.Builder
	for _, name := range sortedKeys(settings) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	file := filepath.Join(p.home.data(), settingsFile)
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return p.account.own(file)
}
