package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// typesLooked are the types and values that were looked at in a kind of target,
// for the lines that the tests end with.
type typesLooked struct {
	types  map[string]bool // true for arrays that were made of samples
	values int
	pairs  []string // of source and target
}

var counted struct {
	sync.Mutex
	kinds map[string]*typesLooked
}

// looked counts what tables hold, and the values in them.
func (s *scene) looked(values int, tables ...*carrier) {
	counted.Lock()
	defer counted.Unlock()
	kind := differs(s, "ClickHouse", "the PostgreSQL family")
	if counted.kinds == nil {
		counted.kinds = map[string]*typesLooked{}
	}
	if counted.kinds[kind] == nil {
		counted.kinds[kind] = &typesLooked{types: map[string]bool{}}
	}
	all := counted.kinds[kind]
	for _, t := range tables {
		for _, c := range t.columns {
			all.types[c.typ] = c.array
		}
	}
	all.values = max(all.values, values)
	all.pairs = append(all.pairs, fmt.Sprintf("%d to %s", s.major, s.target))
}

// typesCounted is the lines; none where the test did not run.
func typesCounted() string {
	counted.Lock()
	defer counted.Unlock()
	var lines strings.Builder
	for kind, all := range counted.kinds {
		arrays := 0
		for _, array := range all.types {
			if array {
				arrays++
			}
		}
		slices.Sort(all.pairs)
		fmt.Fprintf(&lines, "types: %d types with %d values and %d arrays of them, each loaded into %s, and streamed as binary and as text, from PostgreSQL %s\n",
			len(all.types)-arrays, all.values, arrays, kind, strings.Join(all.pairs, ", "))
	}
	return lines.String()
}
