package greenplum

import (
	"errors"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// createTable is the statement that makes the table of a plan.
func (s *server) createTable(p *plan) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + p.quoted + " (\n")
	for i, c := range p.columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("    " + c.definition())
	}
	if p.unique {
		b.WriteString(",\n    PRIMARY KEY (" + strings.Join(p.names(p.key), ", ") + ")")
	}
	b.WriteString("\n)")
	for _, clause := range []string{s.storageClause(p.storage), s.distributedBy(p)} {
		if clause != "" {
			b.WriteString("\n" + clause)
		}
	}
	return b.String()
}

func (c *column) definition() string {
	if c.notNull {
		return c.name + " " + c.ddl + " NOT NULL"
	}
	return c.name + " " + c.ddl
}

// distributedBy ends a CREATE TABLE where rows are distributed. Without it the
// server would choose.
func (s *server) distributedBy(p *plan) string {
	switch {
	case !s.distributes():
		return ""
	case len(p.distribution) == 0:
		return "DISTRIBUTED RANDOMLY"
	}
	return "DISTRIBUTED BY (" + strings.Join(p.names(p.distribution), ", ") + ")"
}

// addColumn are the statements that give a table a column that the source got
// after the table was made. Rows that are there already never arrive again, so
// they are given what PostgreSQL shows for them, [change.Column].Missing: as a
// default that goes when it has been read. empty says that there are no rows.
func (p *plan) addColumn(c *column, empty bool) ([]string, error) {
	alter := "ALTER TABLE " + p.quoted + " "
	switch {
	case c.source.Missing != nil:
		value, err := c.missing()
		if err != nil {
			return nil, apply.Rebuild("add column %s: older rows hold %q: %v", c.name, *c.source.Missing, err)
		}
		return []string{
			alter + "ADD COLUMN " + c.definition() + " DEFAULT " + value,
			alter + "ALTER COLUMN " + c.name + " DROP DEFAULT",
		}, nil
	case !empty && (c.notNull || c.source.Generated):
		// PostgreSQL rewrote the table, and says nothing of it in its log.
		return nil, apply.Rebuild("add column %s: %v", c.name, errUntold)
	}
	return []string{alter + "ADD COLUMN " + c.definition()}, nil
}

var errUntold = errors.New("the rows that are there hold values of it that PostgreSQL's log does not tell")

// missing is the column's Missing as an expression. PostgreSQL has printed it under
// the settings that this session has too.
func (c *column) missing() (string, error) {
	text := []byte(*c.source.Missing)
	if c.asText {
		var err error
		if text, err = typemap.Resolve(c.source.Type).AppendText(nil, change.Datum{Format: change.Text, Bytes: text}); err != nil {
			return "", err
		}
	}
	return "CAST(" + literal(string(text)) + " AS " + c.ddl + ")", nil
}

// literal is a string constant.
func literal(s string) string { return strings.TrimSpace(change.QuoteLiteral(s)) }
