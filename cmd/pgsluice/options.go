package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/sync"
)

// defaultTarget needs no server of the user's.
const defaultTarget = "embedded:./pgsluice-warehouse"

// flags are the common flags; a flag that is given wins over the file.
type flags struct {
	configs  []string
	name     string
	source   string
	target   string
	tables   []string
	existing string
	workers  int
	flush    time.Duration
	// listen is set where the flag was given: the command that has no such flag goes
	// by the file.
	listen text
}

func (f *flags) register(c *cobra.Command, full bool) {
	c.Flags().StringArrayVarP(&f.configs, "config", "c", nil, "configuration `file` (YAML)")
	c.Flags().StringVar(&f.name, "name", "", "the pipeline's name, [a-z0-9_]{1,40} (default: the source database's name)")
	c.Flags().StringVar(&f.source, "source", "", "PostgreSQL `DSN`, postgres://user:password@host:5432/database")
	c.Flags().StringVar(&f.target, "target", "", "`DSN`: clickhouse://user:password@host:9000/database, greenplum:// or postgres://user:password@host:5432/database, or embedded:./directory (default "+defaultTarget+")")
	if !full {
		return
	}
	c.Flags().StringArrayVar(&f.tables, "table", nil, "table `pattern`, may be repeated: public.*, \"My Schema\".\"Order Items\", !public.audit_*")
	c.Flags().StringVar(&f.existing, "existing", "", "target table already there with rows: error, truncate or append (default error)")
	c.Flags().IntVar(&f.workers, "workers", 0, "tables and parts of tables copied at the same time (default 4)")
}

// settings is a pipeline as the user wants it, file and flags together.
type settings struct {
	sync.Config
	Target            string
	TargetGiven       bool
	MaxPartsPerSecond float64
	OnUnrepresentable apply.Policy
	// Storage and Compression are for tables that do not wish otherwise.
	Storage, Compression string
	// Template is target.table, empty for the target's own way.
	Template string
	Page     pageSettings
}

// resolve makes the pipelines that flags and files describe: one for each file,
// or one of flags alone.
func (f *flags) resolve(full bool) ([]settings, error) {
	if len(f.configs) == 0 {
		s, err := f.settings(&file{}, full)
		return []settings{s}, err
	}
	if len(f.configs) > 1 && (f.name != "" || f.source != "" || f.target != "" || len(f.tables) > 0) {
		return nil, fault.Usage(errors.New("--name, --source, --target and --table cannot be given beside several files"), "write them into the files")
	}
	var all []settings
	names := map[string]string{}
	for _, path := range f.configs {
		parsed, err := readFile(path)
		if err != nil {
			return nil, err
		}
		s, err := f.settings(parsed, full)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if other, twice := names[s.Name]; twice {
			return nil, fault.Usage(fmt.Errorf("%s and %s describe pipelines of the same name, %s", other, path, s.Name), "give each a name of its own")
		}
		names[s.Name] = path
		all = append(all, s)
	}
	return all, nil
}

var validName = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// problems gathers what is wrong, so that the user hears all of it at once.
type problems struct{ list []error }

func (p *problems) add(err error) {
	if err != nil {
		p.list = append(p.list, err)
	}
}

func (p *problems) addf(format string, args ...any) {
	p.add(fault.Usage(fmt.Errorf(format, args...), ""))
}

func (f *flags) settings(c *file, full bool) (settings, error) {
	var p problems
	s := settings{Target: pick(f.target, c.Target.DSN)}
	s.TargetGiven = s.Target != ""
	if !s.TargetGiven {
		s.Target = defaultTarget
	}
	p.add(checkTarget(s.Target))
	s.Source = pick(f.source, c.Source.DSN)
	source, err := postgres.Parse(s.Source)
	p.add(err)
	s.Name = pick(f.name, c.Name)
	if s.Name == "" && err == nil {
		s.Name = nameFrom(source.Database)
	}
	if !validName.MatchString(s.Name) && (s.Name != "" || err == nil) {
		p.addf("name %q: a pipeline's name has 1 to 40 of a-z, 0-9 and _", s.Name)
	}
	s.Slot, s.SlotNamed = named(c.Source.Slot, "pgsluice_"+s.Name)
	s.Publication, s.PublicationNamed = named(c.Source.Publication, "pgsluice_"+s.Name)
	if s.SlotNamed && !regexp.MustCompile(`^[a-z0-9_]{1,63}$`).MatchString(s.Slot) {
		p.addf("source.slot %q: a slot's name has 1 to 63 of a-z, 0-9 and _", s.Slot)
	}
	if full {
		f.fill(&s, c, &p)
	}
	if len(p.list) == 1 {
		return s, p.list[0]
	}
	return s, fault.Usage(errors.Join(p.list...), "")
}

// fill reads what moving rows needs.
func (f *flags) fill(s *settings, c *file, p *problems) {
	f.fillTables(s, c, p)
	template := c.Target.Table.value
	if c.Target.Table.set && !strings.Contains(template, "{table}") {
		p.addf("target.table %q: a template has {table} in it, and may have {schema}", template)
	}
	kind := kindOf(s.Target)
	if kind == nil { // said already
		kind = clickhouseKind
	}
	s.Template = template
	s.TargetName = func(schema, table string) string { return kind.name(template, schema, table) }
	s.Storage, s.Compression = c.Target.Storage.value, c.Target.Compression.value
	for key, given := range map[string]text{"storage": c.Target.Storage, "compression": c.Target.Compression} {
		if err := kind.refuses(key); given.set && err != nil {
			p.add(fmt.Errorf("target.%w", err))
		}
	}

	switch existing := pick(f.existing, c.Load.Existing); existing {
	case "", "error":
		s.Existing = apply.Refuse
	case "truncate":
		s.Existing = apply.Truncate
	case "append":
		s.Existing = apply.Keep
	default:
		p.addf("load.existing %q: use error, truncate or append", existing)
	}
	s.Copy = c.Load.Copy.or(true)
	s.ChunkBytes = sync.DefaultChunkBytes
	s.Workers = f.workers
	if s.Workers == 0 {
		s.Workers = c.Load.Workers.or(4)
	}
	if s.Workers < 1 || s.Workers > 64 {
		p.addf("load.workers %d: use 1 to 64", s.Workers)
	}
	s.FlushInterval = c.Stream.FlushInterval.or(500 * time.Millisecond)
	if f.flush >= 0 {
		s.FlushInterval = f.flush
	}
	s.MaxRows = c.Stream.MaxRows.or(100_000)
	s.MaxBytes = c.Stream.MaxBytes.or(64 << 20)
	if s.MaxRows < 1 || s.MaxBytes < 1 {
		p.addf("stream.max_rows and stream.max_bytes: use at least 1")
	}
	s.MaxPartsPerSecond = c.Stream.MaxPartsPerSecond.or(defaultPartsPerSecond(s.FlushInterval))
	if s.MaxPartsPerSecond < 0 {
		p.addf("stream.max_parts_per_second: use 0 for no limit, or more")
	}
	s.Operations = operations(c.Stream.Operations, p)
	word, err := policyOf(&c.OnUnrepresentable)
	p.add(err)
	policy, err := apply.ParsePolicy(word.or("error"))
	if err != nil {
		p.addf("on_unrepresentable: %v", err)
	}
	s.OnUnrepresentable = policy
	fillYears(s, c, p)
	f.fillPage(s, c, p)
}

// fillYears reads what matters to a pipeline that runs for years.
func fillYears(s *settings, c *file, p *problems) {
	switch word := c.OnDropColumn.or("keep"); word {
	case "keep", "drop":
		s.KeepDropped = word == "keep"
	default:
		p.addf("on_drop_column %q: use keep or drop", word)
	}
	s.MaxRetained = int64(c.MaxRetainedWAL.or(0))
	limit, err := sync.ParseOnLimit(c.OnLimit.or("warn"))
	if err != nil {
		p.addf("on_limit %v", err)
	}
	if c.OnLimit.set && !c.MaxRetainedWAL.set {
		p.addf("on_limit is given without max_retained_wal, the limit it is about")
	}
	s.OnLimit = limit
	if c.Schedule.Resync.set {
		t, err := sync.ParseTimetable(c.Schedule.Resync.value, "")
		p.add(err)
		s.Schedule = append(s.Schedule, t)
	}
	for _, table := range slices.Sorted(maps.Keys(c.Schedule.Tables)) {
		names, err := exactNames([]string{table})
		if err != nil {
			p.addf("schedule.tables: %s is not the name of one table", table)
			continue
		}
		t, err := sync.ParseTimetable(c.Schedule.Tables[table].value, names[0])
		p.add(err)
		s.Schedule = append(s.Schedule, t)
	}
	if len(s.Schedule) > 0 && !c.Load.Copy.or(true) {
		p.addf("schedule copies tables anew, and load.copy is false")
	}
	s.SpoolDir = c.SpoolDir.value
	if dir := s.SpoolDir; dir != "" {
		if at, err := os.Stat(dir); err != nil || !at.IsDir() {
			p.addf("spool_dir %q: there is no such directory", dir)
		}
	}
}

// fillTables reads which tables there are, and their wishes. Tables that flags
// name keep the wishes that the file has for them; its other tables are not
// asked for.
func (f *flags) fillTables(s *settings, c *file, p *problems) {
	patterns, all := wishes(c.Tables, kindOf(s.Target), p)
	if len(f.tables) > 0 {
		patterns = f.tables
	}
	if len(patterns) == 0 {
		p.add(fault.Usage(errors.New("no tables are named"), "give --table, for instance --table 'public.*'"))
	}
	for _, text := range patterns {
		pattern, err := snapshot.ParsePattern(text)
		p.add(err)
		s.Patterns = append(s.Patterns, pattern)
	}
	if len(f.tables) > 0 {
		maps.DeleteFunc(all, func(name string, _ sync.TableWish) bool {
			pattern, err := snapshot.ParsePattern(name)
			only := pattern.Exact()
			return err != nil || only == nil || !snapshot.Selected(s.Patterns, only.Schema, only.Name)
		})
	}
	s.Wishes = all
}

// defaultPartsPerSecond spares the target's merges, unless the user has asked
// for the shortest delay there is.
func defaultPartsPerSecond(flush time.Duration) float64 {
	if flush == 0 {
		return 200
	}
	return 20
}

func operations(list []text, p *problems) replication.Operations {
	if len(list) == 0 {
		return replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true}
	}
	var ops replication.Operations
	for _, op := range list {
		switch op.value {
		case "insert":
			ops.Insert = true
		case "update":
			ops.Update = true
		case "delete":
			ops.Delete = true
		case "truncate":
			ops.Truncate = true
		default:
			p.addf("stream.operations: %q is none of insert, update, delete, truncate", op.value)
		}
	}
	return ops
}

func pick(flag string, in text) string {
	if flag != "" {
		return flag
	}
	return in.value
}

func named(in text, otherwise string) (string, bool) {
	if in.set && in.value != "" {
		return in.value, true
	}
	return otherwise, false
}

// nameFrom makes a pipeline's name of a database's.
func nameFrom(database string) string {
	name := regexp.MustCompile(`[^a-z0-9_]+`).ReplaceAllString(strings.ToLower(database), "_")
	return name[:min(len(name), 40)]
}
