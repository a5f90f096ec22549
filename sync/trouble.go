package sync

import (
	"github.com/pgsluice/pgsluice/internal/fault"
)

// trouble gathers what stands in a run's way, so that the user hears of all of
// it at once.
type trouble struct{ found fault.Findings }

// add takes the faults of one check; on is the table they are about.
func (t *trouble) add(check, on string, faults ...error) {
	for _, err := range faults {
		if err != nil {
			t.found = append(t.found, fault.Refused(check, on, err))
		}
	}
}

func (t *trouble) merge(other *trouble) { t.found = append(t.found, other.found...) }

// err is everything as one fault.
func (t *trouble) err() error { return t.found.Err() }
