package integration

import (
	"context"
	"errors"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/internal/fault"
)

type ctxt = context.Context

// errKilled ends a run as a crash would: nothing tries again.
var errKilled = fault.Permanent(errors.New("killed by the test"), "")

// faults puts a script of faults in front of the target.
func faults(script ...applytest.Fault) func(*plan) {
	return faultsAt(new(*applytest.Faulty), script...)
}

// faultsAt is the same where the test asks what the calls have come to.
func faultsAt(at **applytest.Faulty, script ...applytest.Fault) func(*plan) {
	return func(p *plan) {
		p.wrap = func(target apply.Target) apply.Target {
			*at = applytest.NewFaulty(target, script...)
			return (*at).Wrapped()
		}
	}
}

// failingAt makes the nth Apply fail for good after it has written.
func failingAt(nth int) func(*plan) {
	return faults(applytest.Fault{Method: applytest.Apply, Nth: nth, Kind: applytest.FailAfter, Err: errKilled})
}

// inPlaceOf gives what stands in a target's place the abilities that are to be
// the target's own, where it has them.
func inPlaceOf(target, wrapped apply.Target) apply.Target {
	type abilities interface {
		apply.Transactional
		apply.Settler
	}
	if own, ok := target.(abilities); ok {
		return struct {
			apply.Target
			abilities
		}{wrapped, own}
	}
	return wrapped
}

// TestTroubleOfTheTargetLosesNothing lets each call fail before and after it has
// done its work, while tables are copied and while they are streamed.
func TestTroubleOfTheTargetLosesNothing(t *testing.T) {
	for _, kind := range []struct {
		name string
		kind applytest.Kind
	}{{"rejected", applytest.Reject}, {"failing after the work", applytest.FailAfter}} {
		t.Run(kind.name, func(t *testing.T) {
			onNewest(t, func(s *scene) {
				s.openBank(3000)
				w := s.work(2, 3000, 7)
				var script []applytest.Fault
				for _, f := range []struct {
					method applytest.Method
					nth    int
				}{
					{applytest.Prepare, 3},
					{applytest.Remember, 1},
					{applytest.Remember, 4},
					{applytest.Load, 2},
					{applytest.Append, 1500},
					{applytest.Finish, 3},
					{applytest.Apply, 1},
					{applytest.Apply, 3},
					{applytest.Apply, 4},
					{applytest.Commit, 1}, // of targets that have it
					{applytest.Commit, 4},
					{applytest.Recall, 3},
				} {
					script = append(script, applytest.Fault{Method: f.method, Nth: f.nth, Kind: kind.kind})
				}
				// One script for all starts: what fails before anything has moved ends
				// a run, and is met by a new one.
				var faulty *applytest.Faulty
				wrap := func(p *plan) {
					p.MaxRows = 500
					p.wrap = func(target apply.Target) apply.Target {
						if faulty == nil {
							faulty = applytest.NewFaulty(target, script...)
						} else {
							faulty.Target = target
						}
						return faulty.Wrapped()
					}
				}
				for starts := 1; ; starts++ {
					err := s.tryCatchUp(wrap)
					if err == nil {
						break
					}
					if !errors.Is(err, applytest.ErrInjected) || starts > len(script) {
						s.Fatal(err)
					}
				}
				before := w.committed.Load()
				s.eventually("more transactions", func() bool { return w.committed.Load() > before+300 })
				w.stop()
				s.catchUp(wrap)
				s.catchUp(wrap)
				s.equal(bankTables...)
				methods := differs(s, []applytest.Method{applytest.Apply, applytest.Finish}, []applytest.Method{applytest.Apply, applytest.Finish, applytest.Commit})
				for _, m := range methods {
					if faulty.Calls(m) < 4 {
						s.Errorf("%s was called %d times, fewer than the script wants", m, faulty.Calls(m))
					}
				}
			})
		})
	}
}
