package fault

// Classes is the one table of what can go wrong with a server while a pipeline
// runs: how it is recognised, what pgsluice does, and what its user can do. The
// signs are SQLSTATEs (PostgreSQL manual, appendix "PostgreSQL Error Codes") and
// the numbers of ClickHouse's src/Common/ErrorCodes.cpp; where one code means
// several things, a part of the message tells them apart. The sign that says most
// wins. testdata/errors.txt has the errors as servers print them, and
// docs/faults.md this table.
var Classes = []Class{
	{
		Name: "connection", What: "the server cannot be reached, or the connection broke or went silent", Policy: PolicyRetry,
		Remedy:           "see that the server runs, listens on that address and lets this machine in (listen_addresses, pg_hba.conf, firewall)",
		ClickHouseRemedy: "see that the server runs, and that host and port are those of the target's DSN (the native protocol's: 9000, or 9440 with secure=true)",
		signs: signs(
			texts(anyServer, "", "connection refused", "connection reset by peer", "broken pipe", "EOF", "i/o timeout", "no route to host",
				"network is unreachable", "connection timed out", "use of closed network connection", "context deadline exceeded", "conn closed", "went silent"),
			codes(anyPostgres, "08"),
			codes(ClickHouse, "203", "209", "210", "279"), // NO_FREE_CONNECTION, SOCKET_TIMEOUT, NETWORK_ERROR, ALL_CONNECTION_TRIES_FAILED
		),
	},
	{
		Name: "name", What: "the server's name is not known", Policy: PolicyRetry,
		Remedy: "check the host in the {side}'s DSN, and this machine's name service",
		signs:  texts(anyServer, "", "no such host", "server misbehaving", "failure in name resolution"),
	},
	{
		Name: "tls", What: "the two sides do not agree on TLS, or a certificate is not trusted", Policy: PolicyPrecondition,
		Remedy:           "check sslmode, sslrootcert, sslcert and sslkey in the {side}'s DSN, and the server's certificate and its dates",
		ClickHouseRemedy: "have the server's certificate signed by an authority this machine trusts (SSL_CERT_FILE names more of them), or trust any with skip_verify=true in the target's DSN",
		signs:            texts(anyServer, "", "x509:", "first record does not look like a TLS handshake", "server refused TLS connection", "failed to verify certificate", "remote error: tls:"),
	},
	{
		Name: "restart", What: "the server starts, stops or recovers, or an administrator ended the session", Policy: PolicyRetry,
		signs: signs(codes(anyPostgres, "57P01", "57P02", "57P03"), codes(ClickHouse, "236")), // ABORTED
	},
	{
		Name: "connections", What: "the server has no free connection", Policy: PolicyRetry,
		Remedy:           "the {side} has no free connection: raise max_connections, or lower load.workers",
		ClickHouseRemedy: "the ClickHouse server runs as many queries as it may: raise max_concurrent_queries, or lower load.workers",
		signs:            signs(codes(anyPostgres, "53300"), codes(ClickHouse, "202")), // TOO_MANY_SIMULTANEOUS_QUERIES
	},
	{
		Name: "senders", What: "the source has no free walsender", Policy: PolicyRetry,
		Remedy: "raise max_wal_senders in postgresql.conf and restart the source, or end a replication that nobody needs: SELECT * FROM pg_stat_replication;",
		signs:  texts(Source, "53300", "max_wal_senders"),
	},
	{
		Name: "slots", What: "the source has no free replication slot", Policy: PolicyPrecondition,
		Remedy: "raise max_replication_slots in postgresql.conf and restart, or drop a slot nobody uses: SELECT slot_name FROM pg_replication_slots WHERE NOT active;",
		signs:  texts(Source, "53400", "all replication slots are in use"),
	},
	{
		Name: "disk", What: "the server's disk is full", Policy: PolicyRetry,
		Remedy:           "the {side}'s disk is full: make room",
		ClickHouseRemedy: "the ClickHouse server's disk is full: make room",
		signs:            signs(codes(anyPostgres, "53100"), codes(ClickHouse, "243")), // NOT_ENOUGH_SPACE
	},
	{
		Name: "memory", What: "the server is out of memory", Policy: PolicyRetry,
		Remedy:           "the {side} is out of memory: give it more, or lower load.workers and stream.max_rows",
		ClickHouseRemedy: "the ClickHouse server is out of memory: give it more (max_server_memory_usage, max_memory_usage), or lower load.workers and stream.max_rows",
		signs:            signs(codes(anyPostgres, "53200"), codes(ClickHouse, "241", "173")), // MEMORY_LIMIT_EXCEEDED, CANNOT_ALLOCATE_MEMORY
	},
	{
		Name: "quota", What: "a quota is used up", Policy: PolicyRetry,
		Remedy:           "the {side} is at a limit that was set for it: raise it, or make room",
		ClickHouseRemedy: "the user's quota is used up until its interval ends: SHOW QUOTA; ALTER QUOTA … raises it",
		signs:            signs(codes(Family, "53400"), codes(ClickHouse, "201")), // QUOTA_EXCEEDED
	},
	{
		Name: "resources", What: "the server is out of some other resource", Policy: PolicyRetry,
		Remedy: "the {side} is out of a resource (memory, disk, connections)",
		signs:  signs(codes(anyPostgres, "53"), codes(ClickHouse, "439", "745")), // CANNOT_SCHEDULE_TASK, SERVER_OVERLOADED
	},
	{
		Name: "parts", What: "ClickHouse merges more slowly than rows come in", Policy: PolicyRetry,
		Remedy: "if it lasts, make fewer and larger batches: a longer stream.flush_interval, a lower stream.max_parts_per_second",
		signs:  codes(ClickHouse, "252"), // TOO_MANY_PARTS
	},
	{
		Name: "readonly", What: "the server takes no writes", Policy: PolicyAwait,
		Remedy:           "the {side} is a standby, or is set to be read only: name the server that takes writes (several hosts and target_session_attrs=read-write), or ALTER SYSTEM SET default_transaction_read_only = off",
		ClickHouseRemedy: "let the target's user write: its profile or session has readonly set; a replicated table is read only while its keeper is away",
		signs:            signs(codes(anyPostgres, "25006"), codes(ClickHouse, "164", "242")), // READONLY, TABLE_IS_READ_ONLY
	},
	{
		Name: "keeper", What: "ClickHouse has lost its keeper or its other replicas", Policy: PolicyRetry,
		ClickHouseRemedy: "look at ClickHouse Keeper or ZooKeeper, and at system.replicas WHERE is_readonly",
		// NO_ZOOKEEPER, TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, UNKNOWN_STATUS_OF_INSERT, KEEPER_EXCEPTION
		signs: codes(ClickHouse, "225", "285", "286", "319", "999"),
	},
	{
		Name: "conflict", What: "another session is in the way: deadlock, serialization failure, lock timeout", Policy: PolicyRetry,
		signs: signs(codes(anyPostgres, "40", "55P03"), codes(ClickHouse, "473")), // DEADLOCK_AVOIDED
	},
	{
		Name: "cancelled", What: "somebody, or a timeout that the server sets, ended the statement or the session", Policy: PolicyRetry,
		Remedy:           "if it comes again: pgsluice switches off the timeouts of its own sessions, so look who ends its statements (pg_cancel_backend, pg_terminate_backend, a pooler, a watchdog)",
		ClickHouseRemedy: "if it comes again: look at max_execution_time of the target's user, and at who sends KILL QUERY",
		signs: signs(
			codes(anyPostgres, "57014", "57P05", "25P03", "25P04"),
			codes(ClickHouse, "159", "394"), // TIMEOUT_EXCEEDED, QUERY_WAS_CANCELLED
		),
	},
	{
		Name: "aborted", What: "a statement came after the one that failed its transaction", Policy: PolicyRetry,
		signs: codes(anyPostgres, "25P02"),
	},
	{
		Name: "storage", What: "the server cannot read or write its files, or has lost a segment", Policy: PolicyRetry,
		Remedy:           "the {side} has lost a disk or a segment: look at its log, and in Greenplum at gp_segment_configuration",
		ClickHouseRemedy: "the ClickHouse server cannot read or write its files: look at its log",
		// CANNOT_READ_FROM_FILE_DESCRIPTOR, CANNOT_WRITE_TO_FILE_DESCRIPTOR, CANNOT_OPEN_FILE
		signs: signs(codes(anyPostgres, "58"), codes(ClickHouse, "74", "75", "76")),
	},
	{
		Name: "internal", What: "an internal error of the source: seen while a server goes down", Policy: PolicyRetry,
		Remedy: "if it comes again, look at the source's log",
		signs:  codes(Source, "XX"),
	},
	{
		Name: "size", What: "a value is larger than the server can send or take", Policy: PolicyPark,
		Remedy: "make the value smaller, or leave its column out (exclude), and start pgsluice again: the table is copied anew",
		signs:  signs(codes(anyPostgres, "54"), texts(anyPostgres, "XX000", "invalid memory alloc request size")),
	},
	{
		Name: "login", What: "the server does not let the user in", Policy: PolicyAwait,
		Remedy:           "check user and password in the {side}'s DSN, and that pg_hba.conf lets this user in from this machine; a password that was changed needs a start of pgsluice with the new one, or the old one back",
		ClickHouseRemedy: "check user and password in the target's DSN, and that the user may connect from this host",
		signs: signs(
			codes(anyPostgres, "28"),
			codes(ClickHouse, "192", "193", "194", "516"), // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
		),
	},
	{
		Name: "database", What: "there is no such database", Policy: PolicyPrecondition,
		Remedy:           "check the database's name in the {side}'s DSN, or create it",
		ClickHouseRemedy: "CREATE DATABASE …;  or let the user do it: GRANT CREATE DATABASE ON … TO …",
		signs:            signs(codes(anyPostgres, "3D000"), codes(ClickHouse, "81")), // UNKNOWN_DATABASE
	},
	{
		Name: "database_dropped", What: "the database was dropped", Policy: PolicyStop,
		Remedy: "the {side}'s database was dropped, and this pipeline with it",
		signs:  codes(anyPostgres, "57P04"),
	},
	{
		Name: "rights", What: "the user lacks a right", Policy: PolicyPark,
		Remedy:           "`pgsluice check` tells which right the user lacks on the {side}, and the statement that gives it; then start pgsluice again",
		ClickHouseRemedy: "`pgsluice check` tells which right is missing, and the statement that gives it; then start pgsluice again",
		signs:            signs(codes(anyPostgres, "42501"), codes(ClickHouse, "497")), // ACCESS_DENIED
	},
	{
		Name: "table", What: "the table, its schema, or a type is not there", Policy: PolicyPark,
		Remedy:           "if the table is meant to be there, start pgsluice again: it is made and copied anew; else leave it out of the configuration",
		ClickHouseRemedy: "if the table is meant to be there, start pgsluice again: it is made and copied anew; else leave it out of the configuration",
		signs:            signs(codes(anyPostgres, "42P01", "3F000"), codes(ClickHouse, "60")), // UNKNOWN_TABLE
	},
	{
		Name: "column", What: "the table has not the columns it had", Policy: PolicyPark,
		Remedy:           "somebody has changed the {side}'s table: undo it, or start pgsluice again and the table is copied anew",
		ClickHouseRemedy: "somebody has changed the target's table: undo it, or drop the table and start pgsluice again: it is made and copied anew",
		signs:            signs(codes(anyPostgres, "42703"), codes(ClickHouse, "10", "16", "47")), // NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER
	},
	{
		Name: "mutation", What: "a mutation of the table does not come to its end", Policy: PolicyPark,
		Remedy: "look at system.mutations WHERE NOT is_done; KILL MUTATION … ends one that cannot succeed",
		signs:  codes(ClickHouse, "341"), // UNFINISHED
	},
	{
		Name: "wal_level", What: "the source's log is not one that can be decoded", Policy: PolicyPrecondition,
		Remedy: "ALTER SYSTEM SET wal_level = logical;  -- then restart PostgreSQL",
		signs:  texts(Source, "55000", "wal_level"),
	},
	{
		Name: "standby", What: "the source has become a standby, or none of its hosts takes writes", Policy: PolicyAwait,
		Remedy: "name the primary in the source's DSN: several hosts with target_session_attrs=read-write find it after each failover",
		signs: signs(
			texts(Source, "55000", "recovery", "standby"),
			texts(anyPostgres, "", "read only connection", "server is in hot standby mode", "server is in standby mode"),
		),
	},
	{
		Name: "slot_busy", What: "another process reads from the slot", Policy: PolicyRetry,
		Remedy: "the slot is in use: another pgsluice runs this pipeline, or one that was cut off is still known to the server (wal_sender_timeout)",
		signs:  codes(Source, "55006"),
	},
	{
		Name: "slot_gone", What: "the slot was dropped, and with it the changes since the watermark", Policy: PolicyStop,
		Remedy: LostRemedy,
		signs:  texts(Source, "42704", "replication slot"),
	},
	{
		Name: "slot_lost", What: "the source has removed log that the slot needs (max_slot_wal_keep_size), or has invalidated the slot", Policy: PolicyStop,
		Remedy: "the source no longer has the log this slot stands on (see max_slot_wal_keep_size): " + LostRemedy,
		signs: signs(
			texts(Source, "55000", "can no longer get changes from replication slot", "can no longer access replication slot",
				"cannot read from logical replication slot", "cannot be changed: it has been invalidated"),
			texts(Source, "58P01", "has already been removed"),
			texts(Source, "XX000", "has already been removed"),
		),
	},
	{
		Name: "decoding", What: "the source cannot decode its log from where the slot stands: a fault of PostgreSQL's, seen on 14 where it began in the middle of a transaction that alters tables", Policy: PolicyStop,
		Remedy: "the source cannot decode its log, and will not on another try: see whether PostgreSQL has a newer minor release; " + LostRemedy,
		signs:  texts(Source, "XX000", "could not map filenode"),
	},
	{
		Name: "log_lost", What: "a failover, or a backup that was put back, has lost transactions that the target has applied", Policy: PolicyStop,
		Remedy: "the target holds rows that the source has lost: " + LostRemedy + "; synchronized_standby_slots keeps a failover from losing what was read",
		signs:  texts(Source, "", "the source has lost log that the target has applied"),
	},
	{
		Name: "publication", What: "the publication was dropped: changes made without it are not to be had", Policy: PolicyStop,
		Remedy: "the changes that were made while there was no publication are not in the stream: " + LostRemedy,
		signs: signs(
			texts(Source, "42704", "publication"),
			texts(Source, "55000", "skipped loading publication"),
		),
	},
	{
		Name: "snapshot", What: "the exported snapshot went with the connection that held it", Policy: PolicyRetry,
		signs: signs(
			texts(Source, "22023", "invalid snapshot identifier"),
			texts(Source, "42704", "snapshot"),
			texts(Source, "55000", "could not import the requested snapshot"),
		),
	},
}

// LostRemedy is for changes that are not to be had any more.
const LostRemedy = "`pgsluice resync` makes a new slot and copies all tables anew"

// unknown is every other answer of a server. It is to a statement, and a
// statement of rows is about one table.
var unknown = Class{Name: "other", What: "any other answer to a statement about a table", Policy: PolicyPark}
