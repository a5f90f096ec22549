package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	clickhousego "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func TestErrorsAreJudgedByTheirCode(t *testing.T) {
	target := offline()
	for _, c := range []struct {
		code  int
		retry bool
		hint  string
		table bool
	}{
		{252, true, "", false},
		{241, true, "", false},
		{202, true, "", false},
		{159, true, "", false},
		{209, true, "", false},
		{210, true, "", false},
		{279, true, "", false},
		{243, true, "disk", false},
		{516, true, "password", false},
		{497, false, "GRANT", true},
		{81, false, "CREATE DATABASE", false},
		{60, false, "", true},
		{16, false, "", true},
		{53, false, "", true},
	} {
		wire := fmt.Errorf("send: %w", &ch.Exception{Code: proto.Error(c.code), Message: "m"})
		statement := fmt.Errorf("exec: %w", &clickhousego.Exception{Code: int32(c.code), Message: "m"})
		for _, err := range []error{wire, statement} {
			got := target.failed(context.Background(), "do something to table x", err)
			if fault.Retryable(got) != c.retry || !strings.Contains(fault.Hint(got), c.hint) || !strings.HasPrefix(got.Error(), "do something to table x: ") {
				t.Errorf("%d: %v, retryable %v, hint %q", c.code, got, fault.Retryable(got), fault.Hint(got))
			}
			if blamesTable(err) != c.table {
				t.Errorf("%d blames the table: %v", c.code, !c.table)
			}
		}
	}
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("x")}, errors.New("what is this")} {
		if got := target.failed(context.Background(), "d", err); !fault.Retryable(got) || blamesTable(err) {
			t.Errorf("%v is not worth another attempt", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := target.failed(ctx, "d", net.ErrClosed); !errors.Is(got, context.Canceled) || fault.Retryable(got) {
		t.Errorf("cancelled: %v", got)
	}
}

func TestAServerThatIsAwayIsWorthAnotherAttempt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), Options{DSN: "clickhouse://u:secret@" + addr + "/db"})
	if err == nil || !fault.Retryable(err) || !strings.Contains(err.Error(), addr) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestATableThatIsGoneIsThatTablesTrouble(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "doc", textType)
	prepare(t, target, tab)
	if err := target.Drop(context.Background(), "t"); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*apply.Batch{
		batch(t, tab, insertRow(tab, at(1, 1), 1, "x")),
		batch(t, tab, updateRow(tab, at(1, 1), 1, unchanged)),
	} {
		err := target.Apply(context.Background(), b)
		var failure *apply.TableError
		if !errors.As(err, &failure) || failure.Table != tab || fault.Retryable(err) || !strings.Contains(err.Error(), "`t`") {
			t.Errorf("%v", err)
		}
	}
	// The connection that saw the errors is not used again.
	prepare(t, target, tab)
	applyBatch(t, target, batch(t, tab, insertRow(tab, at(1, 1), 1, "x")))
}
