package preflight

import (
	"context"
	"fmt"
)

// standby looks at what a standby cannot do as a source. That it can make no
// publication is said where the publication is looked at.
func (l *look) standby(context.Context) error {
	if !l.server.recovering {
		l.ok("standby", "", "the source is a primary")
		return nil
	}
	if l.Streamed && l.version < 160000 {
		l.refuse("standby", "", fmt.Sprintf("the source is a standby, and PostgreSQL %d decodes its log on a primary only", l.version/10000),
			"name the primary in source.dsn, or copy the tables with `pgsluice load`; PostgreSQL 16 and later can stream from a standby")
		return nil
	}
	if l.server.settings["hot_standby_feedback"].raw != "on" {
		what := "what a vacuum on the primary removes can cut a long copy short"
		if l.Streamed {
			what += ", and cost the slot what it needs of the catalog, upon which it is lost"
		}
		l.warn("standby", "", "the source is a standby with hot_standby_feedback off: "+what,
			"ALTER SYSTEM SET hot_standby_feedback = on;\nSELECT pg_catalog.pg_reload_conf();")
		return nil
	}
	l.ok("standby", "", "the source is a standby with hot_standby_feedback on")
	return nil
}
