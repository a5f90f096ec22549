package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/pgsluice/pgsluice/internal/fault"
)

func (a *app) man() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIRECTORY",
		Short:  "write the manual pages into a directory",
		Long:   `Write a manual page for each command (section 1) into a directory, which is made where it is not there.`,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fault.Usage(fmt.Errorf("make the directory: %w", err), "")
			}
			c.Root().DisableAutoGenTag = true // it has the day, and two builds are to be the same
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "PGSLUICE", Section: "1", Source: "pgsluice", Manual: "pgsluice"}, args[0])
		},
	}
}
