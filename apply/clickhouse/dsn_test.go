package clickhouse

import (
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go"

	"github.com/pgsluice/pgsluice/internal/fault"
)

func TestDSNsAreRead(t *testing.T) {
	for dsn, want := range map[string]address{
		"clickhouse://u:p%40ss@ch:9000/shop":                    {host: "ch:9000", user: "u", password: "p@ss", database: "shop", compression: ch.CompressionLZ4, durable: true},
		"clickhouse://ch":                                       {host: "ch:9000", user: "default", database: "default", compression: ch.CompressionLZ4, durable: true},
		"clickhouse://localhost/d":                              {host: "localhost:9000", user: "default", database: "d", durable: true},
		"clickhouse://127.0.0.1:1/d?compress=lz4":               {host: "127.0.0.1:1", user: "default", database: "d", compression: ch.CompressionLZ4, durable: true},
		"clickhouse://[::1]/d?compress=zstd&durable=false":      {host: "[::1]:9000", user: "default", database: "d", compression: ch.CompressionZSTD},
		"clickhouse://ch.example/d%2Fe?compress=none":           {host: "ch.example:9000", user: "default", database: "d/e", durable: true},
		"clickhouse://ch?secure=true":                           {host: "ch:9440", user: "default", database: "default", compression: ch.CompressionLZ4, durable: true},
		"clickhouse://ch:1?secure=1&skip_verify=true&durable=0": {host: "ch:1", user: "default", database: "default", compression: ch.CompressionLZ4},
	} {
		got, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if secure := strings.Contains(dsn, "secure"); secure != (got.tls != nil) {
			t.Errorf("%s: TLS %v", dsn, got.tls)
		}
		if got.tls != nil && (got.tls.ServerName != "ch" || got.tls.InsecureSkipVerify != strings.Contains(dsn, "skip_verify")) {
			t.Errorf("%s: TLS %v", dsn, got.tls)
		}
		got.tls = nil
		if got != want {
			t.Errorf("%s: got %+v", dsn, got)
		}
	}
}

func TestBadDSNsDoNotShowTheirPassword(t *testing.T) {
	for dsn, word := range map[string]string{
		"postgres://u:secret@ch/db":                    "clickhouse://",
		"clickhouse://u:secret":                        "URL",
		"clickhouse://u:sec ret%zz@ch/db":              "URL",
		"clickhouse://u:secret@/db":                    "host",
		"u:secret@ch":                                  "clickhouse://",
		"clickhouse://u:secret@ch/db?compress=gzip":    "none, lz4 or zstd",
		"clickhouse://u:secret@ch/db?secure=perhaps":   "true or false",
		"clickhouse://u:secret@ch/db?timeout=3":        "timeout",
		"clickhouse://u:secret@ch/db?skip_verify=true": "secure",
		"": "clickhouse://",
	} {
		_, err := parseDSN(dsn)
		if err == nil || !fault.IsUsage(err) || !strings.Contains(err.Error(), word) || strings.Contains(err.Error()+fault.Hint(err), "secret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
