package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Level says whether a [Finding] stands in the way.
type Level uint8

// The levels, from good to bad.
const (
	LevelOK Level = iota
	LevelWarning
	LevelError
)

var levelNames = [...]string{"ok", "warning", "error"}

// String is the level's word in reports.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText writes the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing about the source or the target that was looked at before
// a run.
type Finding struct {
	Level Level `json:"level"`
	// Check names what was looked at, such as wal_level. Scripts rely on it.
	Check string `json:"check"`
	// On is the table or column it is about, as SQL writes it; empty for the
	// server.
	On string `json:"on,omitempty"`
	// Seen says what is the case, as a sentence without a full stop.
	Seen string `json:"seen"`
	// Fix is the statement or setting that mends it, with a comment where that
	// does not say it; empty where all is well.
	Fix string `json:"fix,omitempty"`
	// Usage: the configuration is at fault.
	Usage bool `json:"-"`
}

// String is the sentence, behind what it is about where it does not name that.
func (f Finding) String() string {
	if f.On == "" || strings.Contains(f.Seen, f.On) {
		return f.Seen
	}
	return f.On + ": " + f.Seen
}

// Findings are what a check has to say.
type Findings []Finding

// Summed says once what is well with several tables, or other things.
func (all Findings) Summed() (fewer Findings) {
	type what struct{ check, seen string }
	count, place := map[what]int{}, map[what]int{}
	for _, f := range all {
		w := what{f.Check, f.Seen}
		if f.Level == LevelOK {
			if count[w]++; count[w] > 1 {
				fewer[place[w]].On, fewer[place[w]].Seen = "", fmt.Sprintf("%d tables: %s", count[w], f.Seen)
				continue
			}
			place[w] = len(fewer)
		}
		fewer = append(fewer, f)
	}
	return fewer
}

// Worst is the highest level among them.
func (all Findings) Worst() Level {
	worst := LevelOK
	for _, f := range all {
		worst = max(worst, f.Level)
	}
	return worst
}

// Refused is the finding of a check that ended with an error.
func Refused(check, on string, err error) Finding {
	return Finding{Level: LevelError, Check: check, On: on, Seen: err.Error(), Fix: Hint(err), Usage: IsUsage(err)}
}

// Err joins the errors among the findings into one fault: of usage when the
// configuration is part of it, and else a precondition; nil when there are none.
func (all Findings) Err() error {
	var seen, fixes []string
	judge := Precondition
	for _, f := range all {
		if f.Level == LevelError {
			if f.Usage {
				judge = Usage
			}
			seen = append(seen, f.String())
			if f.Fix != "" {
				fixes = append(fixes, f.Fix)
			}
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return judge(errors.New(strings.Join(seen, "; ")), strings.Join(fixes, "\n"))
}
