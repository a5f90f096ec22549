package preflight

import (
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// retention looks at what the server does to a slot that is not read, and to a
// client that does not answer.
func (l *look) retention() {
	l.senderTimeout()
	l.keepSize()
	if idle := l.server.settings["idle_replication_slot_timeout"]; idle.known && idle.number() != 0 {
		l.warn("idle_replication_slot_timeout", "",
			fmt.Sprintf("idle_replication_slot_timeout is %s: when pgsluice is stopped for longer, its slot is lost and everything has to be loaded anew", idle.shown),
			"ALTER SYSTEM SET idle_replication_slot_timeout = 0;\nSELECT pg_catalog.pg_reload_conf();")
	} else if idle.known {
		l.ok("idle_replication_slot_timeout", "", "a slot may be idle for any time")
	}
}

// A load on the target or the network can make an answer come some seconds late.
const shortTimeout = 10_000 // ms

func (l *look) senderTimeout() {
	timeout := l.server.settings["wal_sender_timeout"]
	// Every user may set it for himself, without a restart or a superuser.
	fix := fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET wal_sender_timeout = '60s';", change.AlwaysQuote(l.server.login), change.AlwaysQuote(l.server.database))
	switch n := timeout.number(); {
	case n == 0:
		l.warn("wal_sender_timeout", "", "wal_sender_timeout is 0: the server does not notice when pgsluice is cut off, and the slot stays in use until it does", fix)
	case n < shortTimeout:
		l.warn("wal_sender_timeout", "", fmt.Sprintf("wal_sender_timeout is %s: a short hitch of the network ends the stream", timeout.shown), fix)
	default:
		l.ok("wal_sender_timeout", "", "wal_sender_timeout is %s", timeout.shown)
	}
}

// A busy source writes so much in a minute or two.
const smallKeepSize = 1024 // MB

func (l *look) keepSize() {
	const fix = "ALTER SYSTEM SET max_slot_wal_keep_size = '64GB';  -- or what the source's disk can spare\nSELECT pg_catalog.pg_reload_conf();"
	keep := l.server.settings["max_slot_wal_keep_size"]
	switch n := keep.number(); {
	case !keep.known:
		l.warn("max_slot_wal_keep_size", "", "PostgreSQL 12 cannot limit the log that a slot keeps: while pgsluice is stopped the source's disk can fill",
			"watch what `pgsluice status` says of retained log, or upgrade to PostgreSQL 13 or later")
	case n < 0:
		l.warn("max_slot_wal_keep_size", "", "max_slot_wal_keep_size is -1: nothing limits the log that a slot keeps, and while pgsluice is stopped the source's disk can fill", fix)
	case n < smallKeepSize:
		l.warn("max_slot_wal_keep_size", "", fmt.Sprintf("max_slot_wal_keep_size is %s: when pgsluice falls behind by more, its slot is lost and everything has to be loaded anew", keep.shown), fix)
	default:
		l.ok("max_slot_wal_keep_size", "", "a slot keeps at most %s of log", keep.shown)
	}
}
