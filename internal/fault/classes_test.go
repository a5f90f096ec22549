package fault

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var sides = map[string]Server{"source": Source, "family": Family, "clickhouse": ClickHouse}

// printed is an error as it was seen, or is documented.
type printed struct {
	seen, side, code, class, text string
}

func readPrinted(t *testing.T) (all []printed) {
	t.Helper()
	raw, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(line, "|", 5)
		if len(fields) != 5 {
			t.Fatalf("line %d has %d fields", n+1, len(fields))
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		all = append(all, printed{fields[0], fields[1], fields[2], fields[3], fields[4]})
	}
	return all
}

func TestErrorsAsServersPrintThemAreOfTheirClass(t *testing.T) {
	met := map[string]bool{}
	for _, e := range readPrinted(t) {
		on, ok := sides[e.side]
		if !ok {
			t.Fatalf("%q is no side", e.side)
		}
		class := Of(on, e.code, e.text)
		if class == nil || class.Name != e.class {
			t.Errorf("%s %s %q is of class %v, not %s", e.side, e.code, e.text, class, e.class)
			continue
		}
		met[class.Name] = true
		err := fmt.Errorf("copy x: %w", class.Judge(errors.New(e.text), on))
		again := class.Policy == PolicyRetry || class.Policy == PolicyAwait
		if ClassOf(err) != class || Retryable(err) != again {
			t.Errorf("%s %q: class %v, retryable %v", e.code, e.text, ClassOf(err), Retryable(err))
		}
		if hint := Hint(err); !again && class != &unknown && hint == "" || strings.Contains(hint, "{") {
			t.Errorf("%s %q: the remedy is %q", e.code, e.text, hint)
		}
	}
	for _, c := range Classes {
		if !met[c.Name] {
			t.Errorf("no error of class %s is in testdata/errors.txt", c.Name)
		}
	}
}

func TestWhatIsAwaitedIsAPreconditionToo(t *testing.T) {
	err := Of(Source, "28P01", "").Judge(errors.New("no"), Source)
	if !Retryable(err) || !Unmet(err) || IsUsage(err) {
		t.Errorf("retryable %v, unmet %v", Retryable(err), Unmet(err))
	}
}

func TestTextThatIsNotAServersIsJudgedByItsMeaning(t *testing.T) {
	if c := Of(Source, "", "the value has no end"); c != nil {
		t.Errorf("%v", c)
	}
	if err := Lost(errors.New("what is this"), ClickHouse); !Retryable(err) || ClassOf(err).Name != "connection" {
		t.Errorf("%v", err)
	}
	if c := Of(ClickHouse, "25", ""); c != &unknown { // not the class of 252
		t.Errorf("%v", c)
	}
}

var writeDocs = flag.Bool("docs", false, "write the table of docs/faults.md anew")

const faultsPage = "../../docs/faults.md"

// TestThePageOfFaultsIsTheTable holds the table of docs/faults.md against the
// classes. go test ./internal/fault -run PageOfFaults -docs writes it.
func TestThePageOfFaultsIsTheTable(t *testing.T) {
	raw, err := os.ReadFile(faultsPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- classes: written by a test -->\n", "<!-- end of classes -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	is, after, okEnd := strings.Cut(rest, end)
	if !ok || !okEnd {
		t.Fatal("the page has no place for the classes")
	}
	want := classesTable()
	if is == want {
		return
	}
	if !*writeDocs {
		t.Fatal("the table is not what the code does: go test ./internal/fault -run PageOfFaults -docs")
	}
	if err := os.WriteFile(faultsPage, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func classesTable() string {
	var b strings.Builder
	b.WriteString("| class | what has happened | PostgreSQL | ClickHouse | pgsluice | what to do |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range append(Classes[:len(Classes):len(Classes)], unknown) {
		var remedies []string
		remedy := strings.ReplaceAll(c.Remedy, "{side}", "server")
		for _, r := range []string{remedy, c.ClickHouseRemedy} {
			if r != "" && (len(remedies) == 0 || remedies[0] != r) {
				remedies = append(remedies, strings.ReplaceAll(r, "|", `\|`))
			}
		}
		if len(remedies) == 2 {
			remedies[1] = "ClickHouse: " + remedies[1]
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", c.Name, c.What,
			strings.Join(c.codesOn(anyPostgres), " "), strings.Join(c.codesOn(ClickHouse), " "), c.Policy, strings.Join(remedies, "<br>"))
	}
	return b.String()
}

func (c *Class) codesOn(on Server) (all []string) {
	seen := map[string]bool{}
	for _, s := range c.signs {
		code := s.code
		if len(code) == 2 && on != ClickHouse {
			code += "…"
		}
		if s.on&on != 0 && code != "" && !seen[code] {
			seen[code] = true
			all = append(all, code)
		}
	}
	return all
}
