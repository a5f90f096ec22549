//go:build unix && !linux

package postgres

import "syscall"

// Elsewhere it is not known what a small window brings.
func near(uintptr) bool { return false }

func holdLittle(uintptr, bool) {}

func smallSegments(_, _ string, _ syscall.RawConn) error { return nil }
