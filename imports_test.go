// Package pgsluice_test defends the shape of the house: which package may know
// which other, and where a third party's client lives.
package pgsluice_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pgsluice/pgsluice/"

// room is a package's place in the house. ours and theirs are what it may import
// of the project and of third parties, each as a prefix; why is told with every
// refusal.
type room struct {
	ours, theirs []string
	why          string
}

var everywhere = []string{"internal/fault", "internal/crash", "internal/pause"}

var house = map[string]room{
	"change":            {why: "it is the vocabulary: everybody speaks it, so it can know nobody"},
	"internal/fault":    {why: "it judges errors for everybody, so it can know nobody"},
	"internal/crash":    {why: "its points are in everybody's protocol, so it can know nobody"},
	"internal/pause":    {why: "everybody waits now and then, so it can know nobody"},
	"internal/watch":    {why: "it watches connections to any server, so it can know none"},
	"internal/postgres": {ours: []string{"change", "internal/watch"}, theirs: []string{"github.com/jackc/pgx/v5", "golang.org/x/sys/unix"}, why: "it opens connections and judges what PostgreSQL answers; what is done over them is others' business"},
	"internal/sandbox":  {why: "it starts servers for tests, demo and the embedded target, and knows nothing of what they are for"},
	"typemap":           {ours: []string{"change"}, why: "the meaning of a value must not depend on who sends or stores it"},
	"replication": {
		ours: []string{"change", "internal/postgres"}, theirs: []string{"github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgproto3", "github.com/jackc/pglogrepl"},
		why: "it speaks to the source's walsender; targets, batches and copies are none of its business",
	},
	"snapshot": {
		ours: []string{"change", "internal/postgres"}, theirs: []string{"github.com/jackc/pgx/v5"},
		why: "it reads the source; it must not know where rows go",
	},
	"apply":           {ours: []string{"change"}, why: "it is the contract that every target keeps and the conductor relies on; it can know neither"},
	"apply/applytest": {ours: []string{"change", "apply"}, why: "it proves the contract for any target, so it can know none"},
	"apply/greenplum": {
		ours: []string{"change", "apply", "typemap", "internal/postgres"}, theirs: []string{"github.com/jackc/pgx/v5"},
		why: "a target knows its warehouse and the contract, and nothing of the source",
	},
	"apply/clickhouse": {
		ours: []string{"change", "apply", "typemap", "internal/watch"}, theirs: []string{"github.com/ClickHouse/", "golang.org/x/sync/errgroup"},
		why: "a target knows its warehouse and the contract, and nothing of the source",
	},
	"preflight": {
		ours: []string{"change", "replication", "snapshot", "internal/postgres"}, theirs: []string{"github.com/jackc/pgx/v5"},
		why: "it looks at a source before a run; it must not need a target",
	},
	"sync": {
		ours:   []string{"change", "replication", "snapshot", "apply", "preflight", "internal/postgres"},
		theirs: []string{"github.com/jackc/pgx/v5", "github.com/robfig/cron/v3", "golang.org/x/sync/errgroup"},
		why:    "the conductor must never know a concrete target: a new one may not change it",
	},
	"verify": {
		ours: []string{"change", "snapshot", "apply", "internal/postgres"}, theirs: []string{"github.com/jackc/pgx/v5", "golang.org/x/sync/errgroup"},
		why: "it holds both sides against each other; what a value becomes is the target's to say, and who runs the pipeline nobody's",
	},
	"status": {
		theirs: []string{"github.com/prometheus/client_golang"},
		why:    "it shows what it is given as a value: nothing that runs may depend on being looked at",
	},
	"cmd/pgsluice-engine": {theirs: []string{"github.com/ebitengine/purego"}, why: "it is a program of its own so that pgsluice stays static; it can share nothing with it"},
	// These know everybody.
	"cmd/pgsluice": {ours: []string{""}, theirs: []string{""}},
	"integration":  {ours: []string{""}, theirs: []string{""}},
	"integration/bench": {
		ours: []string{"internal/sandbox"}, theirs: []string{"github.com/jackc/pgx/v5"},
		why: "it measures the program from outside, as a user runs it",
	},
}

// onlyIn says where a third party may be imported, so that it can be replaced in
// one place.
var onlyIn = map[string][]string{
	"github.com/ebitengine/purego": {"cmd/pgsluice-engine"},
	"github.com/ClickHouse/ch-go":  {"apply/clickhouse"},
	"github.com/jackc/pglogrepl":   {"replication"},
	"github.com/spf13/cobra":       {"cmd/pgsluice"},
	"github.com/Shopify/toxiproxy": {"integration"},
	"github.com/prometheus":        {"status"},
	"go.yaml.in/yaml/v3":           {"cmd/pgsluice"},
	// The archived home of pgconn; its code lives in pgx/v5/pgconn now.
	"github.com/jackc/pgconn": {},
}

func TestEveryPackageKnowsOnlyWhomItMay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		rules, ok := house[name]
		if !ok {
			if p.ImportPath != strings.TrimSuffix(module, "/") {
				t.Errorf("package %s has no place in the house: name it here, and what it may know", name)
			}
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			own, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && !slices.Contains(everywhere, own) && !allowed(rules.ours, own, true):
				t.Errorf("%s must not import %s: %s", name, own, rules.why)
			case !isOurs && strings.Contains(first, ".") && !allowed(rules.theirs, imported, false):
				t.Errorf("%s must not import %s: %s", name, imported, rules.why)
			}
			for guarded, homes := range onlyIn {
				if (imported == guarded || strings.HasPrefix(imported, guarded+"/")) && !slices.Contains(homes, name) {
					t.Errorf("%s must not import %s, which lives in %v alone", name, guarded, homes)
				}
			}
		}
	}
}

func TestOnlyTheTopOfTheHouseKnowsTheConductor(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if slices.Contains(p.Imports, module+"sync") && name != "cmd/pgsluice" && name != "integration" {
			t.Errorf("%s imports %ssync: the name is the standard library's everywhere but at the top", name, module)
		}
	}
}

func allowed(prefixes []string, imported string, exact bool) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return p == "" || imported == p || !exact && strings.HasPrefix(imported, p)
	})
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(house) {
		t.Fatalf("go list found %d packages, fewer than the house has", len(all))
	}
	return all
}
