// Command summary reads the events of go test -json, prints what go test would have printed, and ends with a count of
// tests: top-level tests and subtests that have none of their own. It fails when anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is a line of go test -json; see go doc test2json and go help buildjson.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

type test struct{ pkg, name string }

func main() {
	output := map[test]*strings.Builder{} // what tests that still run have printed
	parents := map[test]bool{}            // tests that have subtests: those count instead
	results := map[test]string{}
	broken := map[string]bool{} // packages that failed; true when one of their tests explains it

	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		var e event
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
			fmt.Print(line) // make, npm
			continue
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "output" && e.Test == "", e.Action == "build-output":
			if e.Output != "PASS\n" { // go test leaves it out too when it runs several packages
				fmt.Print(e.Output)
			}
		case e.Action == "output":
			if output[t] == nil {
				output[t] = &strings.Builder{}
			}
			output[t].WriteString(e.Output)
		case e.Action == "run":
			if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
				parents[test{e.Package, e.Test[:i]}] = true
			}
			results[t] = "unfinished"
		case e.Test != "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
			results[t] = e.Action
			if e.Action == "fail" && output[t] != nil {
				fmt.Print(output[t])
			}
			delete(output, t)
		case e.Action == "fail":
			broken[e.Package] = false
		}
	}

	passed, skipped, failed := 0, 0, 0
	for t, result := range results {
		if result == "fail" || result == "unfinished" {
			broken[t.pkg] = true
		}
		switch {
		case result == "unfinished":
			fmt.Printf("%s %s did not finish\n", t.pkg, t.name)
			if output[t] != nil {
				fmt.Print(output[t])
			}
			failed++
		case parents[t] && result != "fail":
		case parents[t] && failedBelow(results, t):
		case result == "pass":
			passed++
		case result == "skip":
			skipped++
		default:
			failed++
		}
	}
	for _, explained := range broken {
		if !explained { // a build error, or an exit before the first test
			failed++
		}
	}
	if skipped > 0 {
		fmt.Printf("%d skipped\n", skipped)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// failedBelow says whether a subtest explains the failure of its parent.
func failedBelow(results map[test]string, parent test) bool {
	for t, result := range results {
		if result == "fail" && t.pkg == parent.pkg && strings.HasPrefix(t.name, parent.name+"/") {
			return true
		}
	}
	return false
}
