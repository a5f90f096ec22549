package integration

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// proxy stands between the program and a server, and can be any bad network.
type proxy struct {
	*toxiproxy.Proxy
	s  *scene
	at string
	// waiting is how many connections have bytes that are held.
	waiting *atomic.Int64
}

// newProxy listens on loopback and forwards to the address until the test ends.
func (s *scene) newProxy(to string) *proxy {
	s.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	network := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard))
	waiting, _ := held.LoadOrStore(s.Name()+to, &atomic.Int64{})
	p := &proxy{Proxy: toxiproxy.NewProxy(network, s.Name()+to, "127.0.0.1:0", to), s: s, waiting: waiting.(*atomic.Int64)}
	if err := p.Start(); err != nil {
		s.Fatal(err)
	}
	p.at = p.Listen
	s.Cleanup(func() {
		p.heal()
		p.Stop()
	})
	return p
}

func (p *proxy) addr() string { return p.at }

// down refuses connections, those that are open included.
func (p *proxy) down() { p.Stop() }

// up lets connections be made again.
func (p *proxy) up() {
	p.s.Helper()
	p.s.eventually("the proxy listens again", func() bool { return p.Start() == nil })
}

// cut ends all connections.
func (p *proxy) cut() { p.down(); p.up() }

// ail makes the network bad, in a way of toxiproxy's. Bytes go upstream to the
// server.
func (p *proxy) ail(kind, direction, attributes string) {
	p.s.Helper()
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {%s}}`, kind, direction, attributes)))
	if err != nil {
		p.s.Fatal(err)
	}
}

// reset breaks each connection as soon as it brings something.
func (p *proxy) reset() {
	p.ail("reset_peer", "upstream", `"timeout": 0`)
	p.ail("reset_peer", "downstream", `"timeout": 0`)
}

// swallow lets nothing through in the directions, and lets nobody notice: the
// connections stay open.
func (p *proxy) swallow(directions ...string) {
	for _, direction := range directions {
		p.ail("timeout", direction, `"timeout": 0`)
	}
}

// heal makes the network good again. What was held passes, and connections from
// which something was swallowed end.
func (p *proxy) heal() { p.Toxics.ResetToxics(context.Background()) }

// hold lets nothing more pass to the server, and loses nothing.
func (p *proxy) hold() { p.ail("hold", "upstream", fmt.Sprintf(`"of": %q`, p.Name)) }

// holding is a way of the network to be bad that toxiproxy lacks.
type holding struct {
	Of string `json:"of"` // a proxy's name
}

// held counts by proxy the connections that have bytes that are held.
var held sync.Map

func init() { toxics.Register("hold", new(holding)) }

// Pipe implements [toxics.Toxic].
func (h *holding) Pipe(stub *toxics.ToxicStub) {
	var kept []*stream.StreamChunk
	counted, _ := held.Load(h.Of)
	waiting := counted.(*atomic.Int64)
	for {
		select {
		case c := <-stub.Input:
			if c == nil {
				if len(kept) > 0 {
					waiting.Add(-1)
				}
				stub.Close()
				return
			}
			if kept = append(kept, c); len(kept) == 1 {
				waiting.Add(1)
			}
		case <-stub.Interrupt:
			if len(kept) > 0 {
				waiting.Add(-1)
			}
			for _, c := range kept {
				stub.Output <- c
			}
			return
		}
	}
}
