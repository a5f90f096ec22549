package greenplum

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/apply"
)

// The server says of a value that COPY brought it where it stood: "COPY t, line 3,
// column c: …", with the value where that came as text. (CopyFrom's error context,
// src/backend/commands/copyfromparse.c; servers that speak another language say it
// otherwise, and then the answer is told as it is.)
var copyContext = regexp.MustCompile(`(?s)^COPY .*?, line (\d+), column (.*?)(?:: "(.*)"|: null input)?$`)

// aboutValues are the classes of SQLSTATEs that refuse a value: data exceptions,
// constraints, and the syntax of a tsquery.
var aboutValues = []string{"22", "23", "42"}

// badValue makes of the server's answer to a COPY the value that it is about. line
// counts the rows of the COPY from 1. nil: it is about something else.
func (p *plan) badValue(err error) (v *apply.ValueError, line int) {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || !slices.Contains(aboutValues, answer.Code[:min(2, len(answer.Code))]) {
		return nil, 0
	}
	m := copyContext.FindStringSubmatch(answer.Where)
	if m == nil {
		return nil, 0
	}
	line, atoi := strconv.Atoi(m[1])
	i := p.columnAt(m[2])
	if atoi != nil || i < 0 {
		return nil, 0
	}
	return &apply.ValueError{Column: p.columns[i].source.Name, Type: p.columns[i].ddl, Value: m[3], Reason: answer.Message}, line
}

// columnOf finds a column by the source's name.
func (p *plan) columnOf(name string) int {
	return slices.IndexFunc(p.columns, func(c *column) bool { return c.source.Name == name })
}

// columnAt finds a column by its name in the table, or in a staging table.
func (p *plan) columnAt(name string) int {
	for i, c := range p.columns {
		if c.bare() == name || name == "c"+strconv.Itoa(i) {
			return i
		}
	}
	return -1
}

// Routines of the server that read an enum's label.
var readsLabel = map[string]bool{"enum_in": true, "enum_recv": true}

// unknownLabel says that a row holds a label that the target's enum has not. The log
// does not tell of labels that are added; the source's catalog does, when the stream
// begins again.
func unknownLabel(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == invalidText && readsLabel[answer.Routine]
}

const invalidText = "22P02"
