package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/watch"
)

// silences is how long a connection may be silent before it is asked about, in
// times that a server has to answer a connect.
const silences = 3

// Watch has the connections of a configuration watched, and ended when the server
// does not serve them any more. It is called before anything else sets AfterConnect
// or DialFunc; those that do call what was there.
func Watch(c *pgconn.Config) {
	c.DialFunc = watched((&net.Dialer{}).DialContext)
	c.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		found := watchedIn(conn.Conn())
		if found == nil {
			return nil
		}
		probe := c.Copy()
		probe.ValidateConnect, probe.AfterConnect = nil, nil
		delete(probe.RuntimeParams, "replication")
		there := found.RemoteAddr()
		// Whichever of several hosts it was.
		probe.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, there.Network(), there.String())
		}
		pid := conn.PID()
		found.Watch(silences*max(c.ConnectTimeout, time.Second), func(ctx context.Context) bool { return lost(ctx, probe, pid) })
		return nil
	}
}

type dial = func(ctx context.Context, network, addr string) (net.Conn, error)

func watched(by dial) dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := by(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return watch.New(c), nil
	}
}

func watchedIn(c net.Conn) *watch.Conn {
	for {
		switch layer := c.(type) {
		case *watch.Conn:
			return layer
		case *PatientConn:
			c = layer.Conn
		case *tls.Conn:
			c = layer.NetConn()
		default:
			return nil
		}
	}
}

// lost asks the server what a session does, while that session's client has been
// waiting for an answer. A server that cannot be asked is lost. One that is there
// has lost the session, or has answered it and the answer has not come; or waits
// itself, until it can send more. A server that waits for its client is no sign:
// the client of a COPY may have nothing to send. Servers before PostgreSQL 9.6 do
// not say what they wait for.
func lost(ctx context.Context, c *pgconn.Config, pid uint32) bool {
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		var answer *pgconn.PgError
		if !errors.As(err, &answer) {
			return ctx.Err() == nil
		}
		return fault.Of(fault.Source, answer.Code, answer.Message).Name == "restart"
	}
	ctx, cancel := context.WithTimeout(ctx, max(c.ConnectTimeout, time.Second))
	defer cancel()
	defer func() { _ = conn.Close(ctx) }()
	rows, err := Exec(ctx, conn, fmt.Sprintf(
		`SELECT coalesce(state, ''), coalesce(row_to_json(a) ->> 'wait_event', '') FROM pg_catalog.pg_stat_activity a WHERE pid = %d`, pid))
	switch {
	case err != nil:
		return pgconn.Timeout(err)
	case len(rows) == 0:
		return true
	}
	return strings.HasPrefix(rows[0][0], "idle") || rows[0][1] == "ClientWrite"
}
