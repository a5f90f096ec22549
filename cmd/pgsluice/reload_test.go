package main

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

// Of two configurations close together the second counts, though the first cannot be
// begun with; and behind one that cannot, the run goes on with what it was.
func TestReloadsCloseTogether(t *testing.T) {
	bad := errors.New("cannot be run")
	for _, c := range []struct {
		name string
		// ends is how a run with the configuration ends, once there is another.
		ends map[string]error
		// brings are the configurations that come during runs, "" for none.
		brings, want []string
	}{
		{"the first is bad", map[string]error{"first": bad}, []string{"first", "second", ""}, []string{"began", "first", "second"}},
		{"both are bad", map[string]error{"first": nil, "second": bad}, []string{"first", "second", "", ""}, []string{"began", "first", "second", "began"}},
		{"the only one is bad", map[string]error{"first": bad}, []string{"first", "", ""}, []string{"began", "first", "began"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := make(chan settings, 1)
			var ran []string
			err := keepMoving(t.Context(), ofName("began"), part, slog.New(slog.DiscardHandler), func(s settings, again <-chan struct{}, _ *sync.Pipeline) (*sync.Pipeline, error) {
				ran = append(ran, s.Name)
				if next := c.brings[len(ran)-1]; next != "" {
					part <- ofName(next)
					<-again
				}
				return nil, c.ends[s.Name]
			})
			if err != nil || !slices.Equal(ran, c.want) {
				t.Errorf("ran %v: %v", ran, err)
			}
		})
	}
}

func ofName(name string) (s settings) {
	s.Name = name
	return s
}
