package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/pause"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/preflight"
	"github.com/pgsluice/pgsluice/replication"
)

// simClient is the source as one process reaches it.
type simClient struct {
	*simSource
	process *simProcess
	// confirming is told of every confirmation before it counts, torn of every table
	// that was emptied behind the snapshot it is copied under.
	confirming func(change.LSN)
	torn       func(oid uint32, at change.LSN)
}

// simConn is a connection of any kind. Its methods answer for all interfaces of
// source.go; one goroutine uses it.
type simConn struct {
	*simClient
	// closed and cancelled are guarded by the source's mu.
	closed, cancelled bool
	// at is what a reader reads.
	at change.LSN
}

var (
	_ source      = (*simClient)(nil)
	_ walsender   = (*simConn)(nil)
	_ relations   = (*simConn)(nil)
	_ filters     = (*simConn)(nil)
	_ chunkReader = (*simConn)(nil)
)

// ask runs a question under the source's lock, when neither process nor
// connection has ended.
func (c *simConn) ask(ctx context.Context, what string, question func() error) error {
	after, err := c.process.step(ctx, what, true)
	if err == nil {
		err = c.locked(func() error {
			if c.closed {
				return errCut
			}
			return question()
		})
		if err != nil {
			return err
		}
		err = after()
	}
	if errors.Is(err, errCut) {
		c.shut()
	}
	return err
}

func (s *simSource) locked(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

func (c *simClient) open(ctx context.Context, what string) (*simConn, error) {
	conn := &simConn{simClient: c}
	err := conn.ask(ctx, what, func() error {
		c.conns[conn] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// shut ends the connection on the server's side too, and what belongs to it.
func (c *simConn) shut() {
	_ = c.locked(func() error {
		c.drop(0)
		return nil
	})
}

// drop is shut with the lock held; lingers is how long a slot stays in use.
func (c *simConn) drop(lingers time.Duration) {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.conns, c)
	for slot, holder := range c.claims {
		if holder == c {
			delete(c.claims, slot)
		}
	}
	for name, slot := range c.slots {
		if slot.reader != c {
			continue
		}
		if slot.reader, slot.busy = nil, time.Now().Add(lingers); slot.temporary {
			delete(c.slots, name)
			delete(c.snapshots, name)
		}
	}
}

func (c *simConn) Close(ctx context.Context) error {
	if _, err := c.process.step(ctx, "close", false); err == nil {
		c.shut()
	}
	return nil
}

func (c *simClient) Connect(ctx context.Context) (session, error) {
	conn, err := c.open(ctx, "connect")
	if err != nil {
		return nil, err
	}
	return simSession{conn}, nil
}

func (c *simClient) Replicate(ctx context.Context) (walsender, error) {
	conn, err := c.open(ctx, "connect for replication")
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (c *simClient) Read(ctx context.Context, name string) (chunkReader, error) {
	conn, err := c.open(ctx, "connect for a copy")
	if err != nil {
		return nil, err
	}
	err = conn.ask(ctx, "take up a snapshot", func() error {
		at, ok := c.snapshots[name]
		if !ok {
			return fault.Retry(fmt.Errorf("there is no snapshot %s any more", name))
		}
		conn.at = at
		return nil
	})
	if err != nil {
		conn.shut()
		return nil, err
	}
	return conn, nil
}

func (c *simClient) Export(context.Context) (*exported, error) {
	return nil, errors.New("a one-shot load is not simulated")
}

type simSession struct{ *simConn }

func (s simSession) Catalog(context.Context) (*catalog, error) {
	return &catalog{relations: s.simConn, filters: s.simConn, Version: s.version}, nil
}

func (s simSession) Started(context.Context) (string, error) { return "0", nil }

func (s simSession) Slots(int) slots { return s.simConn }

func (s simSession) Look(context.Context, preflight.Source) (fault.Findings, error) { return nil, nil }

func (c *simConn) PID() uint32 { return 1 }

func (c *simConn) Cancel(context.Context) error {
	return c.locked(func() error {
		c.cancelled = true
		return nil
	})
}

func (c *simConn) Now(ctx context.Context) (lsn change.LSN, err error) {
	err = c.ask(ctx, "ask how far the log is", func() error {
		lsn = c.end
		return nil
	})
	return lsn, err
}

func (c *simConn) FindSlot(ctx context.Context, name string) (found *replication.Slot, err error) {
	err = c.ask(ctx, "find the slot", func() error {
		if s := c.slots[name]; s != nil {
			found = &replication.Slot{Plugin: "pgoutput", Database: "shop", Active: s.active(), Confirmed: s.confirmed}
		}
		return nil
	})
	return found, err
}

func (s *simSlot) active() bool { return s.reader != nil || time.Now().Before(s.busy) }

func (c *simConn) CreateSlotSQL(context.Context, string, bool) (string, error) { return "", nil }

// CreateSlot waits, as the server does, until the transactions have ended that were
// open when it began, and then until those have that had begun meanwhile. Others
// may have written before the point, and commit behind it.
func (c *simConn) CreateSlot(ctx context.Context, name string, temporary bool) (point replication.Point, err error) {
	if err := c.outwait(ctx); err != nil {
		return point, err
	}
	if err := c.outwait(ctx); err != nil {
		return point, err
	}
	err = c.ask(ctx, "create a slot", func() error {
		if c.slots[name] != nil {
			return fault.Permanent(fmt.Errorf("slot %s is there already", name), "")
		}
		c.write(2)
		s := &simSlot{confirmed: c.end, temporary: temporary}
		if !temporary {
			c.standing = c.end
		}
		if temporary {
			s.reader = c
		}
		point = replication.Point{Consistent: c.end, Snapshot: name}
		c.slots[name], c.snapshots[name] = s, c.end
		return nil
	})
	return point, err
}

func (c *simConn) outwait(ctx context.Context) error {
	var others []*simOpen
	err := c.ask(ctx, "begin to create a slot", func() error {
		others = slices.Clone(c.simSource.open)
		return nil
	})
	for waiting := len(others) > 0; err == nil && waiting; {
		if err = pause.For(ctx, 10*time.Millisecond); err == nil {
			err = c.ask(ctx, "wait for transactions", func() error {
				waiting = slices.ContainsFunc(others, func(tx *simOpen) bool { return slices.Contains(c.simSource.open, tx) })
				if c.cancelled {
					return answer("57014", "canceling statement due to user request")
				}
				return nil
			})
		}
	}
	return err
}

func (c *simConn) DropSlot(ctx context.Context, name string) error {
	return c.ask(ctx, "drop a slot", func() error {
		delete(c.slots, name)
		return nil
	})
}

func (c *simConn) FindPublication(ctx context.Context, name string) (found *replication.Publication, err error) {
	err = c.ask(ctx, "find the publication", func() error {
		if c.published[name] != nil {
			found = &replication.Publication{Operations: replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true}}
		}
		return nil
	})
	return found, err
}

func (c *simConn) Published(ctx context.Context, name string) (tables map[string]replication.Published, err error) {
	tables = map[string]replication.Published{}
	err = c.ask(ctx, "list the publication", func() error {
		for oid := range c.published[name] {
			t := c.now()[oid]
			if t == nil {
				continue
			}
			var p replication.Published
			if c.version >= 150000 {
				for _, column := range t.relation.Columns {
					p.Columns = append(p.Columns, column.Name)
				}
			}
			tables[t.relation.String()] = p
		}
		return nil
	})
	return tables, err
}

func (c *simConn) CreatePublication(ctx context.Context, name string, _ replication.Operations, tables []replication.PublicationTable) error {
	return c.ask(ctx, "create the publication", func() error {
		if c.published[name] != nil {
			return fault.Permanent(fmt.Errorf("publication %s is there already", name), "")
		}
		return c.publish(name, tables)
	})
}

func (c *simConn) AddToPublication(ctx context.Context, name string, tables []replication.PublicationTable) error {
	return c.ask(ctx, "add to the publication", func() error { return c.publish(name, tables) })
}

func (s *simSource) publish(name string, tables []replication.PublicationTable) error {
	add := map[uint32]bool{}
	for _, p := range tables {
		there := false
		for oid, t := range s.now() {
			if t.relation.Schema == p.Schema && t.relation.Name == p.Name {
				there, add[oid] = true, true
			}
		}
		if !there {
			return answer("42P01", "relation does not exist")
		}
	}
	if s.published[name] == nil {
		s.published[name] = map[uint32]bool{}
	}
	for oid := range add {
		s.published[name][oid] = true
	}
	s.catalogChanges++
	s.write(4)
	s.standing = s.end
	return nil
}

// answer is what the server answers to a statement that fails.
func answer(code, message string) error {
	return postgres.Doing(&pgconn.PgError{Severity: "ERROR", Code: code, Message: message}, "run a statement")
}

func (c *simConn) DropPublication(ctx context.Context, name string) error {
	return c.ask(ctx, "drop the publication", func() error {
		delete(c.published, name)
		return nil
	})
}
