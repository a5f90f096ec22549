package change

import (
	"strconv"
	"strings"
)

// Identity says which columns of the old row an UPDATE or DELETE brings along.
// The values are those of pg_class.relreplident.
type Identity byte

// The replica identities.
const (
	IdentityDefault Identity = 'd' // the primary key, when there is one
	IdentityNothing Identity = 'n'
	IdentityFull    Identity = 'f' // every column
	IdentityIndex   Identity = 'i' // a unique index the user named
)

// Relation is a table as it stood at one moment. It is immutable: a schema
// change makes a new one.
type Relation struct {
	OID          uint32
	Schema, Name string
	Identity     Identity
	// Columns are in the order in which rows carry their values.
	Columns []Column
	// Key holds indexes into Columns, in the order of the key: the columns of
	// the index that is the replica identity, else of the primary key. Empty
	// when there is none.
	Key []int
}

// String is the name with schema, each part quoted where SQL needs it.
func (r *Relation) String() string { return QuoteIdent(r.Schema) + "." + QuoteIdent(r.Name) }

// Keyed says whether rows of the relation can be told apart by a key.
func (r *Relation) Keyed() bool { return len(r.Key) > 0 }

// Column is one column of a [Relation].
type Column struct {
	Name string
	// Attnum is pg_attribute.attnum: it outlives a rename and is never used
	// again after a drop. 0 when unknown.
	Attnum int16
	// Entry is the transaction that wrote the column's entry in pg_attribute; 0 when
	// unknown.
	Entry uint32
	Type  *Type
	// NotNull is the table's promise, key columns included.
	NotNull bool
	// Generated marks GENERATED ALWAYS AS (…) columns, Virtual those of them
	// that are computed when they are read.
	Generated, Virtual bool
	// Missing is what rows older than the column hold: PostgreSQL's
	// pg_attribute.attmissingval as text, for a column that was added later.
	Missing *string
	// Defaulted: the column has a default, but no Missing. Then rows older than
	// the column hold NULL, or the table was rewritten: nothing in the log says
	// which.
	Defaulted bool
	// Uneven: partitions of the table hold different values in rows older than the
	// column.
	Uneven bool
}

// Kind is what sort of type a [Type] is; the values are those of
// pg_type.typtype, with A for arrays, which PostgreSQL counts among the base
// types.
type Kind byte

// The kinds of type.
const (
	KindBase       Kind = 'b'
	KindArray      Kind = 'A'
	KindComposite  Kind = 'c'
	KindDomain     Kind = 'd'
	KindEnum       Kind = 'e'
	KindRange      Kind = 'r'
	KindMultirange Kind = 'm'
)

// Type is a PostgreSQL type, resolved: whatever it is made of hangs below it.
type Type struct {
	OID          uint32
	Schema, Name string
	Kind         Kind
	// Modifier is pg_attribute.atttypmod, -1 for none. Its meaning is the
	// type's own: length + 4 of a varchar, (precision << 16 | scale) + 4 of a
	// numeric.
	Modifier int32
	// Dimensions is what the column was declared with (attndims); 0 when
	// unknown. PostgreSQL does not hold values to it.
	Dimensions int
	// Elem is the element of an array or the subtype of a range or multirange.
	Elem *Type
	// Base is what a domain is over, with the domain's own modifier applied.
	Base *Type
	// Labels are an enum's, in its sort order.
	Labels []string
	// Fields are a composite's.
	Fields []Field
	// Extension is the one that the type belongs to; empty for all others.
	Extension string
	// TextOnly marks a type without a binary output function: it travels as
	// text whatever was asked for.
	TextOnly bool
}

// Field is one attribute of a composite type.
type Field struct {
	Name string
	Type *Type
}

// Underlying follows domains down to the type values really have.
func (t *Type) Underlying() *Type {
	for t.Kind == KindDomain && t.Base != nil {
		t = t.Base
	}
	return t
}

// String is the name as one would write it in SQL, without modifier; types of
// pg_catalog go without their schema.
func (t *Type) String() string {
	if t.Kind == KindArray && t.Elem != nil {
		return t.Elem.String() + "[]"
	}
	if t.Schema == "pg_catalog" || t.Schema == "" {
		return t.Name
	}
	return QuoteIdent(t.Schema) + "." + QuoteIdent(t.Name)
}

// QuoteIdent writes an identifier as SQL needs it: as it is when it is plain
// lower case, in double quotes otherwise. Reserved words are not looked up; use
// [AlwaysQuote] for a statement.
func QuoteIdent(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c == '_' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9'
	}
	if plain {
		return s
	}
	return AlwaysQuote(s)
}

// AlwaysQuote writes an identifier in double quotes.
func AlwaysQuote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// QuoteLiteral writes a string constant that means the same whatever
// standard_conforming_strings says.
func QuoteLiteral(s string) string {
	q := strings.ReplaceAll(s, `'`, `''`)
	if strings.Contains(q, `\`) {
		return ` E'` + strings.ReplaceAll(q, `\`, `\\`) + `'`
	}
	return `'` + q + `'`
}

// NumericModifier splits the type modifier of a numeric into precision and
// scale. ok is false when the column has none. The scale is negative or above
// the precision where the declaration says so (PostgreSQL 15 and later; the
// lower 11 bits hold it in two's complement).
func NumericModifier(modifier int32) (precision, scale int, ok bool) {
	if modifier < 4 {
		return 0, 0, false
	}
	m := modifier - 4
	scale = int(m & 0x7ff)
	if scale >= 1024 {
		scale -= 2048
	}
	return int(m>>16) & 0xffff, scale, true
}

// FormatModifier prints a modifier: (10), (12,2), or nothing.
func (t *Type) FormatModifier() string {
	if t.Modifier < 0 {
		return ""
	}
	switch t.Name {
	case "numeric":
		if p, s, ok := NumericModifier(t.Modifier); ok {
			return "(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
		}
	case "varchar", "bpchar":
		return "(" + strconv.Itoa(int(t.Modifier)-4) + ")"
	case "bit", "varbit", "timestamp", "timestamptz", "time", "timetz":
		return "(" + strconv.Itoa(int(t.Modifier)) + ")"
	}
	return ""
}

// spoken are SQL's names of types that the catalog calls otherwise.
var spoken = map[string]string{
	"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision", "bool": "boolean",
	"bpchar": "char", "char": `"char"`, "varbit": "bit varying",
}

// Declared is the type as a column is declared with it, numeric(10,2)[][] for
// instance. An array's modifier is its elements'.
func (t *Type) Declared() string {
	if t.Kind != KindArray || t.Elem == nil {
		name := t.String()
		if s, ok := spoken[name]; ok && t.Schema == "pg_catalog" {
			name = s
		}
		return name + t.FormatModifier()
	}
	elem := *t.Elem
	if elem.Modifier < 0 {
		elem.Modifier = t.Modifier
	}
	return elem.Declared() + strings.Repeat("[]", max(t.Dimensions, 1))
}
