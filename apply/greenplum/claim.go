package greenplum

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// A process that was killed can leave statements behind that the server has yet
// to read. They must not come on top of what the next process does, and so a
// pipeline has an owner:
//
//	Recall        sees owner and turn of the pipeline's row
//	first write   makes this process the owner, if nobody has moved since
//	each commit   moves the turn on, and fails for whoever is not the owner
//	each copy     locks its table, then looks who the owner is
//
// A copy that the last owner's process has begun holds its lock until it is
// through, or finds another owner: emptying the table waits for that lock.

// claim is what the main connection knows of the pipeline's row.
type claim struct {
	// seen: Recall has read the row; there says that there was one.
	seen, there bool
	// lost: this process was the owner, and is not any more.
	lost  bool
	owner string
	turn  int64
}

// errMoved: what was recalled is not what is the case any more. errTaken: this
// process was the owner, and another has been started since.
var (
	errMoved = fault.Retry(errors.New("another process has written rows of this pipeline a moment ago"))
	errTaken = fault.Permanent(errors.New("another process has taken this pipeline up"), "see that only one pgsluice runs it, and start that again")
)

// ready gives the main connection for a write, by the owner.
func (t *Target) ready(ctx context.Context) (*pgx.Conn, error) {
	conn, err := t.connection(ctx)
	switch {
	case err != nil:
		return nil, err
	case t.gone:
		return nil, errGone
	case t.me() != "":
		return conn, nil
	}
	if err := t.take(ctx, conn); err != nil {
		return nil, t.failed(ctx, "take up pipeline "+t.opts.Pipeline, err)
	}
	return conn, nil
}

func (t *Target) setOwner(owner string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owner = owner
}

// take makes this process the owner.
func (t *Target) take(ctx context.Context, conn *pgx.Conn) error {
	if t.claim.lost {
		return errTaken
	}
	if err := t.createState(ctx, conn); err != nil {
		return err
	}
	if !t.claim.seen {
		if err := t.see(ctx, conn); err != nil {
			return err
		}
	}
	me := rand.Text()
	sql, args := "INSERT INTO "+pipelinesTable+" (name, owner, turn) VALUES ($1, $2, 0)", []any{t.opts.Pipeline, me}
	if t.claim.there {
		sql = "UPDATE " + pipelinesTable + " SET owner = $2, turn = turn + 1 WHERE name = $1 AND owner = $3 AND turn = $4"
		args = append(args, t.claim.owner, t.claim.turn)
	}
	tag, err := conn.Exec(ctx, sql, args...)
	if postgres.Code(err) == uniqueViolation || err == nil && tag.RowsAffected() == 0 {
		t.claim = claim{}
		return errMoved
	}
	if err == nil {
		t.setOwner(me)
	}
	return err
}

const (
	uniqueViolation = "23505"
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
)

// see reads who the owner is.
func (t *Target) see(ctx context.Context, conn *pgx.Conn) error {
	c := claim{seen: true}
	err := conn.QueryRow(ctx, "SELECT owner, turn FROM "+pipelinesTable+" WHERE name = $1", t.opts.Pipeline).Scan(&c.owner, &c.turn)
	switch {
	case err == nil:
		c.there = true
	case !errors.Is(err, pgx.ErrNoRows) && !noState(err):
		return err
	}
	t.claim = c
	return nil
}

// noState says that nothing has been remembered in this database yet.
func noState(err error) bool {
	code := postgres.Code(err)
	return code == undefinedTable || code == undefinedSchema
}

// moveOn is the last thing in a transaction: the watermark and the turn.
func (t *Target) moveOn(ctx context.Context, conn *pgx.Conn) error {
	var known bool
	err := conn.QueryRow(ctx, "UPDATE "+pipelinesTable+` SET turn = turn + 1, watermark = GREATEST(watermark, $3::pg_lsn)
		WHERE name = $1 AND owner = $2 RETURNING state IS NOT NULL`, t.opts.Pipeline, t.me(), t.tx.watermark.String()).Scan(&known)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return t.lost()
	case err == nil && !known && t.tx.watermark != 0:
		return fault.Permanent(fmt.Errorf("remember a watermark of pipeline %q: nobody has heard of it", t.opts.Pipeline), "")
	}
	return err
}

func (t *Target) me() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owner
}

// lost gives up what another process has taken.
func (t *Target) lost() error {
	t.setOwner("")
	t.claim = claim{lost: true}
	return errTaken
}

// standing sees, in a transaction of another connection that holds its locks, that
// this process is still the owner.
func (t *Target) standing(ctx context.Context, conn *pgx.Conn) error {
	me := t.me()
	var owner string
	err := conn.QueryRow(ctx, "SELECT owner FROM "+pipelinesTable+" WHERE name = $1", t.opts.Pipeline).Scan(&owner)
	if err == nil && owner != me || errors.Is(err, pgx.ErrNoRows) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("ask who the owner is: %w", err)
	}
	return nil
}
