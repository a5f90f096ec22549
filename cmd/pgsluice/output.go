package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pgsluice/pgsluice/internal/fault"
)

func registerOutput(c *cobra.Command, output *string) {
	c.Flags().StringVar(output, "output", "text", "text or json")
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return fault.Usage(fmt.Errorf("--output %q", output), "use text or json")
	}
	return nil
}

// printJSON prints one object for one pipeline and a list for several.
func printJSON[T any](out io.Writer, found []T) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if len(found) == 1 {
		return e.Encode(found[0])
	}
	return e.Encode(found)
}

// paint colours words on a terminal, unless NO_COLOR is set (no-color.org).
type paint bool

func painterFor(out io.Writer) paint {
	f, ok := out.(*os.File)
	return paint(ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p paint) in(colour, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// columns writes rows of cells, each column as wide as its widest cell.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		lines[n] = strings.TrimRight(line.String(), " ")
	}
	return lines
}

// indented puts the same room in front of every line.
func indented(room, s string) string { return room + strings.ReplaceAll(s, "\n", "\n"+room) }
