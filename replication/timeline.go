package replication

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Left says where the source's timeline, which the source is on by Identify, left
// another one that it has come from: up to there the two have the same log, and what
// the other has from there on is lost. ok is false where it has not come from it.
// The format is that of the server's history files (access/transam/timeline.c): a
// line for each timeline before, with its number and the LSN where it was left.
func (c *Conn) Left(ctx context.Context, now, before int32) (at change.LSN, ok bool, err error) {
	if now == 1 { // the first has no history
		return 0, false, nil
	}
	history, err := pglogrepl.TimelineHistory(ctx, c.pg, now)
	if err != nil {
		return 0, false, postgres.Doing(err, "read the history of timeline %d", now)
	}
	return leftAt(history.Content, before)
}

func leftAt(history []byte, before int32) (at change.LSN, ok bool, err error) {
	lines := bufio.NewScanner(bytes.NewReader(history))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		timeline, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil || len(fields) < 2 {
			return 0, false, fmt.Errorf("the source's timeline history has a line %q", lines.Text())
		}
		if int32(timeline) != before {
			continue
		}
		if at, err = change.ParseLSN(fields[1]); err != nil {
			return 0, false, fmt.Errorf("the source's timeline history has a line %q: %w", lines.Text(), err)
		}
		return at, true, nil
	}
	return 0, false, lines.Err()
}
