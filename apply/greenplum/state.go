package greenplum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// What is remembered is in two tables, one row for a pipeline and one for each of
// its tables. The watermark is a column of its own: it moves with every batch, and
// people look at it. state is JSON, of apply.PipelineState and apply.TableState.
var (
	pipelinesTable = quoted(stateSchema, "pipelines")
	tablesTable    = quoted(stateSchema, "tables")
)

// stateStatements make them. Greenplum distributes each by its key.
var stateStatements = []string{
	"CREATE SCHEMA IF NOT EXISTS " + change.AlwaysQuote(stateSchema),
	"CREATE TABLE IF NOT EXISTS " + pipelinesTable + ` (name text PRIMARY KEY, owner text NOT NULL, turn bigint NOT NULL,
		watermark pg_catalog.pg_lsn NOT NULL DEFAULT '0/0', state text)`,
	"CREATE TABLE IF NOT EXISTS " + tablesTable + " (pipeline text, relation text, state text NOT NULL, PRIMARY KEY (pipeline, relation))",
}

// createState makes the state's tables where they are missing. Another process
// may be making them just now.
func (t *Target) createState(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT count(*) = 2 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename IN ('pipelines', 'tables')", stateSchema).Scan(&there); err != nil || there {
		return err
	}
	for _, sql := range stateStatements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			if code := postgres.Code(err); code == uniqueViolation || code == "42P06" || code == "42P07" {
				err = fault.Retry(err)
			}
			return fmt.Errorf("create schema %s: %w", stateSchema, err)
		}
	}
	return nil
}

// Recall implements [apply.Target].
func (t *Target) Recall(ctx context.Context, pipeline string) (apply.State, error) {
	t.undo(ctx)
	conn, err := t.connection(ctx)
	if err != nil {
		return apply.State{}, err
	}
	t.gone = false
	s, err := t.recall(ctx, conn, pipeline)
	if noState(err) {
		return apply.State{}, nil
	}
	return s, t.failed(ctx, "recall the state of pipeline "+pipeline, err)
}

// recall reads who the owner is before it reads the rest: what is committed in
// between moves the turn on, and makes taking the pipeline up fail. Who was the owner
// once, and finds another, has stood by meanwhile, and takes it up again.
func (t *Target) recall(ctx context.Context, conn *pgx.Conn, pipeline string) (s apply.State, err error) {
	if pipeline == t.opts.Pipeline {
		if err := t.see(ctx, conn); err != nil {
			return s, err
		}
		if t.claim.owner != t.me() {
			t.setOwner("")
		}
	}
	var state *string
	var watermark string
	err = conn.QueryRow(ctx, "SELECT state, watermark::text FROM "+pipelinesTable+" WHERE name = $1", pipeline).Scan(&state, &watermark)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && state == nil {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(*state), &s.Pipeline)
	}
	if err == nil {
		s.Pipeline.Watermark, err = change.ParseLSN(watermark)
	}
	if err != nil {
		return apply.State{}, err
	}
	rows, err := conn.Query(ctx, "SELECT state FROM "+tablesTable+" WHERE pipeline = $1", pipeline)
	if err != nil {
		return apply.State{}, err
	}
	var text string
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		var table apply.TableState
		if err := json.Unmarshal([]byte(text), &table); err != nil {
			return err
		}
		if s.Tables == nil {
			s.Tables = map[string]apply.TableState{}
		}
		s.Tables[table.Relation] = table
		return nil
	})
	if err != nil {
		return apply.State{}, err
	}
	return s, nil
}

// Remember implements [apply.Target].
func (t *Target) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	return t.within(ctx, "remember the state of pipeline "+p.Name, func(conn *pgx.Conn) error {
		if err := rememberPipeline(ctx, conn, p); err != nil {
			return err
		}
		for _, table := range tables {
			state, err := json.Marshal(table)
			if err != nil {
				return err
			}
			if err := upsert(ctx, conn,
				"UPDATE "+tablesTable+" SET state = $3 WHERE pipeline = $1 AND relation = $2",
				"INSERT INTO "+tablesTable+" (pipeline, relation, state) VALUES ($1, $2, $3)", p.Name, table.Relation, string(state)); err != nil {
				return err
			}
		}
		return nil
	})
}

func rememberPipeline(ctx context.Context, conn *pgx.Conn, p apply.PipelineState) error {
	watermark := p.Watermark
	p.Watermark = 0
	state, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var back bool
	err = conn.QueryRow(ctx, "SELECT watermark > $2::pg_lsn FROM "+pipelinesTable+" WHERE name = $1", p.Name, watermark.String()).Scan(&back)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if back && !p.GivenUp {
		return fault.Permanent(fmt.Errorf("its watermark would go back to %s", watermark), "")
	}
	return upsert(ctx, conn,
		"UPDATE "+pipelinesTable+" SET state = $2, watermark = $3::pg_lsn WHERE name = $1",
		"INSERT INTO "+pipelinesTable+" (name, state, watermark, owner, turn) VALUES ($1, $2, $3::pg_lsn, '', 0)", p.Name, string(state), watermark.String())
}

// upsert does without ON CONFLICT, which Greenplum 6 has not. Both statements take
// the same arguments.
func upsert(ctx context.Context, conn *pgx.Conn, update, insert string, args ...any) error {
	tag, err := conn.Exec(ctx, update, args...)
	if err == nil && tag.RowsAffected() == 0 {
		_, err = conn.Exec(ctx, insert, args...)
	}
	return err
}

// Forget implements [apply.Target].
func (t *Target) Forget(ctx context.Context, pipeline string) error {
	conn, err := t.connection(ctx)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"DELETE FROM " + tablesTable + " WHERE pipeline = $1", "DELETE FROM " + pipelinesTable + " WHERE name = $1",
	} {
		if _, err := conn.Exec(ctx, sql, pipeline); err != nil && !noState(err) {
			return t.failed(ctx, "forget pipeline "+pipeline, err)
		}
	}
	// Whoever takes the name up has written none of the rows.
	if err := disown(ctx, conn, pipeline); err != nil {
		return t.failed(ctx, "forget whose rows there are", err)
	}
	if pipeline == t.opts.Pipeline {
		t.setOwner("")
		t.claim = claim{}
	}
	return nil
}
