package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

const notThroughAPooler = "put the server's own host and port into source.dsn, and not those of a connection pooler or load balancer"

// direct sees that connections of the DSN lead to one server, and that nobody
// stands between who hands sessions round.
func (l *look) direct(ctx context.Context) error {
	first, err := replication.Over(l.SQL.PgConn(), l.version).Server(ctx)
	if err != nil {
		return err
	}
	another, err := postgres.Connect(ctx, l.DSN)
	if err != nil {
		return err
	}
	defer func() { _ = another.Close(context.WithoutCancel(ctx)) }()
	second, err := replication.Over(another.PgConn(), l.version).Server(ctx)
	if err != nil {
		return err
	}
	if first != second {
		l.refuse("direct_connection", "", "two connections of the same DSN led to two servers: "+differ(first, second), notThroughAPooler)
		return nil
	}
	// A pooler makes up the key by which a client cancels.
	var pid uint32
	if err := l.SQL.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid()::text::oid").Scan(&pid); err != nil {
		return postgres.Doing(err, "ask for the server process")
	}
	if told := l.SQL.PgConn().PID(); told != pid {
		l.warn("direct_connection", "", fmt.Sprintf("a connection pooler stands before the source: server process %d answers where %d was promised", pid, told), notThroughAPooler)
		return nil
	}
	l.ok("direct_connection", "", "connections lead to one server, and nothing stands between")
	return nil
}

func differ(a, b replication.Server) string {
	if a.Identifier != b.Identifier {
		return fmt.Sprintf("their system identifiers are %s and %s", a.Identifier, b.Identifier)
	}
	return fmt.Sprintf("one was started at %s and one at %s", a.Started, b.Started)
}

// replicates makes a replication connection, when nothing is known that would
// forbid it.
func (l *look) replicates(ctx context.Context) error {
	if !l.fine("replication_right", "max_wal_senders") {
		return nil
	}
	conn, err := replication.Connect(ctx, l.DSN)
	if err != nil {
		// The DSN is good: an ordinary connection was had with it.
		fix := notThroughAPooler + ": neither passes replication on"
		if fault.Unmet(err) {
			fix = fault.Hint(err)
		}
		l.refuse("replication_connection", "", fmt.Sprintf("the source refuses a replication connection: %v", err), fix)
		return nil
	}
	there, err := conn.Server(ctx)
	pid := conn.PID()
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	here, err := replication.Over(l.SQL.PgConn(), l.version).Server(ctx)
	if err != nil {
		return err
	}
	if here != there {
		l.refuse("replication_connection", "", "the replication connection led to another server: "+differ(here, there), notThroughAPooler)
		return nil
	}
	l.ok("replication_connection", "", "a replication connection was had")
	return l.senderGone(ctx, pid)
}

// senderGone waits for the walsender of a connection that was closed: the run may
// need the only one there is.
func (l *look) senderGone(ctx context.Context, pid uint32) error {
	for deadline := l.now().Add(2 * time.Second); l.now().Before(deadline); {
		var there bool
		err := l.SQL.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity($1::oid::bigint::int) WHERE backend_type = 'walsender'),
			       pg_catalog.pg_sleep(0.005)::text`, pid).Scan(&there, nil)
		if err != nil || !there {
			return postgres.Doing(err, "look for a walsender")
		}
	}
	return nil
}

// exported takes a snapshot up on a second connection, as the workers of a load
// do.
func (l *look) exported(ctx context.Context) error {
	if !l.Copy {
		return nil
	}
	exported, err := snapshot.Export(ctx, l.DSN)
	if err != nil {
		return err
	}
	defer func() { _ = exported.Close(context.WithoutCancel(ctx)) }()
	reader, err := snapshot.Open(ctx, l.DSN, exported.Name)
	switch postgres.Code(err) {
	case "42704", "22023", "0A000": // there is no such snapshot; it is another database's
		l.refuse("exported_snapshot", "", fmt.Sprintf("a second connection cannot take up an exported snapshot: %v", err), notThroughAPooler)
		return nil
	}
	if err != nil {
		return err
	}
	l.ok("exported_snapshot", "", "a second connection reads under an exported snapshot")
	return reader.Close(context.WithoutCancel(ctx))
}
