package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// app is what all commands share.
type app struct {
	out, err  io.Writer
	logFormat string
	logLevel  string
}

func newRoot(out, errOut io.Writer, started *bool) *cobra.Command {
	a := &app{out: out, err: errOut}
	root := &cobra.Command{
		Use:   "pgsluice",
		Short: "keep an analytical warehouse equal to a PostgreSQL database",
		Long: `pgsluice copies PostgreSQL tables with COPY under one exported snapshot, then
follows logical replication and applies inserts, updates and deletes in batches.

  pgsluice demo
  pgsluice run --source postgres://me@db/shop --target clickhouse://me@ch:9000/shop --table 'public.*'

Exit status: 0 done, 1 failed, 2 usage or configuration, 3 a precondition is not met,
4 verify found differences.`,
		Version:      versionText(),
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			*started = true
			_, err := a.logger(io.Discard)
			return err
		},
	}
	root.SetOut(out)
	root.SetErr(errOut)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&a.logFormat, "log-format", "text", "text or json")
	root.PersistentFlags().StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	root.AddCommand(a.demo(), a.check(), a.plan(), a.load(), a.run(), a.resync(), a.verify(), a.status(), a.drop(), a.man())
	return root
}

// logger makes the log that goes to w.
func (a *app) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, fault.Usage(fmt.Errorf("--log-level %q", a.logLevel), "use debug, info, warn or error")
	}
	o := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fault.Usage(fmt.Errorf("--log-format %q", a.logFormat), "use text or json")
}

func indentAfterFirst(s string) string { return strings.ReplaceAll(s, "\n", "\n            ") }
