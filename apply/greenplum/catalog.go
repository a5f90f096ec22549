package greenplum

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
)

// catalog is what the target's system tables say of types that are there before
// pgsluice is: those of pg_catalog and of extensions.
type catalog struct {
	// types are those of pg_catalog by name.
	types map[string]typeFact
	// extensions are those that are installed, with their types by name.
	extensions map[string]map[string]typeFact
	// hashable are the types, by OID, by whose values rows can be distributed.
	hashable map[uint32]bool
}

// typeFact is what is known of a type in the target.
type typeFact struct {
	oid uint32
	// array is the type whose elements are of this one; 0 where there is none.
	array uint32
	// receives: there is a function that reads the type's binary form.
	receives bool
	schema   string
	kind     change.Kind
}

const typesSQL = `SELECT t.oid, t.typname::text, n.nspname::text, t.typtype::text, t.typarray, t.typreceive <> 0, coalesce(x.extname::text, '')
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
	AND d.refclassid = 'pg_catalog.pg_extension'::regclass
LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
WHERE (n.nspname = 'pg_catalog' OR x.oid IS NOT NULL) AND t.typtype IN ('b', 'e', 'm', 'r')`

// Rows are distributed by the default operator class for hashes.
const hashableSQL = `SELECT o.opcintype FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
WHERE m.amname = 'hash' AND o.opcdefault`

func (c *catalog) read(ctx context.Context, conn *pgx.Conn) error {
	*c = catalog{types: map[string]typeFact{}, extensions: map[string]map[string]typeFact{}, hashable: map[uint32]bool{}}
	rows, err := conn.Query(ctx, typesSQL)
	if err != nil {
		return err
	}
	var f typeFact
	var name, kind, extension string
	_, err = pgx.ForEachRow(rows, []any{&f.oid, &name, &f.schema, &kind, &f.array, &f.receives, &extension}, func() error {
		f.kind = change.Kind(kind[0])
		if extension == "" {
			c.types[name] = f
			return nil
		}
		if c.extensions[extension] == nil {
			c.extensions[extension] = map[string]typeFact{}
		}
		c.extensions[extension][name] = f
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = conn.Query(ctx, hashableSQL)
	if err != nil {
		return err
	}
	var oid uint32
	_, err = pgx.ForEachRow(rows, []any{&oid}, func() error {
		c.hashable[oid] = true
		return nil
	})
	return err
}

// firstNormal is FirstNormalObjectId: what PostgreSQL itself has made has an OID
// below it, the same on every server.
const firstNormal = 16384

// fact looks up a type that the target has before pgsluice makes any: the same one
// as the source's, by its name, or by its extension and name.
func (c *catalog) fact(t *change.Type) (f typeFact, ok bool) {
	if t.Extension != "" {
		f, ok = c.extensions[t.Extension][t.Name]
		return f, ok && f.kind == t.Kind
	}
	if t.Schema != "pg_catalog" || t.OID >= firstNormal {
		return f, false
	}
	f, ok = c.types[t.Name]
	return f, ok && (t.OID == 0 || t.OID == f.oid)
}

// hashes says whether rows can be distributed by values of a type.
func (c *catalog) hashes(t *change.Type) bool {
	switch t.Kind {
	case change.KindEnum:
		return true
	case change.KindArray:
		return c.hashes(t.Elem.Underlying())
	case change.KindRange:
		return c.hashes(t.Elem.Underlying())
	case change.KindBase:
		f, ok := c.fact(t)
		return ok && (c.hashable[f.oid] || binaryLike[t.Name] != "" && c.hashable[c.types[binaryLike[t.Name]].oid])
	case change.KindComposite, change.KindDomain, change.KindMultirange:
	}
	return false
}

// binaryLike are types that operators of another one serve.
var binaryLike = map[string]string{"varchar": "text", "cidr": "inet", "varbit": "bit"}
