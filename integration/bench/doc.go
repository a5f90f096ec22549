// Package bench measures the whole program against real servers and beside the
// tools one would use instead, alternately and in one run. What it reports are
// ratios, percentiles and peaks; absolute times say more about the machine.
//
// `make bench` runs it. It needs PostgreSQL's client programs psql, pgbench and
// pg_recvlogical, which nothing else in this repository does.
package bench
