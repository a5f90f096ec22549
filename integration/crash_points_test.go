package integration

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// crashPoint is a call of crash.At in the source.
type crashPoint struct {
	name, file string
}

// of says whether a run into the target passes the point.
func (p crashPoint) of(s *scene) bool {
	switch {
	case p.file == "sync/resync.go", p.name == "clickhouse-forgotten": // of other commands
		return false
	case strings.HasPrefix(p.file, "apply/clickhouse"):
		return !s.transactional()
	case strings.HasPrefix(p.file, "apply/greenplum"):
		return s.transactional()
	}
	return true
}

var crashCall = regexp.MustCompile(`crash\.At\("([^"]+)"\)`)

// crashPoints finds them in the source, so that none is left out.
func crashPoints(t *testing.T) (all []crashPoint) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "engines" || d.Name() == "integration" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range crashCall.FindAllStringSubmatch(string(text), -1) {
			all = append(all, crashPoint{m[1], filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))})
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d points in the source: %v", len(all), err)
	}
	return all
}

func TestEachPointHasANameOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	for _, p := range crashPoints(t) {
		if seen[p.name] != "" {
			t.Errorf("point %s is in %s and in %s", p.name, seen[p.name], p.file)
		}
		seen[p.name] = p.file
	}
}

// crashing is cmd/pgsluice with its points in it.
var crashing struct {
	once sync.Once
	err  error
}

func buildCrashing() (path string, env []string, err error) {
	path, env, err = buildProgram()
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(filepath.Dir(path), "pgsluice-crashing")
	crashing.once.Do(func() {
		build := exec.Command("go", "build", "-tags", "crashpoints", "-o", path, "github.com/pgsluice/pgsluice/cmd/pgsluice")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			crashing.err = fmt.Errorf("build cmd/pgsluice with its points: %w\n%s", err, out)
		}
	})
	return path, env, crashing.err
}

// crashes starts the program so that it kills itself at a point, when it passes it
// for the n-th time; an empty name is for nowhere.
func (s *scene) crashes(point string, n int, args ...string) *process {
	s.Helper()
	path, env, err := buildCrashing()
	if err != nil {
		s.Fatal(err)
	}
	if point != "" {
		env = append(slices.Clone(env), fmt.Sprintf("PGSLUICE_CRASH_AT=%s:%d", point, n))
	}
	return s.launch(path, env, args...)
}
