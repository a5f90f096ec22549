package sync

import (
	"testing"
	"time"
)

func TestLagIsTheAgeOfWhatIsNotApplied(t *testing.T) {
	about := func(what string, got, want time.Duration) {
		t.Helper()
		if got < want || got > want+time.Minute {
			t.Errorf("%s: %s behind, want %s", what, got, want)
		}
	}
	exactly := func(what string, got time.Duration) {
		t.Helper()
		if got != 0 {
			t.Errorf("%s: %s behind", what, got)
		}
	}
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	var never time.Time

	l := &lag{}
	exactly("before anything has begun", l.time(false, never))
	l.begin(100, 100)
	exactly("nothing to read", l.time(true, never))

	l.begin(100, 500)
	l.begunAt.Store(ago(2 * time.Hour).UnixNano())
	about("nothing has come yet", l.time(true, never), 2*time.Hour)
	l.filling.Store(ago(3 * time.Hour).UnixNano())
	about("an old transaction has come", l.time(true, never), 3*time.Hour)
	l.took()
	about("it is being applied", l.time(true, never), 3*time.Hour)
	l.filling.Store(ago(time.Hour).UnixNano())
	about("a newer one comes behind it", l.time(true, never), 3*time.Hour)
	l.applied()
	about("the newer one is left", l.time(true, ago(3*time.Hour)), time.Hour)
	l.took()
	l.applied()
	about("all that was read is applied, and there is more", l.time(true, ago(time.Hour)), time.Hour)
	l.gathered.Store(500)
	exactly("everything is applied", l.time(true, ago(time.Hour)))

	// The log has gone on, but has only just been seen to: that is not old.
	l.look(900)
	exactly("the source has written since the look", l.time(true, ago(time.Hour)))
	if n := l.bytes(450); n != 450 {
		t.Errorf("%d bytes behind", n)
	}
	l.look(950)
	about("what was there at the look before has not come", l.time(true, ago(time.Hour)), 0)
	if l.time(true, ago(time.Hour)) > time.Minute {
		t.Error("it was up to date at the first look")
	}

	// Without a connection it goes on from where the target was.
	about("no connection", l.time(false, ago(time.Hour)), 0)
	l.levelAt.Store(ago(20 * time.Minute).UnixNano())
	about("no connection for a while", l.time(false, ago(time.Hour)), 20*time.Minute)
	about("nothing is known of when it was up to date", (&lag{}).time(false, ago(time.Hour)), time.Hour)
}
