package sync

import (
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// lag knows how far the target is behind. The loops of an attempt write it, one
// value each; anybody reads. Moments are in nanoseconds since 1970, 0 for none.
type lag struct {
	// filling and applying are when the first transaction was committed of which the
	// batch that is being filled has rows, and the one that is being applied: by the
	// source's clock.
	filling, applying atomic.Int64
	// gathered is how far the stream has been read, end where the source's log ended
	// at the last look, and before where it did at the look before: who is up to date
	// has read that by now.
	gathered, end, before atomic.Uint64
	// lookedAt is when the last look was, levelAt the last of them by whose time
	// everything was applied, begunAt when the stream was begun.
	lookedAt, levelAt, begunAt atomic.Int64
}

// begin is called when a stream begins where the watermark is, and the source's log
// goes up to end.
func (l *lag) begin(watermark, end change.LSN) {
	l.filling.Store(0)
	l.applying.Store(0)
	l.gathered.Store(uint64(watermark))
	l.end.Store(uint64(end))
	l.before.Store(uint64(end))
	now := time.Now().UnixNano()
	l.lookedAt.Store(now)
	l.begunAt.Store(now)
}

// look takes note of where the source's log ends now.
func (l *lag) look(end change.LSN) {
	if l.pending() == 0 && l.gathered.Load() >= l.end.Load() {
		l.levelAt.Store(l.lookedAt.Load())
	}
	l.before.Store(l.end.Load())
	l.end.Store(uint64(end))
	l.lookedAt.Store(time.Now().UnixNano())
}

// took: the batch that was being filled goes to the target; applied: it is there.
func (l *lag) took()    { l.applying.Store(l.filling.Swap(0)) }
func (l *lag) applied() { l.applying.Store(0) }

// pending is when the oldest transaction was committed that has been read and not
// been applied; 0 where there is none.
func (l *lag) pending() int64 {
	if at := l.applying.Load(); at != 0 {
		return at
	}
	return l.filling.Load()
}

// unread says that the source has log which it should have told of by now.
func (l *lag) unread() bool { return l.gathered.Load() < l.before.Load() }

// time is how long the target is behind. last is the commit of the last transaction
// that was applied, zero where none is known.
func (l *lag) time(streams bool, last time.Time) time.Duration {
	since := l.levelAt.Load()
	if !last.IsZero() {
		since = max(since, last.UnixNano())
	}
	if streams {
		at := l.pending()
		switch {
		case at != 0:
			since = at
		case !l.unread():
			return 0
		case since == 0: // nothing has come yet of what there is
			since = l.begunAt.Load()
		}
	}
	if since == 0 {
		return 0
	}
	return max(0, time.Duration(time.Now().UnixNano()-since))
}

// bytes is how much log the target is behind.
func (l *lag) bytes(watermark change.LSN) int64 {
	return max(0, int64(max(l.gathered.Load(), l.end.Load()))-int64(watermark))
}
