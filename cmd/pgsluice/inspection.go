package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// inspection is a command that looks at each pipeline and changes nothing.
type inspection[T any] struct {
	command *cobra.Command
	// forLoad says what --load does.
	forLoad string
	// at looks at one pipeline, streamed for run and not for load.
	at func(ctx context.Context, s settings, streamed bool, log *slog.Logger) (T, error)
	// print shows one result to people.
	print func(io.Writer, paint, T)
	// verdict is the error that the results are, if any.
	verdict func([]T) error
}

// build gives the command its flags and makes it run.
func (l inspection[T]) build(a *app) *cobra.Command {
	f := &flags{flush: -1}
	var output string
	var load bool
	c := l.command
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		all, err := f.resolve(true)
		if err != nil {
			return err
		}
		log, err := a.logger(a.err)
		if err != nil {
			return err
		}
		// What is tried out is taken back, also when the user has had enough.
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		var found []T
		for _, s := range all {
			one, err := l.at(ctx, s, !load, log)
			if err != nil {
				return fmt.Errorf("%s pipeline %s: %w", c.Name(), s.Name, err)
			}
			found = append(found, one)
		}
		if err := l.show(a.out, found, output); err != nil {
			return err
		}
		return l.verdict(found)
	}
	f.register(c, true)
	c.Flags().BoolVar(&load, "load", false, l.forLoad)
	registerOutput(c, &output)
	return c
}

func (l inspection[T]) show(out io.Writer, found []T, output string) error {
	if output == "json" {
		return printJSON(out, found)
	}
	for i, one := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		l.print(out, painterFor(out), one)
	}
	return nil
}
