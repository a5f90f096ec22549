package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pgsluice/pgsluice/apply/greenplum"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// targetKind is a sort of target, told from its DSN. What the kinds differ in
// before one is opened is here: what a DSN looks like, and what tables are called.
type targetKind struct {
	label  string
	speaks func(dsn string) bool
	// name writes the target's name of a source table, by the user's template or
	// without one.
	name func(template, schema, table string) string
	// named is the name that the user wishes for a table.
	named func(wish string, source *change.Relation) (string, error)
}

var (
	clickhouseKind = &targetKind{label: "ClickHouse", speaks: speaksClickHouse, name: flatName, named: asWished}
	embeddedKind   = &targetKind{label: "ClickHouse", speaks: speaksEmbedded, name: flatName, named: asWished}
	greenplumKind  = &targetKind{label: "Greenplum", speaks: greenplum.Speaks, name: schemaName, named: greenplumNamed}
)

// onlyFor are the keys of the configuration that mean something to one kind alone,
// with what to do with another.
var onlyFor = map[string]struct{ label, remedy string }{
	"order_by":       {"ClickHouse", "leave it out; in Greenplum distributed_by says where rows lie"},
	"partition_by":   {"ClickHouse", "leave it out; in Greenplum distributed_by says where rows lie"},
	"distributed_by": {"Greenplum", "leave it out; in ClickHouse order_by and partition_by say where rows lie"},
	"storage":        {"Greenplum", "leave it out"},
	"compression":    {"Greenplum", "leave it out"},
}

// refuses is the fault of a key that means nothing to the kind; nil for any other.
func (k *targetKind) refuses(key string) error {
	only, ok := onlyFor[key]
	if !ok || only.label == k.label {
		return nil
	}
	return fault.Usage(fmt.Errorf("%s is for %s, and the target is %s", key, only.label, k.label), only.remedy)
}

// kindOf is nil for a DSN of no kind.
func kindOf(dsn string) *targetKind {
	for _, kind := range []*targetKind{clickhouseKind, embeddedKind, greenplumKind} {
		if kind.speaks(dsn) {
			return kind
		}
	}
	return nil
}

func speaksClickHouse(dsn string) bool {
	if !strings.HasPrefix(dsn, "clickhouse:") {
		return false
	}
	_, err := url.Parse(dsn)
	return err == nil
}

func speaksEmbedded(dsn string) bool {
	dir, ok := strings.CutPrefix(dsn, "embedded:")
	return ok && dir != "" && !strings.HasPrefix(dir, "//")
}

func checkTarget(dsn string) error {
	if kindOf(dsn) != nil {
		return nil
	}
	return fault.Usage(errors.New("the target's DSN cannot be read"),
		"write it as clickhouse://user:password@host:9000/database, greenplum:// or postgres://user:password@host:5432/database, "+
			"with special characters of the password percent-encoded, or as embedded:./directory")
}

func fill(template, schema, table string) string {
	return strings.NewReplacer("{schema}", schema, "{table}", table).Replace(template)
}

// flatName is for targets whose tables have no schema: those of schema public keep
// their names, and the others have the schema in front.
func flatName(template, schema, table string) string {
	if template == "" {
		template = "{schema}_{table}"
		if schema == "public" {
			template = "{table}"
		}
	}
	return fill(template, schema, table)
}

// schemaName keeps schema and table. A template with a dot is one for both,
// without it is for the table.
func schemaName(template, schema, table string) string {
	before, after, both := strings.Cut(template, ".")
	switch {
	case template == "":
		return greenplum.Name(schema, table)
	case both:
		return greenplum.Name(fill(before, schema, table), fill(after, schema, table))
	}
	return greenplum.Name(schema, fill(template, schema, table))
}

func asWished(wish string, _ *change.Relation) (string, error) { return wish, nil }

// greenplumNamed: a name without a schema is one in the schema of the source.
func greenplumNamed(wish string, source *change.Relation) (string, error) {
	name, err := greenplum.Qualify(source.Schema, wish)
	if err != nil {
		return "", fmt.Errorf("target of table %s: %w", source, err)
	}
	return name, nil
}
