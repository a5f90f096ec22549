package clickhouse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// proxy stands between target and server and can cut every connection when the
// server is about to answer for the nth time.
type proxy struct {
	listener net.Listener
	server   string
	wait     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	cutAt    int // answers until the cut; 0: none
	answers  int
}

func startProxy(t *testing.T, config *tls.Config) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: startServer(t).NativeAddr(), conns: map[net.Conn]bool{}}
	if config != nil {
		p.listener = tls.NewListener(l, config)
	}
	p.wait.Go(p.accept)
	t.Cleanup(func() {
		p.listener.Close()
		p.cut()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) dsn(t *testing.T, parameters string) string {
	u := url.URL{Scheme: "clickhouse", Host: p.listener.Addr().String(), Path: "/" + database(t), RawQuery: parameters}
	return u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			return
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.wait.Go(func() { p.pump(server, client, false) })
		p.wait.Go(func() { p.pump(client, server, true) })
	}
}

func (p *proxy) pump(to, from net.Conn, answer bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if answer && p.due() {
			p.cut()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers++
	return p.cutAt > 0 && p.answers == p.cutAt
}

// cutAfter cuts when the server sends its nth piece from now on.
func (p *proxy) cutAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = p.answers + n
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func TestABrokenWireIsWorthAnotherAttempt(t *testing.T) {
	p := startProxy(t, nil)
	target := open(t, func(o *Options) { o.DSN = p.dsn(t, "") })
	tab := table("t", 1, "id", int8Type, "doc", textType)
	prepare(t, target, tab)
	remember(t, target, 1)
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(5, 1), 1, "doc"), insertRow(tab, at(5, 2), 2, "doc")))
	failures := 0
	for n := range 30 {
		b := batch(t, tab, updateRow(tab, at(10, 1), 1, unchanged), deleteRow(tab, at(10, 2), 2, null), insertRow(tab, at(10, 3), 3, n/30))
		b.Pipeline, b.Watermark = "shop", 12
		p.cutAfter(1 + n/2)
		for {
			err := target.Apply(context.Background(), b)
			if err == nil {
				break
			}
			var failure *apply.TableError
			if !fault.Retryable(err) || errors.As(err, &failure) {
				t.Fatalf("cut %d: %v", n, err)
			}
			failures++
		}
		p.cutAfter(-1 << 40) // what follows only looks
		got := target.queryText(t, "SELECT toString(id), doc FROM "+target.tableName("t")+" FINAL ORDER BY id")
		if len(got) != 2 || strings.Join(got[0], " ") != "1 doc" || strings.Join(got[1], " ") != "3 0" {
			t.Fatalf("cut %d: %v", n, got)
		}
		if s, err := target.Recall(context.Background(), "shop"); err != nil || s.Pipeline.Watermark != 12 {
			t.Fatalf("cut %d: %v %v", n, s, err)
		}
	}
	if failures == 0 {
		t.Error("the wire never broke")
	}
}

func TestALoadOverABrokenWireFails(t *testing.T) {
	p := startProxy(t, nil)
	target := open(t, func(o *Options) { o.DSN = p.dsn(t, "") })
	tab := table("t", 1, "id", int8Type, "doc", textType)
	prepare(t, target, tab)
	for _, rows := range []int{10, 3 * loadRows} {
		l, err := target.Load(context.Background(), tab)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err = l.Append(values(i, "x"), at(1, 0)); err != nil {
				break
			}
			if i == rows-1 || i == 2*loadRows {
				p.cut()
			}
		}
		if err == nil {
			err = l.Finish()
		}
		l.Abort()
		if rows > 10 && (err == nil || !fault.Retryable(err)) {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
}

func TestCompressionChangesNothing(t *testing.T) {
	for _, compress := range []string{"none", "lz4", "zstd"} {
		target := open(t, func(o *Options) { o.DSN += "?compress=" + compress })
		tab := table("t", 1, "id", int8Type, "doc", textType, "a", arrayOf(textType, 2), "n", int4Type)
		if _, err := target.Prepare(context.Background(), tab, apply.Truncate, 0); err != nil {
			t.Fatal(err)
		}
		l, err := target.Load(context.Background(), tab)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Abort()
		for i := range loadRows + 100 {
			if err := l.Append(values(i, "doc", "{{a},{b}}", null), at(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		applyBatch(t, target, batch(t, tab, updateRow(tab, at(2, 1), 7, unchanged, unchanged, 1)))
		got := target.queryText(t, "SELECT toString(count()), toString(sum(n)), toString(uniqExact(doc, a)) FROM "+target.tableName("t")+" FINAL")[0]
		if strings.Join(got, " ") != "65636 1 1" {
			t.Errorf("%s: %v", compress, got)
		}
	}
}

func TestTLS(t *testing.T) {
	p := startProxy(t, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	target := open(t, func(o *Options) { o.DSN = p.dsn(t, "secure=true&skip_verify=true") })
	tab := table("t", 1, "id", int8Type, "doc", textType)
	prepare(t, target, tab)
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 1, strings.Repeat("x", 1<<20))))
	if got := target.queryOne(t, "SELECT toString(length(doc)) FROM "+target.tableName("t")); got != "1048576" {
		t.Error(got)
	}
	_, err := Open(context.Background(), Options{DSN: p.dsn(t, "secure=true")})
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) || fault.Retryable(err) || !strings.Contains(fault.Hint(err), "skip_verify") {
		t.Errorf("a certificate nobody signed: %v", err)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ch"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
