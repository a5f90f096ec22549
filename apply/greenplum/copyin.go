package greenplum

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
)

// copyin is one COPY … FROM STDIN under way. What is written to it gathers in
// buffers, which another goroutine gives to the server.
//
//	write ─▶ filling ─▶ full ─▶ Read ─▶ the server
//	            ▲                 │
//	            └───── empty ◀────┘
type copyin struct {
	filling []byte
	full    chan []byte
	empty   chan []byte
	unread  []byte
	reading []byte
	done    chan struct{}
	failed  error // when done is closed
	rows    int64 // that the server has taken, when done is closed
	// broken is what Read returns in the place of the end.
	broken error
}

// A buffer is what the server is given in a few writes; two of them keep both
// sides busy.
const (
	copyBuffer  = 128 << 10
	copyBuffers = 3
)

var errGivenUp = io.ErrUnexpectedEOF

// startCopy begins a COPY, which has the connection until it is closed.
func startCopy(ctx context.Context, conn *pgx.Conn, sql string, head []byte) *copyin {
	c := &copyin{full: make(chan []byte, copyBuffers), empty: make(chan []byte, copyBuffers), done: make(chan struct{})}
	for range copyBuffers - 1 {
		c.empty <- make([]byte, 0, copyBuffer)
	}
	c.filling = append(make([]byte, 0, copyBuffer), head...)
	go func() {
		defer close(c.done)
		tag, err := conn.PgConn().CopyFrom(ctx, c, sql)
		c.rows, c.failed = tag.RowsAffected(), err
	}()
	return c
}

// Read implements io.Reader for CopyFrom.
func (c *copyin) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if c.reading != nil {
			if cap(c.reading) > 4*copyBuffer { // grown by a large value
				c.reading = make([]byte, 0, copyBuffer)
			}
			c.empty <- c.reading[:0]
			c.reading = nil
		}
		next, ok := <-c.full
		if !ok {
			if c.broken != nil {
				return 0, c.broken
			}
			return 0, io.EOF
		}
		c.reading, c.unread = next, next
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// pass gives what has gathered to the server when it is worth it. An error is the
// server's.
func (c *copyin) pass() error {
	if len(c.filling) < copyBuffer*7/8 {
		return nil
	}
	return c.flush()
}

func (c *copyin) flush() error {
	select {
	case c.full <- c.filling:
	case <-c.done:
		return c.failed
	}
	select {
	case c.filling = <-c.empty:
		return nil
	case <-c.done:
		return c.failed
	}
}

// close ends the COPY with what is written last, and waits for the server's word.
func (c *copyin) close(tail []byte) (rows int64, err error) {
	c.filling = append(c.filling, tail...)
	select {
	case c.full <- c.filling:
	case <-c.done:
	}
	close(c.full)
	<-c.done
	return c.rows, c.failed
}

// giveUp has the server forget what it was given.
func (c *copyin) giveUp() {
	c.broken = errGivenUp
	close(c.full)
	<-c.done
}
