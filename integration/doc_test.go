// Package integration runs pgsluice against real servers, started once for all
// tests: PostgreSQL of every major in PGSLUICE_TEST_POSTGRES as sources, and as
// targets one ClickHouse, PostgreSQL of the oldest and the newest of the majors in
// the place of Greenplum, and the Greenplum that PGSLUICE_TEST_GREENPLUM names.
//
//	servers_test.go   the servers
//	scene_test.go     what a test works with: a database of its own on both sides
//	targets_test.go   the table of targets, on each of which every test runs that is not about one of them:
//	                  target_clickhouse_test.go, target_family_test.go
//	pipeline_test.go  a sync.Pipeline in this process
//	process_test.go   the program as a user has it, built and run
//	compare_test.go   every row on both sides, by ordinary queries and nothing of ours
//	poll_test.go      waiting for a condition; nothing here sleeps
//
// A missing server is a failure and never a skip.
package integration
