package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
	"github.com/pgsluice/pgsluice/verify"
)

// errDiffer is that source and target are not the same.
var errDiffer = errors.New("source and target differ")

const defaultLimit = 20

func (a *app) verify() *cobra.Command {
	f := &flags{flush: -1}
	var tables []string
	var output string
	limit := defaultLimit
	c := &cobra.Command{
		Use:   "verify",
		Short: "compare the rows of source and target",
		Long: `Compare every row of the pipeline's tables, or of those that --table names, with
the target's, as the target should hold it. The pipeline can stream meanwhile: what
has changed while both sides were read is looked at again until it is known. Where no
process runs the pipeline, the target has to have everything: what differs cannot be
told otherwise from what is still to be applied. Nothing is changed.

Rows that change so fast that they are never the same twice are counted, and are
neither equal nor different.

Exit status: 0 no difference, 1 failed, or a table could not be compared, 2 usage or
configuration, 3 a precondition is not met, 4 there are differences.`,
		Example: `  pgsluice verify -c shop.yaml
  pgsluice verify -c shop.yaml --table public.orders --limit 100 --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if limit < 0 {
				return fault.Usage(fmt.Errorf("--limit %d", limit), "give a number, or 0 for counts alone")
			}
			all, names, err := f.remembered(tables)
			if err != nil {
				return err
			}
			if len(all) > 1 && len(names) > 0 {
				return fault.Usage(errors.New("--table is for one pipeline"), "give one --config")
			}
			return a.compare(c.Context(), all, names, limit, output)
		},
	}
	f.register(c, false)
	c.Flags().StringArrayVar(&tables, "table", nil, "`table` to compare, may be repeated: public.orders, \"My Schema\".\"Order Items\" (default: all)")
	c.Flags().IntVar(&f.workers, "workers", 0, "parts of a table read from the source at the same time (default 4)")
	c.Flags().IntVar(&limit, "limit", limit, "how many differences of a table are shown")
	registerOutput(c, &output)
	return c
}

func (a *app) compare(ctx context.Context, all []settings, names []string, limit int, output string) error {
	log, err := a.logger(a.err)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var found []*verify.Result
	for _, s := range all {
		one, err := comparePipeline(ctx, s, names, limit, log)
		if err != nil {
			return fmt.Errorf("verify pipeline %s: %w", s.Name, err)
		}
		found = append(found, one)
	}
	if output == "json" {
		err = printJSON(a.out, found)
	} else {
		for i, one := range found {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			printResult(a.out, painterFor(a.out), one)
		}
	}
	if err != nil {
		return err
	}
	return verdictOf(found)
}

func comparePipeline(ctx context.Context, s settings, names []string, limit int, log *slog.Logger) (result *verify.Result, err error) {
	target, err := lookIntoTarget(ctx, s, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	s.Log = log
	found, err := sync.New(s.Config, target.Target).Comparable(ctx, names)
	if err != nil {
		return nil, err
	}
	c := verify.Config{
		Pipeline: s.Name, Source: s.Source, Version: found.Version, Slot: found.Slot, Target: target.Target,
		Workers: s.Workers, ChunkBytes: s.ChunkBytes, Limit: limit, Every: logEvery,
		Progress: func(p verify.Progress) {
			log.Info(p.Step, "pipeline", s.Name, "table", p.Table, "tables", fmt.Sprintf("%d of %d", p.Tables, p.OfTables),
				"source_rows", p.SourceRows, "target_rows", p.TargetRows, "of_rows", p.OfRows)
		},
	}
	for _, t := range found.Tables {
		c.Tables = append(c.Tables, verify.Table{
			Name: t.Name, Target: t.Target, Why: t.Why, Source: t.Source, Query: t.Query, Into: t.Into, Still: t.Still,
		})
	}
	return verify.Run(ctx, c)
}

// verdictOf is the error that results are, if any.
func verdictOf(found []*verify.Result) error {
	different, behind, not := 0, 0, 0
	for _, r := range found {
		for _, t := range r.Tables {
			switch {
			case t.Verdict == verify.Different:
				different++
			case t.Verdict == verify.Undecided && t.Reason != "":
				behind++
			case t.Verdict == verify.NotCompared, t.Lost > 0, t.More:
				not++
			}
		}
	}
	switch {
	case different > 0:
		return fmt.Errorf("%w in %s", errDiffer, several(different, "table"))
	case behind > 0:
		return fault.Precondition(fmt.Errorf("%s not decided: the pipeline does not run, and the target is behind", several(behind, "table")),
			"start the pipeline with `pgsluice run`, or bring the target up to date with `pgsluice run --until caught-up`, and verify again")
	case not > 0:
		return fault.Permanent(fmt.Errorf("%s not compared, or not wholly", several(not, "table")), "")
	}
	return nil
}

var verdictColours = map[verify.Verdict]string{verify.Equal: green, verify.Different: red, verify.Undecided: yellow, verify.NotCompared: yellow}

func printResult(out io.Writer, p paint, r *verify.Result) {
	head := p.in(bold, r.Pipeline) + ": " + p.in(verdictColours[r.Verdict], string(r.Verdict))
	if r.Fence != "" {
		head += ", with everything up to " + r.Fence + " applied"
	}
	fmt.Fprintln(out, head)
	var rows [][]string
	for _, t := range r.Tables {
		rows = append(rows, []string{"  " + t.Relation, string(t.Verdict), count(t.SourceRows) + " rows", t.Took.Round(time.Millisecond).String()})
	}
	for i, line := range columns(rows) {
		t := &r.Tables[i]
		fmt.Fprintln(out, strings.Replace(line, string(t.Verdict), p.in(verdictColours[t.Verdict], string(t.Verdict)), 1))
		printTableResult(out, p, t)
	}
}

func printTableResult(out io.Writer, p paint, t *verify.TableResult) {
	note := func(format string, args ...any) { fmt.Fprintf(out, "    "+format+"\n", args...) }
	if t.Reason != "" {
		note("%s", t.Reason)
	}
	for _, column := range slices.Sorted(maps.Keys(t.LeftOut)) {
		note("column %s is left out: %s", column, t.LeftOut[column])
	}
	for _, d := range t.Differences {
		note("%s %s%s", p.in(red, string(d.Kind)), rowOf(d), pairsOf(d))
	}
	if n := t.Differing - int64(len(t.Differences)); n > 0 || t.More {
		most := ""
		if t.More {
			most = "at least "
		}
		note("differences in all: %s%s", most, count(t.Differing))
	}
	if t.Changing > 0 {
		note("rows that change too fast to be compared: %s", count(t.Changing))
	}
	if t.Lost > 0 {
		note("rows whose key in the target says nothing to the source: %s", count(t.Lost))
	}
}

func shownValue(text *string) string {
	if text == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *text)
}

func rowOf(d verify.Difference) string {
	var parts []string
	for _, v := range d.Row {
		parts = append(parts, v.Column+" "+shownValue(v.Text))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func pairsOf(d verify.Difference) string {
	switch d.Kind {
	case verify.Changed:
		var parts []string
		for _, c := range d.Columns {
			parts = append(parts, fmt.Sprintf("%s is %s in the source and %s in the target", c.Column, shownValue(c.Source), shownValue(c.Target)))
		}
		return ": " + strings.Join(parts, "; ")
	case verify.Repeated, verify.Counted, verify.Missing, verify.Surplus:
		if d.SourceCount > 1 || d.TargetCount > 1 {
			return fmt.Sprintf(": %d times in the source, %d in the target", d.SourceCount, d.TargetCount)
		}
	}
	return ""
}
