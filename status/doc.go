// Package status shows pipelines to people and to machines over HTTP: a page, its
// charts, Prometheus metrics, health, and all of it as JSON.
//
//	view func() []Pipeline ──┬─▶ /, /p/{name}   the page, and charts of the last while
//	                         ├─▶ /metrics       at the moment of the scrape
//	    sampler ─▶ history ──┘   /readyz, /status
//
// It knows nothing of how a pipeline runs. What is shown is a [Pipeline], a value;
// whoever runs pipelines gives a function that makes them, which is called from any
// goroutine. Nothing here changes anything: there is no request that does.
package status
