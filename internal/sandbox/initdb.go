package sandbox

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// settingsFile is included at the end of postgresql.conf and written anew at every start.
const settingsFile = "pgsluice.conf"

// initialise makes the data directory, or makes sure that the one that is there can be served.
func (p *Postgres) initialise(ctx context.Context) error {
	if text, err := os.ReadFile(filepath.Join(p.home.data(), "PG_VERSION")); err == nil {
		if found := strings.TrimSpace(string(text)); found != strconv.Itoa(p.opts.Major) {
			return fmt.Errorf("the directory holds data of PostgreSQL %s", found)
		}
		return nil
	}
	// A directory gets its name only when it is complete: an interrupted initdb leaves nothing that looks like data.
	unfinished := p.home.data() + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	if err := p.account.own(unfinished); err != nil {
		return err
	}
	if err := p.account.own(p.home.dir); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + unfinished, "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync",
		"--auth=trust",
	}
	if p.opts.Password != "" {
		file := p.home.path("password")
		if err := os.WriteFile(file, []byte(p.opts.Password+"\n"), 0o600); err != nil {
			return err
		}
		defer os.Remove(file)
		if err := p.account.own(file); err != nil {
			return err
		}
		args = append(args[:len(args)-1], "--auth=scram-sha-256", "--pwfile="+file)
	}
	cmd := exec.CommandContext(ctx, p.program("initdb"), args...)
	cmd.Env = p.environment()
	cmd.SysProcAttr = p.account.attributes(p.program("initdb"), unfinished)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w; it said:\n%s", err, strings.TrimSpace(string(output)))
	}
	config, err := os.OpenFile(filepath.Join(unfinished, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(config, "\ninclude '%s'\n", settingsFile); err != nil {
		_ = config.Close()
		return err
	}
	if err := config.Close(); err != nil {
		return err
	}
	return os.Rename(unfinished, p.home.data())
}

func (p *Postgres) program(name string) string { return filepath.Join(p.engine, "bin", name) }

// environment is ours without what would lead the server astray: PGDATA and its kin, and the messages' language, which
// this package reads.
func (p *Postgres) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(env, "LC_ALL=C")
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
