package greenplum

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// The words for how a table keeps its rows.
const (
	heap     = "heap"
	aoRow    = "ao_row"
	aoColumn = "ao_column"
)

// levels are the compressions that are known, with the levels they have. Which of
// them a server was built with it says itself.
var levels = map[string][2]int{"zstd": {1, 19}, "zlib": {1, 9}, "lz4": {1, 12}, "rle_type": {1, 6}, "none": {0, 0}}

const (
	storages     = "storage is one of heap, ao_row, ao_column"
	compressions = "compression is one of zstd, zlib, lz4, rle_type, each with a level if wished (zstd:5), and none"
)

// storage is how a table keeps its rows.
type storage struct {
	// kind is heap, ao_row or ao_column.
	kind string
	// compression is empty for heap; level 0 leaves it to the server.
	compression string
	level       int
}

// storageOf reads the words of a wish; both can be empty.
func (s *server) storageOf(kind, compression string) (storage, error) {
	switch kind {
	case "":
		kind = heap
	case heap, aoRow, aoColumn:
	default:
		return storage{}, fault.Usage(fmt.Errorf("%q is no storage", kind), storages)
	}
	st := storage{kind: kind}
	if kind == heap {
		if compression != "" && compression != "none" {
			return st, fault.Usage(fmt.Errorf("compression %s is for append-optimised tables, and the storage is heap", compression), "wish for storage ao_row or ao_column too, or for no compression")
		}
		return st, nil
	}
	if !s.distributes() {
		return st, fault.Usage(fmt.Errorf("%s has no storage %s", s.product, kind), "leave storage out: tables of PostgreSQL are heap")
	}
	return st.compressed(compression)
}

// compressed reads zstd:5.
func (st storage) compressed(wish string) (storage, error) {
	if wish == "" {
		wish = "zstd"
	}
	name, level, leveled := strings.Cut(wish, ":")
	bounds, known := levels[name]
	var err error
	if leveled && known {
		if st.level, err = strconv.Atoi(level); err != nil || st.level < bounds[0] || st.level > bounds[1] {
			err = fmt.Errorf("compression %s has no level %q: levels are %d to %d", name, level, bounds[0], bounds[1])
		}
	}
	switch {
	case !known:
		err = fmt.Errorf("%q is no compression", wish)
	case name == "rle_type" && st.kind != aoColumn:
		err = errors.New("compression rle_type is for storage ao_column")
	}
	st.compression = name
	return st, fault.Usage(err, compressions)
}

// storageClause is what follows the columns in CREATE TABLE.
func (s *server) storageClause(st storage) string {
	if st.kind == heap {
		return ""
	}
	var with []string
	using := ""
	if s.hasAccessMethods() {
		using = "USING " + st.kind + " "
	} else {
		with = append(with, "appendoptimized=true", "orientation="+strings.TrimPrefix(st.kind, "ao_"))
	}
	with = append(with, "compresstype="+st.compression)
	if st.level > 0 {
		with = append(with, "compresslevel="+strconv.Itoa(st.level))
	}
	return using + "WITH (" + strings.Join(with, ", ") + ")"
}

// canBeUnique says whether a table of the storage can have a primary key.
func (s *server) canBeUnique(st storage) bool {
	return st.kind == heap || s.uniqueAppendOptimised()
}

// features says in words what depends on the server.
func (s *server) features() []string {
	has := func(ok bool, yes, no string) string {
		if ok {
			return yes
		}
		return no
	}
	features := []string{
		has(s.distributes(), "rows are distributed by their key", "rows lie on one node"),
		has(s.xml, "xml", "no xml (built without libxml): text instead"),
		has(s.infiniteNumerics(), "infinite numerics", "no infinite numerics (from PostgreSQL 14)"),
		has(s.infiniteIntervals(), "infinite intervals", "no infinite intervals (from PostgreSQL 17)"),
	}
	if s.distributes() {
		features = append(features, "storage heap, ao_row, ao_column",
			has(s.uniqueAppendOptimised(), "primary keys of append-optimised tables", "append-optimised tables have no primary key (from Greenplum 7)"))
	}
	var missing []string
	for _, name := range newer {
		if _, there := s.types[name]; !there {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		features = append(features, "text instead of "+strings.Join(slices.Sorted(slices.Values(missing)), ", "))
	}
	return features
}

// newer are the types that came after PostgreSQL 9.4.
var newer = []string{"macaddr8", "jsonpath", "xid8", "pg_snapshot", "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange"}
