package sync

import (
	"github.com/pgsluice/pgsluice/internal/fault"
)

// trouble gathers what stands in a run's way, so that the user hears of all of
// it at once.
type trouble struct {
	found fault.Findings
	usage bool // part of it is the configuration's
}

// add takes the faults of one check; on is the table they are about.
func (t *trouble) add(check, on string, faults ...error) {
	for _, err := range faults {
		if err == nil {
			continue
		}
		t.usage = t.usage || fault.IsUsage(err)
		t.found = append(t.found, fault.Finding{Level: fault.LevelError, Check: check, On: on, Seen: err.Error(), Fix: fault.Hint(err)})
	}
}

func (t *trouble) merge(other *trouble) {
	t.usage = t.usage || other.usage
	t.found = append(t.found, other.found...)
}

// err is everything as one fault: of usage when the configuration is part of it,
// and else a precondition.
func (t *trouble) err() error {
	err := t.found.Err()
	if err != nil && t.usage {
		return fault.Usage(err, "")
	}
	return err
}
