//go:build !linux

package sandbox

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
)

// zombie says whether a process has ended and nobody has asked how yet.
func zombie(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

// uidOf is the user that a process runs as.
func uidOf(pid int) (int, error) {
	uid, err := exec.Command("ps", "-o", "uid=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(uid)))
}

// processesIn lists the processes whose command line names a directory.
func processesIn(dir string) []string {
	all, _ := exec.Command("ps", "-axo", "pid=,command=").Output()
	var found []string
	for line := range strings.SplitSeq(string(all), "\n") {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}

// listeners lists the addresses of this machine on which somebody answers on a port: as Linux writes it for 127.0.0.1,
// as it is for the others.
func listeners(port int) ([]string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, a := range addresses {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLinkLocalUnicast() {
			continue
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(ip.IP.String(), fmt.Sprint(port)))
		if err != nil {
			continue
		}
		_ = conn.Close()
		if ip.IP.String() == loopback {
			found = append(found, "0100007F")
		} else {
			found = append(found, ip.IP.String())
		}
	}
	return found, nil
}
