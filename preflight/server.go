package preflight

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// The versions that pgsluice serves, and the newest it is tested with.
const (
	oldest = 120000
	newest = 180000
)

func (l *look) served() bool {
	major := l.version / 10000
	switch {
	case l.version < oldest:
		l.refuse("version", "", fmt.Sprintf("the source is PostgreSQL %d", major), "upgrade the source: PostgreSQL 12 or later is needed")
		return false
	case major > newest/10000:
		l.warn("version", "", fmt.Sprintf("the source is PostgreSQL %d, with which this version of pgsluice has not been tested", major),
			fmt.Sprintf("look for a newer pgsluice, or try it on a copy first: it is tested with PostgreSQL %d to %d", oldest/10000, newest/10000))
	default:
		l.ok("version", "", "the source is PostgreSQL %d", major)
	}
	return true
}

// server is what one question tells about the server and the user.
type server struct {
	database, encoding string
	// user has the rights; login is who came in, which is another after SET ROLE.
	user, login  string
	mayReplicate bool
	recovering   bool
	slots        int // taken
	senders      int // taken
	settings     map[string]setting
}

// setting is a parameter as pg_settings has it. One that the server does not know
// is the zero value.
type setting struct {
	known bool
	// raw is in the parameter's own unit, shown is as SHOW prints it.
	raw, shown string
}

func (s setting) number() int64 {
	n, _ := strconv.ParseInt(s.raw, 10, 64)
	return n
}

const (
	providerRoles = "('rds_replication', 'azure_pg_admin', 'cloudsqlsuperuser')"

	serverSQL = `
SELECT current_database()::text, pg_catalog.getdatabaseencoding()::text, current_user::text, session_user::text,
       r.rolsuper OR r.rolreplication OR EXISTS (
         SELECT FROM pg_catalog.pg_roles m WHERE m.rolname IN ` + providerRoles + ` AND pg_catalog.pg_has_role(r.oid, m.oid, 'member')),
       pg_catalog.pg_is_in_recovery(),
       (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int, (SELECT count(*) FROM pg_catalog.pg_stat_get_wal_senders())::int
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`

	settingsSQL = `
SELECT name, setting, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name = ANY(ARRAY[
  'wal_level', 'max_replication_slots', 'max_wal_senders', 'wal_sender_timeout', 'max_slot_wal_keep_size',
  'idle_replication_slot_timeout', 'hot_standby_feedback'])`
)

func askServer(ctx context.Context, conn *pgx.Conn) (server, error) {
	s := server{settings: map[string]setting{}}
	err := conn.QueryRow(ctx, serverSQL).Scan(&s.database, &s.encoding, &s.user, &s.login, &s.mayReplicate, &s.recovering, &s.slots, &s.senders)
	if err != nil {
		return s, postgres.Doing(err, "look at the source's replication settings")
	}
	rows, err := conn.Query(ctx, settingsSQL)
	if err != nil {
		return s, postgres.Doing(err, "look at the source's settings")
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		v := setting{known: true}
		if err := rows.Scan(&name, &v.raw, &v.shown); err != nil {
			return s, postgres.Doing(err, "look at the source's settings")
		}
		s.settings[name] = v
	}
	return s, postgres.Doing(rows.Err(), "look at the source's settings")
}

func (l *look) ready(slots int) {
	l.walLevel()
	s := l.server
	if s.mayReplicate {
		l.ok("replication_right", "", "user %s may replicate", change.QuoteIdent(s.user))
	} else {
		l.refuse("replication_right", "", fmt.Sprintf("user %s may not replicate", change.QuoteIdent(s.user)),
			fmt.Sprintf("ALTER ROLE %s REPLICATION;  -- on a managed service: GRANT it the role the provider names, such as rds_replication", change.AlwaysQuote(s.user)))
	}
	most := int(s.settings["max_replication_slots"].number())
	if free := most - s.slots; free < slots {
		l.refuse("max_replication_slots", "", fmt.Sprintf("the source has no free replication slot: %d of %d are taken", s.slots, most),
			fmt.Sprintf("ALTER SYSTEM SET max_replication_slots = %d;  -- then restart PostgreSQL; or drop a slot nobody uses: SELECT slot_name FROM pg_replication_slots WHERE NOT active;", s.slots+max(slots, 5)))
	} else {
		l.ok("max_replication_slots", "", "%d of %d replication slots are free, and %d needed", free, most, slots)
	}
	most = int(s.settings["max_wal_senders"].number())
	if s.senders >= most {
		l.refuse("max_wal_senders", "", fmt.Sprintf("the source has no free walsender: %d of %d are taken", s.senders, most),
			fmt.Sprintf("ALTER SYSTEM SET max_wal_senders = %d;  -- then restart PostgreSQL", most+5))
	} else {
		l.ok("max_wal_senders", "", "%d of %d walsenders are free", most-s.senders, most)
	}
}

// walLevel: from PostgreSQL 19 on a server with replica begins to log what
// logical decoding needs when the first slot is made.
func (l *look) walLevel() {
	level := l.server.settings["wal_level"].raw
	if level == "logical" || l.version >= 190000 && level == "replica" {
		l.ok("wal_level", "", "wal_level is %s", level)
		return
	}
	l.refuse("wal_level", "", fmt.Sprintf("wal_level of the source is %s, and logical is needed", level),
		"ALTER SYSTEM SET wal_level = logical;  -- then restart PostgreSQL; on a managed service its own switch, such as rds.logical_replication or cloudsql.logical_decoding")
}
