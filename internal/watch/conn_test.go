package watch

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// pair is a connection and its other end.
func pair(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := New(near)
	t.Cleanup(func() { _ = c.Close(); _ = far.Close() })
	return c, far
}

const silence = 50 * time.Millisecond

func TestAReadFromALostServerEnds(t *testing.T) {
	c, _ := pair(t)
	asked := 0
	c.Watch(silence, func(context.Context) bool { asked++; return asked == 3 })
	_, err := c.Read(make([]byte, 1))
	if asked != 3 || !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "went silent") {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// A client that reads with deadlines and tries again waits all the same.
func TestReadsThatAreTakenUpAgainAreOneWait(t *testing.T) {
	c, _ := pair(t)
	c.Watch(silence, func(context.Context) bool { return true })
	for {
		if err := c.SetReadDeadline(time.Now().Add(silence / 10)); err != nil {
			return // it is closed
		}
		_, err := c.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			if !strings.Contains(err.Error(), "went silent") {
				t.Error(err)
			}
			return
		}
	}
}

func TestAWriteToALostServerEnds(t *testing.T) {
	c, _ := pair(t)
	c.Watch(silence, func(context.Context) bool { return true })
	piece := make([]byte, 1<<20)
	for {
		if _, err := c.Write(piece); err != nil {
			if !strings.Contains(err.Error(), "went silent") {
				t.Error(err)
			}
			return
		}
	}
}

// A connection that nobody reads from, and one on which something moves, are not
// asked about.
func TestOnlySilenceIsAskedAbout(t *testing.T) {
	// Long enough that a busy machine keeps up the pace.
	const silence = time.Second
	idle, _ := pair(t)
	idle.Watch(silence, func(context.Context) bool { t.Error("an idle connection is asked about"); return false })
	c, far := pair(t)
	asked := make(chan struct{}, 100)
	c.Watch(silence, func(context.Context) bool { asked <- struct{}{}; return false })
	ticker := time.NewTicker(silence / 5)
	defer ticker.Stop()
	read := make(chan error, 1)
	go func() {
		buf := make([]byte, 1)
		for {
			if _, err := c.Read(buf); err != nil {
				read <- err
				return
			}
		}
	}()
	for range 15 {
		<-ticker.C
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked %d times about a connection that brings something", len(asked))
	}
	<-asked // now that it is silent
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil || strings.Contains(err.Error(), "went silent") {
		t.Errorf("closed by its user: %v", err)
	}
}
