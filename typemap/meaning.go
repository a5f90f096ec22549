package typemap

import (
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// Class is what sort of value a type holds: it chooses the decoder to call.
type Class uint8

// The classes, with the method that decodes each.
const (
	Int16       Class = iota // Meaning.Int
	Int32                    // Meaning.Int
	Int64                    // Meaning.Int
	Uint32                   // Meaning.Uint
	Uint64                   // Meaning.Uint
	Float32                  // Meaning.Float
	Float64                  // Meaning.Float
	Decimal                  // Meaning.Decimal64 up to 18 digits, Meaning.Decimal256
	Bool                     // Meaning.Bool
	Text                     // Meaning.AppendText
	Bytes                    // Meaning.AppendText
	UUID                     // Meaning.UUID
	Date                     // Meaning.Date
	Timestamp                // Meaning.Timestamp, a wall clock
	TimestampTZ              // Meaning.Timestamp, an instant
	Time                     // Meaning.Time
	Array                    // Meaning.Array
	Map                      // Meaning.ReadPairs
)

var classNames = [...]string{
	"Int16", "Int32", "Int64", "Uint32", "Uint64", "Float32", "Float64", "Decimal", "Bool",
	"Text", "Bytes", "UUID", "Date", "Timestamp", "TimestampTZ", "Time", "Array", "Map",
}

// String is the class's name in Go.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// Loss is something that a mapping cannot keep, in words for `check` and
// `plan`.
type Loss struct{ What string }

// Meaning is what the values of one PostgreSQL type mean. It is made by
// [Resolve], does not change afterwards, and may be used by any number of
// goroutines.
type Meaning struct {
	Class Class
	// Precision and Scale are a Decimal's digits in all and behind the point:
	// 1 ≤ Precision ≤ 76, 0 ≤ Scale ≤ Precision, whatever was declared.
	Precision, Scale int
	// FewValues marks types with few distinct values, for which a dictionary
	// pays: enums. Labels are those there were when the type was resolved.
	FewValues bool
	Labels    []string
	// JSON marks json and jsonb, Inet inet: Text with a structure that a target
	// may know.
	JSON, Inet bool
	// Elem is an Array's element, which can be NULL where NullElements says so.
	Elem         *Meaning
	NullElements bool
	// Dims is the number of dimensions an Array was declared with, at least 1.
	Dims int
	// Losses are what this mapping cannot keep, those of its parts included.
	Losses []Loss
	// BinaryOK says that the binary form of the type, and of everything in
	// it, can be decoded. Where it is false, ask PostgreSQL for text.
	BinaryOK bool

	plan
}

// plan is what the decoders need to know, settled by [Resolve].
type plan struct {
	op op
	// oid and name are the type's, below its domains; for checks and messages.
	oid  uint32
	name string
	// delim divides the elements of an array's text form.
	delim byte
	// fields are a composite's.
	fields []Field
	// bound is the subtype of a range or multirange.
	bound *Meaning
}

// MaxPrecision is the most digits a Decimal can have. Numerics with more are
// Text.
const MaxPrecision = 76

// Resolve says what the values of a type mean. It plans once per column and
// never fails: a type that it does not know is Text and has to be sent as text.
func Resolve(t *change.Type) *Meaning {
	m := resolve(t)
	m.BinaryOK = m.BinaryOK && !t.TextOnly
	return m
}

func resolve(t *change.Type) *Meaning {
	dims := t.Dimensions
	textOnly := t.TextOnly
	for t.Kind == change.KindDomain && t.Base != nil {
		t = t.Base
		dims = max(dims, t.Dimensions)
		textOnly = textOnly || t.TextOnly
	}
	m := &Meaning{Class: Text, plan: plan{op: opUnknown, oid: t.OID, name: t.String()}}
	if b := builtin(t); b != nil {
		m.Class, m.op, m.BinaryOK = b.class, b.op, b.op != opUnknown
		m.JSON, m.Inet = b.name == "json" || b.name == "jsonb", b.name == "inet"
	} else {
		switch t.Kind {
		case change.KindArray:
			m.resolveArray(t, dims)
		case change.KindEnum:
			m.op, m.BinaryOK, m.FewValues, m.Labels = opText, true, true, t.Labels
		case change.KindComposite:
			m.resolveComposite(t)
		case change.KindRange, change.KindMultirange:
			m.resolveRange(t)
		default:
			m.resolveExtension(t)
		}
	}
	switch m.op {
	case opNumeric:
		m.resolveNumeric(t.Modifier)
	case opMoney:
		m.Precision, m.Scale = 19, 2
		m.Losses = []Loss{{What: "the currency: amounts are kept as hundredths, as under lc_monetary = 'C'"}}
	}
	m.BinaryOK = m.BinaryOK && !textOnly
	return m
}

// resolveNumeric turns a numeric into a Decimal where its declaration bounds
// it to MaxPrecision digits. A scale below zero means zeros before the point
// that the value has all the same; a scale above the precision means zeros
// behind it.
func (m *Meaning) resolveNumeric(modifier int32) {
	p, s, ok := change.NumericModifier(modifier)
	switch {
	case !ok:
		return
	case s < 0:
		p, s = p-s, 0
	case s > p:
		p = s
	}
	if p >= 1 && p <= MaxPrecision {
		m.Class, m.Precision, m.Scale = Decimal, p, s
	}
}

// WithDimensions is an Array's meaning with another number of dimensions than
// was declared; PostgreSQL holds values to neither.
func (m *Meaning) WithDimensions(n int) *Meaning {
	c := *m
	c.Dims = n
	return &c
}

func (m *Meaning) resolveArray(t *change.Type, dims int) {
	if t.Elem == nil {
		return
	}
	elem := *t.Elem
	if _, _, ok := change.NumericModifier(elem.Modifier); !ok {
		// A column's modifier stands at the array; it speaks of the elements.
		elem.Modifier = t.Modifier
	}
	m.Class, m.op, m.Dims, m.NullElements = Array, opArray, max(dims, 1), true
	m.Elem = Resolve(&elem)
	m.delim = delimiter(elem.Underlying())
	m.BinaryOK = m.Elem.BinaryOK
	m.Losses = append([]Loss{{What: "lower bounds of arrays: the first element is the first, whatever its subscript"}}, m.Elem.Losses...)
}

func (m *Meaning) resolveComposite(t *change.Type) {
	if len(t.Fields) == 0 {
		return
	}
	m.op, m.BinaryOK = opComposite, true
	for _, f := range t.Fields {
		part := Resolve(f.Type)
		m.fields = append(m.fields, Field{Name: f.Name, Meaning: part, oid: f.Type.OID})
		m.BinaryOK = m.BinaryOK && part.BinaryOK
	}
}

func (m *Meaning) resolveRange(t *change.Type) {
	if t.Elem == nil {
		return
	}
	part := Resolve(t.Elem)
	m.op, m.bound, m.BinaryOK = opRange, part, part.BinaryOK
	if t.Kind == change.KindMultirange {
		m.op = opMultirange
	}
}
