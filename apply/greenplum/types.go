package greenplum

import (
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
)

// mapped is what becomes of a source's type in the target: the same type with the
// same modifier, or text.
type mapped struct {
	// typ is what values are: the source's type below its domains, with the
	// modifier that it has in the target.
	typ *change.Type
	// ddl declares it.
	ddl string
	// asText, with why in words: the target has no such type.
	asText bool
	why    string
	// textual: values can be given to the target as text alone.
	textual bool
	// made are the enums and composites that have to be there, what others are
	// made of first.
	made []*change.Type
}

func (s *server) keptAsText(t *change.Type, why string) mapped {
	return mapped{typ: t, ddl: "text", asText: true, why: why}
}

// mapType decides for a type, whatever it is made of.
func (s *server) mapType(t *change.Type) mapped {
	textOnly := t.TextOnly
	for t.Kind == change.KindDomain && t.Base != nil {
		outer := t
		t = t.Base
		textOnly = textOnly || t.TextOnly
		if t.Dimensions < outer.Dimensions {
			c := *t
			c.Dimensions = outer.Dimensions
			t = &c
		}
	}
	var m mapped
	switch t.Kind {
	case change.KindArray:
		m = s.mapArray(t)
	case change.KindEnum:
		m = s.mapEnum(t)
	case change.KindComposite:
		m = s.mapComposite(t)
	case change.KindBase, change.KindRange, change.KindMultirange, change.KindDomain:
		m = s.mapPlain(t)
	default:
		m = s.keptAsText(t, "its type is of a sort that nobody knows")
	}
	m.textual = !m.asText && (m.textual || textOnly)
	return m
}

// unstorable are types of pg_catalog whose values mean nothing in another
// database, or that can be written and not read.
var unstorable = []string{
	"aclitem", "gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_ddl_command", "pg_dependencies", "pg_mcv_list", "pg_ndistinct", "pg_node_tree",
}

// mapPlain is for types that are not made of others, and for ranges, which their
// name alone stands for.
func (s *server) mapPlain(t *change.Type) mapped {
	core := t.Schema == "pg_catalog" && t.Extension == ""
	f, there := s.fact(t)
	switch {
	case core && strings.HasPrefix(t.Name, "reg"):
		return s.keptAsText(t, "its values are numbers of the source's catalog")
	case core && slices.Contains(unstorable, t.Name):
		return s.keptAsText(t, "values of type "+t.Name+" cannot be read in")
	case core && t.Name == "xml" && !s.xml:
		return s.keptAsText(t, "the target is built without xml")
	case there:
		t = s.narrowed(t)
		// tsqueryrecv refuses the query of no items as tsquerysend writes it.
		return mapped{typ: t, ddl: s.declare(t, f), textual: !f.receives || core && t.Name == "tsquery"}
	case t.Extension != "" && s.extensions[t.Extension] == nil:
		return s.keptAsText(t, "the target has no extension "+t.Extension)
	case t.Extension != "":
		return s.keptAsText(t, "the target's extension "+t.Extension+" has no type "+t.Name)
	case core:
		return s.keptAsText(t, "the target has no type "+t.Name)
	}
	return s.keptAsText(t, "type "+t.String()+" is the source's own")
}

// narrowed leaves out a modifier that the target does not take. All of what it
// allows the type without one holds as well.
func (s *server) narrowed(t *change.Type) *change.Type {
	p, scale, ok := change.NumericModifier(t.Modifier)
	if t.Name != "numeric" || t.Extension != "" || !ok || s.widerNumerics() || scale >= 0 && scale <= p {
		return t
	}
	c := *t
	c.Modifier = -1
	return &c
}

// mapArray: an array's modifier is its elements'.
func (s *server) mapArray(t *change.Type) mapped {
	if t.Elem == nil {
		return s.keptAsText(t, "nobody knows what it is an array of")
	}
	elem := *t.Elem.Underlying()
	if elem.Kind == change.KindArray {
		return s.keptAsText(t, "an array of arrays is made by a domain alone")
	}
	if t.Elem.Kind != change.KindDomain && elem.Modifier < 0 {
		elem.Modifier = t.Modifier
	}
	elem.TextOnly = elem.TextOnly || t.Elem.TextOnly
	m := s.mapType(&elem)
	if m.asText {
		return s.keptAsText(t, m.why)
	}
	c := *t
	c.Elem, c.Modifier = m.typ, m.typ.Modifier
	m.typ, m.ddl = &c, m.ddl+strings.Repeat("[]", max(t.Dimensions, 1))
	return m
}

func (s *server) mapEnum(t *change.Type) mapped {
	if t.Extension != "" {
		f, there := s.fact(t)
		if !there {
			return s.keptAsText(t, "the target has no extension "+t.Extension+" with a type "+t.Name)
		}
		return mapped{typ: t, ddl: quoted(f.schema, t.Name)}
	}
	if slices.Contains(t.Labels, "") && !s.emptyLabels() {
		return s.keptAsText(t, "an enum there has no empty label")
	}
	return mapped{typ: t, ddl: quoted(t.Schema, t.Name), made: []*change.Type{t}}
}

// mapComposite: the target gets the composite where every attribute is of the
// same type there, at any depth.
func (s *server) mapComposite(t *change.Type) mapped {
	switch {
	case len(t.Fields) == 0:
		return s.keptAsText(t, "a composite without attributes")
	case t.Schema == "pg_catalog" || t.Extension != "":
		return s.keptAsText(t, "composite "+t.String()+" is not a user's own")
	}
	c := *t
	c.Fields = slices.Clone(t.Fields)
	m := mapped{typ: &c, ddl: quoted(t.Schema, t.Name)}
	for i, f := range t.Fields {
		part := s.mapType(f.Type)
		if part.asText {
			return s.keptAsText(t, "attribute "+change.QuoteIdent(f.Name)+": "+part.why)
		}
		c.Fields[i].Type = part.typ
		m.textual = m.textual || part.textual
		m.made = append(m.made, part.made...)
	}
	m.made = append(m.made, &c)
	return m
}
