package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

const minimal = `
name: shop
source: {dsn: "postgres://me:secret@localhost:5432/shop"}
target: {dsn: "clickhouse://default@localhost:9000/shop"}
tables: [public.*]
`

func settingsOf(t *testing.T, yaml string, f flags) (settings, error) {
	t.Helper()
	parsed, err := parseFile([]byte(yaml))
	if err != nil {
		return settings{}, err
	}
	return f.settings(parsed, true)
}

func TestTheDefaultsMakeAWorkingPipeline(t *testing.T) {
	s, err := settingsOf(t, minimal, flags{flush: -1})
	if err != nil {
		t.Fatal(err)
	}
	if s.Slot != "pgsluice_shop" || s.SlotNamed || s.Publication != "pgsluice_shop" || s.Workers != 4 || !s.Copy ||
		s.FlushInterval != 500*time.Millisecond || s.MaxRows != 100_000 || s.MaxBytes != 64<<20 || s.MaxPartsPerSecond != 20 ||
		s.Existing != apply.Refuse || s.Operations != (replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true}) {
		t.Fatalf("%+v", s)
	}
	if got := s.TargetName("public", "orders") + " " + s.TargetName("sales", "orders"); got != "orders sales_orders" {
		t.Fatalf("names are %s", got)
	}
}

func TestEveryKeyArrives(t *testing.T) {
	t.Setenv("SECRET", "p@ss:${HOME}")
	path := filepath.Join(t.TempDir(), "workers")
	if err := os.WriteFile(path, []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := settingsOf(t, `
name: shop
source:
  dsn: "host=localhost user=me dbname=shop password='${SECRET}'"
  slot: mine
  publication: Mine
target:
  dsn: embedded:./somewhere
  table: "x_{schema}_{table}"
tables: ["public.a", "!public.b"]
load: {copy: false, workers: "${file:`+path+`}", existing: append}
stream:
  flush_interval: 0
  max_rows: 5
  max_bytes: 2 MiB
  operations: [insert, delete]
on_unrepresentable: clamp
`, flags{flush: -1})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Source, "p@ss:${HOME}") {
		t.Error("what comes from the environment is looked at again")
	}
	if s.Slot != "mine" || !s.SlotNamed || s.Publication != "Mine" || !s.PublicationNamed || s.Copy || s.Workers != 7 ||
		s.Existing != apply.Keep || s.FlushInterval != 0 || s.MaxRows != 5 || s.MaxBytes != 2<<20 || s.MaxPartsPerSecond != 200 ||
		s.Operations != (replication.Operations{Insert: true, Delete: true}) || s.OnUnrepresentable.String() != "clamp" ||
		s.TargetName("public", "a") != "x_public_a" || len(s.Patterns) != 2 {
		t.Fatalf("%+v", s)
	}
}

func TestAFlagWinsOverTheFile(t *testing.T) {
	s, err := settingsOf(t, minimal, flags{name: "other", tables: []string{"sales.x"}, workers: 2, existing: "truncate", flush: 0})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "other" || s.Slot != "pgsluice_other" || len(s.Patterns) != 1 || s.Patterns[0].String() != "sales.x" ||
		s.Workers != 2 || s.Existing != apply.Truncate || s.FlushInterval != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestTheSchedule(t *testing.T) {
	s, err := settingsOf(t, minimal+"schedule: {resync: CRON_TZ=Asia/Tokyo 0 3 * * 0, tables: {'public.\"Odd Name\"': '@daily'}}\n", flags{flush: -1})
	if err != nil || len(s.Schedule) != 2 || s.Schedule[0].What() != "resync" || s.Schedule[1].What() != `resync public."Odd Name"` || s.Schedule[0].Spec != "CRON_TZ=Asia/Tokyo 0 3 * * 0" {
		t.Errorf("%+v, %v", s.Schedule, err)
	}
}

func TestMistakesAreNamedWithTheirLine(t *testing.T) {
	cases := []mistake{
		{"an unknown key", minimal + "nmae: x\n", `line 6: unknown key "nmae"`},
		{"an unknown key below", "source:\n  dns: x\n", `line 2: unknown key "dns"`},
		{"two at once", "a: 1\nb: 2\n", `unknown key "a"; line 2: unknown key "b"`},
		{"a list where a text belongs", "name: [a, b]\n", "line 1: expected a text"},
		{"a text where a list belongs", "tables: public.*\n", "line 1: expected a list"},
		{"a text where keys belong", "source: postgres://x\n", "line 1: expected keys and values"},
		{"no number", "load: {workers: many}\n", "line 1: expected a whole number"},
		{"no duration", "\nstream:\n  flush_interval: soon\n", "line 3: expected a duration"},
		{"a negative duration", "stream: {flush_interval: -1s}\n", "expected a duration"},
		{"no size", "stream: {max_bytes: 64 parrots}\n", "expected a size"},
		{"a variable that is not there", "name: ${PGSLUICE_TEST_NOT_THERE}\n", "line 1: ${PGSLUICE_TEST_NOT_THERE}: the environment has no"},
		{"a file that is not there", "name: ${file:/nonexistent/x}\n", "/nonexistent/x"},
		{"no YAML", "name: [\n", "line"},
		{"nothing", "", "empty"},
		{"two documents", minimal + "---\nname: x\n", "one pipeline"},
		{"a bad name", strings.Replace(minimal, "name: shop", "name: My Shop", 1), "1 to 40 of a-z"},
		{"a bad pattern", strings.Replace(minimal, "[public.*]", "[orders]", 1), "the schema is missing"},
		{"no tables", strings.Replace(minimal, "tables: [public.*]", "", 1), "no tables"},
		{"a bad source", strings.Replace(minimal, "postgres://", "postgrs://", 1), "source's DSN"},
		{"a bad target", strings.Replace(minimal, "clickhouse://", "mysql://", 1), "target's DSN"},
		{"a bad policy", minimal + "on_unrepresentable: ignore\n", "on_unrepresentable"},
		{"a bad operation", minimal + "stream: {operations: [upsert]}\n", `"upsert" is none of`},
		{"a template without the table", strings.Replace(minimal, "target: {", `target: {table: fixed, `, 1), "{table}"},
		{"a bad time", minimal + "schedule: {resync: sometimes}\n", "schedule"},
		{"a bad time of a table", minimal + "schedule: {tables: {public.orders: 99 * * * *}}\n", "schedule"},
		{"a time of several tables", minimal + "schedule: {tables: {public.*: \"@daily\"}}\n", "public.*"},
		{"a time without a copy", minimal + "load: {copy: false}\nschedule: {resync: \"@daily\"}\n", "load.copy is false"},
		{"several problems at once", "name: My Shop\ntables: [orders]\n", "the schema is missing"},
	}
	refuses(t, cases)
}

// mistake is a configuration that is refused, and what is said of it.
type mistake struct{ name, yaml, want string }

func refuses(t *testing.T, mistakes []mistake) {
	t.Helper()
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			_, err := settingsOf(t, c.yaml, flags{flush: -1})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant something with %s", err, c.want)
			}
			if strings.Contains(err.Error()+fault.Hint(err), "secret") {
				t.Fatalf("the password is told: %v", err)
			}
		})
	}
}

func TestTheDocumentationNamesEveryKeyAndNoOther(t *testing.T) {
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(raw))
	if block == nil {
		t.Fatal("docs/configuration.md has no example")
	}
	t.Setenv("PGPASSWORD", "x")
	t.Setenv("CH_PASSWORD", "x")
	t.Setenv("PAGE_PASSWORD", "x")
	if _, err := parseFile([]byte(block[1])); err != nil {
		t.Fatalf("the documentation's example is not valid: %v", err)
	}
	for _, key := range keys(reflect.TypeFor[file](), "") {
		last := key[strings.LastIndex(key, ".")+1:]
		if !regexp.MustCompile(`(?m)^\s*(# )?` + last + `:`).MatchString(block[1]) {
			t.Errorf("docs/configuration.md does not show %s", key)
		}
	}
}

// keys lists the file's keys, dotted, with what stands above them.
func keys(t reflect.Type, prefix string) []string {
	var all []string
	for i := range t.NumField() {
		f := t.Field(i)
		name := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct && f.Type.Name() == "" {
			all = append(all, keys(f.Type, name+".")...)
			continue
		}
		all = append(all, name)
	}
	return all
}

func FuzzConfiguration(f *testing.F) {
	f.Add(minimal)
	f.Add("name: ${X}\nsource: {dsn: \"${file:/dev/null}\"}\n")
	f.Add("tables:\n  - {name: public.t, exclude: [a], types: {b: JSON}, order_by: [c, ~], on_unrepresentable: {d: null}}\n")
	f.Add("stream: {max_bytes: 1GiB, flush_interval: 1h}\ntables: [1, ~, {}]\n")
	f.Fuzz(func(_ *testing.T, yaml string) {
		if strings.Contains(yaml, "file:") { // whatever the fuzzer names it would read
			return
		}
		if parsed, err := parseFile([]byte(yaml)); err == nil {
			fl := flags{flush: -1}
			_, _ = fl.settings(parsed, true)
		}
	})
}

func TestThePolicyNullIsReadWithAndWithoutQuotes(t *testing.T) {
	for word, want := range map[string]apply.Policy{"null": apply.MakeNull, `"null"`: apply.MakeNull, "clamp": apply.Clamp, "": apply.Fail, "~": apply.Fail} {
		s, err := settingsOf(t, minimal+"\non_unrepresentable: "+word+"\n", flags{flush: -1})
		if err != nil || s.OnUnrepresentable != want {
			t.Errorf("%q: %v, %v", word, s.OnUnrepresentable, err)
		}
	}
}
