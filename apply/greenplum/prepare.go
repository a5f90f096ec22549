package greenplum

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Prepare implements [apply.Target].
func (t *Target) Prepare(ctx context.Context, table *apply.Table, existing apply.Existing, _ change.LSN) (created bool, err error) {
	p, err := t.newPlan(table)
	if err != nil {
		return false, err
	}
	doing := fmt.Sprintf("prepare table %s for %s", table.Name, table.Relation)
	err = t.within(ctx, doing, func(conn *pgx.Conn) error {
		w, err := t.survey(ctx, conn, p, existing)
		if err != nil {
			return err
		}
		if w.refused != nil {
			return w.refused
		}
		created = w.found == nil && !w.anew
		if w.anew {
			t.log.Info("the table that is there was made for other columns, and is empty: it is made anew", "table", p.quoted)
		}
		return t.work(ctx, conn, p, w)
	})
	if err != nil {
		return false, err
	}
	t.keepPlan(p)
	return created, nil
}

// works are what Prepare has to do.
type works struct {
	found      *found // nil where there is no table
	anew       bool   // there is one, to be made anew
	statements []statement
	// refused is why the rows that are there stand in the way.
	refused error
	// own is what is to be remembered; was, what is.
	own, was ownership
}

// survey looks at what is there, and changes nothing.
func (t *Target) survey(ctx context.Context, conn *pgx.Conn, p *plan, existing apply.Existing) (*works, error) {
	w := &works{}
	types, err := t.server.makeTypes(ctx, conn, p)
	if err == nil {
		err = t.server.consult(ctx, conn, p)
	}
	if err != nil {
		return nil, err
	}
	p.expect(t.server)
	if w.found, err = t.server.describe(ctx, conn, p.schema, p.name); err != nil {
		return nil, err
	}
	anew, err := t.anew(ctx, conn, p, w.found, existing)
	if err != nil {
		return nil, err
	}
	if anew {
		w.found, w.anew = nil, true
		w.add("DROP TABLE " + p.quoted)
	}
	if w.found != nil {
		err = t.surveyTable(ctx, conn, p, existing, w)
	} else {
		w.add(t.server.createTable(p), p.say(apply.MadeBy(t.opts.Pipeline)))
		w.own = ownership{known: true, whole: true}
	}
	if err != nil {
		return nil, err
	}
	schemas, err := createSchemas(ctx, conn, p)
	w.statements = append(append(schemas, types...), w.statements...)
	return w, err
}

// anew says that a table does not fit, was made by the pipeline, for other columns,
// and that no row has come to it.
func (t *Target) anew(ctx context.Context, conn *pgx.Conn, p *plan, f *found, existing apply.Existing) (bool, error) {
	if f == nil || f.comment != apply.MadeBy(t.opts.Pipeline) || !existing.BeforeCopy() {
		return false, nil
	}
	like := *p
	if _, unfit := like.adopt(t.server, f); unfit == nil {
		return false, nil
	}
	return isEmpty(ctx, conn, p.quoted)
}

func (p *plan) say(comment string) string {
	return "COMMENT ON TABLE " + p.quoted + " IS " + literal(comment)
}

// surveyTable looks at a table that is there.
func (t *Target) surveyTable(ctx context.Context, conn *pgx.Conn, p *plan, existing apply.Existing, w *works) error {
	a, err := p.adopt(t.server, w.found)
	if err != nil {
		return err
	}
	if w.was, err = t.owns(ctx, conn, p, w.found.oid); err != nil {
		return err
	}
	empty, err := isEmpty(ctx, conn, p.quoted)
	if err != nil {
		return err
	}
	if empty = w.makeRoom(p, existing, empty); w.refused != nil {
		return nil
	}
	for _, i := range a.loosened {
		w.add("ALTER TABLE " + p.quoted + " ALTER COLUMN " + p.columns[i].name + " DROP NOT NULL")
	}
	for _, i := range a.missing {
		adding, err := p.addColumn(p.columns[i], empty)
		if err != nil {
			w.refused = err
			return nil
		}
		w.add(adding...)
	}
	// A copy never begins while a transaction of the stream is open.
	if !w.own.whole && !w.own.joined && existing != apply.DiscardOlder && !t.tx.open {
		w.add(t.server.makeAside(p)...)
	}
	return nil
}

func (w *works) add(statements ...string) {
	for _, sql := range statements {
		w.statements = append(w.statements, statement{sql: sql})
	}
}

// makeRoom does with the rows that are there what existing says, and tells whether
// none is left. A table is emptied also when it looks empty: that waits for a copy
// that a process which was killed has left under way.
func (w *works) makeRoom(p *plan, existing apply.Existing, empty bool) bool {
	w.own = w.was
	w.own.known = true
	switch existing {
	case apply.Refuse:
		if !empty {
			w.refused = fault.Precondition(errors.New(holdsRows), p.makeRoomHint())
		}
		w.own.whole, w.own.joined = !w.was.others, false
	case apply.Truncate:
		w.add("TRUNCATE TABLE " + p.quoted)
		w.own.whole, w.own.joined = !w.was.others, false
		return true
	case apply.Discard:
		switch {
		case w.own.whole:
			w.add("TRUNCATE TABLE " + p.quoted)
			return true
		case w.own.joined && !empty:
			w.refused = fault.Precondition(errMixed, "TRUNCATE TABLE "+p.quoted+";  -- or remove this pipeline's rows only, and start pgsluice again with load.existing: append")
		}
		w.own.joined = false
	case apply.Keep, apply.Append, apply.DiscardOlder:
	}
	return empty
}

const holdsRows = "the table holds rows already"

var errMixed = errors.New("the table holds rows of an earlier copy among others', and rows do not say whose they are")

func (p *plan) makeRoomHint() string {
	return fmt.Sprintf("TRUNCATE TABLE %s;  -- or choose what becomes of the rows with load.existing: truncate or append", p.quoted)
}

// work does it.
func (t *Target) work(ctx context.Context, conn *pgx.Conn, p *plan, w *works) error {
	for _, s := range w.statements {
		var err error
		if s.enum != nil {
			err = t.addLabel(ctx, conn, s)
		} else {
			_, err = conn.Exec(ctx, s.sql)
		}
		if err != nil {
			return err
		}
	}
	if err := t.server.bind(ctx, conn, p); err != nil {
		return err
	}
	p.whole = w.own.whole
	if w.own == w.was {
		return nil
	}
	oid, err := relationOID(ctx, conn, p.schema, p.name)
	if err != nil {
		return err
	}
	return t.own(ctx, conn, p, oid, w.own)
}

// addLabel gives an enum a label, on a connection of its own. Where the enum was
// made in the transaction that is open nobody else sees it yet.
func (t *Target) addLabel(ctx context.Context, conn *pgx.Conn, s statement) error {
	other, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	f, err := findType(ctx, other, s.enum)
	switch {
	case err != nil:
		return err
	case f == nil && t.server.addValueInTransaction():
		_, err = conn.Exec(ctx, s.sql)
		return err
	case f == nil:
		return fault.Retry(fmt.Errorf("enum %s was made in the transaction that is open, and can be given a label when that is over", s.enum))
	}
	// What holds a lock for long may be the transaction that waits for this.
	if _, err = other.Exec(ctx, "SET lock_timeout = '10s'"); err == nil {
		_, err = other.Exec(ctx, s.sql)
	}
	return err
}

// createSchemas are the statements for the schemas that are missing. To make one
// that is there takes a right that is not needed.
func createSchemas(ctx context.Context, conn *pgx.Conn, p *plan) (all []statement, err error) {
	wanted := []string{p.schema}
	for _, t := range p.made {
		wanted = append(wanted, t.Schema)
	}
	seen := map[string]bool{}
	for _, schema := range wanted {
		if seen[schema] {
			continue
		}
		seen[schema] = true
		var there bool
		if err := conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_catalog.pg_namespace WHERE nspname = $1", schema).Scan(&there); err != nil {
			return nil, err
		}
		if !there {
			all = append(all, statement{sql: "CREATE SCHEMA IF NOT EXISTS " + change.AlwaysQuote(schema)})
		}
	}
	return all, nil
}

// makeAside is for a copy into a table that holds rows of others.
func (s *server) makeAside(p *plan) []string {
	aside := *p
	aside.quoted, aside.unique, aside.storage = p.aside(), false, storage{kind: heap}
	return []string{"DROP TABLE IF EXISTS " + p.aside(), s.createTable(&aside)}
}

// relationOID is 0 for a table that is not there.
func relationOID(ctx context.Context, conn *pgx.Conn, schema, name string) (oid uint32, err error) {
	err = conn.QueryRow(ctx, `SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, schema, name).Scan(&oid)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return oid, err
}

// Drop implements [apply.Target]. What a copy has kept aside goes too, and types
// that were made for it stay: other tables can be of them.
func (t *Target) Drop(ctx context.Context, name string) error {
	schema, table, err := parseName(name)
	if err != nil {
		return err
	}
	p := &plan{pipeline: t.opts.Pipeline, schema: schema, name: table, quoted: quoted(schema, table)}
	return t.within(ctx, "drop table "+name, func(conn *pgx.Conn) error {
		oid, err := relationOID(ctx, conn, schema, table)
		if err != nil {
			return err
		}
		if o, err := t.owns(ctx, conn, p, oid); err != nil {
			return err
		} else if o.known && !o.whole {
			return fault.Precondition(fmt.Errorf("table %s holds rows of others too, and stays", name), "DROP TABLE "+p.quoted+";  -- if nobody needs them")
		}
		_, err = conn.Exec(ctx, "DROP TABLE IF EXISTS "+p.aside())
		if err == nil && oid != 0 {
			_, err = conn.Exec(ctx, "DROP TABLE "+p.quoted)
		}
		if err == nil {
			err = disownTable(ctx, conn, Name(schema, table))
		}
		return err
	})
}
