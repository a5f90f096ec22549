//go:build unix

package postgres

import "syscall"

func readNow(fd uintptr, p []byte) int {
	n, err := syscall.Read(int(fd), p)
	if err != nil {
		return 0
	}
	return n
}

// callWhen sets how many bytes have to be there for a sleeping reader to be
// woken. Where a system does not know it, every message wakes as before.
func callWhen(fd uintptr, bytes int) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
}
