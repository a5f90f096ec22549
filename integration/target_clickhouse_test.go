package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/clickhouse"
)

// clickHouse is the one ClickHouse. The program makes its databases.
type clickHouse struct{}

func (clickHouse) String() string                       { return "ClickHouse" }
func (clickHouse) product() string                      { return "ClickHouse" }
func (clickHouse) dsn(database string) string           { return servers.clickhouse.DSN(database) }
func (clickHouse) addr() string                         { return servers.clickhouse.NativeAddr() }
func (clickHouse) outlives() bool                       { return false }
func (clickHouse) create(context.Context, string) error { return nil }

func (clickHouse) drop(ctx context.Context, database string) error {
	_, err := queryClickHouse(ctx, "", "DROP DATABASE IF EXISTS "+database)
	return err
}

func (clickHouse) open(s *scene, policy apply.Policy) (apply.Target, error) {
	return clickhouse.Open(s.ctx, clickhouse.Options{
		Pipeline: s.name, DSN: s.targetDSN(), OnUnrepresentable: policy, Log: slog.New(slog.NewTextHandler(s.logged, nil)),
	})
}

func (clickHouse) name(schema, table string) string {
	if schema == "public" {
		return table
	}
	return schema + "_" + table
}

func (clickHouse) from(name string) string { return quoteClickHouse(name) + " FINAL" }

// catalog leaves out how many rows a table has: a merge changes that.
func (clickHouse) catalog(ctx context.Context, database string) (string, error) {
	answer, err := queryClickHouse(ctx, "", fmt.Sprintf(`SELECT database, name, create_table_query, total_rows > 0 FROM system.tables WHERE database = '%s' ORDER BY name
		UNION ALL SELECT name, '', '', 0 FROM system.databases WHERE name = '%[1]s'`, database))
	lines := strings.Split(string(answer), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n"), err
}

func (clickHouse) tables(ctx context.Context, database string) (names []string, err error) {
	rows, err := clickHouseReader("").query(ctx, "SELECT name FROM system.tables WHERE database = '"+database+"' AND name <> '_pgsluice_state'")
	for _, row := range rows {
		names = append(names, *row[0])
	}
	return names, err
}

func (clickHouse) listColumns(name string) string {
	return fmt.Sprintf(`SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '%s' AND name NOT LIKE '\\_%%' ORDER BY position`,
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name))
}

func (clickHouse) texts(_ *scene, c comparedColumn, _ string) twoTexts {
	return twoTexts{c.inPostgres(), "CAST(" + c.inClickHouse() + " AS Nullable(String))"}
}

func (clickHouse) read(_ context.Context, database string) (reader, error) {
	return clickHouseReader(database), nil
}

// clickHouseReader is a database, asked over HTTP.
type clickHouseReader string

func (r clickHouseReader) close() {}

func (r clickHouseReader) query(ctx context.Context, sql string) ([][]*string, error) {
	answer, err := queryClickHouse(ctx, string(r), sql)
	if err != nil {
		return nil, err
	}
	var rows [][]*string
	for line := range bytes.Lines(answer) {
		var row []*string
		for value := range bytes.SplitSeq(bytes.TrimSuffix(line, []byte("\n")), []byte("\t")) {
			row = append(row, unescaped(value))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// unescaped is a value as the format TabSeparated writes it.
func unescaped(value []byte) *string {
	if string(value) == `\N` {
		return nil
	}
	text := string(value)
	if bytes.IndexByte(value, '\\') >= 0 {
		text = tabSeparated.Replace(text)
	}
	return &text
}

var tabSeparated = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\b`, "\b", `\f`, "\f", `\0`, "\x00", `\'`, `'`)

// queryClickHouse asks for the answer's bytes, in the format TabSeparated unless
// the query names another.
func queryClickHouse(ctx context.Context, database, sql string) ([]byte, error) {
	return queryClickHouseAt(ctx, servers.clickhouse.HTTPAddr(), database, sql)
}

func queryClickHouseAt(ctx context.Context, addr, database, sql string) ([]byte, error) {
	query := url.Values{"database": {database}}
	if database == "" {
		query.Set("database", "default")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+addr+"/?"+query.Encode(), strings.NewReader(sql))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(targetUser, targetPassword)
	response, err := web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := io.Copy(&answer, response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ClickHouse answered %s: %s", response.Status, answer.String())
	}
	return answer.Bytes(), nil
}

// web keeps no connections, so that none is left at the end.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func quoteClickHouse(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
