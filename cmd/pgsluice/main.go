// Command pgsluice keeps an analytical warehouse equal to a PostgreSQL database.
//
// This package is flags, configuration, signals and wiring: it knows every other
// package, and none knows it. One file per command; what a command does with the
// data is in package sync.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// Exit statuses, a promise to scripts.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitUnmet  = 3
	exitDiffer = 4
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

func execute(args []string, out, errOut io.Writer) int {
	started := false
	root := newRoot(out, errOut, &started)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(errOut, "pgsluice: %v\n", err)
	if hint := fault.Hint(err); hint != "" {
		fmt.Fprintf(errOut, "what to do: %s\n", indentAfterFirst(hint))
	}
	switch {
	case errors.Is(err, errDiffer):
		return exitDiffer
	case !started || fault.IsUsage(err):
		return exitUsage
	case fault.Unmet(err):
		return exitUnmet
	}
	return exitFailed
}
