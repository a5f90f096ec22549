package greenplum

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Check implements [apply.Inspector].
func (t *Target) Check(ctx context.Context, tables []*apply.Table, existing apply.Existing) (fault.Findings, error) {
	all := t.server.check()
	if all.Worst() == fault.LevelError {
		return all, nil // what comes next would say the same in other words
	}
	var looks []*looked
	var unseen, ofTables fault.Findings
	for _, table := range tables {
		p, w, err := t.look(ctx, table, existing)
		switch {
		case err == nil:
			looks = append(looks, &looked{p, w})
		case fault.Unmet(err) || fault.IsUsage(err):
			ofTables = append(ofTables, fault.Refused(apply.CheckTable, table.Name, err))
		case isDenied(err):
			unseen = append(unseen, t.server.unseen(table, err))
		default:
			return nil, err
		}
	}
	trial, err := t.try(ctx)
	if err != nil {
		return nil, err
	}
	defer trial.end(ctx)
	rights, err := trial.rights(ctx, looks)
	if err != nil {
		return nil, t.failed(ctx, "try out the rights in the target", err)
	}
	if len(unseen) > 0 && rights.Worst() == fault.LevelOK {
		rights = nil
	}
	rights = append(rights, unseen...)
	for _, l := range looks {
		f, err := l.check(ctx, trial)
		if err != nil {
			return nil, t.failed(ctx, "look at table "+l.plan.table.Name, err)
		}
		ofTables = append(ofTables, f, l.checkKey(t.server), l.checkTypes(t.server))
	}
	return append(append(all, rights...), ofTables.Summed()...), nil
}

// check says what the server is, and what of it stands in the way.
func (s *server) check() (all fault.Findings) {
	wrong := func(level fault.Level, seen, fix string) {
		all = append(all, fault.Finding{Level: level, Check: apply.CheckServer, Seen: seen, Fix: fix})
	}
	if err := s.supported(); err != nil {
		wrong(fault.LevelError, err.Error(), "name a newer server")
	}
	if s.role != "" && s.role != "dispatch" {
		wrong(fault.LevelError, "gp_role is "+s.role+" and not dispatch: rows would go to one node alone", "name the coordinator, and leave gp_role out of options and PGOPTIONS")
	}
	switch s.encoding {
	case "UTF8":
	case "SQL_ASCII":
		wrong(fault.LevelWarning, "the database's encoding is SQL_ASCII: it takes the source's UTF-8 without a look", s.newDatabase())
	default:
		wrong(fault.LevelError, "the database's encoding is "+s.encoding+", which cannot hold every character of the source's", s.newDatabase())
	}
	if s.floatDatetimes {
		wrong(fault.LevelError, "integer_datetimes is off: times there are rounded", "name a server that was built with it")
	}
	if s.standby || s.readOnly {
		wrong(fault.LevelError, "the server takes no writes", "name the primary; or ALTER SYSTEM SET default_transaction_read_only = off;")
	}
	if all.Worst() < fault.LevelError {
		all = append(fault.Findings{{Check: apply.CheckServer, Seen: s.version() + ": " + strings.Join(s.features(), ", ")}}, all...)
	}
	return all
}

func (s *server) newDatabase() string {
	return "CREATE DATABASE " + change.AlwaysQuote(s.database+"_utf8") + " ENCODING 'UTF8' TEMPLATE template0;"
}

// looked is a plan that was held against what is there.
type looked struct {
	plan  *plan
	works *works
}

// check says whether the table can be had. One that is not there is made for a
// moment: which names, types and storage it takes is for the server to say.
func (l *looked) check(ctx context.Context, trial *trial) (fault.Finding, error) {
	f := fault.Finding{Check: apply.CheckTable, On: l.plan.table.Name, Seen: apply.SeenNew}
	if l.works.anew {
		f.Seen = apply.SeenAnew
	}
	switch {
	case l.works.refused != nil:
		return fault.Refused(apply.CheckTable, l.plan.table.Name, l.works.refused), nil
	case l.works.found == nil:
		denied, err := trial.attempt(ctx, func(conn *pgx.Conn) error { return execute(ctx, conn, l.works.statements) })
		switch {
		case err != nil:
			return f, err
		case denied != nil && !isDenied(denied): // rights are told of elsewhere
			return fault.Refused(apply.CheckTable, l.plan.table.Name, fault.Usage(fmt.Errorf("the server refuses the table: %w", denied),
				"change what it names in types, rename, target, distributed_by, storage or compression")), nil
		}
		return f, nil
	}
	f.Seen = "the table is there, and can hold the rows"
	for _, s := range l.works.statements {
		f.Seen += "; " + strings.ReplaceAll(s.sql, "\n", " ") + " will be run"
	}
	return f, nil
}

// execute runs statements, but for those that cannot be undone.
func execute(ctx context.Context, conn *pgx.Conn, statements []statement) error {
	for _, s := range statements {
		if s.enum != nil {
			continue
		}
		if _, err := conn.Exec(ctx, s.sql); err != nil {
			return err
		}
	}
	return nil
}

// checkKey tells how rows are told apart, and warns where that is slow.
func (l *looked) checkKey(s *server) fault.Finding {
	p := l.plan
	f := fault.Finding{Check: apply.CheckKey, On: p.table.Name, Seen: "rows are told apart by the primary key"}
	switch {
	case len(p.key) == 0:
		f.Seen = "the table has no key, and takes new rows only"
	case l.works.found != nil && !s.distributes() && !l.works.found.hasIndex(p.names(p.key)):
		f.Level = fault.LevelWarning
		f.Seen = "no index of the table is over the key: each batch reads all of it"
		f.Fix = fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s);", p.quoted, strings.Join(p.names(p.key), ", "))
	case l.works.found == nil && !p.unique:
		f.Seen = "rows are told apart by the key, of which the server keeps no index"
	}
	return f
}

// checkTypes warns of values that are kept as text only because the target lacks an
// extension. What is lost by nature is told by Plan.
func (l *looked) checkTypes(s *server) fault.Finding {
	f := fault.Finding{Check: apply.CheckTypes, On: l.plan.table.Name, Seen: "every value is kept, or refused by on_unrepresentable"}
	var seen, fixes []string
	for _, c := range l.plan.columns {
		name := missingExtension(s, c.source.Type)
		if !c.asText || name == "" || l.plan.table.Wishes.Types[c.source.Name] != "" {
			continue
		}
		seen = append(seen, fmt.Sprintf("column %s is kept as text: the target has no extension %s", change.QuoteIdent(c.source.Name), name))
		fixes = append(fixes, "CREATE EXTENSION "+change.AlwaysQuote(name)+";")
	}
	if len(seen) > 0 {
		f.Level, f.Seen, f.Fix = fault.LevelWarning, strings.Join(seen, "; "), strings.Join(slices.Compact(fixes), "\n")
	}
	return f
}

// missingExtension is one that a type needs, at any depth.
func missingExtension(s *server, t *change.Type) string {
	t = t.Underlying()
	if t.Extension != "" && s.extensions[t.Extension] == nil {
		return t.Extension
	}
	if t.Elem != nil {
		return missingExtension(s, t.Elem)
	}
	for _, f := range t.Fields {
		if name := missingExtension(s, f.Type); name != "" {
			return name
		}
	}
	return ""
}
