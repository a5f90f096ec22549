package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// publishedTables is a publication as it is, with its tables by quoted name.
type publishedTables struct {
	found  *replication.Publication // nil for none
	tables map[string]replication.Published
}

func (l *look) readPublication(ctx context.Context) (err error) {
	p, conn := &l.published, replication.Over(l.SQL.PgConn(), l.version)
	if p.found, err = conn.FindPublication(ctx, l.Publication); err != nil || p.found == nil {
		return err
	}
	p.tables, err = conn.Published(ctx, l.Publication)
	return err
}

// publication sees that there is one for the tables, or that one can be made: a
// user's is taken as it is, pgsluice's own is extended.
func (l *look) publication(ctx context.Context) error {
	p := l.published
	if p.found == nil {
		return l.creatable(ctx)
	}
	sources := make([]*snapshot.Table, len(l.Tables))
	var lacking []Table
	for i, t := range l.Tables {
		sources[i] = t.Table
		published, ok := p.tables[t.Relation.String()]
		switch {
		case ok:
			l.publishedColumns(t, published)
			if err := l.sameFilter(ctx, t, published); err != nil {
				return err
			}
		case p.found.ViaRoot || !t.Partitioned: // of others the partitions are published
			lacking = append(lacking, t)
		}
	}
	l.found = append(l.found, PublicationFits(l.Publication, p.found, l.Operations, sources)...)
	if err := l.extendable(ctx, lacking); err != nil {
		return err
	}
	if len(lacking) == 0 && l.fine("publication", "publication_root") {
		l.ok("publication", "", "publication %s publishes every table", l.Publication)
	}
	if l.fine("publication_columns") {
		l.ok("publication_columns", "", "publication %s publishes every column that is wanted", l.Publication)
	}
	return nil
}

// PublicationFits says whether a publication publishes what is wanted, and tables
// as one whose rows are in partitions.
func PublicationFits(name string, have *replication.Publication, want replication.Operations, tables []*snapshot.Table) fault.Findings {
	l := &look{}
	is := have.Operations
	if want.Insert && !is.Insert || want.Update && !is.Update || want.Delete && !is.Delete || want.Truncate && !is.Truncate {
		l.refuse("publication_operations", "", fmt.Sprintf("publication %s publishes %q, and the pipeline wants %q", name, is, want),
			fmt.Sprintf("ALTER PUBLICATION %s SET (publish = '%s');  -- or list in stream.operations only what it publishes", change.AlwaysQuote(name), want))
	} else {
		l.ok("publication_operations", "", "publication %s publishes %s", name, is)
	}
	partitioned := slices.IndexFunc(tables, func(t *snapshot.Table) bool { return t.Partitioned })
	if partitioned >= 0 && !have.ViaRoot {
		l.refuse("publication_root", "", fmt.Sprintf("publication %s publishes partitions and not their root, table %s", name, tables[partitioned].Relation),
			fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true);", change.AlwaysQuote(name)))
	} else {
		l.ok("publication_root", "", "publication %s publishes every table under its own name", name)
	}
	return l.found
}

func (l *look) publicationTables(tables []Table) []replication.PublicationTable {
	list := make([]replication.PublicationTable, len(tables))
	for i, t := range tables {
		list[i] = replication.PublicationTable{Schema: t.Relation.Schema, Name: t.Relation.Name, Partitioned: t.Partitioned, Where: t.Where}
	}
	return list
}

func withoutFilters(tables []replication.PublicationTable) []replication.PublicationTable {
	plain := slices.Clone(tables)
	for i := range plain {
		plain[i].Where = ""
	}
	return plain
}

// creatable makes the publication and takes it back. That takes, until it is taken
// back, a SHARE UPDATE EXCLUSIVE lock on each table, as the run does: it stands in
// the way of VACUUM, CREATE INDEX and ALTER TABLE, and of no reader or writer. What
// is wrong with a condition is for the condition's own check.
func (l *look) creatable(ctx context.Context) error {
	tables := l.publicationTables(l.Tables)
	statement := replication.CreatePublicationSQL(l.version, l.Publication, l.Operations, tables) + ";"
	if l.server.recovering {
		l.refuse("publication", "", fmt.Sprintf("there is no publication %s, and on a standby none can be made", l.Publication), statement+"  -- on the primary")
		return nil
	}
	if len(tables) == 0 || l.version < 130000 && !l.fine("partitions") {
		return nil
	}
	sql := replication.CreatePublicationSQL(l.version, l.Publication, l.Operations, withoutFilters(tables))
	return l.triedOut(l.inVain(ctx, sql), statement, "CREATE", fmt.Sprintf("publication %s is not there yet, and can be made", l.Publication))
}

// extendable sees whether what a publication lacks can be added to it, with the
// same lock.
func (l *look) extendable(ctx context.Context, lacking []Table) error {
	if len(lacking) == 0 {
		return nil
	}
	tables := l.publicationTables(lacking)
	statement := replication.AddToPublicationSQL(l.Publication, tables) + ";"
	names := make([]string, len(lacking))
	for i, t := range lacking {
		names[i] = t.Relation.String()
	}
	what := fmt.Sprintf("publication %s does not publish table %s", l.Publication, sentence(names))
	switch {
	case l.PublicationNamed:
		l.refuse("publication", "", what, statement)
		return nil
	case l.server.recovering:
		l.refuse("publication", "", what, statement+"  -- on the primary")
		return nil
	}
	sql := replication.AddToPublicationSQL(l.Publication, withoutFilters(tables))
	return l.triedOut(l.inVain(ctx, sql), statement, "ALTER", what+" yet, and it can be added")
}

// triedOut says what became of a statement on the publication.
func (l *look) triedOut(err error, statement, verb, well string) error {
	switch postgres.Code(err) {
	case "":
		if err == nil {
			l.ok("publication", "", "%s", well)
		}
		return err
	case codeLocked:
		l.warn("publication", "", fmt.Sprintf("whether publication %s can be made was not seen: a table is locked by a VACUUM, CREATE INDEX or ALTER TABLE", l.Publication), "check again when that is done")
	case codeDenied:
		l.refuse("publication", "", fmt.Sprintf("user %s may not %s publication %s: %s", change.QuoteIdent(l.server.user), verb, l.Publication, message(err)),
			statement+"  -- as the tables' owner with CREATE on the database, or as a superuser")
	default:
		l.refuse("publication", "", fmt.Sprintf("publication %s cannot be made: %s", l.Publication, message(err)), "leave out the table that it names")
	}
	return nil
}

// publishedColumns: what a publication has no column for cannot be followed.
// Generated columns have a check of their own.
func (l *look) publishedColumns(t Table, p replication.Published) {
	if p.Columns == nil {
		return
	}
	var lacking []string
	for _, c := range t.Relation.Columns {
		if !c.Generated && slices.Contains(t.Columns, c.Name) && !slices.Contains(p.Columns, c.Name) {
			lacking = append(lacking, c.Name)
		}
	}
	if len(lacking) > 0 {
		l.warn("publication_columns", t.Relation.String(), fmt.Sprintf("publication %s does not publish %s of table %s: left out", l.Publication, plainColumns(lacking), t.Relation),
			replication.ReplaceInPublicationSQL(l.Publication, l.publicationTables([]Table{t})[0]))
	}
}

// slot looks at a slot of the name that is there.
func (l *look) slot(ctx context.Context) error {
	slot, err := replication.Over(l.SQL.PgConn(), l.version).FindSlot(ctx, l.Slot)
	if err != nil {
		return err
	}
	drop := fmt.Sprintf("SELECT pg_catalog.pg_drop_replication_slot(%s);", change.QuoteLiteral(l.Slot))
	switch {
	case slot == nil:
		l.ok("slot", "", "replication slot %s is not there yet", l.Slot)
	case slot.Plugin != "pgoutput" || slot.Database != l.server.database:
		l.refuse("slot", "", fmt.Sprintf("replication slot %s is one for plugin %q in database %q", l.Slot, slot.Plugin, slot.Database),
			drop+"  -- if nobody needs it; or choose another source.slot: pgsluice needs one for pgoutput in the source's database")
	case slot.Lost:
		l.refuse("slot", "", fmt.Sprintf("replication slot %s is lost: the source has removed log that it needs", l.Slot),
			drop+"  -- and "+fault.LostRemedy)
	case slot.Active:
		l.warn("slot", "", fmt.Sprintf("replication slot %s is in use by server process %s: another pgsluice runs this pipeline, or one that was cut off is still known to the server", l.Slot, slot.ActivePID),
			fmt.Sprintf("SELECT pg_catalog.pg_terminate_backend(%s);  -- if it is not this pipeline's own", slot.ActivePID))
	default:
		l.ok("slot", "", "replication slot %s is there, with %s of log kept for it", l.Slot, inBytes(slot.Retained))
	}
	return nil
}
