package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// throwaways is what the names of throwaway tables begin with. One as old as
// abandoned was left by a check that was killed.
const (
	throwaways = "_pgsluice_check_"
	abandoned  = time.Hour
)

// throwaway gives a table like the plan's a name that nobody has, and makes it.
// undo removes it, also when it was not seen to be made.
func (t *Target) throwaway(ctx context.Context, like *plan) (p *plan, undo func() error, err error) {
	p = &plan{table: like.table, specs: like.specs, key: like.key, inKey: like.inKey}
	p.name = t.tableName(fmt.Sprintf("%s%016x", throwaways, rand.Uint64()))
	p.finish()
	err = t.statements.Exec(ctx, p.createTable(t.tableEnd()))
	undo = func() error {
		return t.statements.Exec(context.WithoutCancel(ctx), dropTable(p.name))
	}
	if err != nil && codeOf(err) == 0 {
		return nil, nil, errors.Join(err, undo()) // perhaps it was made
	}
	return p, undo, err
}

// sweep removes throwaway tables of checks that were killed long ago.
func (t *Target) sweep(ctx context.Context, older time.Duration) error {
	rows, err := t.statements.Query(ctx, "SELECT name FROM system.tables WHERE database = "+text(t.address.database)+
		" AND startsWith(name, "+text(throwaways)+") AND metadata_modification_time <= now() - "+strconv.Itoa(int(older.Seconds())))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if err := t.statements.Exec(ctx, dropTable(t.tableName(name))); err != nil {
			return err
		}
	}
	return rows.Err()
}

// apply.CheckRights does with a throwaway table what a run does with tables.
func (t *Target) checkRights(ctx context.Context) (fault.Findings, error) {
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
	like, err := t.newPlan(&apply.Table{Relation: rel})
	if err != nil {
		return nil, err
	}
	p, undo, err := t.throwaway(ctx, like)
	switch {
	case err != nil && (p == nil || passes(err)):
		return nil, err
	case err != nil:
		return t.rightsFindings(map[string]error{"CREATE TABLE": err}, p, false), nil
	}
	denied, err := t.tryRights(ctx, p)
	dropped := undo()
	if err != nil {
		return nil, errors.Join(err, dropped)
	}
	if dropped != nil {
		denied["DROP TABLE"] = dropped
	} else if err := t.sweep(ctx, abandoned); err != nil {
		return nil, err
	}
	return t.rightsFindings(denied, p, true), nil
}

// tryRights does everything with a table but to make and remove it, and gives
// what is denied by the right it takes.
func (t *Target) tryRights(ctx context.Context, p *plan) (map[string]error, error) {
	row := newBlock(p)
	if err := row.append([]change.Datum{{Format: change.Text, Bytes: []byte("1")}}, change.Position{Commit: 1}); err != nil {
		return nil, err
	}
	ran := func(statement string) func() error {
		return func() error { return t.statements.Exec(ctx, statement) }
	}
	denied := map[string]error{}
	for _, trial := range []struct {
		right string
		do    func() error
	}{
		{"INSERT", func() error {
			return t.wires.do(ctx, ch.Query{Body: p.insert, Settings: insertSettings, Input: row.input})
		}},
		{"SELECT", func() error {
			return t.wires.do(ctx, ch.Query{
				Body: "SELECT " + ident("id") + " FROM " + p.name + " FINAL", Settings: selectSettings,
				Result:   proto.Results{{Name: "id", Data: newColumn(p.specs[0])}},
				OnResult: func(context.Context, proto.Block) error { return nil },
			})
		}},
		{"ALTER", ran("ALTER TABLE " + p.name + " ADD COLUMN IF NOT EXISTS added Nullable(Int32)")},
		{"ALTER", func() error { return t.deleteWhere(ctx, p.name, ident("id")+" = 1") }},
		{"TRUNCATE", ran("TRUNCATE TABLE " + p.name)},
	} {
		if err := trial.do(); err != nil {
			if codeOf(err) == 0 || passes(err) {
				return nil, err
			}
			denied[trial.right] = err
		}
	}
	return denied, nil
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
		f := fault.Finding{Level: fault.LevelError, Check: apply.CheckRights, On: database, Seen: fmt.Sprintf("user %s cannot %s in database %s: %v", ident(t.address.user), right, database, err)}
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
		all = append(all, fault.Finding{Check: apply.CheckRights, On: database, Seen: "user " + ident(t.address.user) + " can " + strings.Join(rights, ", ")})
	}
	return all
}

// checkGrants asks for the rights in a database that has yet to be made: making
// it only to try them out would leave it behind, or remove what others put there.
func (t *Target) checkGrants(ctx context.Context) (fault.Findings, error) {
	database, user := ident(t.address.database), ident(t.address.user)
	wanted := "CREATE DATABASE, " + strings.Join(rights, ", ")
	f := fault.Finding{Check: apply.CheckRights, On: database, Seen: fmt.Sprintf("database %s does not exist, and user %s can make it", database, user)}
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
