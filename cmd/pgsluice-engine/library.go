package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the part of libchdb.so that this program uses. The declarations follow chdb.h: a result is an opaque
// pointer, its error a C string that belongs to the result, and whoever was given a result destroys it.
type library struct {
	queryCmdline      func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	resultError       func(result unsafe.Pointer) string
	destroyResult     func(result unsafe.Pointer)
	setSignalHandlers func(enabled int32)
}

func load(file string) (*library, error) {
	handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine: %w", err)
	}
	lib := &library{}
	var problems []error
	for name, target := range map[string]any{
		"chdb_query_cmdline":               &lib.queryCmdline,
		"chdb_result_error":                &lib.resultError,
		"chdb_destroy_query_result":        &lib.destroyResult,
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlers,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s has no %s: version 26.3 or later is needed", file, name))
			continue
		}
		purego.RegisterFunc(target, symbol)
	}
	return lib, errors.Join(problems...)
}

// run is clickhouse-local with the given command line. It returns when that ends; nil means that it ended well.
func (l *library) run(argv []string) error {
	// The engine's own handlers for SIGSEGV and its kin hand the report to a thread that clickhouse-local does not
	// start, and then sleep for minutes. Without them a crash ends the process at once, and the parent sees it.
	l.setSignalHandlers(0)

	// C wants argv to end with a null pointer. The strings have to stay where they are for as long as the server
	// runs, which the pinner promises: the engine keeps pointers into them.
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pointers := make([]*byte, len(argv)+1)
	for i, arg := range argv {
		text := append([]byte(arg), 0)
		pinned.Pin(&text[0])
		pointers[i] = &text[0]
	}
	pinned.Pin(&pointers[0])

	result := l.queryCmdline(int32(len(argv)), unsafe.Pointer(&pointers[0]))
	if result == nil {
		return errors.New("the ClickHouse engine returned nothing")
	}
	defer l.destroyResult(result)
	if message := strings.TrimSpace(l.resultError(result)); message != "" {
		return errors.New(message)
	}
	return nil
}
