package main

import "syscall"

// dup2 is dup3 because arm64 has no dup2 call.
func dup2(from, to int) error { return syscall.Dup3(from, to, 0) }
