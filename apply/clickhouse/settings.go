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
	// Rows arrive compacted. The server's own pass over each block would do it
	// again: 477 ns a row instead of 259 for a part of a million rows.
	{Key: "optimize_on_insert", Value: "0"},
	// Old rows of a table that is partitioned by month come in one block.
	{Key: "max_partitions_per_insert_block", Value: "0"},
	// One block is written by one thread. To hand it from thread to thread, as
	// the server does otherwise, costs a small block a tenth of its time.
	{Key: "max_threads", Value: "1"},
	// A text in JSON stays one, though it looks like a date, and a boolean is no
	// number.
	{Key: "input_format_try_infer_dates", Value: "0"},
	{Key: "input_format_try_infer_datetimes", Value: "0"},
	{Key: "input_format_json_read_bools_as_numbers", Value: "0"},
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
	// A DELETE or ALTER is done when it returns. On this replica: the others
	// get rows and deletions alike when they get to it.
	"mutations_sync": 1,
	"alter_sync":     1,
	"final":          0,
	// Who asks for a table to be emptied or dropped has said so, whatever its
	// size (the server refuses above 50 GB by default).
	"max_table_size_to_drop":     0,
	"max_partition_size_to_drop": 0,
}
