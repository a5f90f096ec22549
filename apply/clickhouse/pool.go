package clickhouse

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go"

	"github.com/pgsluice/pgsluice/internal/watch"
)

// pool hands out connections that carry data. A connection serves one query at
// a time; one that failed in any way is closed, and the next query dials.
type pool struct {
	address address
	mu      sync.Mutex
	idle    []*wire
	closed  bool
}

// wire is one connection.
type wire struct {
	client *ch.Client
	net    net.Conn
	used   time.Time
}

const (
	dialTimeout = 10 * time.Second
	// A connection that has been idle for longer is asked whether it still
	// lives before rows are trusted to it.
	idleTrusted = 10 * time.Second
	idleKept    = 16
)

// do runs one query on a connection of its own.
func (p *pool) do(ctx context.Context, q ch.Query) error {
	w, err := p.get(ctx)
	if err != nil {
		return err
	}
	return p.run(ctx, w, q)
}

// run runs one query and gives the connection back. When ctx ends the
// connection is closed under the query: ch-go by itself would look at ctx only
// between packets, and write without end to a server that does not read.
func (p *pool) run(ctx context.Context, w *wire, q ch.Query) error {
	stop := context.AfterFunc(ctx, func() { _ = w.net.Close() })
	err := w.client.Do(ctx, q)
	if !stop() || err != nil {
		w.close()
		return err
	}
	p.put(w)
	return nil
}

func (p *pool) get(ctx context.Context) (*wire, error) {
	for {
		w := p.take()
		if w == nil {
			return p.dial(ctx)
		}
		if time.Since(w.used) < idleTrusted {
			return w, nil
		}
		if err := w.ping(ctx); err == nil {
			return w, nil
		}
		w.close()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (p *pool) take() *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	w := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return w
}

func (p *pool) put(w *wire) {
	w.used = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == idleKept {
		w.close()
		return
	}
	p.idle = append(p.idle, w)
}

func (p *pool) dial(ctx context.Context) (*wire, error) {
	return p.greet(ctx, func(ctx context.Context) (net.Conn, error) { return p.watched(ctx, silences) })
}

// greet logs in over a connection that is dialled so.
func (p *pool) greet(ctx context.Context, dial func(context.Context) (net.Conn, error)) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.address.host, err)
	}
	client, err := ch.Connect(ctx, conn, ch.Options{
		Database: anyDatabase,
		User:     p.address.user, Password: p.address.password,
		Compression: p.address.compression,
		ClientName:  clientName,
	})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connect to %s: %w", p.address.host, err)
	}
	return &wire{client: client, net: conn}, nil
}

func (p *pool) connect(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{}
	if p.address.tls == nil {
		return dialer.DialContext(ctx, "tcp", p.address.host)
	}
	return (&tls.Dialer{NetDialer: dialer, Config: p.address.tls}).DialContext(ctx, "tcp", p.address.host)
}

// A connection that has been silent for so long is asked about, and one that
// carries rows is given up after so many times: ClickHouse cannot be asked what
// becomes of a query without a right of its own.
const (
	silence  = 30 * time.Second
	silences = 20
)

// watched is a connection that ends when the server has gone without a word.
func (p *pool) watched(ctx context.Context, most int) (net.Conn, error) {
	conn, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	watched, asked := watch.New(conn), 0
	watched.Watch(silence, func(ctx context.Context) bool {
		asked++
		return asked == most || p.lost(ctx)
	})
	return watched, nil
}

// lost says that the server does not answer any more. One that refuses does.
func (p *pool) lost(ctx context.Context) bool {
	w, err := p.greet(ctx, p.connect)
	if err == nil {
		w.close()
	}
	return err != nil && codeOf(err) == 0 && ctx.Err() == nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, w := range p.idle {
		w.close()
	}
	p.idle = nil
}

func (w *wire) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return w.client.Ping(ctx)
}

// close closes the connection; that it may be closed already is no news.
func (w *wire) close() { _ = w.client.Close() }
