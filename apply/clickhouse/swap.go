package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Shadow implements [apply.Target].
func (t *Target) Shadow(name string) string {
	return apply.ShadowName(name, longestShadow, escapedLen)
}

// longestShadow keeps a shadow's name, as it stands in the name of a file, within
// what servers take beside the name of any usual database.
const longestShadow = 100

// escapedLen is the length of a name where the server writes it as a file's: every
// byte but letters, digits and _ as three.
func escapedLen(name string) int {
	n := 0
	for _, c := range []byte(name) {
		if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			n++
		} else {
			n += 3
		}
	}
	return n
}

// Swap implements [apply.Target]. The tables change their names at once, and then
// the old one is dropped. An answer that is lost says nothing of which of the two
// has a name, so both are marked before:
//
//	from is not marked as old           the tables have yet to change their names
//	from is                             it has yet to be dropped
//	there is no from, t.Name is marked  that has been done
//
// One mark would not do: where it has stayed by a crash, the next shadow would be
// taken for the old table.
//
// What the server grants is granted on names, and stays, as does what is said of the
// table.
func (t *Target) Swap(ctx context.Context, table *apply.Table, from string) error {
	doing := fmt.Sprintf("put table %s in the place of %s", t.tableName(from), t.tableName(table.Name))
	if table.Shared {
		err := fault.Precondition(errors.New("it holds rows of others too"), "give the source table a target of its own")
		return &apply.TableError{Table: table, Err: fmt.Errorf("%s: %w", doing, err)}
	}
	if err := t.swap(ctx, table.Name, from); err != nil {
		var rebuild *apply.RebuildError
		theirs := blamesTable(err) || codeOf(err) == codeNotEnoughPrivileges || errors.As(err, &rebuild)
		if err = t.failed(ctx, doing, err); theirs {
			err = &apply.TableError{Table: table, Err: err}
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range []string{table.Name, from} {
		if p := t.plans[name]; p != nil {
			t.blocks.forget(p)
			delete(t.plans, name)
		}
	}
	return nil
}

// newMark and oldMark end the comments of a table that is to take another's place,
// and of the other.
const (
	newMark = "taking the place of another table"
	oldMark = "another table is taking the place of this"
)

// unmarked is what a user has said of a table.
func unmarked(comment string) string {
	return strings.TrimSuffix(strings.TrimSuffix(comment, newMark), oldMark)
}

func (t *Target) swap(ctx context.Context, name, from string) error {
	comments, err := t.comments(ctx, name, from)
	if err != nil {
		return err
	}
	old, there := comments[name]
	shadow, ready := comments[from]
	switch {
	case strings.HasSuffix(shadow, oldMark), !ready && strings.HasSuffix(old, newMark):
		return t.finishSwap(ctx, name, from)
	case !ready:
		return apply.Rebuild("there is no table %s", t.tableName(from))
	}
	said := unmarked(cmp.Or(old, shadow))
	if err := t.comment(ctx, from, said+newMark); err != nil {
		return err
	}
	crash.At("swap-new-marked")
	if there {
		if err := t.comment(ctx, name, said+oldMark); err != nil {
			return err
		}
		crash.At("swap-old-marked")
		err = t.exchange(ctx, name, from)
	} else {
		err = t.statements.Exec(ctx, "RENAME TABLE "+t.tableName(from)+" TO "+t.tableName(name))
	}
	if err != nil {
		return err
	}
	crash.At("swap-exchanged")
	return t.finishSwap(ctx, name, from)
}

// finishSwap drops the old table. Should an EXCHANGE of an earlier call have come
// late, the one that would be dropped is the new one.
func (t *Target) finishSwap(ctx context.Context, name, from string) error {
	comments, err := t.comments(ctx, name, from)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(comments[name], newMark) || strings.HasSuffix(comments[from], newMark) {
		return fault.Retry(errors.New("the tables have changed their names twice"))
	}
	for _, old := range []string{from, third(name)} {
		if err := t.statements.Exec(ctx, dropTable(t.tableName(old))); err != nil {
			return err
		}
	}
	crash.At("swap-old-dropped")
	return t.comment(ctx, name, unmarked(comments[name]))
}

// comments are those of the tables that are there.
func (t *Target) comments(ctx context.Context, names ...string) (map[string]string, error) {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = text(name)
	}
	rows, err := t.statements.Query(ctx, "SELECT name, comment FROM system.tables WHERE database = "+text(t.address.database)+
		" AND name IN ("+strings.Join(quoted, ", ")+")")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var name, comment string
		if err := rows.Scan(&name, &comment); err != nil {
			return nil, err
		}
		all[name] = comment
	}
	return all, rows.Err()
}

func (t *Target) comment(ctx context.Context, name, comment string) error {
	return t.statements.Exec(ctx, "ALTER TABLE "+t.tableName(name)+" MODIFY COMMENT "+text(comment))
}

// exchanging are the engines of databases whose tables can change their names at
// once.
var exchanging = []string{"Atomic", "Replicated", "Shared"}

// exchange lets two tables change their names. In a database that cannot do so at
// once a reader may find no table for a moment.
func (t *Target) exchange(ctx context.Context, a, b string) error {
	var engine string
	err := t.statements.QueryRow(ctx, "SELECT engine FROM system.databases WHERE name = "+text(t.address.database)).Scan(&engine)
	if err != nil {
		return err
	}
	if slices.Contains(exchanging, engine) {
		return t.statements.Exec(ctx, "EXCHANGE TABLES "+t.tableName(a)+" AND "+t.tableName(b))
	}
	return t.statements.Exec(ctx, fmt.Sprintf("RENAME TABLE %[1]s TO %[3]s, %[2]s TO %[1]s", t.tableName(a), t.tableName(b), t.tableName(third(a))))
}

// third is the name of the old table where names cannot be exchanged.
func third(name string) string { return apply.ShadowName(name+"__old", longestShadow, escapedLen) }
