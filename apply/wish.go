package apply

import "fmt"

// Policy says what becomes of a value that the target's type cannot hold.
type Policy uint8

// The policies.
const (
	// Fail stops the table. It is the zero value: nothing changes silently.
	Fail Policy = iota
	// MakeNull writes NULL where the column may hold it, and fails elsewhere.
	MakeNull
	// Clamp writes the nearest value the target's type can hold, and fails
	// where there is none, as for NaN.
	Clamp
)

// String is the word [ParsePolicy] reads.
func (p Policy) String() string {
	switch p {
	case Fail:
		return "error"
	case MakeNull:
		return "null"
	case Clamp:
		return "clamp"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// ParsePolicy reads the configuration's word for a policy.
func ParsePolicy(s string) (Policy, error) {
	for _, p := range []Policy{Fail, MakeNull, Clamp} {
		if s == p.String() {
			return p, nil
		}
	}
	return Fail, fmt.Errorf("%q is not a policy: expected error, null or clamp", s)
}

// Wishes are what the user wants of a target's table beyond what follows from
// its relation. Columns are named as the source names them.
type Wishes struct {
	// Rename gives columns another name in the target.
	Rename map[string]string
	// Types gives columns a type of the target's.
	Types map[string]string
	// OnUnrepresentable decides for single columns.
	OnUnrepresentable map[string]Policy
	// OrderBy is how the target's rows are ordered, where it can be chosen. It
	// contains the whole key of the relation, and nothing else unless the
	// relation's key was made that.
	OrderBy []string
	// PartitionBy is an expression of the target's over the target's columns.
	PartitionBy string
	// DistributedBy are the columns by whose values rows are spread over the
	// nodes of the target.
	DistributedBy []string
	// Storage and Compression are how the target keeps rows, in its own words.
	Storage, Compression string
}

// Name is what a column of the source is called in the target.
func (w *Wishes) Name(column string) string {
	if name, ok := w.Rename[column]; ok {
		return name
	}
	return column
}
