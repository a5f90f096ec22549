package status

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// The metrics, whose names are a promise: docs/operations/monitoring.md says what
// each means. Every one has the label pipeline, and behind it those named here.
var (
	sourceLagBytes    = metric("source_lag_bytes", "Log of the source that is not applied in the target yet, in bytes.")
	sourceRetained    = metric("source_retained_wal_bytes", "Log that the replication slot keeps the source from removing, in bytes.")
	applyLagSeconds   = metric("apply_lag_seconds", "How far the target is behind the source's commits, in seconds; 0 when everything is applied.")
	rowsApplied       = metric("rows_applied_total", "Changes of the source that were applied.", "table", "op")
	rowsLoaded        = metric("rows_loaded_total", "Rows that were copied.", "table")
	batchesTotal      = metric("batches_total", "Batches that were applied.")
	batchRows         = metric("batch_rows", "Rows of a batch, of each key the last.")
	batchApplySeconds = metric("batch_apply_seconds", "How long the target took to apply a batch, in seconds.")
	tableState        = metric("table_state", "1 for the state that the table is in.", "table", "state")
	valuesAdjusted    = metric("values_adjusted_total", "Values that were not kept as they were, as on_unrepresentable says.", "table", "column", "reason")
	errorsTotal       = metric("errors_total", "Errors that ended an attempt or stopped a table, by the class of docs/faults.md.", "class")
	attemptsTotal     = metric("attempts_total", "Attempts to run: 1, and 1 for each time that the pipeline began again.")
	lastCommit        = metric("last_commit_timestamp_seconds", "The source's clock at the commit of the last transaction that was applied.")
)

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pgsluice_"+name, help, append([]string{"pipeline"}, labels...), nil)
}

// collector makes metrics of the view whenever it is scraped: nothing is counted
// here.
type collector func() []Pipeline

// Describe is of prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sourceLagBytes, sourceRetained, applyLagSeconds, rowsApplied, rowsLoaded, batchesTotal, batchRows,
		batchApplySeconds, tableState, valuesAdjusted, errorsTotal, attemptsTotal, lastCommit,
	} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	for _, p := range c() {
		p.collect(to)
	}
}

func (p *Pipeline) collect(to chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		m, err := prometheus.NewConstMetric(d, kind, value, valid(append([]string{p.Name}, labels...))...)
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		to <- m
	}
	send(sourceLagBytes, prometheus.GaugeValue, float64(p.LagBytes))
	send(sourceRetained, prometheus.GaugeValue, float64(p.RetainedBytes))
	send(applyLagSeconds, prometheus.GaugeValue, p.LagSeconds)
	send(batchesTotal, prometheus.CounterValue, float64(p.Batches))
	send(attemptsTotal, prometheus.CounterValue, float64(p.Attempts))
	if !p.LastCommit.IsZero() {
		send(lastCommit, prometheus.GaugeValue, float64(p.LastCommit.UnixMicro())/1e6)
	}
	for class, n := range p.Errors {
		send(errorsTotal, prometheus.CounterValue, float64(n), class)
	}
	for d, h := range map[*prometheus.Desc]Histogram{batchRows: p.BatchRows, batchApplySeconds: p.BatchSeconds} {
		m, err := prometheus.NewConstHistogram(d, h.Count(), h.Sum, h.cumulative(), valid([]string{p.Name})...)
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		to <- m
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		send(tableState, prometheus.GaugeValue, 1, t.Relation, t.Phase)
		send(rowsLoaded, prometheus.CounterValue, float64(t.Rows), t.Relation)
		send(rowsApplied, prometheus.CounterValue, float64(t.Inserted), t.Relation, "insert")
		send(rowsApplied, prometheus.CounterValue, float64(t.Updated), t.Relation, "update")
		send(rowsApplied, prometheus.CounterValue, float64(t.Deleted), t.Relation, "delete")
		send(rowsApplied, prometheus.CounterValue, float64(t.Truncated), t.Relation, "truncate")
		for _, a := range t.Adjusted {
			send(valuesAdjusted, prometheus.CounterValue, float64(a.Count), t.Relation, a.Column, a.Reason)
		}
	}
}

// cumulative counts as Prometheus does: what is at or below each bound.
func (h Histogram) cumulative() map[float64]uint64 {
	buckets := make(map[float64]uint64, len(h.Bounds))
	n := uint64(0)
	for i, bound := range h.Bounds {
		if i < len(h.Counts) {
			n += h.Counts[i]
		}
		buckets[bound] = n
	}
	return buckets
}

// valid lets no label make a scrape fail.
func valid(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}
