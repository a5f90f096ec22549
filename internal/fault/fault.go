// Package fault gives errors the two things a caller acts upon: whether trying
// again can help, and what the user can do about it. Packages wrap the errors
// of their clients once, where the client is called; everybody above asks with
// [Retryable], [Unmet] and [Hint] and never looks at strings.
package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Error is an error with a verdict.
type Error struct {
	Err error
	// Remedy says what to do next, as a sentence or a statement to run.
	Remedy string
	// Class is what sort of trouble it is; nil where it was judged without one.
	Class *Class
	class class
}

type class uint8

const (
	undecided class = iota
	retryable
	awaited // retryable, and unmet
	permanent
	unmet
	usage
)

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error that was judged.
func (e *Error) Unwrap() error { return e.Err }

// Retry marks an error that a later attempt may not meet.
func Retry(err error) error { return mark(err, retryable, "") }

// Permanent marks an error that every attempt would meet until somebody acts.
func Permanent(err error, remedy string) error { return mark(err, permanent, remedy) }

// Precondition marks something that has to be true before a run can begin and
// is not; remedy is the statement or setting that makes it true.
func Precondition(err error, remedy string) error { return mark(err, unmet, remedy) }

// Usage marks a mistake in the flags or the configuration.
func Usage(err error, remedy string) error { return mark(err, usage, remedy) }

// Advise adds a remedy and leaves the verdict as it is.
func Advise(err error, remedy string) error { return mark(err, undecided, remedy) }

func mark(err error, c class, remedy string) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, class: c, Remedy: remedy}
}

// verdict is the outermost decision in the chain.
func verdict(err error) class {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return undecided
		}
		if e.class != undecided {
			return e.class
		}
		err = e.Err
	}
	return undecided
}

// Unmet says whether a precondition is not met. What is waited for once a run has
// begun is one too.
func Unmet(err error) bool { v := verdict(err); return v == unmet || v == awaited }

// IsUsage says whether the user's flags or configuration are at fault.
func IsUsage(err error) bool { return verdict(err) == usage }

// Retryable says whether a later attempt can succeed without anybody acting.
// An undecided error is retryable when it is the network's.
func Retryable(err error) bool {
	switch verdict(err) {
	case retryable, awaited:
		return true
	case permanent, unmet, usage:
		return false
	case undecided:
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var netErr net.Error
	return errors.As(err, &netErr) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE)
}

// Hint collects the remedies in the chain, outermost first; empty when nobody
// knew one.
func Hint(err error) string {
	var hints []string
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		if e.Remedy != "" {
			hints = append(hints, e.Remedy)
		}
		err = e.Err
	}
	return strings.Join(hints, "\n")
}
