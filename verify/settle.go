package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/pause"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// A key is settled by rounds. In each the source's row is read, a fence passed, the
// target's row read, and the source's once more:
//
//	source ── fence ── target ── source
//
// Equal to either of the source's, it was equal, and is. Where the source's row was
// written in between, nothing is known. Otherwise it is different, when two rounds
// in a row see the very same: a row of the target that was not written again between
// them is what the target had at the second one's fence.
const (
	mostRounds = 8
	// settledAtOnce keys are read together, so that little time lies between.
	settledAtOnce = 500
	// enough differences are known for a table when so many are; see Config.Limit.
	enough = 1000
	// roundsApart is how long the second round waits, and each later one longer.
	roundsApart = 150 * time.Millisecond
)

// doubt is a key that is being settled.
type doubt struct {
	key      []byte
	original []change.Datum
	last     *sight
}

// sight is what a round has seen of a key.
type sight struct{ source, target seen }

// seen is a key's row on one side. Of values there are digests: they can be large.
type seen struct {
	rows    int
	digests string
	written string
	texts   []*string
}

func (s seen) same(o seen) bool { return s.rows == o.rows && s.digests == o.digests }

func (s seen) unwritten(o seen) bool { return s.same(o) && s.written == o.written }

// settle goes on with what is in doubt until all of it is settled or given up.
func (t *tableRun) settle(ctx context.Context, doubtful map[string]*held) error {
	t.run.begin(t, "settling")
	conn, err := postgres.Connect(ctx, t.run.config.Source)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var doubts []*doubt
	for key, h := range doubtful {
		d := &doubt{key: []byte(key), original: h.original}
		if d.original == nil {
			known, ok := t.comparison.Key(d.key)
			if !ok {
				t.result.Lost++
				continue
			}
			d.original = known
		}
		doubts = append(doubts, d)
	}
	slices.SortFunc(doubts, func(a, b *doubt) int { return slices.Compare(a.key, b.key) })
	for group := range slices.Chunk(doubts, settledAtOnce) {
		if t.result.Differing >= max(enough, int64(t.run.config.Limit)) {
			t.result.More = true
			return nil
		}
		if err := t.settleGroup(ctx, conn, group); err != nil {
			return err
		}
		if t.run.fence.behind > 0 {
			t.notApplied(len(doubts))
			return nil
		}
	}
	return nil
}

// notApplied gives up: what differs may be what has yet to be applied.
func (t *tableRun) notApplied(rows int) {
	t.result.Differing, t.result.Differences, t.result.Changing = 0, nil, 0
	t.result.Reason = fmt.Sprintf("rows of %d keys are not the same, and the target is %d bytes of log behind with nobody to bring them", rows, t.run.fence.behind)
}

func (t *tableRun) settleGroup(ctx context.Context, conn *pgx.Conn, group []*doubt) error {
	finder, err := snapshot.NewFinder(ctx, conn, t.Query, t.Source)
	if err != nil {
		return err
	}
	group = slices.Clone(group)
	for round := range mostRounds {
		if err := pause.For(ctx, time.Duration(round)*roundsApart); err != nil {
			return err
		}
		before, err := t.inSource(ctx, finder, group)
		if err != nil {
			return err
		}
		if err := t.passed(ctx); err != nil || t.run.fence.behind > 0 {
			return err
		}
		target, err := t.inTarget(ctx, group)
		if err != nil {
			return err
		}
		after, err := t.inSource(ctx, finder, group)
		if err != nil {
			return err
		}
		n := -1
		group = slices.DeleteFunc(group, func(d *doubt) bool {
			n++
			return t.judge(d, before[n], target[n], after[n])
		})
		if len(group) == 0 {
			return nil
		}
	}
	t.result.Changing += int64(len(group))
	return nil
}

// judge says whether a key is settled.
func (t *tableRun) judge(d *doubt, before, target, after seen) bool {
	switch {
	case target.same(before) || target.same(after):
		return true
	case !before.unwritten(after):
		d.last = nil
		return false
	case t.Into.Shared && after.rows == 0: // others write to the table too
		return true
	}
	now := &sight{after, target}
	if d.last != nil && d.last.source.unwritten(now.source) && d.last.target.unwritten(now.target) {
		t.differs(now)
		return true
	}
	d.last = now
	return false
}

// inSource and inTarget read the rows of keys, in their order.
func (t *tableRun) inSource(ctx context.Context, finder *snapshot.Finder, group []*doubt) ([]seen, error) {
	found, imager := make([]seen, len(group)), t.comparison.Imager()
	var image []byte
	for n, d := range group {
		err := finder.Find(ctx, d.original, func(r snapshot.Row) (err error) {
			if image, err = imager.Image(image[:0], r.Values); err != nil {
				return err
			}
			found[n].add(t.run.hashes.digests(image), r.Written, r.Texts)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (t *tableRun) inTarget(ctx context.Context, group []*doubt) ([]seen, error) {
	found, keys := make([]seen, len(group)), make([][]byte, len(group))
	for n, d := range group {
		keys[n] = d.key
	}
	return found, t.comparison.Find(ctx, keys, func(n int, f apply.Found) error {
		found[n].add(t.run.hashes.digests(f.Image), f.Written, f.Texts)
		return nil
	})
}

// add notes a row; a second one of the key only makes it another sight.
func (s *seen) add(digests, written string, texts []*string) {
	s.rows++
	if s.rows == 1 {
		s.digests, s.written, s.texts = digests, written, slices.Clone(texts)
		return
	}
	s.written += " " + written
}

// passed passes a fence, and sees that the table is still what it was.
func (t *tableRun) passed(ctx context.Context) error {
	state, err := t.run.fence.pass(ctx)
	if err != nil {
		return err
	}
	return t.still(state)
}

func (t *tableRun) stillThere(ctx context.Context) error {
	state, err := t.run.config.Target.Recall(ctx, t.run.config.Pipeline)
	if err != nil {
		return err
	}
	return t.still(state)
}

func (t *tableRun) still(state apply.State) error {
	if t.Still == nil {
		return nil
	}
	if err := t.Still(state); err != nil {
		return notCompared{err}
	}
	return nil
}

// differs notes a difference.
func (t *tableRun) differs(s *sight) {
	t.result.Differing++
	if len(t.result.Differences) >= t.run.config.Limit {
		return
	}
	d := Difference{SourceCount: int64(s.source.rows), TargetCount: int64(s.target.rows)}
	switch {
	case s.target.rows == 0:
		d.Kind = Missing
	case s.source.rows == 0:
		d.Kind = Surplus
	case s.target.rows > 1:
		d.Kind = Repeated
	default:
		d.Kind = Changed
		d.Columns = t.pairs(s)
	}
	relation := t.Query.Relation
	for _, i := range relation.Key {
		v := Value{Column: relation.Columns[i].Name}
		if s.source.rows > 0 {
			v.Text = s.source.texts[i]
		} else {
			v.Text = s.target.texts[slices.Index(t.comparison.Columns(), i)]
		}
		d.Row = append(d.Row, v)
	}
	t.result.Differences = append(t.result.Differences, d)
}

// pairs are the columns in which two rows differ.
func (t *tableRun) pairs(s *sight) (pairs []Pair) {
	for n, i := range t.comparison.Columns() {
		from, to := n*digestSize, (n+1)*digestSize
		if s.source.digests[from:to] != s.target.digests[from:to] {
			pairs = append(pairs, Pair{t.Query.Relation.Columns[i].Name, s.source.texts[i], s.target.texts[n]})
		}
	}
	return pairs
}
