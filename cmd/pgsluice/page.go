package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	stdsync "sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/status"
	"github.com/pgsluice/pgsluice/sync"
)

// pageSettings are where a pipeline is shown, and to whom.
type pageSettings struct {
	// Listen is the address, empty for nowhere.
	Listen   string
	Auth     status.Auth
	TLS      status.Certificate
	ReadyLag time.Duration
}

const defaultReadyLag = time.Minute

const listenFlag = "listen"

func (f *flags) registerListen(c *cobra.Command) {
	c.Flags().StringVar(&f.listen.value, listenFlag, "", "show page, /metrics, /healthz, /readyz and /status at `address`, for instance 127.0.0.1:9630; none where it is empty")
}

// fillPage reads what is about the page. Those who look are told of the lag by
// which a pipeline is ready also where the page is another's.
func (f *flags) fillPage(s *settings, c *file, p *problems) {
	listen := c.Listen
	if f.listen.set {
		listen = f.listen
	}
	s.Page = pageSettings{
		Listen: listen.value, Auth: status.Auth{User: c.ListenAuth.User.value, Password: c.ListenAuth.Password.value},
		TLS:      status.Certificate{Cert: c.ListenTLS.Cert.value, Key: c.ListenTLS.Key.value},
		ReadyLag: c.ReadyLag.or(defaultReadyLag),
	}
	if address := s.Page.Listen; address != "" {
		_, port, err := net.SplitHostPort(address)
		if _, number := strconv.ParseUint(port, 10, 16); err != nil || number != nil {
			p.add(fault.Usage(fmt.Errorf("listen %q is no address", address), "write it as 127.0.0.1:9630, or as :9630 for every address of this machine"))
		}
	}
	if a := s.Page.Auth; a != (status.Auth{}) && (a.User == "" || a.Password == "") {
		p.addf("listen_auth: give both user and password")
	}
	if t := s.Page.TLS; t != (status.Certificate{}) && (t.Cert == "" || t.Key == "") {
		p.addf("listen_tls: give both cert and key, files in PEM")
	}
}

// window is what a process shows over HTTP of the pipelines that it runs. A nil
// window shows nothing.
type window struct {
	mu      stdsync.Mutex
	panes   map[string]*pane // by the pipeline's name
	servers []*status.Server
	// urls are where the pages are.
	urls []string
}

// pane is a pipeline that is shown, from before it begins to after its end.
type pane struct {
	settings settings
	config   []status.Setting // the settings in words
	pipeline *sync.Pipeline   // nil before the first
	counts   *adjustments
	ended    bool
	err      error
}

// openWindow listens wherever the pipelines want to be shown, with a sample for
// the charts every so often, 0 for the usual. Those that name the same address
// share a page.
func openWindow(all []settings, every time.Duration, log *slog.Logger) (*window, error) {
	w := &window{panes: map[string]*pane{}}
	var addresses []string
	at := map[string][]settings{}
	for _, s := range all {
		if s.Page.Listen == "" {
			continue
		}
		w.panes[s.Name] = &pane{settings: s, config: s.shown()}
		if at[s.Page.Listen] == nil {
			addresses = append(addresses, s.Page.Listen)
		}
		at[s.Page.Listen] = append(at[s.Page.Listen], s)
	}
	for _, address := range addresses {
		if err := w.listen(at[address], every, log); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *window) listen(all []settings, every time.Duration, log *slog.Logger) error {
	first := all[0].Page
	var names []string
	for _, s := range all {
		if s.Page.Auth != first.Auth || s.Page.TLS != first.TLS {
			return fault.Usage(fmt.Errorf("pipelines %s and %s share the page at %s and differ in listen_auth or listen_tls", all[0].Name, s.Name, first.Listen),
				"write the same into both files, or give each an address of its own")
		}
		names = append(names, s.Name)
	}
	listener, err := net.Listen("tcp", first.Listen)
	if err != nil {
		return fault.Usage(fmt.Errorf("listen for the page: %w", err),
			"if another process has the port, give listen (or --listen) another one, or --listen '' for no page")
	}
	server, err := status.Serve(listener, status.Options{
		View: func() []status.Pipeline { return w.view(names) }, Every: every, Auth: first.Auth, TLS: first.TLS, Log: log,
	})
	if err != nil {
		return fault.Usage(errors.Join(fmt.Errorf("listen_tls: %w", err), listener.Close()), "")
	}
	w.servers = append(w.servers, server)
	scheme := "http"
	if first.TLS != (status.Certificate{}) {
		scheme = "https"
	}
	w.urls = append(w.urls, scheme+"://"+listener.Addr().String()+"/")
	exposed(first, listener.Addr(), log)
	return nil
}

// exposed warns of a page that others than this machine's users can see.
func exposed(p pageSettings, addr net.Addr, log *slog.Logger) {
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case ok && tcp.IP.IsLoopback():
	case p.Auth == (status.Auth{}):
		log.Warn("the page shows tables, errors and addresses to everybody who reaches it", "listen", addr.String(),
			"fix", "set listen_auth and listen_tls, or listen on 127.0.0.1")
	case p.TLS == (status.Certificate{}):
		log.Warn("the password of the page goes over the network as it is", "listen", addr.String(), "fix", "set listen_tls, or listen on 127.0.0.1")
	}
}

// announce says in the log where to look.
func (w *window) announce(log *slog.Logger) {
	for _, url := range w.urls {
		log.Info("page, metrics and health", "url", url)
	}
}

// follow shows a pipeline in the place of the one before.
func (w *window) follow(s settings, p *sync.Pipeline, counts *adjustments, log *slog.Logger) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	shown := w.panes[s.Name]
	if was := shown.page(); s.Page.Listen != was.Listen || s.Page.Auth != was.Auth || s.Page.TLS != was.TLS {
		log.Warn("where the page is, and who may see it, changes when pgsluice is started again", "pipeline", s.Name, "listen", was.Listen)
	}
	if shown != nil {
		readyLag := s.Page.ReadyLag
		s.Page = shown.settings.Page
		s.Page.ReadyLag = readyLag
		shown.settings, shown.config, shown.pipeline, shown.counts = s, s.shown(), p, counts
	}
}

func (p *pane) page() pageSettings {
	if p == nil {
		return pageSettings{}
	}
	return p.settings.Page
}

// ended shows that a pipeline is no more, while others may go on.
func (w *window) ended(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if shown := w.panes[name]; shown != nil {
		shown.ended, shown.err = true, err
	}
}

func (w *window) view(names []string) []status.Pipeline {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]status.Pipeline, len(names))
	for i, name := range names {
		all[i] = w.panes[name].view()
	}
	return all
}

func (w *window) close() {
	for _, s := range w.servers {
		s.Close()
	}
}
