package typemap

import (
	"encoding/binary"
	"strconv"
)

// The families of an inet's binary form: family, bits of the mask, 1 for a
// cidr, count of address bytes, all of 1 byte; then the address.
const (
	familyV4 = 2
	familyV6 = 3
)

// appendInet prints an inet or cidr. An inet shows its mask only where it is
// shorter than the address, a cidr always.
func appendInet(dst, b []byte) ([]byte, bool) {
	if len(b) < 4 || len(b) != 4+int(b[3]) {
		return dst, false
	}
	mask, isCIDR, addr := int(b[1]), b[2] == 1, b[4:]
	switch {
	case b[0] == familyV4 && len(addr) == 4 && mask <= 32:
		dst = appendV4(dst, addr)
	case b[0] == familyV6 && len(addr) == 16 && mask <= 128:
		dst = appendV6(dst, addr)
	default:
		return dst, false
	}
	if isCIDR || mask < 8*len(addr) {
		dst = append(dst, '/')
		dst = strconv.AppendInt(dst, int64(mask), 10)
	}
	return dst, true
}

func appendV4(dst, addr []byte) []byte {
	for i, c := range addr {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(c), 10)
	}
	return dst
}

// appendV6 leaves out the first longest run of two or more zero words, and
// shows an address of version 4 inside as such. PostgreSQL's idea of which do
// (src/port/inet_net_ntop.c) is wider than net/netip's.
func appendV6(dst, addr []byte) []byte {
	var words [8]uint16
	for i := range words {
		words[i] = binary.BigEndian.Uint16(addr[2*i:])
	}
	from, length := longestZeros(&words)
	for i := 0; i < len(words); i++ {
		if length >= 2 && i == from {
			dst = append(dst, ':')
			if i += length; i == len(words) {
				return append(dst, ':')
			}
		}
		if i > 0 {
			dst = append(dst, ':')
		}
		if i == 6 && length >= 2 && from == 0 && (length == 6 || length == 5 && words[5] == 0xffff) {
			return appendV4(dst, addr[12:])
		}
		dst = strconv.AppendUint(dst, uint64(words[i]), 16)
	}
	return dst
}

func longestZeros(words *[8]uint16) (from, length int) {
	run := 0
	for i, w := range words {
		if w != 0 {
			run = 0
			continue
		}
		if run++; run > length {
			from, length = i-run+1, run
		}
	}
	return from, length
}

func (m *Meaning) appendMAC(dst, b []byte) ([]byte, bool) {
	if m.op == opMACAddr && len(b) != 6 || m.op == opMACAddr8 && len(b) != 8 {
		return dst, false
	}
	const digits = "0123456789abcdef"
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst, true
}
