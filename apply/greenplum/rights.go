package greenplum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// trial is a transaction, on a connection of its own, that comes to nothing:
// Check does in it what a run would do. The main connection would take the
// pipeline from the process that runs it.
type trial struct {
	t    *Target
	conn *pgx.Conn
}

func (t *Target) try(ctx context.Context) (*trial, error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	// Somebody may hold a lock for long, and a check is not worth waiting.
	if _, err := conn.Exec(ctx, "BEGIN; SET LOCAL lock_timeout = '10s'", pgx.QueryExecModeSimpleProtocol); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, t.failed(ctx, "try out what a run would do", err)
	}
	return &trial{t: t, conn: conn}, nil
}

// end undoes all of it: the server does so when the connection goes.
func (r *trial) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_ = r.conn.Close(ctx)
}

// attempt does something and undoes it. denied is what the server says to it; an
// err means that nobody knows.
func (r *trial) attempt(ctx context.Context, do func(*pgx.Conn) error) (denied, err error) {
	if _, err := r.conn.Exec(ctx, "SAVEPOINT attempt"); err != nil {
		return nil, err
	}
	denied = do(r.conn)
	if denied != nil && (postgres.Code(denied) == "" || fault.Retryable(judge(denied))) {
		return nil, denied
	}
	_, err = r.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt", pgx.QueryExecModeSimpleProtocol)
	return denied, err
}

const insufficientPrivilege = "42501"

func isDenied(err error) bool { return postgres.Code(err) == insufficientPrivilege }

// right is something that a run does, with the statement that allows it.
type right struct {
	name, on string
	do       func(*pgx.Conn) error
	grant    string
}

// rights tries out everything that the tables need.
func (r *trial) rights(ctx context.Context, looks []*looked) (all fault.Findings, err error) {
	needed, err := r.needed(ctx, looks)
	if err != nil {
		return nil, err
	}
	user := change.QuoteIdent(r.t.server.user)
	for _, n := range needed {
		denied, err := r.attempt(ctx, n.do)
		if err != nil {
			return nil, err
		}
		if denied == nil {
			continue
		}
		f := fault.Finding{Level: fault.LevelError, Check: apply.CheckRights, On: n.on, Seen: fmt.Sprintf("user %s cannot %s: %s", user, n.name, said(denied))}
		if f.Fix = n.grant; !isDenied(denied) {
			f.Fix = fault.Hint(judge(denied))
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		all = append(all, fault.Finding{Check: apply.CheckRights, On: change.QuoteIdent(r.t.server.database), Seen: "user " + user + " can make, read and write the tables"})
	}
	return all, nil
}

// said is what the server says, without its code.
func said(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Message
	}
	return err.Error()
}

// needed are the rights for what is remembered, for staging, for each schema in
// which something is made, and for each table that is there.
func (r *trial) needed(ctx context.Context, looks []*looked) ([]right, error) {
	user, database := change.AlwaysQuote(r.t.server.user), change.AlwaysQuote(r.t.server.database)
	temporary := "CREATE TEMPORARY TABLE _pgsluice_check (id integer PRIMARY KEY) ON COMMIT DELETE ROWS"
	all := []right{{
		name: "make temporary tables in database " + change.QuoteIdent(r.t.server.database), on: change.QuoteIdent(r.t.server.database), grant: "GRANT TEMPORARY ON DATABASE " + database + " TO " + user + ";",
		do: func(conn *pgx.Conn) error { return executeAll(ctx, conn, temporary) },
	}}
	made, types := []string{stateSchema}, map[string]bool{}
	for _, l := range looks {
		if l.works.found == nil && !slices.Contains(made, l.plan.schema) {
			made = append(made, l.plan.schema)
		}
		for _, t := range l.plan.made {
			if types[t.Schema] = true; !slices.Contains(made, t.Schema) {
				made = append(made, t.Schema)
			}
		}
	}
	for _, schema := range made {
		more, err := r.inSchema(ctx, schema, types[schema])
		if err != nil {
			return nil, err
		}
		all = append(all, more)
	}
	for _, l := range looks {
		if l.works.found != nil {
			all = append(all, r.onTable(ctx, l))
		}
	}
	return all, nil
}

func executeAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// inSchema tries out a throwaway table, and a type where some are made, in a schema
// that is made where it is missing.
func (r *trial) inSchema(ctx context.Context, schema string, types bool) (right, error) {
	user, name := change.AlwaysQuote(r.t.server.user), change.AlwaysQuote(schema)
	var there bool
	if err := r.conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_catalog.pg_namespace WHERE nspname = $1", schema).Scan(&there); err != nil {
		return right{}, err
	}
	n := right{name: "make tables in schema " + change.QuoteIdent(schema), on: change.QuoteIdent(schema), grant: "GRANT USAGE, CREATE ON SCHEMA " + name + " TO " + user + ";"}
	var statements []string
	if !there {
		database := change.AlwaysQuote(r.t.server.database)
		n.name, n.on = "make schema "+change.QuoteIdent(schema), change.QuoteIdent(r.t.server.database)
		n.grant = fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;  -- or CREATE SCHEMA %s AUTHORIZATION %s;", database, user, name, user)
		statements = append(statements, "CREATE SCHEMA "+name)
	}
	table := quoted(schema, "_pgsluice_check")
	statements = append(statements, "CREATE TABLE "+table+" (id integer PRIMARY KEY)", "INSERT INTO "+table+" VALUES (1)", "SELECT id FROM "+table,
		"ALTER TABLE "+table+" ADD COLUMN added integer", "TRUNCATE TABLE "+table, "DROP TABLE "+table)
	if types {
		statements = append(statements, "CREATE TYPE "+table+" AS ENUM ('a')")
	}
	n.do = func(conn *pgx.Conn) error { return executeAll(ctx, conn, statements...) }
	return n, nil
}

// onTable asks for the rights on a table that is there: rows of it are not to be
// touched. What changes the table itself is for its owner alone.
func (r *trial) onTable(ctx context.Context, l *looked) right {
	user := change.AlwaysQuote(r.t.server.user)
	n := right{name: "write to table " + l.plan.table.Name, on: l.plan.table.Name, grant: r.t.server.grantTable(l.plan.quoted)}
	sql := `SELECT has_table_privilege($1::oid, 'SELECT') AND has_table_privilege($1::oid, 'INSERT') AND has_table_privilege($1::oid, 'UPDATE')
		AND has_table_privilege($1::oid, 'DELETE') AND has_table_privilege($1::oid, 'TRUNCATE')`
	if l.works.alters() {
		n.name = "change table " + l.plan.table.Name
		n.grant = fmt.Sprintf("ALTER TABLE %s OWNER TO %s;", l.plan.quoted, user)
		sql = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = $1"
	}
	n.do = func(conn *pgx.Conn) error {
		var may bool
		err := conn.QueryRow(ctx, sql, l.works.found.oid).Scan(&may)
		if err == nil && !may {
			err = &pgconn.PgError{Severity: "ERROR", Code: insufficientPrivilege, Message: "permission denied"}
		}
		return err
	}
	return n
}

func (s *server) grantTable(table string) string {
	return fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %s TO %s;", table, change.AlwaysQuote(s.user))
}

// unseen is the finding of a table that is there and cannot be looked at.
func (s *server) unseen(table *apply.Table, err error) fault.Finding {
	f := fault.Finding{Level: fault.LevelError, Check: apply.CheckRights, On: table.Name, Seen: fmt.Sprintf("user %s cannot read the table: %s", change.QuoteIdent(s.user), said(err))}
	if schema, name, err := parseName(table.Name); err == nil {
		f.Fix = fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;\n%s", change.AlwaysQuote(schema), change.AlwaysQuote(s.user), s.grantTable(quoted(schema, name)))
	}
	return f
}

// alters says that the table that is there is to be changed.
func (w *works) alters() bool {
	return slices.ContainsFunc(w.statements, func(s statement) bool { return strings.HasPrefix(s.sql, "ALTER TABLE ") })
}
