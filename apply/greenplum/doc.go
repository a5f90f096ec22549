// Package greenplum keeps tables equal in a warehouse that speaks PostgreSQL's
// language: Greenplum, Cloudberry, AnalyticDB for PostgreSQL, and PostgreSQL
// itself.
//
//	Load:   rows ─▶ COPY ─▶ the table
//	Apply:  rows ─▶ COPY ─▶ staging ─▶ UPDATE, DELETE, INSERT … SELECT ─▶ the table ─┐
//	        watermark ─▶ pgsluice.pipelines ────────────────────────────────────────┴▶ COMMIT
//
// Rows and watermark are one transaction, so that a reader sees whole
// transactions of the source, and nothing is ever applied twice. Values travel as
// the source's send functions wrote them wherever both sides have the type.
//
// What differs between servers is decided in server.go alone, what becomes of a
// type in types.go alone.
package greenplum
