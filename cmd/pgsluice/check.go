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
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// checked is what `check` found out about one pipeline.
type checked struct {
	Pipeline string `json:"pipeline"`
	// Command is run or load: what was checked for.
	Command string `json:"command"`
	// Level is the worst of the findings'.
	Level    fault.Level    `json:"level"`
	Findings fault.Findings `json:"findings"`
}

func (a *app) check() *cobra.Command {
	return inspection[checked]{
		command: &cobra.Command{
			Use:   "check",
			Short: "look at every precondition; each finding with the statement that mends it",
			Long: `Look at everything that a run relies on, on the source and in the target: servers,
settings, rights, tables, wishes. Each finding is ok, a warning or an error, with
the statement that mends it. Nothing is changed: what the user may do in the target
is tried out on a table that is gone afterwards.

Exit status: 0 nothing is in the way, 1 failed, 2 usage or configuration, 3 a finding is an error.`,
			Example: `  pgsluice check -c shop.yaml
  pgsluice check --load --source postgres://me:secret@db/shop --table 'public.*'    # for pgsluice load`,
		},
		forLoad: "check for a one-shot load, which needs less, and not for run",
		at:      checkPipeline, print: printFindings, verdict: inTheWay,
	}.build(a)
}

// checkPipeline checks one side also when the other cannot be reached.
func checkPipeline(ctx context.Context, s settings, streamed bool, log *slog.Logger) (found checked, err error) {
	found = checked{Pipeline: s.Name, Command: "load", Findings: fault.Findings{}}
	if streamed {
		found.Command = "run"
	}
	var target apply.Target
	reached, err := lookIntoTarget(ctx, s, log)
	switch {
	case err == nil:
		target = reached.Target
		defer func() { err = errors.Join(err, reached.Close()) }()
	case fault.IsUsage(err) || ctx.Err() != nil:
		return found, err
	default:
		found.Findings = append(found.Findings, fault.Refused("target", "", err))
	}
	s.Log = log
	more, err := sync.New(s.Config, target).Check(ctx, streamed)
	found.Findings = append(found.Findings, more...)
	found.Level = found.Findings.Worst()
	return found, err
}

func inTheWay(found []checked) error {
	errs, of := 0, 0
	for _, c := range found {
		for _, f := range c.Findings {
			of++
			if f.Level == fault.LevelError {
				errs++
			}
		}
	}
	if errs == 0 {
		return nil
	}
	return fault.Precondition(fmt.Errorf("%d of %d findings are errors", errs, of), "")
}

var levelColours = map[fault.Level]string{fault.LevelOK: green, fault.LevelWarning: yellow, fault.LevelError: red}

func printFindings(out io.Writer, p paint, c checked) {
	fmt.Fprintln(out, p.in(bold, c.Pipeline)+", for pgsluice "+c.Command)
	counts, width := map[fault.Level]int{}, 0
	for _, f := range c.Findings {
		counts[f.Level]++
		width = max(width, len(f.Check))
	}
	for _, f := range c.Findings {
		level := f.Level.String()
		fmt.Fprintf(out, "  %s%*s  %-*s  %s\n", p.in(levelColours[f.Level], level), len("warning")-len(level), "", width, f.Check, f)
		if f.Fix != "" && f.Level != fault.LevelOK {
			room := strings.Repeat(" ", len("  warning  ")+width+2)
			fmt.Fprintln(out, room+p.in(faint, "fix: ")+strings.ReplaceAll(f.Fix, "\n", "\n"+room+"     "))
		}
	}
	fmt.Fprintf(out, "%s, %s, %d ok\n", several(counts[fault.LevelError], "error"), several(counts[fault.LevelWarning], "warning"), counts[fault.LevelOK])
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
