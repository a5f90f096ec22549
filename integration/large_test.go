package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// watcher notes the watermark of every batch that goes by.
type watcher struct {
	apply.Target
	watermarks []change.LSN
	rows       []int
	failAt     int // the batch after whose writing the target fails, from 1
}

func (w *watcher) wrap(target apply.Target) apply.Target {
	w.Target = target
	return inPlaceOf(target, w)
}

func (w *watcher) Apply(ctx ctxt, b *apply.Batch) error {
	w.watermarks, w.rows = append(w.watermarks, b.Watermark), append(w.rows, b.Rows())
	err := w.Target.Apply(ctx, b)
	if err == nil && len(w.rows) == w.failAt {
		return errKilled
	}
	return err
}

func TestATransactionLargerThanABatch(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
			INSERT INTO a SELECT n, 'old' FROM generate_series(1, 15000) n; INSERT INTO b SELECT n, 'old' FROM generate_series(1, 15000) n`)
		s.catchUp()
		before := s.state().Pipeline.Watermark
		s.exec(`BEGIN;
			UPDATE a SET v = 'new' WHERE id <= 10000; UPDATE b SET v = 'new' WHERE id <= 10000;
			UPDATE a SET v = 'newer', id = id + 100000 WHERE id % 2 = 0; UPDATE b SET v = 'newer' WHERE id % 3 = 0; DELETE FROM b WHERE id > 12000;
			COMMIT`)
		end := s.now()

		// Killed in the middle, three times at different places.
		for _, place := range []int{1, 7, 19} {
			w := &watcher{failAt: place}
			r := s.start(func(p *plan) {
				p.MaxRows, p.UntilCaughtUp = 1000, true
				p.wrap = w.wrap
			})
			if err := r.wait(); err == nil {
				s.Fatal("the run did not notice that the target failed")
			}
			if at := s.state().Pipeline.Watermark; at < before || at >= end {
				s.Errorf("the watermark is %s in the middle of a transaction that ends at about %s", at, end)
			}
			if s.transactional() {
				s.is("rows of a transaction that has not come whole", s.count("a", "v <> 'old'"), "0")
			}
			for n, at := range w.watermarks {
				if at >= end {
					s.Errorf("batch %d of %d moves the watermark to %s, and the transaction is not over", n, len(w.watermarks), at)
				}
			}
		}
		w := &watcher{}
		s.catchUp(func(p *plan) {
			p.MaxRows = 1000
			p.wrap = w.wrap
		})
		s.equal("a", "b")
		if len(w.rows) < 20 {
			s.Errorf("%d batches only", len(w.rows))
		}
		for n, rows := range w.rows {
			if rows > 1000+1 { // a change of key is two rows
				s.Errorf("batch %d has %d rows", n, rows)
			}
		}
	})
}
