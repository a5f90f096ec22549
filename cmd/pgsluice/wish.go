package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/sync"
)

// entry is one of tables: a pattern, or a table with wishes of its own.
type entry struct {
	line    int
	pattern text
	wish    *tableWish // nil for a pattern
}

// tableWish is a table's entry as it is written. A wish that is not there stays
// zero.
type tableWish struct {
	name, target, where, partitionBy text
	storage, compression             text
	exclude, orderBy, distributedBy  []text
	rename, types                    map[string]text
	onUnrepresentable                map[string]policyWord
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (e *entry) UnmarshalYAML(n *yaml.Node) error {
	e.line = n.Line
	switch {
	case n.Kind == yaml.MappingNode:
		e.wish = &tableWish{}
		return e.wish.read(n)
	case n.Kind != yaml.ScalarNode:
		return lineError(n.Line, "expected a pattern, or name and wishes of a table")
	}
	return e.pattern.UnmarshalYAML(n)
}

func lineError(line int, format string, args ...any) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)}}
}

// wishKeys are what a table's entry may hold, each with what it is read into.
// The YAML library does not look for unknown keys below a type that reads itself.
func (w *tableWish) wishKeys() map[string]any {
	return map[string]any{
		"name": &w.name, "target": &w.target, "exclude": &w.exclude, "rename": &w.rename, "types": &w.types, "where": &w.where,
		"order_by": &w.orderBy, "partition_by": &w.partitionBy, "distributed_by": &w.distributedBy,
		"storage": &w.storage, "compression": &w.compression, "on_unrepresentable": &w.onUnrepresentable,
	}
}

func (w *tableWish) read(n *yaml.Node) error {
	into, seen := w.wishKeys(), map[string]int{}
	var found yaml.TypeError
	note := func(err error) {
		var of *yaml.TypeError
		if errors.As(err, &of) {
			found.Errors = append(found.Errors, of.Errors...)
		} else if err != nil {
			found.Errors = append(found.Errors, err.Error())
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		place, known := into[key.Value]
		switch {
		case !known:
			note(lineError(key.Line, "unknown key %q of a table", key.Value))
			continue
		case seen[key.Value] != 0:
			note(lineError(key.Line, "key %q is there already, in line %d", key.Value, seen[key.Value]))
			continue
		}
		seen[key.Value] = key.Line
		if err := value.Decode(place); err != nil {
			note(err)
		} else if isEmpty(place) {
			note(lineError(value.Line, "%s is empty: leave the key out, or say what is wanted", key.Value))
		}
	}
	if seen["name"] == 0 {
		note(lineError(n.Line, "a table with wishes needs its name"))
	}
	if len(found.Errors) > 0 {
		return &found
	}
	return nil
}

// isEmpty says that a wish holds nothing, or nothing in one of its places.
func isEmpty(place any) bool {
	blank := func(t text) bool { return strings.TrimSpace(t.value) == "" }
	switch v := place.(type) {
	case *text:
		return blank(*v)
	case *[]text:
		return len(*v) == 0 || slices.ContainsFunc(*v, blank)
	case *map[string]policyWord:
		for key, node := range *v {
			if word, err := policyOf(&node); key == "" || err == nil && blank(word) {
				return true
			}
		}
		return len(*v) == 0
	case *map[string]text:
		for key, value := range *v {
			if key == "" || blank(value) {
				return true
			}
		}
		return len(*v) == 0
	}
	return false
}

// wishes gathers the entries with wishes, and the patterns of all of them: a
// table that has wishes is selected by them.
func wishes(entries []entry, kind *targetKind, p *problems) (patterns []string, all map[string]sync.TableWish) {
	lines := map[string]int{}
	for _, e := range entries {
		if e.wish == nil {
			patterns = append(patterns, e.pattern.value)
			continue
		}
		source, err := e.wish.source()
		if err != nil {
			p.add(fault.Usage(fmt.Errorf("line %d: %w", e.line, err), fault.Hint(err)))
			continue
		}
		name := source.String()
		if other, twice := lines[name]; twice {
			p.addf("line %d: table %s has its wishes already, in line %d", e.line, name, other)
			continue
		}
		lines[name] = e.line
		patterns = append(patterns, e.wish.name.value)
		if all == nil {
			all = map[string]sync.TableWish{}
		}
		all[name] = e.wish.wish(e.line, source, kind, p)
	}
	return patterns, all
}

// source is the one table that is meant.
func (w *tableWish) source() (*change.Relation, error) {
	pattern, err := snapshot.ParsePattern(w.name.value)
	if err != nil {
		return nil, err
	}
	relation := pattern.Exact()
	if relation == nil {
		return nil, fmt.Errorf("table %q: wishes are for one table, and its name has neither * nor ! in it", w.name.value)
	}
	return relation, nil
}

func (w *tableWish) wish(line int, source *change.Relation, kind *targetKind, p *problems) sync.TableWish {
	s := sync.TableWish{Exclude: values(w.exclude), Where: w.where.value}
	if w.target.set && kind != nil {
		name, err := kind.named(w.target.value, source)
		if err != nil {
			p.add(fault.Usage(fmt.Errorf("line %d: %w", line, err), fault.Hint(err)))
		}
		s.Target = name
	}
	w.forOthers(line, kind, p)
	s.Rename, s.Types = valuesOf(w.rename), valuesOf(w.types)
	s.OrderBy, s.PartitionBy, s.DistributedBy = values(w.orderBy), w.partitionBy.value, values(w.distributedBy)
	s.Storage, s.Compression = w.storage.value, w.compression.value
	for column, node := range w.onUnrepresentable {
		word, err := policyOf(&node)
		if err != nil {
			p.add(err)
			continue
		}
		policy, err := apply.ParsePolicy(word.value)
		if err != nil {
			p.addf("line %d: on_unrepresentable of column %q: %v", line, column, err)
		}
		if s.OnUnrepresentable == nil {
			s.OnUnrepresentable = map[string]apply.Policy{}
		}
		s.OnUnrepresentable[column] = policy
	}
	for _, list := range []struct {
		key  string
		list []string
	}{{"exclude", s.Exclude}, {"order_by", s.OrderBy}, {"distributed_by", s.DistributedBy}} {
		for i, column := range list.list {
			if slices.Contains(list.list[:i], column) {
				p.addf("line %d: %s of table %s names column %q twice", line, list.key, w.name.value, column)
			}
		}
	}
	return s
}

// forOthers finds the wishes that only another kind of target can grant.
func (w *tableWish) forOthers(line int, kind *targetKind, p *problems) {
	for _, key := range slices.Sorted(maps.Keys(w.wishKeys())) {
		if isEmpty(w.wishKeys()[key]) || kind == nil {
			continue
		}
		if err := kind.refuses(key); err != nil {
			p.add(fmt.Errorf("line %d: table %s: %w", line, w.name.value, err))
		}
	}
}

func values(list []text) []string {
	var all []string
	for _, t := range list {
		all = append(all, t.value)
	}
	return all
}

func valuesOf(named map[string]text) map[string]string {
	var all map[string]string
	for name, t := range named {
		if all == nil {
			all = make(map[string]string, len(named))
		}
		all[name] = t.value
	}
	return all
}
