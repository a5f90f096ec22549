//go:build !linux

package sandbox

import "syscall"

// passDirectories can do nothing here: the child's own message says which directory it cannot enter.
func passDirectories(*syscall.SysProcAttr) {}
