// Package preflight looks, before anything is created, at what has to be true of
// a source for a load or a run to succeed. Each finding says what was seen and
// comes with what mends it:
//
//	server.go        what the server has to allow: logical decoding, slots, walsenders, the right to replicate
//	retention.go     what can part a slot from its log, or fill the source's disk
//	connection.go    whether connections reach the server itself; replication, an exported snapshot
//	standby.go       a standby as the source
//	environment.go   encoding, clock
//	transactions.go  what a new slot would have to wait for
//	matched.go       what the patterns match and pgsluice does not move
//	tables.go        partitions, generated and large columns, how much there is
//	rights.go        the right to read, tried out
//	identity.go      how an UPDATE or DELETE names its row
//	publication.go   the publication, its making tried out; the slot
//	filter.go        conditions on rows
//
// A fix that is SQL has one statement per line, to be run as it is printed, in
// the source's database; what else there is to do stands behind it as a comment.
// A fix that is not SQL is a sentence.
package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Source is what is looked at, and what for.
type Source struct {
	SQL *pgx.Conn
	// DSN is for further connections.
	DSN      string
	Catalog  *snapshot.Catalog
	Patterns []snapshot.Pattern
	// Tables are what the run would move.
	Tables []Table
	// Streamed tells a run from a one-shot load.
	Streamed bool
	// Copy: there will be a full load.
	Copy                        bool
	Slot, Publication           string
	SlotNamed, PublicationNamed bool // by the user, who then owns them
	Operations                  replication.Operations
	// Slots is how many slots the run has yet to create.
	Slots int
}

// Table is a table with what is wanted of it.
type Table struct {
	*snapshot.Table
	// Columns are those that are wanted in the target. What a stream cannot carry
	// of them is for Check to say.
	Columns []string
	// Where is the user's condition on the rows, empty for all.
	Where string
}

// Check looks at everything. It changes nothing: what it tries out it takes back.
// An error means that the looking itself failed. It uses the connection, which
// must be in no transaction, until it returns.
func Check(ctx context.Context, s Source) (fault.Findings, error) {
	return check(ctx, &look{Source: s, now: time.Now})
}

func check(ctx context.Context, l *look) (fault.Findings, error) {
	l.version = l.Catalog.Version
	if !l.served() {
		return l.found, nil
	}
	var err error
	if l.server, err = askServer(ctx, l.SQL); err != nil {
		return nil, err
	}
	steps := []func(context.Context) error{
		l.direct, l.exported, l.standby, l.encoding, l.clock, l.matched, l.readable, l.policies, l.partitions, l.filters, l.size,
	}
	if l.Streamed {
		if err := l.readPublication(ctx); err != nil {
			return nil, err
		}
		l.ready(l.Slots)
		l.retention()
		steps = append(steps, l.replicates, l.open, l.slot, l.publication, l.identities, l.generated, l.toast)
	}
	err = l.run(ctx, steps)
	return l.found, err
}

func (l *look) run(ctx context.Context, steps []func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// look is one check under way.
type look struct {
	Source
	version int
	server  server
	// published is the publication as it is, of a run.
	published publishedTables
	now       func() time.Time
	found     fault.Findings
	// identities are read once, when they are needed.
	identified map[uint32]identity
	trips      int // to the server, for many statements each
}

// ok, warn and refuse add a finding each.
func (l *look) ok(check, on, format string, args ...any) {
	l.found = append(l.found, fault.Finding{Level: fault.LevelOK, Check: check, On: on, Seen: fmt.Sprintf(format, args...)})
}

func (l *look) warn(check, on, seen, fix string) {
	l.found = append(l.found, fault.Finding{Level: fault.LevelWarning, Check: check, On: on, Seen: seen, Fix: fix})
}

func (l *look) refuse(check, on, seen, fix string) {
	l.found = append(l.found, fault.Finding{Level: fault.LevelError, Check: check, On: on, Seen: seen, Fix: fix})
}

// fine says whether nothing has been found wrong by any of the checks.
func (l *look) fine(checks ...string) bool {
	for _, f := range l.found {
		for _, c := range checks {
			if f.Check == c && f.Level != fault.LevelOK {
				return false
			}
		}
	}
	return true
}

// fineOn says so of one check on one table.
func (l *look) fineOn(check, on string) bool {
	for _, f := range l.found {
		if f.Check == check && f.On == on && f.Level != fault.LevelOK {
			return false
		}
	}
	return true
}

// sqlName names a table in a statement.
func sqlName(schema, name string) string {
	return change.AlwaysQuote(schema) + "." + change.AlwaysQuote(name)
}

func sqlColumns(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = change.AlwaysQuote(n)
	}
	return strings.Join(quoted, ", ")
}

// sentence lists names, and of many the first ones.
func sentence(names []string) string {
	const enough = 10
	if len(names) > enough {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
	}
	return strings.Join(names, ", ")
}

func plainColumns(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = change.QuoteIdent(n)
	}
	return sentence(quoted)
}

// several puts a noun into the plural where there are several.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
