package integration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/greenplum"
)

// family is a server of the PostgreSQL family: PostgreSQL, which stands in for
// Greenplum everywhere, or a Greenplum.
type family struct {
	label string
	// number is the version as server_version_num has it: of PostgreSQL, or of the
	// one that it is made of.
	number int
	scheme string
	host   string
	user   *url.Userinfo
	// admin may make databases and extensions. maintenance is a database that is
	// there.
	admin       *url.Userinfo
	maintenance string
}

// Before PostgreSQL 12, floats were printed otherwise; before 16, a "char" beyond
// ASCII was.
const (
	exactFloats  = 120000
	escapedChars = 160000
)

func (f family) String() string             { return f.label }
func (f family) product() string            { return "the target" }
func (f family) outlives() bool             { return f.scheme == "greenplum" }
func (f family) addr() string               { return f.host }
func (f family) dsn(database string) string { return f.as(f.scheme, f.user, database) }

func (f family) as(scheme string, user *url.Userinfo, database string) string {
	dsn := url.URL{Scheme: scheme, User: user, Host: f.host, Path: "/" + database, RawQuery: "sslmode=disable"}
	return dsn.String()
}

// administer runs statements, each by itself, as who may do everything.
func (f family) administer(ctx context.Context, database string, statements ...string) (err error) {
	conn, err := pgx.Connect(ctx, f.as("postgres", f.admin, database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, sql := range statements {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// Two databases that are made at the same time can be in each other's way.
func (f family) create(ctx context.Context, database string) error {
	return f.persist(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s", database, f.user.Username()))
}

func (f family) drop(ctx context.Context, database string) error {
	end := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + database + "' AND pid <> pg_backend_pid()"
	if err := f.administer(ctx, f.maintenance, end); err != nil {
		return err
	}
	return f.persist(ctx, "DROP DATABASE IF EXISTS "+database)
}

func (f family) persist(ctx context.Context, sql string) (last error) {
	err := poll(ctx, patience, func() (bool, error) {
		last = f.administer(ctx, f.maintenance, sql)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

func (f family) open(s *scene, policy apply.Policy) (apply.Target, error) {
	return greenplum.Open(s.ctx, greenplum.Options{
		DSN: s.targetDSN(), Pipeline: s.name, OnUnrepresentable: policy, Log: slog.New(slog.NewTextHandler(s.logged, nil)),
	})
}

func (f family) name(schema, table string) string { return greenplum.Name(schema, table) }
func (f family) from(name string) string          { return name }

// A table is a line: what it is, and behind " file " what its rows are.
const tableLinesSQL = `SELECT concat_ws(' ', 'table', n.nspname || '.' || c.relname,
		(SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
		(SELECT string_agg(pg_get_constraintdef(o.oid), ',' ORDER BY o.oid) FROM pg_constraint o WHERE o.conrelid = c.oid), 'file', c.oid, c.relfilenode),
		'SELECT md5(string_agg(x::text, '','' ORDER BY x::text)) FROM ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' x'
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.oid >= 16384 AND n.nspname <> 'pg_toast' ORDER BY 1`

const otherLinesSQL = `SELECT 'schema ' || nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp' UNION ALL
	SELECT concat_ws(' ', 'type', t.oid, t.typname, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) FROM pg_type t WHERE t.oid >= 16384 ORDER BY 1`

func (f family) catalog(ctx context.Context, database string) (string, error) {
	r, err := f.read(ctx, database)
	if err != nil {
		return "", err
	}
	defer r.close()
	tables, err := r.query(ctx, tableLinesSQL)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, table := range tables {
		sum, err := r.query(ctx, *table[1])
		if err != nil {
			return "", err
		}
		lines = append(lines, *table[0]+" rows "+shown(sum[0][0]))
	}
	others, err := r.query(ctx, otherLinesSQL)
	for _, other := range others {
		lines = append(lines, *other[0])
	}
	return strings.Join(lines, "\n"), err
}

func (f family) tables(ctx context.Context, database string) (names []string, err error) {
	r, err := f.read(ctx, database)
	if err != nil {
		return nil, err
	}
	defer r.close()
	rows, err := r.query(ctx, `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND n.nspname NOT IN ('pgsluice', 'pg_toast')`)
	for _, row := range rows {
		names = append(names, f.name(*row[0], *row[1]))
	}
	return names, err
}

func (f family) listColumns(name string) string {
	return "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = " + quoteLiteral(name) + "::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
}

// texts are what both sides print, and where they print the same value in two
// ways its bytes.
func (f family) texts(s *scene, c comparedColumn, there string) twoTexts {
	name := quoteSQL(c.name)
	printed := "nullif(format('%L', " + name + "), 'NULL')"
	if there == "text" && c.typ != "text" { // as the source has printed it
		return twoTexts{printed, printed}
	}
	sends := map[string]string{}
	if f.number < exactFloats {
		for typ, send := range floatSends {
			sends[typ] = send
		}
	}
	if (f.number < escapedChars) != (s.major*10000 < escapedChars) {
		sends["char"] = "charsend"
	}
	if tree := s.typeTree(c.oid); tree.holdsAny(sends) {
		printed = tree.text(name, sends)
	}
	return twoTexts{printed, printed}
}

func (f family) read(ctx context.Context, database string) (reader, error) {
	conn, err := pgx.Connect(ctx, f.as("postgres", f.user, database))
	if err != nil {
		return nil, err
	}
	if _, err := conn.PgConn().Exec(ctx, underSettings).ReadAll(); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return familyReader{conn}, nil
}

// familyReader is a session of its own.
type familyReader struct{ conn *pgx.Conn }

func (r familyReader) close() { _ = r.conn.Close(context.Background()) }

func (r familyReader) query(ctx context.Context, sql string) ([][]*string, error) {
	return readPostgres(ctx, r.conn, sql)
}
