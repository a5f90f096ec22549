package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
)

// options says which library to load and where the server it holds listens and keeps its data.
type options struct {
	library  string // libchdb.so
	path     string // the server's data directory
	config   string // ClickHouse configuration (XML); empty: the engine's defaults
	httpPort int
	tcpPort  int
}

func parse(args []string, stderr io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("pgsluice-engine", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&opts.library, "library", "", "`file`: libchdb.so, from the npm package @chdb/lib-<platform>")
	flags.StringVar(&opts.path, "path", "", "`directory` that holds the data")
	flags.StringVar(&opts.config, "config", "", "ClickHouse configuration `file`")
	flags.IntVar(&opts.httpPort, "http-port", 8123, "`port` for HTTP")
	flags.IntVar(&opts.tcpPort, "tcp-port", 9000, "`port` for the native protocol")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: pgsluice-engine -library libchdb.so -path directory [flags]")
		fmt.Fprintln(stderr, "Runs a ClickHouse server on 127.0.0.1 until standard input is closed.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	var problems []error
	if flags.NArg() > 0 {
		problems = append(problems, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if opts.library == "" {
		problems = append(problems, errors.New("-library is missing: the path of libchdb.so"))
	}
	if opts.path == "" {
		problems = append(problems, errors.New("-path is missing: the data directory"))
	}
	if !isPort(opts.httpPort) {
		problems = append(problems, fmt.Errorf("-http-port %d is not a port", opts.httpPort))
	}
	if !isPort(opts.tcpPort) {
		problems = append(problems, fmt.Errorf("-tcp-port %d is not a port", opts.tcpPort))
	}
	return opts, errors.Join(problems...)
}

func isPort(n int) bool { return 1 <= n && n <= 65535 }

// argv is the command line of clickhouse-local. The server listens because of the two statements, and stays because
// clickhouse-local then shows its prompt and waits for somebody to type.
//
// Without --interactive it would be made for one query, and would take an error in any connection's thread for its own:
// a wrong password, a port scan or a client that goes away in the middle of its greeting would end the server.
func (o options) argv() []string {
	argv := []string{"clickhouse", "--interactive", "--disable_suggestion", "--progress=off"}
	if o.config != "" {
		argv = append(argv, "--config-file="+o.config)
	}
	return append(argv,
		"--path="+filepath.Clean(o.path),
		fmt.Sprintf("--http_port=%d", o.httpPort),
		fmt.Sprintf("--tcp_port=%d", o.tcpPort),
		"--query", "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP")
}
