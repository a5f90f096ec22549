package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// shutdownPatience is how long the engine may take to end once it was asked to. Nobody is left to complain when it
// hangs: its parent may be gone.
const shutdownPatience = 30 * time.Second

// stdin is the engine's standard input: a pipe of our own in place of the real one. It ends when the real one ends or a
// signal asks the program to end; the engine then shuts down in order. There is no other way to ask it.
//
// The parent starts this program in a process group of its own, so a Ctrl-C in the terminal reaches the parent alone and
// the parent decides; a SIGINT that arrives here was meant for this process.
type stdin struct {
	asked atomic.Bool // the engine was asked to end
}

func redirectStdin() (*stdin, error) {
	outer, err := syscall.Dup(0)
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	syscall.CloseOnExec(outer)
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	syscall.CloseOnExec(pipe[1])
	if err := dup2(pipe[0], 0); err != nil {
		return nil, fmt.Errorf("replace standard input: %w", err)
	}
	if err := syscall.Close(pipe[0]); err != nil {
		return nil, fmt.Errorf("replace standard input: %w", err)
	}

	in := &stdin{}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// What arrives is of no interest, and neither is an error: both mean that nobody holds the other end.
		_, _ = io.Copy(io.Discard, os.NewFile(uintptr(outer), "stdin"))
	}()
	go func() {
		select {
		case <-signals:
		case <-ended:
		}
		in.asked.Store(true)
		_ = syscall.Close(pipe[1])
		time.AfterFunc(shutdownPatience, func() {
			fmt.Fprintln(os.Stderr, "pgsluice-engine: the engine does not end, giving up")
			os.Exit(1)
		})
	}()
	return in, nil
}
