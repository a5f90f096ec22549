//go:build !linux

package sandbox

import "syscall"

// dieWithParent has no counterpart outside Linux: watchParent does the work.
func dieWithParent(*syscall.SysProcAttr) {}

// watchParent ends the child when we are gone.
func watchParent(pid int) (stop func()) { return watchdog(pid) }
