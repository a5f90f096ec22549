package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) plan() *cobra.Command {
	return inspection[*sync.Plan]{
		command: &cobra.Command{
			Use:   "plan",
			Short: "show what a run would create and how each column would be mapped",
			Long: `Show what a run would do: the statements on the source and in the target, and for
each column its type in the target, what of it is not kept, and what becomes of
values that the type cannot hold. Nothing is changed on either side.

Exit status: 0 done, 1 failed, 2 usage or configuration, 3 a precondition is not met.`,
			Example: `  pgsluice plan -c shop.yaml
  pgsluice plan --load --source postgres://me:secret@db/shop --table 'public.*' --output json`,
		},
		forLoad: "plan a one-shot load and not a run",
		at:      planPipeline, print: printPlan, verdict: func([]*sync.Plan) error { return nil },
	}.build(a)
}

func planPipeline(ctx context.Context, s settings, streamed bool, log *slog.Logger) (plan *sync.Plan, err error) {
	target, err := lookIntoTarget(ctx, s, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	s.Log = log
	return sync.New(s.Config, target.Target).Plan(ctx, streamed)
}

func printPlan(out io.Writer, p paint, plan *sync.Plan) {
	fmt.Fprintf(out, "%s: what pgsluice %s would do\n\n", p.in(bold, plan.Pipeline), plan.Command)
	head := [][]string{
		{"source", plan.Source},
		{"target", plan.Target.Version + ": " + strings.Join(plan.Target.Features, ", ")},
		{"settings", strings.Join(plan.Target.Settings, ", ")},
	}
	for _, s := range []struct {
		what string
		step *sync.Step
	}{{"publication", plan.Publication}, {"slot", plan.Slot}, {"slot for the copy", plan.CopySlot}} {
		switch {
		case s.step == nil:
		case s.step.Statement == "":
			head = append(head, []string{s.what, s.step.Name + " is there already"})
		default:
			head = append(head, []string{s.what, s.step.Statement + ";"})
		}
	}
	copied := 0
	for _, t := range plan.Tables {
		if t.Does == sync.PlanCopy || t.Does == sync.PlanCopyAnew {
			copied++
		}
	}
	head = append(head, []string{"copy", fmt.Sprintf("%s of %d, about %s rows, %s", several(copied, "table"), len(plan.Tables), count(plan.Rows), bytesText(plan.Bytes))})
	for _, line := range columns(head) {
		fmt.Fprintln(out, line)
	}
	for _, t := range plan.Tables {
		fmt.Fprintln(out)
		printPlanned(out, p, t)
	}
}

func printPlanned(out io.Writer, p paint, t sync.PlannedTable) {
	fmt.Fprintf(out, "%s -> %s\n", p.in(bold, t.Relation), p.in(bold, t.Target.Table))
	facts := []string{t.Does, "about " + count(t.Rows) + " rows", bytesText(t.Bytes), "in " + several(t.Chunks, "chunk")}
	if len(t.Key) > 0 {
		facts = append(facts, "key "+strings.Join(t.Key, ", "))
	} else {
		facts = append(facts, "no key")
	}
	if t.Where != "" {
		facts = append(facts, "rows where "+t.Where)
	}
	if len(t.Excluded) > 0 {
		facts = append(facts, "without "+strings.Join(t.Excluded, ", "))
	}
	fmt.Fprintln(out, "  "+strings.Join(facts, " · "))
	fmt.Fprintln(out)
	for _, statement := range t.Target.Statements {
		fmt.Fprintln(out, indented("  ", statement+";"))
		fmt.Fprintln(out)
	}
	if len(t.Target.Statements) == 0 {
		fmt.Fprintln(out, "  the table is there already, and can hold the rows")
		fmt.Fprintln(out)
	}
	printColumns(out, p, t.Target.Columns)
}

func printColumns(out io.Writer, p paint, all []apply.ColumnPlan) {
	rows := [][]string{{"COLUMN", "TYPE", "TARGET", "TYPE", "NULL"}}
	for _, c := range all {
		null := "no"
		if c.Nullable {
			null = "yes"
		}
		rows = append(rows, []string{c.Source, c.SourceType, c.Name, c.Type, null})
	}
	lines := columns(rows)
	fmt.Fprintln(out, "  "+p.in(faint, lines[0]))
	for i, c := range all {
		fmt.Fprintln(out, "  "+lines[i+1])
		for _, loss := range c.Losses {
			fmt.Fprintln(out, "      "+p.in(yellow, "not kept:")+" "+loss)
		}
		for _, e := range c.Edges {
			fmt.Fprintln(out, "      "+e.Value+": "+e.Becomes)
		}
	}
}
