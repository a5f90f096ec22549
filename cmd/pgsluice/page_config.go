package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/status"
	"github.com/pgsluice/pgsluice/sync"
)

// shown is the configuration as it came out of files, flags and defaults, by the
// keys of the file, without secrets. What is not set and has no default is left
// out.
func (s *settings) shown() []status.Setting {
	var all []status.Setting
	add := func(key string, value any) {
		if text := fmt.Sprint(value); text != "" {
			all = append(all, status.Setting{Key: key, Value: text})
		}
	}
	add("name", s.Name)
	add("source.dsn", withoutSecrets(s.Source))
	add("source.slot", s.Slot)
	add("source.publication", s.Publication)
	add("target.dsn", withoutSecrets(s.Target))
	add("target.table", s.Template)
	add("target.storage", s.Storage)
	add("target.compression", s.Compression)
	for _, p := range s.Patterns {
		add("tables", p.String())
	}
	for _, name := range slices.Sorted(maps.Keys(s.Wishes)) {
		add("tables "+name, wishText(s.Wishes[name]))
	}
	add("load.copy", s.Copy)
	add("load.workers", s.Workers)
	add("load.existing", map[apply.Existing]string{apply.Refuse: "error", apply.Truncate: "truncate", apply.Keep: "append"}[s.Existing])
	add("stream.flush_interval", s.FlushInterval)
	add("stream.max_rows", s.MaxRows)
	add("stream.max_bytes", bytesText(int64(s.MaxBytes)))
	if kindOf(s.Target) != greenplumKind {
		add("stream.max_parts_per_second", s.MaxPartsPerSecond)
	}
	add("stream.operations", operationsText(s.Operations))
	add("on_unrepresentable", s.OnUnrepresentable)
	add("on_drop_column", map[bool]string{true: "keep", false: "drop"}[s.KeepDropped])
	if s.MaxRetained > 0 {
		add("max_retained_wal", bytesText(s.MaxRetained))
		add("on_limit", map[sync.OnLimit]string{sync.LimitWarns: "warn", sync.LimitStops: "stop", sync.LimitDropsSlot: "drop_slot"}[s.OnLimit])
	}
	for _, t := range s.Schedule {
		key := "schedule.resync"
		if t.Table != "" {
			key = "schedule.tables " + t.Table
		}
		add(key, t.Spec)
	}
	add("spool_dir", s.SpoolDir)
	add("listen", s.Page.Listen)
	add("listen_auth.user", s.Page.Auth.User)
	add("listen_tls.cert", s.Page.TLS.Cert)
	add("ready_lag", s.Page.ReadyLag)
	return all
}

func operationsText(o replication.Operations) string {
	var words []string
	for _, op := range []struct {
		on   bool
		word string
	}{{o.Insert, "insert"}, {o.Update, "update"}, {o.Delete, "delete"}, {o.Truncate, "truncate"}} {
		if op.on {
			words = append(words, op.word)
		}
	}
	return strings.Join(words, ", ")
}

// wishText writes what a table wants as the file has it.
func wishText(w sync.TableWish) string {
	var all []string
	add := func(key, value string) {
		if value != "" {
			all = append(all, key+": "+value)
		}
	}
	pairs := func(m map[string]string) string {
		var words []string
		for _, key := range slices.Sorted(maps.Keys(m)) {
			words = append(words, key+" → "+m[key])
		}
		return strings.Join(words, ", ")
	}
	edges := map[string]string{}
	for column, policy := range w.OnUnrepresentable {
		edges[column] = policy.String()
	}
	add("target", w.Target)
	add("exclude", strings.Join(w.Exclude, ", "))
	add("rename", pairs(w.Rename))
	add("types", pairs(w.Types))
	add("where", w.Where)
	add("order_by", strings.Join(w.OrderBy, ", "))
	add("partition_by", w.PartitionBy)
	add("distributed_by", strings.Join(w.DistributedBy, ", "))
	add("storage", w.Storage)
	add("compression", w.Compression)
	add("on_unrepresentable", pairs(edges))
	return strings.Join(all, "; ")
}

// shownParameters are those of a DSN that nothing secret can stand in.
var shownParameters = []string{"sslmode", "sslrootcert", "sslcert", "target_session_attrs", "application_name", "secure", "skip_verify", "compress", "durable"}

// withoutSecrets is a DSN with what says where it leads and as whom, and nothing
// else: what is not known is taken for a secret.
func withoutSecrets(dsn string) string {
	if speaksEmbedded(dsn) {
		return dsn
	}
	if u, err := url.Parse(dsn); err == nil && u.Host != "" && !strings.Contains(u.Path, "@") {
		plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		if name := u.User.Username(); name != "" {
			plain.User = url.User(name)
		}
		given, kept := u.Query(), url.Values{}
		for _, key := range shownParameters {
			if given.Has(key) {
				kept.Set(key, given.Get(key))
			}
		}
		plain.RawQuery = kept.Encode()
		return plain.String()
	}
	if c, err := postgres.Parse(dsn); err == nil && !strings.Contains(dsn, "://") {
		return (&url.URL{Scheme: "postgres", User: url.User(c.User), Host: fmt.Sprintf("%s:%d", c.Host, c.Port), Path: "/" + c.Database}).String()
	}
	return "(not shown)"
}
