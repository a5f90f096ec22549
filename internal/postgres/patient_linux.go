package postgres

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A sender waits for its timer, and each time longer, when not even one
	// segment fits the window. Those of the loopback device have 64 KiB, unless
	// the receiver asks for shorter ones when it connects.
	segment = 8 << 10
	// The kernel doubles it, for its own needs.
	littleBuffer = 64 << 10
	// The window can close no faster than what has been offered comes in, and
	// small messages take twenty times their size of the buffer: an offer of more
	// than this would have some of them dropped and sent again.
	littleWindow = 16 << 10
	// What the kernel allows is usually less.
	muchBuffer = 4 << 20
	muchWindow = 1 << 30
	// littleWindow each round trip is more than any walsender produces.
	nearRoundTrip = 300 * time.Microsecond
)

// smallSegments prepares a socket for littleWindow.
func smallSegments(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment) })
}

// near says whether the other side answers so fast that a small window does not
// slow it down.
func near(fd uintptr) bool {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Min_rtt > 0 && time.Duration(info.Min_rtt)*time.Microsecond <= nearRoundTrip
}

// holdLittle makes the socket hold little, or much again. A kernel that does not
// do as it is told costs speed and nothing else.
func holdLittle(fd uintptr, little bool) {
	buffer, window := muchBuffer, muchWindow
	if little {
		buffer, window = littleBuffer, littleWindow
	}
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP, window)
}
