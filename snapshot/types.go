package snapshot

import (
	"context"

	"github.com/pgsluice/pgsluice/change"
)

// typeUse is a type as a column or field uses it.
type typeUse struct {
	oid        uint32
	modifier   int32
	dimensions int
}

// rawType is a row of pg_type with what hangs on it.
type rawType struct {
	oid          uint32
	schema, name string
	extension    string
	kind         change.Kind
	textOnly     bool
	elem, base   uint32 // element of an array, subtype of a (multi)range; base of a domain
	baseModifier int32
	dimensions   int // of a domain over an array
	labels       []string
	fields       []rawField
}

type rawField struct {
	name string
	use  typeUse
}

// int2vector and oidvector are catalogued as arrays and print like lists of
// their own.
const typesSQL = `
SELECT t.oid, n.nspname, t.typname,
       CASE WHEN t.typtype = 'b' AND t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1
             AND t.typname NOT IN ('int2vector', 'oidvector') THEN 'A' ELSE t.typtype::text END,
       coalesce((SELECT x.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
                 WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                   AND d.refclassid = 'pg_catalog.pg_extension'::regclass), ''),
       t.typsend = 0, t.typelem, t.typbasetype, t.typtypmod, t.typndims::int,
       coalesce((SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid), 0),
       coalesce((SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '{}'),
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                 WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '{}'),
       coalesce((SELECT array_agg(a.atttypid::int8 ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                 WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '{}'),
       coalesce((SELECT array_agg(a.atttypmod ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                 WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '{}')
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid = ANY($1)`

const multirangeSQL = `
SELECT r.rngmultitypid, r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngmultitypid = ANY($1)`

// resolve turns uses into types, whatever they are made of included.
func (c *Catalog) resolve(ctx context.Context, uses []typeUse) ([]*change.Type, error) {
	var missing []uint32
	for _, u := range uses {
		if c.types[u.oid] == nil {
			missing = append(missing, u.oid)
		}
	}
	// Each round fetches what the types of the round before are made of.
	for len(missing) > 0 {
		fetched, err := c.fetchTypes(ctx, missing)
		if err != nil {
			return nil, err
		}
		missing = missing[:0]
		for _, t := range fetched {
			c.types[t.oid] = t
		}
		for _, t := range fetched {
			for _, below := range t.below() {
				if below != 0 && c.types[below] == nil {
					missing = append(missing, below)
				}
			}
		}
	}
	types := make([]*change.Type, len(uses))
	for i, u := range uses {
		types[i] = c.build(u, 0)
	}
	return types, nil
}

func (t *rawType) below() []uint32 {
	oids := []uint32{t.elem, t.base}
	for _, f := range t.fields {
		oids = append(oids, f.use.oid)
	}
	return oids
}

func (c *Catalog) fetchTypes(ctx context.Context, oids []uint32) ([]*rawType, error) {
	byOID := map[uint32]*rawType{}
	var is rawType
	var kind string
	var subtype uint32
	var names []string
	var types []int64
	var modifiers []int32
	into := []any{
		&is.oid, &is.schema, &is.name, &kind, &is.extension, &is.textOnly, &is.elem, &is.base, &is.baseModifier, &is.dimensions,
		&subtype, &is.labels, &names, &types, &modifiers,
	}
	err := c.each(ctx, "read the source's types", typesSQL, []any{oids}, into, func() {
		t := new(rawType)
		*t = is
		t.kind = change.Kind(kind[0])
		if t.kind != change.KindArray {
			t.elem = subtype // point[] and the like have a typelem for subscripts
		}
		for i := range names {
			t.fields = append(t.fields, rawField{name: names[i], use: typeUse{oid: uint32(types[i]), modifier: modifiers[i]}})
		}
		byOID[t.oid] = t
	})
	if err != nil {
		return nil, err
	}
	if c.Version >= 140000 {
		if err := c.fetchMultiranges(ctx, oids, byOID); err != nil {
			return nil, err
		}
	}
	fetched := make([]*rawType, 0, len(oids))
	for _, oid := range oids {
		t := byOID[oid]
		if t == nil {
			// Dropped since the log was written: its values are still text.
			t = &rawType{oid: oid, name: "dropped type", kind: change.KindBase, textOnly: true}
		}
		fetched = append(fetched, t)
	}
	return fetched, nil
}

func (c *Catalog) fetchMultiranges(ctx context.Context, oids []uint32, into map[uint32]*rawType) error {
	var oid, subtype uint32
	return c.each(ctx, "read the source's multirange types", multirangeSQL, []any{oids}, []any{&oid, &subtype}, func() {
		if t := into[oid]; t != nil {
			t.elem = subtype
		}
	})
}

// maxDepth is far beyond any type one can declare; it only keeps a catalog that
// lies from hanging the program.
const maxDepth = 64

func (c *Catalog) build(u typeUse, depth int) *change.Type {
	raw := c.types[u.oid]
	t := &change.Type{
		OID: raw.oid, Schema: raw.schema, Name: raw.name, Kind: raw.kind, Modifier: u.modifier,
		Dimensions: u.dimensions, Labels: raw.labels, Extension: raw.extension, TextOnly: raw.textOnly,
	}
	if depth > maxDepth {
		return t
	}
	switch raw.kind {
	case change.KindArray:
		// The modifier of an array is its elements'.
		t.Elem = c.build(typeUse{oid: raw.elem, modifier: u.modifier}, depth+1)
	case change.KindRange, change.KindMultirange:
		if raw.elem != 0 {
			t.Elem = c.build(typeUse{oid: raw.elem, modifier: -1}, depth+1)
		}
	case change.KindDomain:
		t.Base = c.build(typeUse{oid: raw.base, modifier: raw.baseModifier, dimensions: raw.dimensions}, depth+1)
	case change.KindComposite:
		for _, f := range raw.fields {
			t.Fields = append(t.Fields, change.Field{Name: f.name, Type: c.build(f.use, depth+1)})
		}
	case change.KindBase, change.KindEnum:
	}
	return t
}

// Types resolves the types of columns that the stream announces.
func (c *Catalog) Types(ctx context.Context, oids []uint32, modifiers []int32) ([]*change.Type, error) {
	uses := make([]typeUse, len(oids))
	for i := range oids {
		uses[i] = typeUse{oid: oids[i], modifier: modifiers[i]}
	}
	return c.resolve(ctx, uses)
}
