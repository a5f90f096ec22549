package postgres

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patientPair connects a patient reader to a server that runs in a goroutine of
// its own until it returns.
func patientPair(t *testing.T, server func(net.Conn)) *PatientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		server(c)
	}()
	var config pgconn.Config
	last := ReadPatiently(&config)
	if _, err := config.DialFunc(t.Context(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	c := last()
	t.Cleanup(func() {
		_ = c.Close()
		_ = listener.Close()
		<-served
	})
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever the socket is told to hold, the bytes come, all of them and in order.
func TestPatientConnBringsEveryByte(t *testing.T) {
	const messages, burst, size = 100_000, 10_000, 61
	const next, echo = 'n', 'e'
	c := patientPair(t, func(c net.Conn) {
		message, asked := make([]byte, size), make([]byte, 1)
		for i := uint64(0); i < messages; {
			if _, err := c.Read(asked); err != nil {
				return
			}
			if asked[0] == echo {
				if _, err := c.Write(asked); err != nil {
					return
				}
				continue
			}
			for end := i + burst; i < end; i++ {
				binary.BigEndian.PutUint64(message, i)
				if _, err := c.Write(message); err != nil {
					return
				}
			}
		}
	})
	r := bufio.NewReader(c)
	ask := func(b byte) {
		t.Helper()
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	// The shortest round trip so far says how near the server is: however busy
	// the machine, one of many is short enough.
	gathers := runtime.GOOS == "linux"
	for gathers && !c.gathering {
		ask(echo)
		if _, err := r.ReadByte(); err != nil {
			t.Fatalf("the loopback device is not near enough to gather: %v", err)
		}
		c.Gather(false)
		c.Gather(true)
	}
	message := make([]byte, size)
	piles, ended := 0, false // piles counts those that came behind another's end
	for i := range uint64(messages) {
		if i%burst == 0 {
			ask(next) // the pile before it is read, and so has an end
		}
		if gather := gathers && i%30_000 < 25_000; gather != c.gathering {
			if c.Gather(gather); gather != c.gathering {
				t.Fatalf("message %d: gathering is %t", i, c.gathering)
			}
			ended = false
		}
		if _, err := io.ReadFull(r, message); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if got := binary.BigEndian.Uint64(message); got != i {
			t.Fatalf("message %d came as %d", i, got)
		}
		if c.gathering {
			if ended && c.emptied.IsZero() {
				piles++
			}
			ended = !c.emptied.IsZero()
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatalf("behind the last message: %v", err)
	}
	if gathers && piles == 0 {
		t.Error("nothing was gathered")
	}
}

func TestAPauseEndsWhenReadsDo(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*PatientConn) error
		want time.Duration
	}{
		"with nothing said":                  {func(*PatientConn) error { return nil }, time.Hour},
		"with a later deadline":              {func(c *PatientConn) error { return c.SetReadDeadline(time.Now().Add(2 * time.Hour)) }, time.Hour},
		"with a sooner deadline":             {func(c *PatientConn) error { return c.SetReadDeadline(time.Now().Add(time.Minute)) }, 2 * time.Minute},
		"with a deadline that is past":       {func(c *PatientConn) error { return c.SetReadDeadline(time.Unix(1, 0)) }, time.Minute},
		"with a deadline for both, past too": {func(c *PatientConn) error { return c.SetDeadline(time.Unix(1, 0)) }, time.Minute},
		"with the connection":                {(*PatientConn).Close, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer func() { _ = there.Close() }()
				p := newPatientConn(here)
				defer func() { _ = p.Close() }()
				start := time.Now()
				time.AfterFunc(time.Minute, func() {
					if err := c.do(p); err != nil {
						t.Error(err)
					}
				})
				p.pause(start.Add(time.Hour))
				if took := time.Since(start); took != c.want {
					t.Errorf("it took %s, not %s", took, c.want)
				}
			})
		})
	}
}
