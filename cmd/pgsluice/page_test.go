package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/status"
	"github.com/pgsluice/pgsluice/sync"
)

func TestThePageAndTheConductorUseTheSameWords(t *testing.T) {
	for theirs, ours := range map[any]string{sync.Syncing: status.Streaming, apply.Streaming: status.Streaming, apply.Failed: status.Failed} {
		if theirs := fmt.Sprint(theirs); theirs != ours {
			t.Errorf("what is %q for the page is %q for the conductor", ours, theirs)
		}
	}
}

func TestAnAddressInUseIsSaidBeforeAnythingIsBegun(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, command := range []string{"run", "load"} {
		out, errOut := &bytes.Buffer{}, &bytes.Buffer{}
		code := execute([]string{
			command, "--source", "postgres://me:s3cret@127.0.0.1:1/shop", "--target", "clickhouse://127.0.0.1:1/shop", "--table", "public.*",
			"--listen", taken.Addr().String(),
		}, out, errOut)
		if code != exitUsage {
			t.Errorf("%s: exit status %d\n%s", command, code, errOut)
		}
		for _, word := range []string{"listen for the page", taken.Addr().String(), "in use", "--listen"} {
			if !strings.Contains(errOut.String(), word) {
				t.Errorf("%s does not say %q:\n%s", command, word, errOut)
			}
		}
	}
}

func TestThePagesKeysArrive(t *testing.T) {
	s, err := settingsOf(t, minimal+`
listen: 127.0.0.1:9630
listen_auth: {user: ops, password: "hidden"}
listen_tls: {cert: /etc/page.crt, key: /etc/page.key}
ready_lag: 5s
`, flags{flush: -1})
	if err != nil {
		t.Fatal(err)
	}
	want := pageSettings{
		Listen: "127.0.0.1:9630", Auth: status.Auth{User: "ops", Password: "hidden"},
		TLS: status.Certificate{Cert: "/etc/page.crt", Key: "/etc/page.key"}, ReadyLag: 5e9,
	}
	if s.Page != want {
		t.Errorf("%+v", s.Page)
	}
	var given text
	given.set = true
	if s, err = settingsOf(t, minimal+"listen: 127.0.0.1:9630\n", flags{flush: -1, listen: given}); err != nil || s.Page.Listen != "" || s.Page.ReadyLag != defaultReadyLag {
		t.Errorf("--listen '' does not take the page away: %+v %v", s.Page, err)
	}
	for yaml, says := range map[string]string{
		"listen: somewhere":                    `listen "somewhere"`,
		"listen: 127.0.0.1:http":               "is no address",
		"listen: 127.0.0.1:99999":              "is no address",
		"listen_auth: {user: ops}":             "both user and password",
		"listen_auth: {password: hidden-word}": "both user and password",
		"listen_tls: {cert: a.pem}":            "both cert and key",
		"ready_lag: soon":                      "a duration",
	} {
		_, err := settingsOf(t, minimal+yaml+"\n", flags{flush: -1})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}

// looked is a window on pipelines of a file each, which is closed in the end.
func looked(t *testing.T, log io.Writer, yaml ...string) (*window, error) {
	t.Helper()
	var all []settings
	for _, y := range yaml {
		s, err := settingsOf(t, y, flags{flush: -1})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	w, err := openWindow(all, 0, slog.New(slog.NewTextHandler(log, nil)))
	if err == nil {
		t.Cleanup(w.close)
	}
	return w, err
}

func TestPipelinesShareAPage(t *testing.T) {
	listen := "listen: 127.0.0.1:0\n"
	other := strings.Replace(minimal, "name: shop", "name: other", 1)
	w, err := looked(t, io.Discard, minimal+listen, other+listen)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.urls) != 1 {
		t.Fatalf("the pages are at %v", w.urls)
	}
	page := fetched(t, w.urls[0]+"status")
	if !strings.Contains(page, `"shop"`) || !strings.Contains(page, `"other"`) || strings.Contains(page, "secret@") {
		t.Error(page)
	}
	w.ended("other", fault.Permanent(os.ErrPermission, "ask for it"))
	page = fetched(t, w.urls[0]+"readyz")
	if !strings.Contains(page, "pipeline other has ended") || !strings.Contains(page, "pipeline shop does not stream: it is starting") {
		t.Error(page)
	}
	if page = fetched(t, w.urls[0]); !strings.Contains(page, "permission denied") || !strings.Contains(page, "ask for it") {
		t.Error(page)
	}
	_, err = looked(t, io.Discard, minimal+listen, other+listen+"listen_auth: {user: a, password: hidden-word}\n")
	if !fault.IsUsage(err) || strings.Contains(err.Error(), "hidden-word") {
		t.Errorf("one address with two passwords: %v", err)
	}
	if w, err = looked(t, io.Discard, minimal, other); err != nil || len(w.urls) != 0 {
		t.Errorf("%v %v", w.urls, err)
	}
	w.follow(settings{Config: sync.Config{Name: "shop"}}, nil, nil, slog.Default()) // nothing is shown, and nothing happens
}

func TestAReloadKeepsThePageWhereItIs(t *testing.T) {
	var log bytes.Buffer
	w, err := looked(t, io.Discard, minimal+"listen: 127.0.0.1:0\n")
	if err != nil {
		t.Fatal(err)
	}
	again := func(yaml string) string {
		s, err := settingsOf(t, minimal+yaml, flags{flush: -1})
		if err != nil {
			t.Fatal(err)
		}
		log.Reset()
		w.follow(s, nil, nil, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	if said := again("listen: 127.0.0.1:0\nready_lag: 7s\n"); said != "" {
		t.Errorf("nothing about the address has changed: %s", said)
	}
	if page := fetched(t, w.urls[0]); !strings.Contains(page, "<td class=\"value\">7s</td>") {
		t.Error("the page shows the configuration from before")
	}
	for _, yaml := range []string{"", "listen: 127.0.0.1:1\n", "listen: 127.0.0.1:0\nlisten_auth: {user: a, password: hidden-word}\n"} {
		if said := again(yaml); !strings.Contains(said, "started again") || strings.Contains(said, "hidden-word") {
			t.Errorf("%q: %q", yaml, said)
		}
		if page := fetched(t, w.urls[0]); !strings.Contains(page, "127.0.0.1:0") {
			t.Errorf("%q: the page says that it is elsewhere", yaml)
		}
	}
}

func fetched(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAPageForEverybodyIsWarnedOf(t *testing.T) {
	for yaml, warns := range map[string]string{
		"listen: 127.0.0.1:0\n": "",
		"listen: \":0\"\n":      "to everybody who reaches it",
		"listen: \":0\"\nlisten_auth: {user: a, password: hidden-word}\n": "over the network as it is",
	} {
		var log bytes.Buffer
		if _, err := looked(t, &log, minimal+yaml); err != nil {
			t.Fatal(err)
		}
		if said := log.String(); !strings.Contains(said, warns) || warns == "" && said != "" || strings.Contains(said, "hidden-word") {
			t.Errorf("%s: %q", yaml, said)
		}
	}
}

func TestWhatIsShownOfADSNIsNotSecret(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://me:s3cret@db:5432/shop?sslmode=verify-full&sslpassword=s3cret&options=s3cret": "postgres://me@db:5432/shop?sslmode=verify-full",
		"postgres://me:s3cr%40et%2F%3F@db/shop":                                                   "postgres://me@db/shop",
		"postgres://me:s3cret@one@db/shop":                                                        "postgres://me@db/shop",
		"postgres://db/shop?user=me&password=s3cret":                                              "postgres://db/shop",
		"host=db port=5433 user=me dbname=shop password='s3cret'":                                 "postgres://me@db:5433/shop",
		"clickhouse://default:s3cret@ch:9000/shop?secure=true&password=s3cret":                    "clickhouse://default@ch:9000/shop?secure=true",
		"greenplum://gp:s3cret@gp:5432/dw":                                                        "greenplum://gp@gp:5432/dw",
		"embedded:./warehouse":                                                                    "embedded:./warehouse",
		"postgres://me:12/s3cret@db/shop":                                                         "(not shown)",
	} {
		if got := withoutSecrets(dsn); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// hiddenKeys are those of the file that the page does not show.
var hiddenKeys = []string{"listen_auth.password", "listen_tls.key"}

func TestEveryKeyIsShown(t *testing.T) {
	dir := t.TempDir()
	s, err := settingsOf(t, `
name: shop
source: {dsn: "postgres://me:s3cret@db/shop", slot: mine, publication: mine}
target: {dsn: "greenplum://gp:s3cret@gp/dw", table: "x.{table}", storage: ao_row, compression: zlib}
tables: [public.*, {name: public.a, exclude: [c], where: b > 1, distributed_by: [id]}]
max_retained_wal: 1GiB
on_limit: stop
spool_dir: `+dir+`
listen: 127.0.0.1:1
listen_auth: {user: ops, password: s3cret}
listen_tls: {cert: `+filepath.Join(dir, "c")+`, key: k}
schedule: {resync: "@daily", tables: {public.a: "@hourly"}}
`, flags{flush: -1})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, setting := range s.shown() {
		shown[setting.Key] = setting.Value
		if strings.Contains(setting.Value, "s3cret") {
			t.Errorf("%+v", setting)
		}
	}
	shown["stream.max_parts_per_second"] = "is ClickHouse's"
	shown["schedule.tables"] = shown["schedule.tables public.a"]
	for _, hidden := range hiddenKeys {
		shown[hidden] = "is hidden"
	}
	for _, key := range keys(reflect.TypeFor[file](), "") {
		if shown[key] == "" {
			t.Errorf("the page does not show %s", key)
		}
	}
	if got := shown["tables public.a"]; got != "exclude: c; where: b > 1; distributed_by: id" {
		t.Error(got)
	}
}
