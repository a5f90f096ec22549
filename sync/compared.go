package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Compared is a table of a pipeline as it can be held against the source.
type Compared struct {
	Name, Target string
	// Why says that it cannot be, now; then nothing below is set.
	Why    string
	Source *snapshot.Table
	// Query is what a copy would read, Into where it would write it.
	Query snapshot.Query
	Into  *apply.Table
	// CopiedAt and Columns are what of its state a comparison relies on.
	CopiedAt change.LSN
	Columns  []apply.ColumnShape
}

// Comparable is a pipeline as it can be held against the source.
type Comparable struct {
	// Slot is empty for one-shot loads: nothing keeps their rows equal.
	Slot    string
	Version int // of the source, as server_version_num
	Tables  []Compared
}

// Comparable finds the tables of a pipeline, or of them the named, with the columns
// and rows that the target remembers to hold of them. It changes nothing, and needs
// nobody to run the pipeline. What the configuration wishes otherwise by now does
// not count: the target has what it has. The pipeline is of no other use afterwards.
func (p *Pipeline) Comparable(ctx context.Context, names []string) (*Comparable, error) {
	state, err := p.target.Recall(ctx, p.config.Name)
	if err != nil {
		return nil, err
	}
	if names, err = p.toCompare(state, names); err != nil {
		return nil, err
	}
	if p.config.Patterns, err = exactly(state); err != nil {
		return nil, err
	}
	p.began.Store(true) // what is wrong with one table is that table's
	a := &attempt{p: p}
	defer a.close(ctx)
	if err := a.describeRemembered(ctx, state); err != nil {
		return nil, err
	}
	c := &Comparable{Slot: state.Pipeline.Slot, Version: a.catalog.Version}
	for _, name := range names {
		c.Tables = append(c.Tables, a.compared(name, state.Tables[name]))
	}
	return c, nil
}

// describeRemembered finds the tables as the target remembers them.
func (a *attempt) describeRemembered(ctx context.Context, state apply.State) error {
	streamed := state.Pipeline.Slot != ""
	if err := a.reach(ctx); err != nil {
		return err
	}
	if err := a.recall(ctx, streamed); err != nil {
		return err
	}
	sources, err := a.catalog.Tables(ctx, a.p.config.Patterns)
	if err != nil {
		return err
	}
	a.p.config.Wishes = rememberedWishes(state, sources, a.p.config.Wishes)
	found, err := a.describe(ctx, streamed)
	if err != nil {
		return err
	}
	if err := found.err(); err != nil || !streamed {
		return err
	}
	published, err := a.sql.Slots(a.catalog.Version).Published(ctx, state.Pipeline.Publication)
	if err != nil {
		return err
	}
	return a.narrowTables(published).err()
}

// toCompare are the tables that are meant.
func (p *Pipeline) toCompare(state apply.State, names []string) ([]string, error) {
	if !state.Known() {
		return nil, fault.Precondition(fmt.Errorf("the target knows no pipeline %s", p.config.Name), "`pgsluice run`, or `pgsluice load`, begins one")
	}
	known := followed(state)
	if len(names) == 0 {
		return known, nil
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fault.Usage(fmt.Errorf("pipeline %s has no table %s", p.config.Name, name), "its tables are "+strings.Join(known, ", "))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// rememberedWishes are those that tables which are there were copied with.
func rememberedWishes(state apply.State, sources []*snapshot.Table, configured map[string]TableWish) map[string]TableWish {
	all := map[string]TableWish{}
	for _, source := range sources {
		name := source.Relation.String()
		w, was := configured[name], apply.Wanted{}
		if t := state.Tables[name]; t.Wanted != nil {
			was = *t.Wanted
		}
		w.Target, w.Exclude, w.Where = state.Tables[name].Target, was.Exclude, was.Where
		w.Rename, w.Types, w.OrderBy, w.PartitionBy = was.Rename, was.Types, was.OrderBy, was.PartitionBy
		all[name] = w
	}
	return all
}

// compared says of one table whether, and how, it can be compared.
func (a *attempt) compared(name string, state apply.TableState) Compared {
	c := Compared{Name: name, Target: state.Target}
	i := slices.IndexFunc(a.tables, func(t *table) bool { return t.name == name })
	switch {
	case state.Phase != apply.Streaming && state.Phase != apply.Copied:
		c.Why = "it is " + string(state.Phase)
		if state.Reason != "" {
			c.Why += ": " + state.Reason
		}
		return c
	case i < 0:
		c.Why = "the source has no such table any more"
		return c
	}
	t := a.tables[i]
	switch config := &a.p.config; {
	case t.parked.Load():
		c.Why = t.state.Reason
	case state.OID != 0 && state.OID != t.source.Relation.OID:
		c.Why = "the source has another table of this name since"
	case !config.Copy:
		c.Why = "load.copy is false: the target need not have the rows from before"
	case !config.Operations.All():
		c.Why = "stream.operations leaves some out: the target need not be what the source is"
	case !sameShape(state.Columns, apply.Shape(t.query.Relation)):
		c.Why = "its columns were changed in the source, and the target does not have the change yet"
	default:
		c.Source, c.Query, c.Into = t.source, t.query, t.into(t.query.Relation)
		c.CopiedAt, c.Columns = state.CopiedAt, state.Columns
	}
	return c
}

// sameShape compares what rows depend on: not the entries in the catalog, which are
// written anew for other reasons too.
func sameShape(a, b []apply.ColumnShape) bool {
	return slices.EqualFunc(a, b, func(a, b apply.ColumnShape) bool {
		a.Entry, b.Entry = 0, 0
		return a == b
	})
}

// Still says whether the target remembers a table as it was when it was found
// comparable.
func (c *Compared) Still(state apply.State) error {
	t := state.Tables[c.Name]
	switch {
	case t.Phase == apply.Failed:
		return errors.New("it has failed meanwhile: " + t.Reason)
	case t.Left || t.Phase != apply.Streaming && t.Phase != apply.Copied || t.CopiedAt != c.CopiedAt:
		return errors.New("it is being copied anew")
	case !sameShape(t.Columns, c.Columns):
		return errors.New("its columns have changed meanwhile")
	}
	return nil
}
