package postgres

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// PatientConn lets what a server sends gather before it reads.
//
// A walsender sends every message by itself, and each send that finds its
// reader asleep has to wake it: on a busy source the waking costs more than the
// decoding. So messages gather in the socket: after a read that brought
// something the connection waits a moment and then takes what there is; only
// when there is nothing does it go to sleep on the socket. A single transaction
// is delayed by the moment, which is far below what a batch takes to apply.
//
// The runtime's poller sleeps on the socket even while nobody reads, and would be
// woken for every message all the same. So while messages come in crowds the
// socket is told to call only for many of them at once (SO_RCVLOWAT).
//
// A server with a backlog can be spared even the sending: see Gather.
//
// What this brings, and what lost: docs/decisions/0002-patient-reads.md.
type PatientConn struct {
	net.Conn
	raw    syscall.RawConn // nil where the connection is not a socket
	buf    []byte
	unread []byte
	busy   bool // the last read brought something
	crowd  bool // the socket calls for crowds only

	backlog   bool      // what Gather was told last
	gathering bool      // and the server is near
	emptied   time.Time // when the last pile came to its end; zero while more of it is to come

	timer    *time.Timer
	mu       sync.Mutex
	deadline time.Time     // for reads; zero: none
	moved    chan struct{} // it is another than when a pause began
}

const (
	readSize = 1 << 20
	moment   = 200 * time.Microsecond
	callAt   = 256 << 10

	// A server near by fills the socket in a few milliseconds, and its own side
	// of the connection, some megabytes, in not less than a tenth of a second.
	gatherFor = 40 * time.Millisecond
	// A shorter read was the end of the pile.
	pieceSize = 16 << 10
	// The next piece is on its way as soon as this one is read.
	pieceWait = 50 * time.Microsecond
)

// ReadPatiently makes the connections of a configuration patient. The function
// it returns gives the one that was dialled last.
func ReadPatiently(c *pgconn.Config) func() *PatientConn {
	var last *PatientConn
	dialer := &net.Dialer{Timeout: c.ConnectTimeout, Control: smallSegments}
	dial := watched(dialer.DialContext)
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		wire, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		last = newPatientConn(wire)
		return last, nil
	}
	return func() *PatientConn { return last }
}

func newPatientConn(c net.Conn) *PatientConn {
	p := &PatientConn{Conn: c, timer: time.NewTimer(time.Hour), moved: make(chan struct{}, 1)}
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			p.raw = raw
		}
	}
	return p
}

// Buffered says whether a read of a little would return at once.
func (c *PatientConn) Buffered() bool { return len(c.unread) > 0 }

func (c *PatientConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		// A large value is read where it is wanted.
		if len(p) >= readSize {
			return c.fill(p)
		}
		if c.buf == nil {
			c.buf = make([]byte, readSize)
		}
		n, err := c.fill(c.buf)
		if n == 0 {
			return 0, err
		}
		// An error beside data comes again with the next read.
		c.unread = c.buf[:n]
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// Gather says whether the server has a backlog, of which it had better send much
// at once. Then the socket holds little and is read at long intervals: a send to
// a full socket only adds to a pile on the server's side, where a send to an open
// one goes through the whole network stack, for each message. The pile then comes
// in few large pieces. Only for servers near by, where a small window is enough
// to fill the line; elsewhere nothing changes.
func (c *PatientConn) Gather(on bool) {
	if on == c.backlog || c.raw == nil {
		return
	}
	c.backlog = on
	_ = c.raw.Control(func(fd uintptr) {
		if gather := on && near(fd); gather != c.gathering {
			holdLittle(fd, gather)
			c.gathering, c.emptied = gather, time.Time{}
		}
	})
}

func (c *PatientConn) fill(p []byte) (int, error) {
	if c.busy && c.raw != nil {
		if n := c.gathered(p); n > 0 {
			return n, nil
		}
	}
	c.callForCrowds(false)
	n, err := c.Conn.Read(p)
	c.busy = n > 0
	c.callForCrowds(c.busy)
	return n, err
}

// gathered waits for more than one message and takes what there is; 0 when there
// is nothing.
func (c *PatientConn) gathered(p []byte) int {
	if !c.gathering {
		c.pause(time.Now().Add(moment))
		return c.take(p)
	}
	if c.emptied.IsZero() {
		if n := c.takePiece(p); n > 0 {
			return n
		}
		c.pause(time.Now().Add(pieceWait))
		if n := c.takePiece(p); n > 0 {
			return n
		}
	}
	c.pause(c.emptied.Add(gatherFor))
	return c.takePiece(p)
}

// takePiece takes a piece of a pile, and notes when that was the last.
func (c *PatientConn) takePiece(p []byte) int {
	n := c.take(p)
	c.emptied = time.Time{}
	if n < pieceSize {
		c.emptied = time.Now()
	}
	return n
}

// take reads what is there without waiting for more; 0 when there is nothing or
// the read failed, which the ordinary read then finds too.
func (c *PatientConn) take(p []byte) int {
	n := 0
	err := c.raw.Read(func(fd uintptr) bool {
		n = readNow(fd, p)
		return true // do not wait
	})
	if err != nil {
		return 0
	}
	return max(n, 0)
}

func (c *PatientConn) callForCrowds(on bool) {
	if on == c.crowd || c.raw == nil {
		return
	}
	at := 1
	if on {
		at = callAt
	}
	if err := c.raw.Control(func(fd uintptr) { callWhen(fd, at) }); err == nil {
		c.crowd = on
	}
}

// pause waits until then, but no longer than a read may.
func (c *PatientConn) pause(until time.Time) {
	for {
		end := until
		c.mu.Lock()
		if !c.deadline.IsZero() && c.deadline.Before(end) {
			end = c.deadline
		}
		c.mu.Unlock()
		wait := time.Until(end)
		if wait <= 0 {
			return
		}
		c.timer.Reset(wait)
		select {
		case <-c.timer.C:
		case <-c.moved:
		}
	}
}

// SetDeadline implements [net.Conn].
func (c *PatientConn) SetDeadline(t time.Time) error { return c.setDeadline(t, c.Conn.SetDeadline) }

// SetReadDeadline implements [net.Conn].
func (c *PatientConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, c.Conn.SetReadDeadline)
}

// Close implements [net.Conn].
func (c *PatientConn) Close() error {
	return c.setDeadline(longAgo, func(time.Time) error { return c.Conn.Close() })
}

var longAgo = time.Unix(1, 0)

// setDeadline has pauses end when reads do.
func (c *PatientConn) setDeadline(t time.Time, set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := set(t)
	if err == nil {
		c.deadline = t
		select {
		case c.moved <- struct{}{}:
		default:
		}
	}
	return err
}
