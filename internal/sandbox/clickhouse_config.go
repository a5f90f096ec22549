package sandbox

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// anchorUser is whom the engine logs in as, before it listens. It insists on this name and on no password.
const anchorUser = "default"

// writeConfig writes the engine's two configuration files. The name that the server displays is how the start
// recognises its own server: another one may answer on the same port.
func (c *ClickHouse) writeConfig(displayName string) error {
	server := map[string]string{
		"listen_host":  loopback,
		"display_name": displayName,
		"log-level":    "error",
		"users_config": c.home.path("users.xml"),
		// The rest of a small server. No system log is configured, so there is none: query_log and its kin would cost
		// CPU all the time, and the engine cannot read them back at the next start.
		"mark_cache_size":                      "268435456",
		"index_mark_cache_size":                "67108864",
		"primary_index_cache_size":             "67108864",
		"vector_similarity_index_cache_size":   "0",
		"max_server_memory_usage_to_ram_ratio": "0.5",
		"background_schedule_pool_size":        "8",
	}
	maps.Copy(server, c.opts.ServerSettings)
	var config strings.Builder
	config.WriteString("<clickhouse>\n")
	config.WriteString("  <logger><console>1</console></logger>\n")
	for _, name := range sortedKeys(server) {
		writeElement(&config, name, server[name])
	}
	config.WriteString("</clickhouse>\n")
	if err := os.WriteFile(c.home.path("config.xml"), []byte(config.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(c.home.path("users.xml"), []byte(c.users()), 0o600)
}

// users declares the user of the server and, when that is another one, the engine's own.
func (c *ClickHouse) users() string {
	profile := map[string]string{
		// Profilers interrupt every thread with signals, for a log that is not kept.
		"query_profiler_real_time_period_ns": "0",
		"query_profiler_cpu_time_period_ns":  "0",
		"log_queries":                        "0",
	}
	maps.Copy(profile, c.opts.Settings)
	var text strings.Builder
	text.WriteString("<clickhouse>\n  <profiles>\n    <default>\n")
	for _, name := range sortedKeys(profile) {
		writeElement(&text, name, profile[name])
	}
	text.WriteString("    </default>\n  </profiles>\n")
	text.WriteString("  <quotas><default/></quotas>\n  <users>\n")
	if c.opts.User != anchorUser {
		// Anybody on this machine can be that user, so it can do nothing but what the engine needs: to listen.
		writeUser(&text, anchorUser, "<no_password/>", "<grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>")
	}
	credential := "<no_password/>"
	if c.opts.Password != "" {
		credential = "<password>" + escape(c.opts.Password) + "</password>"
	}
	writeUser(&text, c.opts.User, credential,
		"<access_management>1</access_management><named_collection_control>1</named_collection_control>")
	for _, name := range slices.Sorted(maps.Keys(c.opts.Further)) {
		var rights strings.Builder
		for _, grant := range c.opts.Further[name] {
			rights.WriteString("<query>" + escape(grant) + "</query>")
		}
		writeUser(&text, name, "<no_password/>", "<grants>"+rights.String()+"</grants>")
	}
	text.WriteString("  </users>\n</clickhouse>\n")
	return text.String()
}

// Grant gives one of the further users of the options other rights, in the place of those it had. The server reads them
// when it starts.
func (c *ClickHouse) Grant(user string, grants ...string) error {
	if _, ok := c.opts.Further[user]; !ok {
		return fmt.Errorf("%s is none of the server's further users", user)
	}
	c.opts.Further[user] = grants
	return os.WriteFile(c.home.path("users.xml"), []byte(c.users()), 0o600)
}

func writeUser(text *strings.Builder, name, credential, rights string) {
	fmt.Fprintf(text, "    <%s>%s<networks><ip>%s</ip></networks><profile>default</profile><quota>default</quota>%s</%s>\n",
		name, credential, loopback, rights, name)
}

// writeElement writes one setting; merge_tree.max_parts_in_total is an element within an element.
func writeElement(text *strings.Builder, name, value string) {
	path := strings.Split(name, ".")
	for _, element := range path {
		fmt.Fprintf(text, "<%s>", element)
	}
	text.WriteString(escape(value))
	for _, element := range slices.Backward(path) {
		fmt.Fprintf(text, "</%s>", element)
	}
	text.WriteString("\n")
}

func escape(text string) string {
	var out strings.Builder
	// A strings.Builder never fails.
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}
