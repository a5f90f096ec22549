package integration

import (
	"context"
	"errors"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/internal/fault"
)

type ctxt = context.Context

// errKilled ends a run as a crash would: nothing tries again.
var errKilled = fault.Permanent(errors.New("killed by the test"), "")

// failingAt makes the nth Apply fail for good after it has written.
func failingAt(nth int) func(*plan) {
	return func(p *plan) {
		p.wrap = func(target apply.Target) apply.Target {
			return applytest.NewFaulty(target, applytest.Fault{Method: applytest.Apply, Nth: nth, Kind: applytest.FailAfter, Err: errKilled})
		}
	}
}
