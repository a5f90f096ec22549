package integration

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// The PostgreSQL family holds a value as the source does, as far as it knows the
// type. The first versions that hold some values:
const (
	phrases           = 90600 // of tsquery
	infiniteNumerics  = 140000
	infiniteIntervals = 170000
	never             = math.MaxInt
)

// inFamily are the columns of the types that are not kept as they are, and of
// those of extensions that the target has, by schema.
var inFamily = map[string]map[string]string{
	// Names of what is in the source.
	"pg_catalog": ofText("regclass regtype regproc regprocedure regoper regoperator regcollation regrole regnamespace regconfig regdictionary aclitem"),
	// What the user has made of functions, ranges, and a composite that holds such.
	"own": ofText("note sent small hstore geometry ltree notes"),
	// Ranges too, composites with a name in them or with nothing, and extensions that
	// the target lacks.
	"tv": ofText("float8range textrange pricerange float8multirange textmultirange pricemultirange shut none cube seg query_int " +
		"isbn isbn13 issn issn13 ismn ismn13 upc ean13"),
}

func ofText(names string) map[string]string {
	columns := map[string]string{}
	for _, name := range strings.Fields(names) {
		columns[name] = "text"
	}
	return columns
}

// extended are the types of the extensions that extendTarget makes.
var extended = []string{"hstore", "citext", "ltree", "lquery", "ltxtquery"}

// extendTarget gives a target of the family some of the extensions, in a schema
// of another name than the source's.
func (s *scene) extendTarget() {
	s.Helper()
	if f, ok := s.target.(family); ok {
		err := f.administer(s.ctx, s.database(), "CREATE SCHEMA ext AUTHORIZATION "+f.user.Username(),
			"CREATE EXTENSION hstore SCHEMA ext", "CREATE EXTENSION citext SCHEMA ext", "CREATE EXTENSION ltree SCHEMA ext")
		if err != nil {
			s.Fatal(err)
		}
	}
}

// holds says whether the target holds the sample's values.
func (s *scene) holds(of *sample) bool {
	f, ok := s.target.(family)
	return !ok || f.number >= of.held
}

// sent is how values are sent that the source would send in binary: some extensions
// read no binary form before PostgreSQL 13.
func (s *scene) sent(typ string, usual form) form {
	s.Helper()
	name, ok := strings.CutPrefix(typ, "tv.")
	if !s.transactional() || !ok || !slices.Contains(extended, name) ||
		s.warehouse("SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = '%s' AND n.nspname = 'ext' AND t.typreceive = 0", name) == "0" {
		return usual
	}
	return readAsText
}

// unusualScale is of the samples' numerics whose scale is negative, or above the
// precision; they lose their modifier where that cannot be.
var unusualScale = regexp.MustCompile(`^numeric\((\d+,-\d+|3,5|5,80)\)`)

const anyScale = 150000

// keptAs is the column that a type of the source becomes in the family, and
// whether that is the same type. A domain is what it is over.
func (s *scene) keptAs(oid uint32, modifier int32) (column string, kept bool) {
	s.Helper()
	var schema, name, kind, formatted string
	var base, elem uint32
	var baseModifier int32
	err := s.source.QueryRow(s.ctx, `SELECT n.nspname::text, t.typname::text, t.typtype::text, t.typbasetype, t.typtypmod,
		coalesce((SELECT e.oid FROM pg_type e WHERE e.typarray = t.oid), 0), format_type(t.oid, $2)
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1`, oid, modifier).Scan(&schema, &name, &kind, &base, &baseModifier, &elem, &formatted)
	if err != nil {
		s.Fatal(err)
	}
	switch {
	case kind == "d":
		return s.keptAs(base, baseModifier)
	case elem != 0:
		column, kept = s.keptAs(elem, modifier)
		if !kept || strings.HasSuffix(column, "[]") {
			return "text", false
		}
		return column + "[]", true
	}
	switch {
	case inFamily[schema][name] != "":
		return inFamily[schema][name], false
	case schema == "tv" && slices.Contains(extended, name):
		return "ext." + name, true
	case schema == "pg_catalog" && !s.targetKnows(name):
		return "text", false
	case unusualScale.MatchString(formatted) && s.target.(family).number < anyScale:
		return "numeric", true
	}
	return formatted, true
}

// targetKnows says whether a type of PostgreSQL's own is in the target, and its
// values can be read.
func (s *scene) targetKnows(name string) bool {
	s.Helper()
	if s.warehouse("SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = '%s' AND n.nspname = 'pg_catalog'", name) == "0" {
		return false
	}
	if name == "xml" { // a server can be built without
		_, err := s.reader.query(s.ctx, "SELECT xml '<a/>'")
		return err == nil
	}
	return true
}
