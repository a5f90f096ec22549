package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Check implements [apply.Inspector].
func (t *Target) Check(ctx context.Context, tables []*apply.Table, existing apply.Existing) (fault.Findings, error) {
	server := t.Server()
	all := fault.Findings{{Check: apply.CheckServer, Seen: server.Version + ": " + strings.Join(server.Features, ", ")}}
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
	return append(all, ofTables.Summed()...), nil
}

// apply.CheckTable holds one table against its wishes and what is there of it.
func (t *Target) checkTable(ctx context.Context, table *apply.Table, existing apply.Existing) (all fault.Findings, err error) {
	on := t.tableName(table.Name)
	p, missing, anew, err := t.fitted(ctx, table, existing)
	if err != nil {
		if !fault.Unmet(err) && !fault.IsUsage(err) {
			return nil, err
		}
		return fault.Findings{fault.Refused(apply.CheckTable, on, err)}, nil
	}
	var f fault.Finding
	if missing != nil {
		f, err = t.checkExisting(ctx, p, missing, existing)
	} else {
		f, err = t.checkNew(ctx, p)
	}
	if anew && f.Level == fault.LevelOK {
		f.Seen = apply.SeenAnew
	}
	if err != nil {
		return nil, t.failed(ctx, "look at table "+on, err)
	}
	return fault.Findings{f, p.checkKeyTypes(on), p.checkLosses(on)}, nil
}

// checkNew has the server make a throwaway table out of what the user wishes:
// which expressions and types it takes is for it to say.
func (t *Target) checkNew(ctx context.Context, p *plan) (fault.Finding, error) {
	f := fault.Finding{Check: apply.CheckTable, On: p.name, Seen: apply.SeenNew}
	w := p.table.Wishes
	if len(w.Types) == 0 && len(w.Rename) == 0 && len(w.OrderBy) == 0 && w.PartitionBy == "" {
		return f, nil
	}
	if there, err := t.hasDatabase(ctx); err != nil || !there {
		return f, err
	}
	_, undo, err := t.throwaway(ctx, p)
	switch {
	case err == nil:
		err = undo()
		if codeOf(err) == codeNotEnoughPrivileges {
			err = nil // apply.CheckRights says so
		}
	case codeOf(err) == codeNotEnoughPrivileges:
		return f, nil
	case codeOf(err) != 0 && !passes(err):
		return fault.Refused(apply.CheckTable, p.name, fault.Usage(fmt.Errorf("the server refuses a table with these wishes: %w", err),
			"change what it names in types, rename, order_by or partition_by")), nil
	}
	return f, err
}

func (t *Target) checkExisting(ctx context.Context, p *plan, missing []int, existing apply.Existing) (fault.Finding, error) {
	f := fault.Finding{Check: apply.CheckTable, On: p.name, Seen: "the table is there, and can hold the rows"}
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
	f := fault.Finding{Check: apply.CheckKey, On: on, Seen: "rows are told apart by what orders them"}
	r := p.table.Relation
	var floats, fixes []string
	for _, i := range p.key {
		if s := p.specs[i]; s.typ.name == "Float32" || s.typ.name == "Float64" {
			floats = append(floats, change.QuoteIdent(s.source))
			fixes = append(fixes, fmt.Sprintf("ALTER TABLE %s.%s ALTER COLUMN %s TYPE numeric;", change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name), change.AlwaysQuote(s.source)))
		}
	}
	if len(floats) > 0 {
		f.Level = fault.LevelWarning
		f.Seen = fmt.Sprintf("floating-point numbers are in the key (%s): NaN and -0 order rows in ways of their own", strings.Join(floats, ", "))
		f.Fix = strings.Join(fixes, "\n")
	}
	return f
}

// checkLosses warns of what a reader would take for something else: a NULL that
// becomes empty, and what a type that the user chose leaves out. What is lost
// everywhere and by nature, as lower bounds of arrays, is told by Plan.
func (p *plan) checkLosses(on string) fault.Finding {
	f := fault.Finding{Check: apply.CheckTypes, On: on, Seen: "every value is kept, or refused by on_unrepresentable"}
	var seen, fixes []string
	r := p.table.Relation
	for _, s := range p.specs {
		instead := "types: {" + strconv.Quote(s.source) + ": String}"
		if s.shape > shapeString && s.mayBeNull {
			seen = append(seen, fmt.Sprintf("column %s: a NULL becomes an empty %s", change.QuoteIdent(s.source), s.typ.name))
			fixes = append(fixes, fmt.Sprintf("ALTER TABLE %s.%s ALTER COLUMN %s SET NOT NULL;  -- or %s",
				change.AlwaysQuote(r.Schema), change.AlwaysQuote(r.Name), change.AlwaysQuote(s.source), instead))
		}
		if len(s.chosen) > 0 {
			seen = append(seen, fmt.Sprintf("column %s does not keep %s", change.QuoteIdent(s.source), strings.Join(s.chosen, ", ")))
			fixes = append(fixes, instead)
		}
	}
	if len(seen) > 0 {
		f.Level, f.Seen, f.Fix = fault.LevelWarning, strings.Join(seen, "; "), strings.Join(fixes, "\n")
	}
	return f
}
