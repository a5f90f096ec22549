package greenplum

import (
	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// plan is everything about one table that does not change from row to row.
type plan struct {
	table *apply.Table
	// schema and name are the target's, quoted names it in a statement.
	schema, name, quoted string
	columns              []*column
	// key are places in columns, in the order of the source's key.
	key []int
	// distribution are places in columns; empty for DISTRIBUTED RANDOMLY, and
	// where the server does not distribute.
	distribution []int
	// textual: a value of the table can only be had as text, by the type's input
	// function, and so all of them are.
	textual bool
	// whole: all rows of the target's table are this pipeline's. Prepare says it.
	whole bool
}

// column is one column of a plan.
type column struct {
	source *change.Column
	// name is the target's, quoted for a statement.
	name string
	// ddl is the type as the column is declared with it, modifiers and all.
	ddl string
	// notNull as it is declared in the target.
	notNull bool
	// asText: the target's column is of type text, whatever the source's is: it
	// holds the value's text form.
	asText bool
	// rewrite makes the target's binary value of the source's, appended to dst. It
	// is nil where the bytes are the same. An error is a *refusal.
	rewrite func(dst, value []byte) ([]byte, error)
	// losses and edges are for plans.
	losses []string
	edges  []edge
	policy apply.Policy
}

// refusal is what rewrite says of a value that the target's type cannot hold.
type refusal struct {
	reason string
	// clamped is the nearest value that it holds, in binary; nil where there is
	// none.
	clamped []byte
}

func (r *refusal) Error() string { return r.reason }

// edge is a sort of value that the column cannot hold.
type edge struct{ value, clamped string }
