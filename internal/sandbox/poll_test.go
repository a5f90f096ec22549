package sandbox

import (
	"context"
	"errors"
	"testing"
)

func TestPollEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	err := poll(ctx, func() (bool, error) {
		if looks++; looks == 3 {
			cancel()
		}
		return false, nil
	})
	if !errors.Is(err, context.Canceled) || looks < 3 {
		t.Errorf("after %d looks: %v", looks, err)
	}
}

func TestPollEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	if err := poll(t.Context(), func() (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
