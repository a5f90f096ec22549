package sync

import (
	"context"
	"time"

	"github.com/pgsluice/pgsluice/internal/pause"
	"github.com/pgsluice/pgsluice/replication"
)

// simClaim is a claim, which a connection has until it ends.
type simClaim struct {
	*simConn
	slot string
}

func (c *simClient) Claim(ctx context.Context, slot string) (claim, error) {
	conn, err := c.open(ctx, "connect for the claim")
	if err != nil {
		return nil, err
	}
	return simClaim{conn, slot}, nil
}

func (c *simClient) Same(other source) bool {
	o, ok := other.(*simClient)
	return ok && o.simSource == c.simSource
}

func (c simClaim) Try(ctx context.Context) (mine bool, err error) {
	err = c.ask(ctx, "claim the pipeline", func() error {
		if c.claims[c.slot] == nil {
			c.claims[c.slot] = c.simConn
		}
		mine = c.claims[c.slot] == c.simConn
		return nil
	})
	return mine && err == nil, err
}

// Wait ends early when the connection does, or with a request.
func (c simClaim) Wait(ctx context.Context, patience time.Duration) (request string, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if !c.Alive() {
			return "", errCut
		}
		_ = c.locked(func() error {
			if asked := c.asked[c.slot]; len(asked) > 0 {
				request, c.asked[c.slot] = asked[0], asked[1:]
			}
			return nil
		})
		if request != "" {
			return request, nil
		}
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", c.ask(ctx, "wait for requests", func() error { return nil })
}

func (c simClaim) Ask(ctx context.Context, request string) error {
	return c.ask(ctx, "ask who has the claim", func() error {
		c.asked[c.slot] = append(c.asked[c.slot], request)
		return nil
	})
}

func (c simClaim) Slot(ctx context.Context, name string) (slot *replication.Slot, err error) {
	err = c.ask(ctx, "ask what the slot keeps", func() error {
		if s := c.slots[name]; s != nil {
			slot = &replication.Slot{Retained: int64(c.end - min(s.confirmed, c.end)), End: c.end}
		}
		return nil
	})
	return slot, err
}
