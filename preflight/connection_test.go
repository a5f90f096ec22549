package preflight

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// between stands before servers as poolers and load balancers do.
type between struct {
	*testing.T
	listener net.Listener
	// to says which server gets a connection, the how manieth it is.
	to func(n int, replication bool) string
	// refuses replication, and makes up the server process's number.
	refuses, pretends bool

	mu    sync.Mutex
	count int
	open  []net.Conn
	wait  sync.WaitGroup
}

func startBetween(t *testing.T, b *between) *between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.T, b.listener = t, l
	b.wait.Go(b.accept)
	t.Cleanup(func() {
		_ = l.Close()
		b.mu.Lock()
		for _, c := range b.open {
			_ = c.Close()
		}
		b.mu.Unlock()
		b.wait.Wait()
	})
	return b
}

func (b *between) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.keep(client)
		b.wait.Go(func() {
			defer client.Close()
			if err := b.serve(client); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
				b.Logf("between: %v", err)
			}
		})
	}
}

func (b *between) keep(c net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = append(b.open, c)
}

func (b *between) serve(client net.Conn) error {
	startup, err := packet(client, 0)
	if err != nil {
		return err
	}
	replication := bytes.Contains(startup, []byte("replication\x00"))
	if replication && b.refuses { // in the words of PgBouncer
		text := "SFATAL\x00C08P01\x00Munsupported startup parameter: replication\x00\x00"
		_, err := client.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(text)+4)), text...))
		return err
	}
	b.mu.Lock()
	n := b.count
	b.count++
	b.mu.Unlock()
	server, err := net.Dial("tcp", b.to(n, replication))
	if err != nil {
		return err
	}
	defer server.Close()
	b.keep(server)
	if _, err := server.Write(startup); err != nil {
		return err
	}
	b.wait.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	for b.pretends {
		message, err := packet(server, 1)
		if err != nil {
			return err
		}
		if message[0] == 'K' {
			binary.BigEndian.PutUint32(message[5:], 4711)
		}
		if _, err := client.Write(message); err != nil {
			return err
		}
		if message[0] == 'Z' {
			break
		}
	}
	_, err = io.Copy(client, server)
	return err
}

// packet reads one message: a type, where there is one, and a length that counts
// itself.
func packet(c net.Conn, kind int) ([]byte, error) {
	head := make([]byte, kind+4)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(head[kind:])-4)
	_, err := io.ReadFull(c, rest)
	return append(head, rest...), err
}

// through makes the scene connect by way of b, and gives back the direct way.
func (s *scene) through(b *between) (direct string) {
	direct = s.dsn
	s.dsn = strings.Replace(s.dsn, s.server.Addr(), b.listener.Addr().String(), 1)
	return direct
}

func TestPoolersAndLoadBalancers(t *testing.T) {
	const elsewhere = "put the server's own host and port into source.dsn"
	for _, major := range majors() {
		t.Run(major.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, major.number, servers[major.number])
			s.exec(aTable)
			other := newServer(t, major.number)
			other.run(other.admin, "CREATE DATABASE "+s.name)
			here := s.server.Addr()
			inTurns := func(n int, _ bool) string { return []string{here, other.server.Addr()}[n%2] }
			alone := func(int, bool) string { return here }
			byPurpose := func(_ int, replication bool) string {
				if replication {
					return other.server.Addr()
				}
				return here
			}
			for _, c := range []struct {
				name string
				b    *between
				tr   trouble
			}{
				{"a pooler refuses replication", &between{to: alone, refuses: true}, trouble{
					check: "replication_connection", level: fault.LevelError,
					seen: "the source refuses a replication connection", fix: elsewhere,
				}},
				{"a pooler makes up processes", &between{to: alone, pretends: true}, trouble{
					check: "direct_connection", level: fault.LevelWarning,
					seen: "a connection pooler stands before the source", fix: elsewhere,
				}},
				{"two servers in turns", &between{to: inTurns}, trouble{
					check: "direct_connection", level: fault.LevelError,
					seen: "two connections of the same DSN led to two servers: their system identifiers are", fix: elsewhere, also: []string{"exported_snapshot"},
				}},
				{"the snapshot is on the other server", &between{to: inTurns}, trouble{
					check: "exported_snapshot", level: fault.LevelError,
					seen: "a second connection cannot take up an exported snapshot", fix: elsewhere, also: []string{"direct_connection"},
				}},
				{"replication on another server", &between{to: byPurpose}, trouble{
					check: "replication_connection", level: fault.LevelError,
					seen: "the replication connection led to another server", fix: elsewhere,
				}},
			} {
				t.Run(c.name, func(t *testing.T) {
					in := *s
					in.T = t
					direct := in.through(startBetween(t, c.b))
					c.tr.mend = func(s *scene) { s.dsn = direct }
					in.meets(c.tr)
				})
			}
		})
	}
}
