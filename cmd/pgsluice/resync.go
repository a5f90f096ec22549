package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) resync() *cobra.Command {
	f := &flags{flush: -1}
	var tables []string
	c := &cobra.Command{
		Use:   "resync",
		Short: "copy tables anew and join them to the stream",
		Long: `Copy tables anew while the others stream: the whole pipeline, or those that
--table names. Readers of the target see the earlier rows until the new ones take
their place. Where the pipeline runs, its process is asked to, and waited for;
where it does not, this command runs it until everything is caught up. A table that
failed is brought back this way, and so is a pipeline whose slot is gone or lost.

Exit status: 0 done or stopped, 1 failed, 2 usage or configuration, 3 a precondition is not met.`,
		Example: `  pgsluice resync -c shop.yaml --table public.orders
  pgsluice resync --name shop --source postgres://me:secret@db/shop --target clickhouse://default@ch:9000/shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(f.configs) > 1 {
				return fault.Usage(errors.New("resync is for one pipeline"), "give one --config")
			}
			all, names, err := f.remembered(tables)
			if err != nil {
				return err
			}
			if len(f.configs) == 0 {
				all[0].Patterns = nil
			}
			all[0].Page.Listen = "" // the process that runs the pipeline has the address
			return a.move(c.Context(), all, nil, func(p *sync.Pipeline, ctx context.Context) error { return p.Resync(ctx, names) })
		},
	}
	f.register(c, false)
	c.Flags().StringArrayVar(&tables, "table", nil, "`table` to copy anew, may be repeated: public.orders, \"My Schema\".\"Order Items\" (default: all)")
	return c
}

// remembered resolves pipelines of which the target remembers the tables; those that
// are named are what a command is about.
func (f *flags) remembered(tables []string) (all []settings, names []string, err error) {
	if names, err = exactNames(tables); err != nil {
		return nil, nil, err
	}
	if len(f.configs) == 0 {
		f.tables = []string{"*.*"}
	}
	all, err = f.resolve(true)
	return all, names, err
}

// exactNames reads names of single tables, and writes them as states name them.
func exactNames(tables []string) (names []string, err error) {
	for _, text := range tables {
		p, err := snapshot.ParsePattern(text)
		if err != nil {
			return nil, fault.Usage(err, "")
		}
		r := p.Exact()
		if r == nil {
			return nil, fault.Usage(fmt.Errorf("--table %s is not the name of one table", text), "name each table, or none for all")
		}
		names = append(names, r.String())
	}
	return names, nil
}
