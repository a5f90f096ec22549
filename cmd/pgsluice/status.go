package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) status() *cobra.Command {
	f := &flags{flush: -1}
	var output string
	c := &cobra.Command{
		Use:   "status",
		Short: "show phase, lag, retained WAL and tables",
		Long: `Ask source and target how far a pipeline is, whether or not it runs.

Exit status: 0 done, 1 failed, 2 usage or configuration, 3 a precondition is not met.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			all, err := f.resolve(false)
			if err != nil {
				return err
			}
			log, err := a.logger(a.err)
			if err != nil {
				return err
			}
			var found []sync.Status
			for _, s := range all {
				target, err := openTarget(c.Context(), s, log, true)
				if err != nil {
					return err
				}
				status, err := sync.Inspect(c.Context(), s.Name, s.Source, target)
				if err = errors.Join(err, target.Close()); err != nil {
					return err
				}
				found = append(found, status)
			}
			if output == "json" {
				return printJSON(a.out, found)
			}
			for _, s := range found {
				printStatus(a.out, s)
			}
			return nil
		},
	}
	f.register(c, false)
	registerOutput(c, &output)
	return c
}

// runText says how a scheduled run went, or goes.
func runText(r apply.ScheduleRun) string {
	switch began := r.Begun.Local().Format(time.DateTime); {
	case r.Begun.IsZero():
		return "has not run yet"
	case r.UnderWay():
		return "under way since " + began
	default:
		return fmt.Sprintf("%s: %s, in %s", began, r.Outcome, r.Ended.Sub(r.Begun).Round(time.Millisecond))
	}
}

func printStatus(out io.Writer, s sync.Status) {
	if !s.Known {
		fmt.Fprintf(out, "%s: the target knows no pipeline of this name\n", s.Pipeline)
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "pipeline\t%s\n", s.Pipeline)
	switch {
	case s.Slot == "":
		fmt.Fprintf(w, "kind\tone-shot load\n")
	case s.SourceError != "":
		fmt.Fprintf(w, "source\tdoes not answer: %s\n", s.SourceError)
	case s.SlotGone:
		fmt.Fprintf(w, "slot\t%s is GONE from the source: drop the pipeline and load it again\n", s.Slot)
	case s.SlotLost:
		fmt.Fprintf(w, "slot\t%s is LOST, the source has removed log it needs: drop the pipeline and load it again\n", s.Slot)
	default:
		state := "not running"
		switch {
		case s.Running && s.Watermark == "":
			state = "making its slot, which waits for transactions that were open before it"
		case s.Running:
			state = "running"
		}
		fmt.Fprintf(w, "state\t%s\nslot\t%s\npublication\t%s\nlag\t%s\nretained WAL\t%s\n",
			state, s.Slot, s.Publication, bytesText(s.LagBytes), bytesText(s.RetainedBytes))
	}
	if s.Watermark != "" {
		fmt.Fprintf(w, "watermark\t%s\n", s.Watermark)
	}
	for _, what := range slices.Sorted(maps.Keys(s.Schedules)) {
		fmt.Fprintf(w, "scheduled %s\t%s\n", what, runText(s.Schedules[what]))
	}
	_ = w.Flush()
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tTARGET\tPHASE\tROWS COPIED\tSIZE")
	for _, t := range s.Tables {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Relation, t.Target, t.Phase, count(t.Rows), bytesText(t.Bytes))
	}
	_ = w.Flush()
	for _, t := range s.Tables {
		if t.Reason != "" {
			fmt.Fprintf(out, "\n%s failed: %s\n", t.Relation, t.Reason)
			if t.Hint != "" {
				fmt.Fprintf(out, "what to do: %s\n", indentAfterFirst(t.Hint))
			}
		}
	}
}
