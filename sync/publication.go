package sync

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/preflight"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// covering is what has to be done for a publication to cover the pipeline's
// tables: it is made when there is none, extended when it is pgsluice's own, and a
// user's is never touched.
type covering struct {
	found *replication.Publication
	add   []replication.PublicationTable // all of them when it is to be made
	// published are the pipeline's tables that it has already.
	published map[string]replication.Published
}

// statement is what a run executes; empty when the publication is there and
// covers the tables.
func (c *covering) statement(version int, name string, ops replication.Operations) string {
	switch {
	case c.found == nil:
		return replication.CreatePublicationSQL(version, name, ops, c.add)
	case len(c.add) > 0:
		return replication.AddToPublicationSQL(name, c.add)
	}
	return ""
}

// covers looks at the publication, over any connection to the source.
func (a *attempt) covers(ctx context.Context, conn slots) (*covering, error) {
	name := a.p.config.Publication
	found, err := conn.FindPublication(ctx, name)
	if err != nil {
		return nil, err
	}
	c := &covering{found: found}
	if found == nil {
		c.add = publicationTables(a.tables)
		return c, nil
	}
	sources := make([]*snapshot.Table, len(a.tables))
	for i, t := range a.tables {
		sources[i] = t.source
	}
	if err := preflight.PublicationFits(name, found, a.p.config.Operations, sources).Err(); err != nil {
		return nil, err
	}
	if c.published, err = conn.Published(ctx, name); err != nil {
		return nil, err
	}
	wrong := &trouble{}
	var lacking []*table
	for _, t := range a.tables {
		published, ok := c.published[t.name]
		if !ok {
			lacking = append(lacking, t)
			continue
		}
		fault, err := a.checkFilter(ctx, t, published.RowFilter)
		if err != nil {
			return nil, err
		}
		wrong.add(checkPublication, t.name, fault)
	}
	c.add = publicationTables(lacking)
	if len(lacking) > 0 && !a.pipeline.OwnsPublication {
		for _, t := range lacking {
			wrong.add(checkPublication, t.name, fault.Precondition(fmt.Errorf("publication %s does not publish table %s", name, t.name), ""))
		}
		wrong.found[len(wrong.found)-1].Fix = replication.AddToPublicationSQL(name, c.add) + ";"
	}
	return c, wrong.err()
}

// checkFilter wants the condition under which a table is published to be the one
// that the user wants, as the server understands the two. A user's publication is
// taken as it is where nothing is wanted.
func (a *attempt) checkFilter(ctx context.Context, t *table, published string) (wrong, err error) {
	where := t.wish.Where
	if where == "" && !a.pipeline.OwnsPublication {
		return nil, nil
	}
	return preflight.OtherRows(ctx, a.catalog, a.p.config.Publication, t.source, where, published)
}

// publication sees that a publication covers the tables.
func (a *attempt) publication(ctx context.Context) error {
	p := a.p
	name := p.config.Publication
	c, err := a.covers(ctx, a.conn)
	if err != nil {
		return err
	}
	switch {
	case c.found == nil:
		// Remembered before it is made, so that a start after a crash in between
		// knows it for its own.
		a.pipeline.Publication, a.pipeline.OwnsPublication = name, true
		if err := a.rememberFirst(ctx); err != nil {
			return err
		}
		a.made = append(a.made, a.onSource(func(ctx context.Context, conn walsender) error { return conn.DropPublication(ctx, name) }))
		if err := a.conn.CreatePublication(ctx, name, p.config.Operations, c.add); err != nil {
			return err
		}
		p.log.Info("created publication", "publication", name, "tables", len(a.tables))
	case len(c.add) > 0:
		p.log.Info("adding tables to the publication", "publication", name, "tables", len(c.add))
		return a.conn.AddToPublication(ctx, name, c.add)
	}
	return nil
}

func publicationTables(tables []*table) []replication.PublicationTable {
	list := make([]replication.PublicationTable, len(tables))
	for i, t := range tables {
		list[i] = replication.PublicationTable{
			Schema: t.source.Relation.Schema, Name: t.source.Relation.Name, Partitioned: t.source.Partitioned, Where: t.wish.Where,
		}
	}
	return list
}
