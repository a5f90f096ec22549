package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go"

	"github.com/pgsluice/pgsluice/internal/fault"
)

const dsnForm = "clickhouse://user:password@host:9000/database?secure=true"

// address is a DSN, read.
type address struct {
	host           string // with port
	user, password string
	database       string
	tls            *tls.Config // nil: plain TCP
	compression    ch.Compression
	durable        bool
}

// parseDSN never shows the DSN in an error: it holds the password, and in a
// malformed one nobody knows where.
func parseDSN(dsn string) (address, error) {
	u, err := url.Parse(dsn)
	switch {
	case err != nil:
		return address{}, badDSN(errors.New("it is not a URL (special characters in the password have to be percent-encoded)"))
	case u.Scheme != "clickhouse":
		return address{}, badDSN(errors.New("it does not begin with clickhouse://"))
	case u.Hostname() == "":
		return address{}, badDSN(errors.New("it names no host"))
	}
	a := address{user: "default", durable: true, database: strings.TrimPrefix(u.Path, "/")}
	if a.database == "" {
		a.database = "default"
	}
	if u.User != nil {
		if name := u.User.Username(); name != "" {
			a.user = name
		}
		a.password, _ = u.User.Password()
	}
	if !loopback(u.Hostname()) {
		a.compression = ch.CompressionLZ4
	}
	if err := a.parameters(u.Query(), u.Hostname()); err != nil {
		return address{}, badDSN(err)
	}
	port := u.Port()
	switch {
	case port != "":
	case a.tls != nil:
		port = "9440"
	default:
		port = "9000"
	}
	a.host = net.JoinHostPort(u.Hostname(), port)
	return a, nil
}

func (a *address) parameters(q url.Values, host string) error {
	var secure, skipVerify bool
	for name, values := range q {
		value := values[len(values)-1]
		var err error
		switch name {
		case "secure":
			secure, err = strconv.ParseBool(value)
		case "skip_verify":
			skipVerify, err = strconv.ParseBool(value)
		case "durable":
			a.durable, err = strconv.ParseBool(value)
		case "compress":
			a.compression, err = parseCompression(value)
		default:
			return fmt.Errorf("it has a parameter %q; known are secure, skip_verify, compress and durable", name)
		}
		if err != nil {
			return fmt.Errorf("its parameter %s is %q, expected %s", name, value, expected(name))
		}
	}
	if skipVerify && !secure {
		return errors.New("skip_verify means nothing without secure=true")
	}
	if secure {
		a.tls = &tls.Config{ServerName: host, InsecureSkipVerify: skipVerify, MinVersion: tls.VersionTLS12}
	}
	return nil
}

func expected(parameter string) string {
	if parameter == "compress" {
		return "none, lz4 or zstd"
	}
	return "true or false"
}

func parseCompression(s string) (ch.Compression, error) {
	switch s {
	case "none", "false":
		return ch.CompressionDisabled, nil
	case "lz4", "true":
		return ch.CompressionLZ4, nil
	case "zstd":
		return ch.CompressionZSTD, nil
	}
	return 0, errors.New("unknown")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func badDSN(err error) error {
	return fault.Usage(fmt.Errorf("read the target's DSN: %w", err), "write it as "+dsnForm)
}
