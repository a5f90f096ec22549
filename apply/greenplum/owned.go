package greenplum

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Rows do not say who wrote them, so it is remembered of each table. It is the
// table that counts, and not its name: who makes another under it has made rows
// that nobody here knows.
var ownedTable = quoted(stateSchema, "owned")

const ownedColumns = ` (pipeline text, relation oid, name text NOT NULL, whole boolean NOT NULL, joined boolean NOT NULL, PRIMARY KEY (pipeline, relation))`

// ownership is what is known of who wrote a table's rows.
type ownership struct {
	// known: the pipeline has prepared the table before. whole: it was empty then,
	// and nobody else has been seen to write to it.
	known, whole bool
	// joined: rows of the pipeline are among others'.
	joined bool
	// others: other pipelines write to it.
	others bool
}

func hasOwned(ctx context.Context, conn *pgx.Conn) (there bool, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'owned'", stateSchema).Scan(&there)
	return there, err
}

// owns recalls it.
func (t *Target) owns(ctx context.Context, conn *pgx.Conn, p *plan, oid uint32) (o ownership, err error) {
	there, err := hasOwned(ctx, conn)
	if err != nil || !there {
		return o, err
	}
	err = conn.QueryRow(ctx, `SELECT count(nullif(mine, false)) > 0, coalesce(bool_or(mine AND whole), false), coalesce(bool_or(mine AND joined), false), count(nullif(mine, true)) > 0
		FROM (SELECT whole, joined, pipeline = $1 AS mine, name = $3 AS named FROM `+ownedTable+` WHERE relation = $2) o WHERE named`,
		t.opts.Pipeline, oid, Name(p.schema, p.name)).Scan(&o.known, &o.whole, &o.joined, &o.others)
	if err != nil {
		return o, fmt.Errorf("recall whose rows are in %s: %w", p.quoted, err)
	}
	o.whole = o.whole && !o.others
	return o, nil
}

// own remembers it.
func (t *Target) own(ctx context.Context, conn *pgx.Conn, p *plan, oid uint32, o ownership) error {
	there, err := hasOwned(ctx, conn)
	if err == nil && !there {
		if _, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+ownedTable+ownedColumns); postgres.Code(err) == uniqueViolation || postgres.Code(err) == duplicateTable {
			err = fault.Retry(err) // another pipeline was quicker
		}
	}
	if err == nil { // what is known of another table that had the name is of no use any more
		_, err = conn.Exec(ctx, "DELETE FROM "+ownedTable+" WHERE name = $1 AND relation <> $2", Name(p.schema, p.name), oid)
	}
	if err == nil {
		err = upsert(ctx, conn,
			"UPDATE "+ownedTable+" SET name = $3, whole = $4, joined = $5 WHERE pipeline = $1 AND relation = $2",
			"INSERT INTO "+ownedTable+" (pipeline, relation, name, whole, joined) VALUES ($1, $2, $3, $4, $5)",
			t.opts.Pipeline, oid, Name(p.schema, p.name), o.whole, o.joined)
	}
	if err != nil {
		return fmt.Errorf("remember whose rows are in %s: %w", p.quoted, err)
	}
	return nil
}

const duplicateTable = "42P07"

// rememberJoined: rows of the pipeline are in the table now, among others.
func (t *Target) rememberJoined(ctx context.Context, conn *pgx.Conn, p *plan) error {
	oid, err := relationOID(ctx, conn, p.schema, p.name)
	if err != nil {
		return err
	}
	return t.own(ctx, conn, p, oid, ownership{joined: true})
}

// disown forgets all that is known of the tables that a pipeline wrote to. Whoever
// takes its name up later takes their rows for another's.
func disown(ctx context.Context, conn *pgx.Conn, pipeline string) error {
	return deleteOwned(ctx, conn, "pipeline = $1", pipeline)
}

// disownTable forgets what is known of a table.
func disownTable(ctx context.Context, conn *pgx.Conn, name string) error {
	return deleteOwned(ctx, conn, "name = $1", name)
}

func deleteOwned(ctx context.Context, conn *pgx.Conn, which, value string) error {
	there, err := hasOwned(ctx, conn)
	if err == nil && there {
		_, err = conn.Exec(ctx, "DELETE FROM "+ownedTable+" WHERE "+which, value)
	}
	return err
}
