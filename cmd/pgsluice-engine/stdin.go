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

// endOfTransmission is what a terminal sends for Ctrl-D: standard input ends here.
const endOfTransmission = 4

// stdin is the engine's standard input: a terminal of our own in place of the real standard input. It ends when the real
// one ends or a signal asks the program to end; the engine then shuts down in order. There is no other way to ask it.
//
// The parent starts this program in a process group of its own, so a Ctrl-C in the terminal reaches the parent alone and
// the parent decides; a SIGINT that arrives here was meant for this process.
type stdin struct {
	asked atomic.Bool // the engine was asked to end
}

func redirectStdin() (*stdin, error) {
	real, err := syscall.Dup(0)
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	syscall.CloseOnExec(real)
	terminal, err := openTerminal()
	if err != nil {
		return nil, err
	}
	// What the engine prints for somebody's eyes would fill the terminal's buffer and stop it.
	go func() { _, _ = io.Copy(io.Discard, terminal) }()

	in := &stdin{}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// What arrives is of no interest, and neither is an error: both mean that nobody holds the other end.
		_, _ = io.Copy(io.Discard, os.NewFile(uintptr(real), "stdin"))
	}()
	go func() {
		select {
		case <-signals:
		case <-ended:
		}
		in.asked.Store(true)
		in.end(terminal)
	}()
	return in, nil
}

// end says Ctrl-D to the prompt until the process is gone. Once is not enough: what is typed before the prompt is there
// gets lost.
func (in *stdin) end(terminal *os.File) {
	giveUp := time.After(shutdownPatience)
	again := time.NewTicker(50 * time.Millisecond)
	for {
		_, _ = terminal.Write([]byte{endOfTransmission})
		select {
		case <-again.C:
		case <-giveUp:
			fmt.Fprintln(os.Stderr, "pgsluice-engine: the engine does not end, giving up")
			os.Exit(1)
		}
	}
}
