package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// keptMark ends the comment of a column that the source does not have any more.
const keptMark = "dropped in the source"

// Alter implements [apply.Target].
//
// There are no transactions around it: everything that can be refused is looked at
// before the first statement, and each statement is recognised by what it leaves
// behind, so that whoever comes after a crash goes on behind it.
func (t *Target) Alter(ctx context.Context, table *apply.Table, was []apply.ColumnShape, drop bool) error {
	doing := fmt.Sprintf("alter table %s for %s", t.tableName(table.Name), table.Relation)
	p, err := t.newPlan(table)
	if err != nil {
		return err
	}
	d, err := apply.Differ(table, was)
	var statements []string
	if err == nil {
		statements, err = t.alterStatements(ctx, p, d, drop)
	}
	for _, statement := range statements {
		if err == nil {
			err = refusedAlter(t.statements.Exec(ctx, statement))
			crash.At("altered-a-part")
		}
	}
	if err != nil {
		return t.failed(ctx, doing, err)
	}
	t.keepPlan(p)
	return nil
}

// alterStatements are what has still to be done.
func (t *Target) alterStatements(ctx context.Context, p *plan, d *apply.Difference, drop bool) ([]string, error) {
	f, err := t.describe(ctx, p.table.Name)
	if err == nil && f == nil {
		err = apply.Rebuild("there is no table %s", p.name)
	}
	if err != nil {
		return nil, err
	}
	steps, err := d.Steps(p.table, f.has, func(name string) bool { return strings.HasSuffix(f.columns[name].comment, keptMark) }, drop)
	if err != nil {
		return nil, err
	}
	reshaping, err := f.reshape(p, steps)
	if err != nil {
		return nil, err
	}
	widening, err := f.widen(p, d)
	if err != nil {
		return nil, err
	}
	adding, err := t.adding(ctx, p, d, f)
	return slices.Concat(reshaping, widening, adding), err
}

func (f *found) has(name string) bool {
	_, there := f.columns[name]
	return there
}

// fixed says why a column stays as it is.
func (c foundColumn) fixed(name string) error {
	if c.inOrder || c.inPartition {
		return apply.Rebuild("the table is ordered or partitioned by column %s, which cannot be altered", change.QuoteIdent(name))
	}
	return nil
}

// reshape are the statements for the steps. The table that was found is made what
// they make of it.
func (f *found) reshape(p *plan, s *apply.Steps) (all []string, err error) {
	alter := "ALTER TABLE " + p.name + " "
	var first, second []string
	freed := map[string]bool{}
	for _, name := range s.Drop {
		if err := f.columns[name].fixed(name); err != nil {
			return nil, err
		}
		first, freed[name] = append(first, "DROP COLUMN "+ident(name)), true
		delete(f.columns, name)
	}
	for _, name := range s.Keep {
		c := f.columns[name]
		if c.kind == "DEFAULT" {
			// What older rows hold by it is written into them, or rows to come
			// would hold it too.
			all = append(all, alter+"MATERIALIZE COLUMN "+ident(name), alter+"MODIFY COLUMN "+ident(name)+" REMOVE DEFAULT")
		}
		mark := keptMark
		if c.comment != "" {
			mark = c.comment + "; " + mark
		}
		first = append(first, "COMMENT COLUMN "+ident(name)+" "+text(mark))
	}
	moved := map[string]foundColumn{}
	for _, r := range s.Rename {
		if err := f.columns[r[0]].fixed(r[0]); err != nil {
			return nil, err
		}
		command := "RENAME COLUMN " + ident(r[0]) + " TO " + ident(r[1])
		if freed[r[1]] {
			second = append(second, command) // the name has to be free first
		} else {
			first = append(first, command)
		}
		moved[r[1]] = f.columns[r[0]]
		delete(f.columns, r[0])
	}
	for name, c := range moved {
		f.columns[name] = c
	}
	for _, commands := range [][]string{first, second} {
		if len(commands) > 0 {
			all = append(all, alter+strings.Join(commands, ", "))
		}
	}
	return all, nil
}

// widen is the statement that gives columns types which hold what the source's hold
// now. A MODIFY COLUMN that fails on a value makes every SELECT fail until its
// mutation is killed, so there is none but for what cannot fail. The table that was
// found is made what becomes of it.
func (f *found) widen(p *plan, d *apply.Difference) ([]string, error) {
	var commands []string
	for i, s := range p.specs {
		c, there := f.columns[s.name]
		if d.Was[i] == nil || !there {
			continue
		}
		source := &p.table.Relation.Columns[i]
		if d.Retyped(i, source) && holdsText(c.typ) && !apply.SameText(source.Type, d.Was[i]) {
			return nil, apply.Rebuild("column %s is %s there, and PostgreSQL prints it otherwise as %s", change.QuoteIdent(s.name), c.typ, source.Type.Declared())
		}
		typ, ok := wider(c.typ, s.ddl)
		if !ok || sameType(typ, c.typ) {
			continue // adopt has the last word
		}
		if err := c.fixed(s.name); err != nil {
			return nil, err
		}
		commands = append(commands, "MODIFY COLUMN "+ident(s.name)+" "+typ)
		c.typ = typ
		f.columns[s.name] = c
	}
	if len(commands) == 0 {
		return nil, nil
	}
	return []string{"ALTER TABLE " + p.name + " " + strings.Join(commands, ", ")}, nil
}

// holdsText says that values are kept in a type as PostgreSQL prints them.
func holdsText(typ string) bool {
	return slices.ContainsFunc([]string{"String", "Enum", "JSON"}, func(t string) bool { return strings.Contains(typ, t) })
}

// wider is a type that holds the values of both and that columns of the type have
// can be given without fail: NULL is added, or digits before the point of a Decimal.
func wider(have, want string) (typ string, ok bool) {
	haveBare, haveNull, haveDictionary, err := unwrap(have)
	if err != nil {
		return "", false
	}
	wantBare, wantNull, wantDictionary, err := unwrap(want)
	if err != nil || haveDictionary != wantDictionary {
		return "", false
	}
	typ = haveBare.String()
	if !sameType(typ, wantBare.String()) {
		const most = 76 // a Decimal256's digits
		haveDigits, a := haveBare.number(0, 1, most)
		wantDigits, b := wantBare.number(0, 1, most)
		haveScale, c := haveBare.number(1, 0, most)
		wantScale, d := wantBare.number(1, 0, most)
		if haveBare.name != "Decimal" || wantBare.name != "Decimal" || !a || !b || !c || !d || haveScale != wantScale {
			return "", false
		}
		typ = sized("Decimal", max(haveDigits, wantDigits), haveScale).String()
	}
	typ = nullableType(typ, haveNull || wantNull)
	if haveDictionary {
		typ = "LowCardinality(" + typ + ")"
	}
	return typ, true
}

// unwrap takes a type out of what says that it can be NULL and has a dictionary.
func unwrap(typ string) (bare *typeName, null, dictionary bool, err error) {
	bare, err = parseType(typ)
	if err != nil {
		return nil, false, false, err
	}
	bare, dictionary = bare.of("LowCardinality")
	bare, null = bare.of("Nullable")
	return bare, null, dictionary, nil
}

// adding is the statement that adds what the table lacks then, when everything else
// is found to fit.
func (t *Target) adding(ctx context.Context, p *plan, d *apply.Difference, f *found) ([]string, error) {
	missing, err := t.adopt(ctx, p, f)
	if fault.Unmet(err) { // a table that is made anew is as it should be
		return nil, apply.Rebuild("%v", err)
	}
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	empty, err := t.isEmpty(ctx, p)
	if err != nil {
		return nil, err
	}
	var commands []string
	for _, i := range missing {
		if d.Was[i] != nil {
			return nil, apply.Rebuild("column %s is not there", change.QuoteIdent(p.specs[i].name))
		}
		if c := &p.table.Relation.Columns[i]; c.Missing == nil && c.Defaulted && !empty {
			return nil, untold(p.specs[i])
		}
		command, err := t.addColumnCommand(ctx, p, i, empty)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command)
	}
	return []string{"ALTER TABLE " + p.name + " " + strings.Join(commands, ", ")}, nil
}

// refusedAlter are answers of the server that a table which is made anew does not
// meet: an index or a view of somebody's is in the way.
func refusedAlter(err error) error {
	switch codeOf(err) {
	case 10, 36, 44, 47, 48, 524: // NOT_FOUND_COLUMN_IN_BLOCK, BAD_ARGUMENTS, ILLEGAL_COLUMN, UNKNOWN_IDENTIFIER, NOT_IMPLEMENTED, ALTER_OF_COLUMN_IS_FORBIDDEN
		return apply.Rebuild("the server does not alter it: %v", err)
	}
	return err
}
