package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) drop() *cobra.Command {
	f := &flags{flush: -1}
	var force, withData bool
	c := &cobra.Command{
		Use:   "drop",
		Short: "remove a pipeline's slot, publication and state",
		Long: `Remove the replication slot and the publication from the source and the
pipeline's state from the target. The target's tables stay, unless --with-data.
A slot or publication that you named yourself is yours and stays too.
Dropping twice is fine.

Exit status: 0 done, 1 failed or something is left, 2 usage or configuration, 3 a precondition is not met.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := f.resolve(false)
			if err != nil {
				return err
			}
			log, err := a.logger(a.err)
			if err != nil {
				return err
			}
			for _, s := range all {
				left, err := sync.Drop(c.Context(), sync.DropOptions{
					Name: s.Name, Source: s.Source, Slot: s.Slot, Publication: s.Publication,
					SlotNamed: s.SlotNamed, PublicationNamed: s.PublicationNamed,
					WithData: withData, Force: force, Log: log,
				}, func(ctx context.Context) (apply.Target, error) {
					target, err := openTarget(ctx, s, log, true)
					if err != nil {
						return nil, err
					}
					return target, nil
				})
				if err != nil {
					return err
				}
				if len(left) > 0 {
					return errors.New("not removed:\n  " + strings.Join(left, "\n  "))
				}
				fmt.Fprintf(a.out, "pipeline %s is dropped\n", s.Name)
			}
			return nil
		},
	}
	f.register(c, false)
	c.Flags().BoolVar(&force, "force", false, "go on when one side cannot be reached, and say what is left there")
	c.Flags().BoolVar(&withData, "with-data", false, "drop the target's tables too")
	return c
}
