package clickhouse

import "github.com/ClickHouse/ch-go"

// insertSettings travel with every INSERT. None is marked important, so a server
// too old to know one of them ignores it.
var insertSettings = []ch.Setting{
	// The answer has to mean "written", not "queued" (on by default since 26.2).
	{Key: "async_insert", Value: "0"},
	// A NULL for a column that cannot hold one is an error, not a default.
	{Key: "input_format_null_as_default", Value: "0"},
	// A replicated table drops an INSERT whose bytes it has seen lately. After
	// a truncate the same rows have to come again.
	{Key: "insert_deduplicate", Value: "0"},
	// Rows arrive compacted; the server's own pass over each block, which would
	// do it again, costs a sixth of a load.
	{Key: "optimize_on_insert", Value: "0"},
	// Old rows of a table that is partitioned by month come in one block.
	{Key: "max_partitions_per_insert_block", Value: "0"},
}

// selectSettings travel with every read of wire bytes.
var selectSettings = []ch.Setting{
	// Dictionaries come as the strings they stand for.
	{Key: "low_cardinality_allow_in_native_format", Value: "0"},
	// Tombstones matter here, whatever the user's profile says about FINAL.
	{Key: "final", Value: "0"},
}

// statementSettings travel with every statement.
var statementSettings = map[string]any{
	"mutations_sync": 2, // a DELETE is done when it returns, on every replica
	"alter_sync":     2,
	"final":          0,
}
