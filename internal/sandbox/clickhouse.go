package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ClickHouseOptions describes a ClickHouse server. The zero value is a good one.
type ClickHouseOptions struct {
	// Dir keeps the server's files. Empty means a temporary directory that Stop removes.
	Dir string
	// User may do everything. Empty means "default". A user with a password needs another name: the engine itself
	// logs in as "default" without one.
	User string
	// Password of that user; empty means none.
	Password string
	// Further users, without a password, and what each may do, a statement each: GRANT SELECT ON db.*
	Further map[string][]string
	// HTTPPort and NativePort are the ports on 127.0.0.1; 0 means a free one.
	HTTPPort, NativePort int
	// Settings go to the profile of every user: what SET would change.
	Settings map[string]string
	// ServerSettings are elements of the server's configuration: max_server_memory_usage, or, one level down,
	// merge_tree.max_parts_in_total.
	ServerSettings map[string]string
}

// ClickHouse is a ClickHouse server. It listens on 127.0.0.1 only, on ports that stay the same until Stop.
//
// It differs from a server that somebody installed: it has no TLS listener, no ON CLUSTER, no system logs (query_log and
// its kin) and no writable ReplicatedMergeTree, and async inserts run synchronously.
type ClickHouse struct {
	opts    ClickHouseOptions
	program string // pgsluice-engine
	library string // libchdb.so
	home    *home

	httpPort, nativePort int

	mu      sync.Mutex // guards what follows
	process *process   // nil when the server does not run
	stdin   *os.File   // the server lives until this is closed
	closed  bool
}

// orderlyPatience is for a shutdown in order, which waits five seconds for clients that stay connected.
const orderlyPatience = 15 * time.Second

// StartClickHouse starts a server and returns when it answers. In a directory that already holds one, the data of that
// one is served. Without a deadline in ctx it gives up after a minute; ctx is of no importance after the start.
func StartClickHouse(ctx context.Context, opts ClickHouseOptions) (*ClickHouse, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	if opts.User == "" {
		opts.User = anchorUser
	}
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	c := &ClickHouse{opts: opts}
	var err error
	if c.library, err = FindClickHouse(); err != nil {
		return nil, err
	}
	if c.program, err = FindEngineProgram(); err != nil {
		return nil, err
	}
	if c.home, err = openHome(ctx, opts.Dir, "clickhouse"); err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	if err := c.launchOnFreePorts(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start ClickHouse in %s: %w", c.home.dir, err), c.home.close())
	}
	return c, nil
}

// Names become XML elements.
var (
	userName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$`)
)

func (o ClickHouseOptions) validate() error {
	var problems []error
	if !userName.MatchString(o.User) {
		problems = append(problems, fmt.Errorf("user %q: only letters, digits and underscores", o.User))
	}
	if o.User == anchorUser && o.Password != "" {
		problems = append(problems, fmt.Errorf("user %q cannot have a password here: the engine logs in as that user itself; name another", anchorUser))
	}
	for _, settings := range []map[string]string{o.Settings, o.ServerSettings} {
		for _, name := range sortedKeys(settings) {
			if !settingName.MatchString(name) {
				problems = append(problems, fmt.Errorf("setting %q: not a name", name))
			}
		}
	}
	return errors.Join(problems...)
}

// NativeAddr is host:port of the native protocol.
func (c *ClickHouse) NativeAddr() string { return address(c.nativePort) }

// HTTPAddr is host:port of HTTP; /play is a page to query by hand.
func (c *ClickHouse) HTTPAddr() string { return address(c.httpPort) }

// DSN is the connection string of a database over the native protocol; an empty name means the database default.
func (c *ClickHouse) DSN(db string) string {
	if db == "" {
		db = "default"
	}
	dsn := url.URL{Scheme: "clickhouse", Host: c.NativeAddr(), Path: "/" + db, User: url.User(c.opts.User)}
	if c.opts.Password != "" {
		dsn.User = url.UserPassword(c.opts.User, c.opts.Password)
	}
	return dsn.String()
}

// Dir is the directory that keeps the server's files.
func (c *ClickHouse) Dir() string { return c.home.dir }

// PID is the process id of the server, 0 when it does not run.
func (c *ClickHouse) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process.livingPID()
}

// Log returns the last 64 KiB of what the server printed: errors of queries, and why it ended.
func (c *ClickHouse) Log() string { return c.home.logTail(0, 64<<10) }

// Stop shuts the server down: in order when its data is kept, or harder when that takes too long. It returns when the
// process is gone, and removes a temporary directory. Stopping twice is no error.
func (c *ClickHouse) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	var ways []ask
	if !c.home.temporary { // there is no point in tidying up what is about to be removed
		ways = append(ways, ask{c.hangUp, orderlyPatience})
	}
	if err := c.halt(ways...); err != nil {
		return err
	}
	c.closed = true
	return c.home.close()
}

// Kill ends the server at once, as a crash would. The data stays: Restart reads it again, Stop removes it if the
// directory is temporary.
func (c *ClickHouse) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halt()
}

// Restart stops the server, if it runs, and starts it again on the same ports with the same data.
func (c *ClickHouse) Restart(ctx context.Context) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("restart ClickHouse: it was stopped for good")
	}
	err := c.halt(ask{c.hangUp, orderlyPatience})
	if err == nil {
		err = c.launch(ctx)
	}
	if err != nil {
		return fmt.Errorf("restart ClickHouse in %s: %w", c.home.dir, err)
	}
	return nil
}

// halt ends the process in the given ways, and by force in the end. The caller holds the mutex.
func (c *ClickHouse) halt(ways ...ask) error {
	if c.process == nil {
		return nil
	}
	if err := c.process.end(append(ways, ask{c.process.by(syscall.SIGKILL), killPatience})...); err != nil {
		return fmt.Errorf("stop ClickHouse: %w", err)
	}
	_ = c.hangUp()
	c.process = nil
	return nil
}

// hangUp closes the server's standard input, which is how it is asked to end.
func (c *ClickHouse) hangUp() error {
	if err := c.stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// launchOnFreePorts repeats the launch when somebody took a port in between.
func (c *ClickHouse) launchOnFreePorts(ctx context.Context) error {
	for {
		var err error
		if c.httpPort, err = portOr(c.opts.HTTPPort); err != nil {
			return err
		}
		if c.nativePort, err = portOr(c.opts.NativePort); err != nil {
			return err
		}
		err = c.launch(ctx)
		if !errors.Is(err, errPortTaken) || (c.opts.HTTPPort != 0 && c.opts.NativePort != 0) {
			return err
		}
	}
}

func portOr(wanted int) (int, error) {
	if wanted != 0 {
		return wanted, nil
	}
	return freePort()
}

// launch starts the server and waits until it answers.
func (c *ClickHouse) launch(ctx context.Context) error {
	name := "pgsluice-" + rand.Text()
	if err := c.writeConfig(name); err != nil {
		return err
	}
	from := c.home.logSize()
	log, err := c.home.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(c.program, "-library", c.library, "-path", c.home.data(), "-config", c.home.path("config.xml"),
		"-http-port", strconv.Itoa(c.httpPort), "-tcp-port", strconv.Itoa(c.nativePort))
	cmd.Stdin, cmd.Stderr = read, log // its standard output is for somebody's eyes
	cmd.ExtraFiles = []*os.File{c.home.lock}
	// Not tied to us by a signal: when we are gone, its standard input ends, and it shuts down in order.
	child, err := startProcess(cmd, false)
	if err != nil {
		_ = write.Close()
		return err
	}
	err = poll(ctx, func() (bool, error) {
		if gone, err := child.gone(); gone {
			return false, err
		}
		if err := listenFailure(c.home.logTail(from, 4<<10)); err != nil {
			return false, err
		}
		return c.answers(ctx, name)
	})
	if err == nil {
		// HTTP may answer although the native protocol found its port taken: the log knows.
		err = listenFailure(c.home.logTail(from, 4<<10))
	}
	if err == nil {
		c.process, c.stdin = child, write
		return nil
	}
	_ = write.Close()
	return errors.Join(fmt.Errorf("%w; it said:\n%s", err, c.home.logTail(from, 4<<10)),
		child.end(ask{child.by(syscall.SIGKILL), killPatience}))
}

var listenFailed = regexp.MustCompile(`Listen \[[^\]]*\]:\d+ failed: [^\n]*`)

// listenFailure finds in the log that the server cannot listen. It does not end then, but waits for better commands.
func listenFailure(log string) error {
	line := listenFailed.FindString(log)
	switch {
	case line == "":
		return nil
	case strings.Contains(line, "Address already in use"):
		return errPortTaken
	}
	return errors.New(line)
}

// answers says whether the server of this name answers a query. HTTP starts to listen after the native protocol, so both
// are there then. An answer that is an error is one that waiting does not mend.
func (c *ClickHouse) answers(ctx context.Context, name string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.HTTPAddr()+"/?query=SELECT+1", nil)
	if err != nil {
		return false, err
	}
	request.SetBasicAuth(c.opts.User, c.opts.Password)
	response, err := probe.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // nobody listens yet
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	switch {
	case err != nil, response.Header.Get("X-ClickHouse-Server-Display-Name") != name:
		return false, nil //nolint:nilerr // somebody else's server; ours will fail to listen and end
	case response.StatusCode != http.StatusOK:
		return false, fmt.Errorf("it refuses a query: %s", strings.TrimSpace(string(body)))
	}
	return true, nil
}

// probe keeps no connection, so that none is left when the server is.
var probe = &http.Client{
	Timeout:   2 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil},
}
