// Package sync conducts a pipeline: it brings a source's tables into a target
// once ([Pipeline.Load]), or keeps them there ([Pipeline.Run]). What either would
// meet and do can be asked beforehand ([Pipeline.Check], [Pipeline.Plan]).
//
//	Run:  attempt ─▶ setup ─▶ load what is not loaded ─▶ stream ─▶ (error) ─▶ backoff ─▶ attempt …
//
//	                 ┌── gather loop: Stream.Next, skip rules ──┐
//	 stream:         │   owns the replication connection        │ two batches change hands
//	                 └── apply loop: Target.Apply, Remember ◀───┘
//	                     the only writer of progress; tells the gather loop what to confirm
//
// Recovery is the start path: an attempt ends with an error, and the next one
// begins from what the target remembers. There is no other recovery code.
//
// The order that everything hangs on stands in apply.go: rows durable, then the
// watermark remembered, then the source told.
//
// The package shares its name with the standard library's. Only cmd and
// integration import it; a file that needs both names the standard one stdsync.
package sync
