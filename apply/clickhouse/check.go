package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// What is looked at in the target: the names that findings have.
const (
	checkServer = "target_server"
	checkRights = "target_rights"
	checkTable  = "target_table"
	checkKey    = "target_key"
	checkTypes  = "target_types"
)

// Check implements [apply.Inspector].
func (t *Target) Check(ctx context.Context, tables []*apply.Table, existing apply.Existing) (fault.Findings, error) {
	server := t.Server()
	all := fault.Findings{{Check: checkServer, Seen: server.Version + ": " + strings.Join(server.Features, ", ")}}
	rights, err := t.checkRights(ctx)
	if err != nil {
		return nil, t.failed(ctx, "try out the rights in the target", err)
	}
	all = append(all, rights...)
	var ofTables fault.Findings
	for _, table := range tables {
		found, err := t.checkTable(ctx, table, existing)
		if err != nil {
			return nil, err
		}
		ofTables = append(ofTables, found...)
	}
	return append(all, summed(ofTables)...), nil
}

// summed says once what is well with several tables.
func summed(findings fault.Findings) (all fault.Findings) {
	type what struct{ check, seen string }
	count, place := map[what]int{}, map[what]int{}
	for _, f := range findings {
		w := what{f.Check, f.Seen}
		if f.Level == fault.LevelOK {
			if count[w]++; count[w] > 1 {
				all[place[w]].On, all[place[w]].Seen = "", fmt.Sprintf("%d tables: %s", count[w], f.Seen)
				continue
			}
			place[w] = len(all)
		}
		all = append(all, f)
	}
	return all
}

// trial is a statement that a run needs to be allowed, and the right for it.
type trial struct {
	right string
	do    func() error
}

// checkRights does with a throwaway table what a run does with tables.
func (t *Target) checkRights(ctx context.Context) (all fault.Findings, err error) {
	there, err := t.hasDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if !there {
		return t.checkGrants(ctx)
	}
	rel := &change.Relation{Schema: "pgsluice", Name: "check", Key: []int{0}, Columns: []change.Column{
		{Name: "id", NotNull: true, Type: &change.Type{OID: int4OID, Schema: "pg_catalog", Name: "int4", Modifier: -1}},
	}}
	p, err := t.newPlan(&apply.Table{Relation: rel, Name: fmt.Sprintf("_pgsluice_check_%016x", rand.Uint64())})
	if err != nil {
		return nil, err
	}
	ran := func(statement string) func() error {
		return func() error { return t.statements.Exec(ctx, statement) }
	}
	created := false
	trials := []trial{
		{"CREATE TABLE", func() error {
			err := t.statements.Exec(ctx, p.createTable(t.tableSettings()))
			created = err == nil
			return err
		}},
		{"INSERT", func() error {
			b := newBlock(p)
			if err := b.append([]change.Datum{{Format: change.Text, Bytes: []byte("1")}}, change.Position{Commit: 1}); err != nil {
				return err
			}
			return t.wires.do(ctx, ch.Query{Body: p.insert, Settings: insertSettings, Input: b.input})
		}},
		{"SELECT", func() error {
			got := newColumn(p.specs[0])
			return t.wires.do(ctx, ch.Query{
				Body: "SELECT " + ident("id") + " FROM " + p.name + " FINAL", Settings: selectSettings,
				Result:   proto.Results{{Name: "id", Data: got}},
				OnResult: func(context.Context, proto.Block) error { return nil },
			})
		}},
		{"ALTER", ran("ALTER TABLE " + p.name + " ADD COLUMN IF NOT EXISTS added Nullable(Int32)")},
		{"ALTER", func() error { return t.deleteWhere(ctx, p.name, ident("id")+" = 1") }},
		{"TRUNCATE", ran("TRUNCATE TABLE " + p.name)},
	}
	denied := map[string]error{}
	for i, trial := range trials {
		if err := trial.do(); err != nil {
			if codeOf(err) == 0 || passing[codeOf(err)] {
				return nil, errors.Join(err, t.dropThrowaway(ctx, p, created))
			}
			denied[trial.right] = err
		}
		if i == 0 && !created {
			break
		}
	}
	if err := t.dropThrowaway(ctx, p, created); err != nil {
		denied["DROP TABLE"] = err
	}
	return t.rightsFindings(denied, p, created), nil
}

const int4OID = 23

func (t *Target) dropThrowaway(ctx context.Context, p *plan, created bool) error {
	if !created {
		return nil
	}
	return t.statements.Exec(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+p.name+" SYNC")
}

// rights are what a run needs, in the order in which it meets them.
var rights = []string{"CREATE TABLE", "INSERT", "SELECT", "ALTER", "TRUNCATE", "DROP TABLE"}

func (t *Target) rightsFindings(denied map[string]error, p *plan, created bool) (all fault.Findings) {
	database := ident(t.address.database)
	for _, right := range rights {
		err := denied[right]
		if err == nil {
			continue
		}
		f := fault.Finding{Level: fault.LevelError, Check: checkRights, On: database, Seen: fmt.Sprintf("user %s cannot %s in database %s: %v", ident(t.address.user), right, database, err)}
		if codeOf(err) == codeNotEnoughPrivileges {
			wanted := right
			if !created {
				wanted = strings.Join(rights, ", ") // the others could not be tried
			}
			f.Fix = t.grant(err, wanted)
		} else {
			f.Fix = fault.Hint(t.judge(err))
		}
		if right == "DROP TABLE" && created {
			f.Fix += fmt.Sprintf("\nDROP TABLE %s;  -- the table that this was tried out on", p.name)
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		all = append(all, fault.Finding{Check: checkRights, On: database, Seen: "user " + ident(t.address.user) + " can " + strings.Join(rights, ", ")})
	}
	return all
}

// checkGrants asks for the rights in a database that has yet to be made: making
// it only to try them out would leave it behind, or remove what others put there.
func (t *Target) checkGrants(ctx context.Context) (fault.Findings, error) {
	database, user := ident(t.address.database), ident(t.address.user)
	wanted := "CREATE DATABASE, " + strings.Join(rights, ", ")
	f := fault.Finding{Check: checkRights, On: database, Seen: fmt.Sprintf("database %s does not exist, and user %s can make it", database, user)}
	var granted uint8
	err := t.statements.QueryRow(ctx, "CHECK GRANT "+wanted+" ON "+database+".*").Scan(&granted)
	switch {
	case err != nil && codeOf(err) == 0:
		return nil, err
	case err != nil:
		f.Level = fault.LevelWarning
		f.Seen = fmt.Sprintf("database %s does not exist, and this server does not say whether user %s can make it", database, user)
		f.Fix = "CREATE DATABASE " + database + ";"
	case granted == 0:
		f.Level = fault.LevelError
		f.Seen = fmt.Sprintf("database %s does not exist, and user %s has not all the rights to make it and its tables", database, user)
		f.Fix = fmt.Sprintf("GRANT %s ON %s.* TO %s;", wanted, database, user)
	}
	return fault.Findings{f}, nil
}

// checkTable holds one table against its wishes and what is there of it.
func (t *Target) checkTable(ctx context.Context, table *apply.Table, existing apply.Existing) (all fault.Findings, err error) {
	on := t.tableName(table.Name)
	p, missing, err := t.fitted(ctx, table)
	if err != nil {
		if !fault.Unmet(err) && !fault.IsUsage(err) {
			return nil, err
		}
		return fault.Findings{fault.Refused(checkTable, on, err)}, nil
	}
	f := fault.Finding{Check: checkTable, On: on, Seen: "the table does not exist yet"}
	if missing != nil {
		if f, err = t.checkExisting(ctx, p, missing, existing); err != nil {
			return nil, t.failed(ctx, "look at table "+on, err)
		}
	}
	return append(fault.Findings{f, p.checkKeyTypes(on)}, p.checkLosses(on)), nil
}

func (t *Target) checkExisting(ctx context.Context, p *plan, missing []int, existing apply.Existing) (fault.Finding, error) {
	f := fault.Finding{Check: checkTable, On: p.name, Seen: "the table is there, and can hold the rows"}
	empty, err := t.isEmpty(ctx, p)
	if err != nil {
		return f, err
	}
	if !empty && existing == apply.Refuse {
		f.Level, f.Seen, f.Fix = fault.LevelError, holdsRows, p.makeRoomHint()
		return f, nil
	}
	for _, i := range missing {
		f.Seen += "; column " + change.QuoteIdent(p.specs[i].name) + " will be added"
		if _, err := t.addColumnStatement(ctx, p, i, empty || existing == apply.Truncate); err != nil {
			f.Level, f.Seen, f.Fix = fault.LevelError, fmt.Sprintf("column %s cannot be added: %v", change.QuoteIdent(p.specs[i].name), err), fault.Hint(err)
			return f, nil
		}
	}
	return f, nil
}

// checkKeyTypes warns of a key that ClickHouse orders unlike PostgreSQL.
func (p *plan) checkKeyTypes(on string) fault.Finding {
	f := fault.Finding{Check: checkKey, On: on, Seen: "rows are told apart by what orders them"}
	for _, i := range p.key {
		s := p.specs[i]
		if c := s.meaning.Class; c == typemap.Float32 || c == typemap.Float64 {
			r := p.table.Relation
			f.Level = fault.LevelWarning
			f.Seen = fmt.Sprintf("key column %s is a floating-point number: NaN and -0 order rows in ways of their own", change.QuoteIdent(s.source))
			f.Fix = fmt.Sprintf("ALTER TABLE %s.%s ALTER COLUMN %s TYPE numeric;", change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name), change.AlwaysQuote(s.source))
		}
	}
	return f
}

// checkLosses warns of what a reader would take for something else: a NULL that
// becomes empty, and what a type that the user chose leaves out. What is lost
// everywhere and by nature, as lower bounds of arrays, is told by Plan.
func (p *plan) checkLosses(on string) fault.Finding {
	f := fault.Finding{Check: checkTypes, On: on, Seen: "every value is kept, or refused by on_unrepresentable"}
	var seen, fixes []string
	r := p.table.Relation
	for _, s := range p.specs {
		name := change.AlwaysQuote(s.source)
		switch {
		case s.shape > shapeString && s.mayBeNull:
			seen = append(seen, fmt.Sprintf("column %s: a NULL becomes an empty %s", change.QuoteIdent(s.source), s.typ.name))
			fixes = append(fixes, fmt.Sprintf("ALTER TABLE %s.%s ALTER COLUMN %s SET NOT NULL;  -- or types: {%s: String}",
				change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name), name, s.source))
		case len(s.chosen) > 0:
			seen = append(seen, fmt.Sprintf("column %s does not keep %s", change.QuoteIdent(s.source), strings.Join(s.chosen, ", ")))
			fixes = append(fixes, fmt.Sprintf("types: {%s: String}", s.source))
		}
	}
	if len(seen) > 0 {
		f.Level, f.Seen, f.Fix = fault.LevelWarning, strings.Join(seen, "; "), strings.Join(fixes, "\n")
	}
	return f
}
