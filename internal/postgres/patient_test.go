package postgres

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Whatever the socket is told to hold, the bytes come, all of them and in order.
func TestPatientConnBringsEveryByte(t *testing.T) {
	const messages, size = 100_000, 61
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		message := make([]byte, size)
		for i := range uint64(messages) {
			binary.BigEndian.PutUint64(message, i)
			if _, err := c.Write(message); err != nil {
				return
			}
		}
	}()

	var config pgconn.Config
	last := ReadPatiently(&config)
	if _, err := config.DialFunc(context.Background(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	c := last()
	defer func() { _ = c.Close() }()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	message := make([]byte, size)
	gathered := false
	for i := range uint64(messages) {
		c.Gather(i%30_000 >= 5_000)
		gathered = gathered || c.gathering
		if _, err := io.ReadFull(r, message); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if got := binary.BigEndian.Uint64(message); got != i {
			t.Fatalf("message %d came as %d", i, got)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatalf("behind the last message: %v", err)
	}
	if !gathered {
		t.Log("this machine's loopback is not near enough to gather")
	}
}
