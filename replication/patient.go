package replication

import (
	"net"
	"time"
)

// A walsender sends every message by itself, and each send that finds its
// reader asleep in read(2) has to wake it: on a busy source the waking costs
// more than the decoding. patientConn lets messages gather in the socket: after
// a read that brought a crowd it waits a moment before it reads again, and then
// reads as much as there is. When little arrives it does not wait, so a single
// transaction is not delayed. Measured on two shared cores, this drains small
// transactions about three times faster than reading as they come; a longer
// pause brings nothing more (docs/decisions/0002-patient-reads.md).
type patientConn struct {
	net.Conn
	buf    []byte
	unread []byte
	crowd  bool
}

const (
	readSize   = 1 << 20
	crowdBytes = 1 << 10
	crowdPause = 200 * time.Microsecond
)

func (c *patientConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if c.crowd {
			time.Sleep(crowdPause)
		}
		// A large value is read where it is wanted.
		if len(p) >= readSize {
			n, err := c.Conn.Read(p)
			c.crowd = n > crowdBytes
			return n, err
		}
		if c.buf == nil {
			c.buf = make([]byte, readSize)
		}
		n, err := c.Conn.Read(c.buf)
		c.crowd = n > crowdBytes
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
