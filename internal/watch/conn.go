// Package watch notices connections that have fallen silent. What it knows of a
// server is a question that its user brings.
//
// A connection whose other end went away without a word, or whose packets
// something in between swallows, looks like one whose server takes its time: the
// kernel waits a quarter of an hour for what was sent, and for ever for what is to
// come. A limit for each read would end work that takes long: a server may sort,
// or wait for a lock, for hours. So a connection that has been silent for a while
// is asked about over another one:
//
//	read or write under way ── nothing moves ──▶ lost? ── yes ─▶ closed: the caller gets an error
//	         ▲                                     │
//	         └────────────────── no ◀──────────────┘
//
// TCP_USER_TIMEOUT lost: it also ends a connection to a server that is there and
// does not read for a while.
package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection that is watched once Watch is called.
type Conn struct {
	net.Conn
	underway atomic.Int32 // reads and writes
	moved    atomic.Int64 // when something last came or went, or was begun to be waited for; UnixNano
	// waiting: the last read or write ended at its deadline with nothing, and is
	// likely to be taken up again.
	waiting atomic.Bool
	givenUp atomic.Bool
	closing sync.Once
	closed  chan struct{}
}

// New wraps a connection.
func New(c net.Conn) *Conn { return &Conn{Conn: c, closed: make(chan struct{})} }

// Watch closes the connection when a read or a write has been under way for the
// time given, nothing has moved meanwhile, and lost says that it is in vain. lost
// is asked again and again while the silence lasts; its context ends with the
// connection. Watch is called once.
func (c *Conn) Watch(silence time.Duration, lost func(context.Context) bool) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-c.closed
		cancel()
	}()
	go c.watch(ctx, silence, lost)
}

func (c *Conn) watch(ctx context.Context, silence time.Duration, lost func(context.Context) bool) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	asked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		moved := c.moved.Load()
		since := time.Unix(0, moved)
		if since.Before(asked) {
			since = asked
		}
		if c.waited() && time.Since(since) >= silence {
			if lost(ctx) && c.moved.Load() == moved && c.waited() {
				c.givenUp.Store(true)
				_ = c.Close()
				return
			}
			asked = time.Now()
			since = asked
		}
		timer.Reset(max(time.Until(since.Add(silence)), silence/8))
	}
}

func (c *Conn) waited() bool { return c.underway.Load() > 0 || c.waiting.Load() }

// Read implements [net.Conn].
func (c *Conn) Read(p []byte) (int, error) { return c.move(c.Conn.Read, p) }

// Write implements [net.Conn].
func (c *Conn) Write(p []byte) (int, error) { return c.move(c.Conn.Write, p) }

func (c *Conn) move(do func([]byte) (int, error), p []byte) (int, error) {
	if c.underway.Add(1) == 1 && !c.waiting.Load() {
		c.moved.Store(time.Now().UnixNano())
	}
	n, err := do(p)
	c.underway.Add(-1)
	if n > 0 || err == nil {
		c.moved.Store(time.Now().UnixNano())
	}
	var timeout net.Error
	c.waiting.Store(n == 0 && errors.As(err, &timeout) && timeout.Timeout())
	if err != nil && c.givenUp.Load() {
		err = fmt.Errorf("the server went silent: %w", err)
	}
	return n, err
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// SyscallConn implements [syscall.Conn] where the connection is a socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, syscall.ENOTSOCK
	}
	return s.SyscallConn()
}
