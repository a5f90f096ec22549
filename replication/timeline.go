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

// Timeline is one that the source's has come from, and Left the LSN up to which the
// two have the same log: what the other has from there on is lost.
type Timeline struct {
	Number int32
	Left   change.LSN
}

// History lists what a timeline has come from, the oldest first; nothing for the first
// timeline of a cluster. The format is that of the server's history files
// (access/transam/timeline.c): a line for each, with its number and where it was left.
func (c *Conn) History(ctx context.Context, timeline int32) ([]Timeline, error) {
	if timeline == 1 {
		return nil, nil
	}
	history, err := pglogrepl.TimelineHistory(ctx, c.pg, timeline)
	if err != nil {
		return nil, postgres.Doing(err, "read the history of timeline %d", timeline)
	}
	return parseHistory(history.Content)
}

func parseHistory(text []byte) (history []Timeline, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		number, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil || len(fields) < 2 {
			return nil, fmt.Errorf("the source's timeline history has a line %q", lines.Text())
		}
		left, err := change.ParseLSN(fields[1])
		if err != nil {
			return nil, fmt.Errorf("the source's timeline history has a line %q: %w", lines.Text(), err)
		}
		history = append(history, Timeline{int32(number), left})
	}
	return history, lines.Err()
}
