package status

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what a Server is made of.
type Options struct {
	// View gives what is to be shown, in the order to show it. It is called from
	// several goroutines.
	View func() []Pipeline
	// Every is the time between two samples of the charts; 0 means DefaultEvery.
	Every time.Duration
	// Auth is who may look; the zero Auth lets everybody. /healthz asks nobody.
	Auth Auth
	// TLS is where the certificate is; the zero Certificate is none.
	TLS Certificate
	Log *slog.Logger
}

// DefaultEvery makes half an hour of charts.
const DefaultEvery = 3 * time.Second

// closePatience is how long Close waits for answers under way.
const closePatience = 2 * time.Second

// Server shows pipelines until it is closed.
type Server struct {
	view    func() []Pipeline
	every   time.Duration
	history *history
	log     *slog.Logger
	http    *http.Server
	stop    chan struct{}
	running sync.WaitGroup
}

// Serve begins to answer on the listener, which is the server's to close from then
// on. The error is one of the certificate.
func Serve(listener net.Listener, o Options) (*Server, error) {
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	s := &Server{view: o.View, every: o.Every, log: o.Log, history: &history{rings: map[string]*ring{}}, stop: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.handler(o.Auth),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	listener, err := o.TLS.over(listener)
	if err != nil {
		return nil, err
	}
	s.running.Go(func() {
		if err := s.http.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the page cannot be served any more", "error", err)
		}
	})
	s.running.Go(s.sample)
	return s, nil
}

// Close ends the server, and waits until nothing of it runs.
func (s *Server) Close() {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.running.Wait()
}

func (s *Server) sample() {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for {
		s.history.look(time.Now(), s.view())
		select {
		case <-ticker.C:
		case <-s.stop:
			return
		}
	}
}

func (s *Server) handler(auth Auth) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector(s.view), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	open, guarded := http.NewServeMux(), http.NewServeMux()
	guarded.HandleFunc("GET /{$}", s.overview)
	guarded.HandleFunc("GET /p/{name}", s.single)
	guarded.HandleFunc("GET /readyz", s.ready)
	guarded.HandleFunc("GET /status", s.asJSON)
	// What can be told is told: one odd label does not hide all others.
	guarded.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	}))
	guarded.HandleFunc("GET /healthz", healthy)
	open.HandleFunc("GET /healthz", healthy)
	open.Handle("/", auth.guard(guarded))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		open.ServeHTTP(w, r)
	})
}
