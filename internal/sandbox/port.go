package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Loopback is the only address that a server of this package listens on.
const loopback = "127.0.0.1"

// The kernel hands out ports above 32768 to outgoing connections (49152 on macOS). A server that restarts wants its old
// port back, so it takes one that no outgoing connection can occupy in between.
const (
	lowestPort  = 15000
	highestPort = 32000
)

// freePort finds a port that nobody listens on now. Somebody may take it before the server does: the caller tries again.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			last = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
