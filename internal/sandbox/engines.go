package sandbox

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// EnginesEnv names the environment variable with a directory that holds node_modules with the engines.
const EnginesEnv = "PGSLUICE_ENGINES"

// EngineProgramEnv names the environment variable with the path of the program pgsluice-engine.
const EngineProgramEnv = "PGSLUICE_ENGINE"

const engineProgram = "pgsluice-engine"

//go:embed engines/package.json engines/matrix/package.json
var manifests embed.FS

// MissingError says that an engine is not on this machine, and how to get it.
type MissingError struct {
	Engine  string // "PostgreSQL 18", "the ClickHouse engine", …
	Install string // the command that installs it; empty if there is none for this platform
}

// Error names the engine and the command.
func (e *MissingError) Error() string {
	if e.Install == "" {
		return fmt.Sprintf("%s is not available for %s/%s", e.Engine, runtime.GOOS, runtime.GOARCH)
	}
	return fmt.Sprintf("%s is not installed; get it with: %s", e.Engine, e.Install)
}

// Hint is the command that gets the engine.
func (e *MissingError) Hint() string { return e.Install }

// FindPostgres returns the directory that holds bin, lib and share of PostgreSQL of the given major version.
//
// Engines are looked for in $PGSLUICE_ENGINES, in the repository when the working directory is inside a checkout, beside
// the executable, and in the user's cache directory, in this order. A missing one is a *MissingError.
func FindPostgres(major int) (string, error) {
	pkg := fmt.Sprintf("pg%d-%s", major, platform())
	for _, modules := range moduleDirs() {
		for _, name := range []string{pkg, fmt.Sprintf("pg%d", major)} {
			dir := filepath.Join(modules, name, "native")
			if isFile(filepath.Join(dir, "bin", "postgres")) {
				return dir, hydrate(filepath.Join(modules, name))
			}
		}
	}
	return "", missingPackage(fmt.Sprintf("PostgreSQL %d", major), pkg)
}

// FindClickHouse returns the path of libchdb.so, which holds the ClickHouse engine. It looks where FindPostgres looks.
func FindClickHouse() (string, error) {
	pkg := "@chdb/lib-" + platform()
	if runtime.GOOS == "linux" {
		pkg += "-gnu"
	}
	for _, modules := range moduleDirs() {
		for _, name := range []string{"libchdb.so", "libchdb.dylib"} {
			if file := filepath.Join(modules, filepath.FromSlash(pkg), name); isFile(file) {
				return file, nil
			}
		}
	}
	return "", missingPackage("the ClickHouse engine", pkg)
}

// FindEngineProgram returns the path of pgsluice-engine, the program that runs libchdb.so as a server. It looks at
// $PGSLUICE_ENGINE, beside the executable, in the repository's bin directory and on the PATH, in this order.
func FindEngineProgram() (string, error) {
	if file := os.Getenv(EngineProgramEnv); file != "" {
		if isFile(file) {
			return filepath.Abs(file)
		}
		return "", fmt.Errorf("%s=%s: no such file", EngineProgramEnv, file)
	}
	var candidates []string
	if dir, err := executableDir(); err == nil {
		candidates = append(candidates, filepath.Join(dir, engineProgram))
	}
	if root, ok := repository(); ok {
		candidates = append(candidates, filepath.Join(root, "bin", engineProgram))
	}
	for _, file := range candidates {
		if isFile(file) {
			return file, nil
		}
	}
	if file, err := exec.LookPath(engineProgram); err == nil {
		return filepath.Abs(file)
	}
	return "", &MissingError{
		Engine:  "the program " + engineProgram,
		Install: "go install github.com/pgsluice/pgsluice/cmd/pgsluice-engine@latest",
	}
}

// platform is the operating system and processor as npm packages spell them.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// moduleDirs lists the node_modules directories to look in, best first.
func moduleDirs() []string {
	var roots []string
	if dir := os.Getenv(EnginesEnv); dir != "" {
		roots = append(roots, dir)
	}
	if root, ok := repository(); ok {
		roots = append(roots, filepath.Join(root, "internal", "sandbox", "engines"))
	}
	if dir, err := executableDir(); err == nil {
		roots = append(roots, dir)
	}
	if dir, err := cacheDir(); err == nil {
		roots = append(roots, dir)
	}
	var modules []string
	for _, root := range roots {
		modules = append(modules, filepath.Join(root, "node_modules"), filepath.Join(root, "matrix", "node_modules"))
	}
	return modules
}

func executableDir() (string, error) {
	file, err := os.Executable()
	if err != nil {
		return "", err
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return "", err
	}
	return filepath.Dir(file), nil
}

func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "pgsluice", "engines"), nil
}

// repository finds the checkout that the working directory is in: the nearest go.mod upwards, if it is this module's.
func repository() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, strings.HasPrefix(string(text), "module github.com/pgsluice/pgsluice\n")
		}
		parent := filepath.Dir(dir)
		if parent == dir || !errors.Is(err, fs.ErrNotExist) {
			return "", false
		}
		dir = parent
	}
}

// missingPackage builds the command from the manifests, so that versions stand in one place.
func missingPackage(engine, pkg string) error {
	version := ""
	for _, name := range []string{"engines/package.json", "engines/matrix/package.json"} {
		var manifest struct {
			OptionalDependencies map[string]string `json:"optionalDependencies"`
		}
		text, err := manifests.ReadFile(name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if v, ok := manifest.OptionalDependencies[pkg]; ok {
			version = v
		}
	}
	if version == "" {
		return &MissingError{Engine: engine}
	}
	dir := os.Getenv(EnginesEnv)
	if dir == "" {
		var err error
		if dir, err = cacheDir(); err != nil {
			return fmt.Errorf("%s is not installed, and there is no directory to install it to: set %s: %w", engine, EnginesEnv, err)
		}
	}
	return &MissingError{Engine: engine, Install: fmt.Sprintf("npm install --prefix %s %s@%s", shellQuote(dir), pkg, version)}
}

// shellQuote is for people who paste the command: a home directory may hold a space.
func shellQuote(word string) string {
	if !strings.ContainsAny(word, " '\"\\$`()&;|<>*?") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
