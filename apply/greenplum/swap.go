package greenplum

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Shadow implements [apply.Target].
func (t *Target) Shadow(name string) string {
	schema, table, err := parseName(name)
	if err != nil {
		return name // Prepare says what is wrong with it
	}
	return Name(schema, apply.ShadowName(table, longestName, func(s string) int { return len(s) }))
}

// Swap implements [apply.Target]. It waits for those who read the old table, and
// others wait for it.
func (t *Target) Swap(ctx context.Context, table *apply.Table, from string) error {
	p := &plan{table: table, pipeline: t.opts.Pipeline}
	var err error
	if p.schema, p.name, err = parseName(table.Name); err != nil {
		return err
	}
	p.quoted = quoted(p.schema, p.name)
	schema, name, err := parseName(from)
	if err == nil && schema != p.schema {
		err = fault.Usage(fmt.Errorf("table %s is not in schema %s", from, change.QuoteIdent(p.schema)), "")
	}
	if err != nil {
		return err
	}
	err = t.within(ctx, fmt.Sprintf("put table %s in the place of %s", from, table.Name), func(conn *pgx.Conn) error {
		s := &swapping{t: t, conn: conn, old: p, name: name, quoted: quoted(schema, name)}
		return s.do(ctx)
	})
	var of *apply.TableError
	var rebuild *apply.RebuildError
	if !errors.As(err, &of) && (blamesTable(err) || isDenied(err) || errors.As(err, &rebuild)) {
		err = &apply.TableError{Table: table, Err: err}
	}
	return err
}

// swapping puts one table in the place of another.
type swapping struct {
	t    *Target
	conn *pgx.Conn
	old  *plan
	// name and quoted are the new table's, as long as it stands beside the old one.
	name, quoted string
	// oldOID is 0 where there is no old table.
	oldOID, newOID uint32
}

func (s *swapping) do(ctx context.Context) (err error) {
	if s.newOID, err = relationOID(ctx, s.conn, s.old.schema, s.name); err != nil {
		return err
	}
	if s.newOID == 0 {
		return apply.Rebuild("there is no table %s", s.quoted)
	}
	if s.oldOID, err = relationOID(ctx, s.conn, s.old.schema, s.old.name); err != nil {
		return err
	}
	var key string
	var indexes []string
	if s.oldOID != 0 {
		// Nobody changes what is looked at, and the locks of the DROP are taken
		// in no other order.
		if err := executeAll(ctx, s.conn, "LOCK TABLE "+s.old.quoted+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := s.checkOwn(ctx); err != nil {
			return err
		}
		if err := s.checkReliance(ctx); err != nil {
			return err
		}
		if key, err = keyName(ctx, s.conn, s.oldOID); err != nil {
			return err
		}
		if indexes, err = texts(ctx, s.conn, indexesSQL, s.oldOID); err != nil {
			return err
		}
		if err := s.passRights(ctx); err != nil {
			return err
		}
		err := executeAll(ctx, s.conn, "DROP TABLE IF EXISTS "+s.old.aside(), "DROP TABLE "+s.old.quoted)
		if err != nil {
			return s.relied(err)
		}
	}
	if err := s.rename(ctx, key); err != nil {
		return err
	}
	return s.index(ctx, indexes)
}

// checkOwn refuses to replace rows of others.
func (s *swapping) checkOwn(ctx context.Context) error {
	o, err := s.t.owns(ctx, s.conn, s.old, s.oldOID)
	if err != nil {
		return err
	}
	if s.old.table.Shared || o.known && !o.whole {
		return s.refused("it holds rows of others too", "give the source table a target of its own, or remove this pipeline's rows by hand and start pgsluice again")
	}
	return nil
}

func (s *swapping) refused(why, remedy string) error {
	err := fault.Precondition(fmt.Errorf("table %s cannot be replaced: %s", s.old.table.Name, why), remedy)
	return &apply.TableError{Table: s.old.table, Err: err}
}

// reliance is what a DROP of the table takes along without a word. What it does not
// take along makes it fail.
const relianceSQL = `SELECT 'trigger ' || pg_catalog.quote_ident(tgname) FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal
	UNION ALL SELECT 'rule ' || pg_catalog.quote_ident(rulename) FROM pg_catalog.pg_rewrite WHERE ev_class = $1
	UNION ALL SELECT 'inheritance from ' || inhparent::regclass FROM pg_catalog.pg_inherits WHERE inhrelid = $1
	UNION ALL SELECT 'table ' || inhrelid::regclass || ', which inherits from it' FROM pg_catalog.pg_inherits WHERE inhparent = $1
	UNION ALL SELECT 'constraint ' || pg_catalog.quote_ident(conname) FROM pg_catalog.pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'f', 'x')`

// laterReliance are what came with later servers, by the version they came with.
var laterReliance = []struct {
	number int
	sql    string
}{
	{90500, ` UNION ALL SELECT 'policy ' || pg_catalog.quote_ident(polname) FROM pg_catalog.pg_policy WHERE polrelid = $1`},
	{100000, ` UNION ALL SELECT 'publication ' || pg_catalog.quote_ident(p.pubname) FROM pg_catalog.pg_publication_rel r
		JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1`},
}

// checkReliance refuses to take from others what they have put on the old table.
func (s *swapping) checkReliance(ctx context.Context) error {
	sql := relianceSQL
	for _, later := range laterReliance {
		if s.t.server.number >= later.number {
			sql += later.sql
		}
	}
	all, err := texts(ctx, s.conn, sql+" ORDER BY 1", s.oldOID)
	if err != nil || len(all) == 0 {
		return err
	}
	return s.refused("it would take along "+strings.Join(all, ", "),
		"drop that, have pgsluice resync the table, and create it again")
}

// relied names what keeps the old table from being dropped.
func (s *swapping) relied(err error) error {
	if postgres.Code(err) != dependentObjects {
		return err
	}
	return s.refused(judge(err).Error(), "drop the views or foreign keys that are named, have pgsluice resync the table, and create them again")
}

func texts(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// passRights gives the new table the old one's owner and what users may do with
// it, and no more, and what is said about it. What is about columns that are gone
// is lost.
func (s *swapping) passRights(ctx context.Context) error {
	table := change.AlwaysQuote(s.old.schema) + "." + change.AlwaysQuote(s.name)
	statements, err := texts(ctx, s.conn, `SELECT 'ALTER TABLE ' || $3 || ' OWNER TO ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.relowner))
			FROM pg_catalog.pg_class o, pg_catalog.pg_class n WHERE o.oid = $1 AND n.oid = $2 AND o.relowner <> n.relowner
		UNION ALL SELECT DISTINCT 'REVOKE ALL ON ' || $3 || ' FROM ' || `+grantee+`
			FROM (SELECT (pg_catalog.aclexplode(relacl)).* FROM pg_catalog.pg_class WHERE oid = $2) a
			WHERE grantee NOT IN (SELECT relowner FROM pg_catalog.pg_class WHERE oid IN ($1, $2))
		UNION ALL SELECT 'GRANT ' || privilege_type || ' ON ' || $3 || ' TO ' || `+grantee+` || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
			FROM (SELECT (pg_catalog.aclexplode(relacl)).* FROM pg_catalog.pg_class WHERE oid = $1) a
			WHERE grantee <> (SELECT relowner FROM pg_catalog.pg_class WHERE oid = $1)
		UNION ALL SELECT 'GRANT ' || privilege_type || ' (' || pg_catalog.quote_ident(attname) || ') ON ' || $3 || ' TO ' || `+grantee+` || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
			FROM (SELECT o.attname, (pg_catalog.aclexplode(o.attacl)).* FROM pg_catalog.pg_attribute o, pg_catalog.pg_attribute n
				WHERE o.attrelid = $1 AND NOT o.attisdropped AND n.attrelid = $2 AND n.attname = o.attname AND NOT n.attisdropped) a
		UNION ALL SELECT 'COMMENT ON TABLE ' || $3 || ' IS ' || pg_catalog.quote_literal(d) FROM pg_catalog.obj_description($1, 'pg_class') d WHERE d IS NOT NULL
		UNION ALL SELECT 'COMMENT ON COLUMN ' || $3 || '.' || pg_catalog.quote_ident(o.attname) || ' IS ' || pg_catalog.quote_literal(pg_catalog.col_description($1, o.attnum))
			FROM pg_catalog.pg_attribute o, pg_catalog.pg_attribute n WHERE o.attrelid = $1 AND o.attnum > 0 AND NOT o.attisdropped
				AND n.attrelid = $2 AND n.attname = o.attname AND NOT n.attisdropped AND pg_catalog.col_description($1, o.attnum) NOT LIKE '%' || $4`,
		s.oldOID, s.newOID, table, keptMark)
	if err != nil {
		return fmt.Errorf("ask who may do what with the table: %w", err)
	}
	return executeAll(ctx, s.conn, statements...)
}

// grantee is whom a privilege is given to; 0 is everybody.
const grantee = "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END"

// keyName is the name of a table's primary key; empty where it has none.
func keyName(ctx context.Context, conn *pgx.Conn, oid uint32) (name string, err error) {
	err = conn.QueryRow(ctx, "SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = $1 AND contype = 'p'", oid).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// indexesSQL are the statements that make the indexes of a table, but for those that
// its constraints bring along.
const indexesSQL = `SELECT pg_catalog.pg_get_indexdef(i.indexrelid) FROM pg_catalog.pg_index i
	WHERE i.indrelid = $1 AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid) ORDER BY 1`

// index makes the old table's indexes for the new one. What the new one does not
// have the columns for stays away, with a warning.
func (s *swapping) index(ctx context.Context, indexes []string) error {
	for _, sql := range indexes {
		if err := executeAll(ctx, s.conn, "SAVEPOINT one_index"); err != nil {
			return err
		}
		_, err := s.conn.Exec(ctx, sql)
		undo := "RELEASE SAVEPOINT one_index"
		if err != nil {
			if code := postgres.Code(err); code == "" || fault.Retryable(judge(err)) {
				return err
			}
			s.t.log.Warn("an index of the old table is not there any more", "table", s.old.table.Name, "index", sql, "error", err)
			undo = "ROLLBACK TO SAVEPOINT one_index; " + undo
		}
		if _, err := s.conn.Exec(ctx, undo, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// usualKeyName is what the server calls a table's primary key.
func usualKeyName(table string) string {
	const suffix = "_pkey"
	for len(table)+len(suffix) > longestName {
		_, size := utf8.DecodeLastRuneInString(table)
		table = table[:len(table)-size]
	}
	return table + suffix
}

// rename gives the new table the old one's name, and its primary key too. What is
// remembered of the new table goes with it.
func (s *swapping) rename(ctx context.Context, key string) error {
	table := s.old.quoted
	if err := executeAll(ctx, s.conn, "ALTER TABLE "+s.quoted+" RENAME TO "+change.AlwaysQuote(s.old.name)); err != nil {
		return err
	}
	own, err := keyName(ctx, s.conn, s.newOID)
	if err != nil {
		return err
	}
	if own != "" && key == "" {
		key = usualKeyName(s.old.name)
		if oid, err := relationOID(ctx, s.conn, s.old.schema, key); err != nil {
			return err
		} else if oid != 0 {
			key = own // somebody else's
		}
	}
	if own != "" && own != key {
		err = executeAll(ctx, s.conn, "ALTER TABLE "+table+" RENAME CONSTRAINT "+change.AlwaysQuote(own)+" TO "+change.AlwaysQuote(key))
	}
	if err == nil {
		err = disownTable(ctx, s.conn, Name(s.old.schema, s.old.name))
	}
	if err != nil {
		return err
	}
	there, err := hasOwned(ctx, s.conn)
	if err != nil || !there {
		return err
	}
	_, err = s.conn.Exec(ctx, "UPDATE "+ownedTable+" SET name = $1 WHERE name = $2", Name(s.old.schema, s.old.name), Name(s.old.schema, s.name))
	return err
}
