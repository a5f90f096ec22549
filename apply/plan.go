package apply

import (
	"context"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// What an Inspector looks at: the names that its findings have.
const (
	CheckServer = "target_server"
	CheckRights = "target_rights"
	CheckTable  = "target_table"
	CheckKey    = "target_key"
	CheckTypes  = "target_types"
)

// Inspector is a Target that can say beforehand what a run would meet.
type Inspector interface {
	// Server says what the target is and what of a mapping depends on its
	// version. It asks nothing.
	Server() ServerPlan

	// Plan says what Prepare would make of a table, and changes nothing. A wish
	// that cannot be granted is an error that names the ones that can.
	Plan(ctx context.Context, t *Table, existing Existing) (*TablePlan, error)

	// Check looks at everything in the target that a run with these tables
	// relies on: the server, the rights, wishes, and tables that are there
	// already. Rights are tried out on a throwaway table, which is gone when
	// it returns. An error means that the looking itself failed.
	Check(ctx context.Context, tables []*Table, existing Existing) (fault.Findings, error)
}

// ServerPlan is what a target's server brings to a mapping.
type ServerPlan struct {
	// Version names the server, Features what it can and cannot do as sentences
	// without a full stop, Settings what travels with every write.
	Version  string   `json:"version"`
	Features []string `json:"features"`
	Settings []string `json:"settings"`
}

// TablePlan is what Prepare would make of a table.
type TablePlan struct {
	// Table is the target's table, as SQL writes it there.
	Table string `json:"table"`
	// Statements are what would be run, none where the table is there and fits.
	Statements []string     `json:"statements"`
	Columns    []ColumnPlan `json:"columns"`
}

// ColumnPlan says how a column is mapped.
type ColumnPlan struct {
	// Source and SourceType are PostgreSQL's name and type.
	Source     string `json:"source"`
	SourceType string `json:"source_type"`
	// Name and Type are the target's.
	Name     string `json:"name"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	// Losses are what the mapping never keeps.
	Losses []string `json:"losses,omitempty"`
	// Edges are values that the type cannot hold, and what becomes of them.
	Edges []EdgePlan `json:"edges,omitempty"`
}

// EdgePlan is a sort of value that a column's type cannot hold.
type EdgePlan struct {
	// Value describes it, such as "infinity" or "below 1900-01-01".
	Value string `json:"value"`
	// Becomes says what is written: "stops the table", "NULL" or the value.
	Becomes string `json:"becomes"`
}
