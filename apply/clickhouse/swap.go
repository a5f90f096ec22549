package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
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

// Swap implements [apply.Target].
func (t *Target) Swap(ctx context.Context, table *apply.Table, from string) error {
	doing := fmt.Sprintf("put table %s in the place of %s", t.tableName(from), t.tableName(table.Name))
	err := t.swap(ctx, table, from)
	if err != nil {
		return t.failed(ctx, doing, err)
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

func (t *Target) swap(ctx context.Context, table *apply.Table, from string) error {
	return apply.Rebuild("not yet: %s", strings.TrimSpace(from))
}
