// Command pgsluice-engine is a ClickHouse server in one small program, for machines that have no ClickHouse.
//
// It loads libchdb.so, which holds the whole engine, and runs what that library calls its command line: clickhouse-local.
// clickhouse-local can listen, on the native protocol and on HTTP, while somebody sits at its prompt. Nobody does: the
// terminal is made by this program, which types Ctrl-D when its own standard input is closed. Whoever starts the program
// holds the other end of a pipe, and when that process dies, however it dies, the server follows.
//
// It is a program of its own because purego, which loads the library without cgo, makes a binary dynamically linked:
// pgsluice itself stays static. Package internal/sandbox starts it, writes its configuration and says where it listens.
//
// Exit status: 0 after standard input was closed or a signal asked it to end, 1 when the engine failed (the message is
// on standard error), 2 for wrong flags.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

func init() {
	// The engine runs deep recursions, and only the main thread has the large stack that the system's limit grants.
	runtime.LockOSThread()
}

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "pgsluice-engine:", err)
		return 2
	}
	if err := serve(opts); err != nil {
		fmt.Fprintln(stderr, "pgsluice-engine:", err)
		return 1
	}
	return 0
}

func serve(opts options) error {
	engine, err := load(opts.library)
	if err != nil {
		return err
	}
	in, err := redirectStdin()
	if err != nil {
		return err
	}
	if err := engine.run(opts.argv()); err != nil {
		return err
	}
	if !in.asked.Load() {
		// The engine prints many of its errors and then reports success.
		return errors.New("the server ended although its standard input is open; its own message is above")
	}
	return nil
}
