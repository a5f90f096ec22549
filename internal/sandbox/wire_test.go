package sandbox

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The package imports the standard library only, and so do its tests: what they ask the servers fits on a page.

// askPostgres sends a simple query to PostgreSQL and returns the first column of the rows, as text, with a space between them.
// See "Message Flow" in the PostgreSQL manual.
func askPostgres(addr, query string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	startup := append(binary.BigEndian.AppendUint32(nil, 3<<16), "user\x00postgres\x00database\x00postgres\x00\x00"...)
	message := append(binary.BigEndian.AppendUint32(nil, uint32(len(startup)+4)), startup...)
	message = append(message, 'Q')
	message = append(binary.BigEndian.AppendUint32(message, uint32(len(query)+5)), query...)
	if _, err := conn.Write(append(message, 0)); err != nil {
		return "", err
	}
	var rows []string
	ready := 0 // once after the login, once after the query
	for in := bufio.NewReader(conn); ready < 2; {
		var head [5]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return "", err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(in, body); err != nil {
			return "", err
		}
		switch head[0] {
		case 'R':
			if how := binary.BigEndian.Uint32(body); how != 0 {
				return "", fmt.Errorf("it asks for authentication %d", how)
			}
		case 'E':
			return "", errors.New(strings.ReplaceAll(string(body), "\x00", " "))
		case 'D':
			size := int32(binary.BigEndian.Uint32(body[2:]))
			rows = append(rows, string(body[6:6+max(size, 0)]))
		case 'Z':
			ready++
		}
	}
	return strings.Join(rows, " "), nil
}

func (p *Postgres) mustAsk(t *testing.T, query string) string {
	t.Helper()
	answer, err := askPostgres(p.Addr(), query)
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, p.Log())
	}
	return answer
}

// askClickHouse sends a query over HTTP and returns the answer without the last line feed.
func askClickHouse(addr, user, password, query string) (string, error) {
	where := url.URL{Scheme: "http", Host: addr, User: url.UserPassword(user, password)}
	request, err := http.NewRequest(http.MethodPost, where.String(), strings.NewReader(query))
	if err != nil {
		return "", err
	}
	request.Close = true // a server in shutdown waits for connections that stay open
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", errors.New(answer)
	}
	return answer, nil
}

func (c *ClickHouse) mustAsk(t *testing.T, query string) string {
	t.Helper()
	answer, err := askClickHouse(c.HTTPAddr(), c.opts.User, c.opts.Password, query)
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, c.Log())
	}
	return answer
}
