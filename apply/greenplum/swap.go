package greenplum

import (
	"context"

	"github.com/pgsluice/pgsluice/apply"
)

// Shadow implements [apply.Target].
func (t *Target) Shadow(name string) string {
	schema, table, err := parseName(name)
	if err != nil {
		return name // Prepare says what is wrong with it
	}
	return Name(schema, apply.ShadowName(table, longestName, func(s string) int { return len(s) }))
}

// Swap implements [apply.Target].
func (t *Target) Swap(_ context.Context, _ *apply.Table, from string) error {
	return apply.Rebuild("not yet: %s", from)
}
