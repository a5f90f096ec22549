package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

// encoding: the server converts what it sends to UTF-8, but for a database in
// SQL_ASCII, which means that it does not know what its bytes are. It then sees
// that they are UTF-8, and refuses a row with others when it is read. That is a
// warning: where everybody has always written UTF-8, all is well.
func (l *look) encoding(context.Context) error {
	switch e := l.server.encoding; e {
	case "UTF8":
		l.ok("encoding", "", "the database is in UTF8")
	case "SQL_ASCII":
		l.warn("encoding", "", "the database is in SQL_ASCII, which allows any bytes in a text: a row with such as are not UTF-8 cannot be read, and its table fails",
			"see that all text is UTF-8 and correct what is not, or move the database to one made with ENCODING 'UTF8': pg_dump and restore")
	default:
		l.ok("encoding", "", "the database is in %s, and the server converts it to UTF-8", e)
	}
	return nil
}

// apart is a difference that servers which ask a time service never have.
const apart = 5 * time.Second

// clock compares both machines' clocks. Positions order rows and clocks do not;
// but delays are shown by them.
func (l *look) clock(ctx context.Context) error {
	before := l.now()
	var there time.Time
	if err := l.SQL.QueryRow(ctx, "SELECT pg_catalog.clock_timestamp()").Scan(&there); err != nil {
		return postgres.Doing(err, "ask for the source's time")
	}
	after := l.now()
	took := after.Sub(before)
	difference := there.Sub(before.Add(took / 2)).Round(time.Millisecond)
	// Half the way there and back is what cannot be told from a difference.
	if difference.Abs() <= apart+took/2 {
		l.ok("clock", "", "the source's clock and this machine's are less than %s apart", (difference.Abs()+took/2).Truncate(time.Millisecond)+time.Millisecond)
		return nil
	}
	which := "ahead of"
	if difference < 0 {
		which = "behind"
	}
	l.warn("clock", "", fmt.Sprintf("the source's clock is %s %s this machine's: the delay that is shown will be wrong by as much", difference.Abs(), which),
		"set both clocks by a time service (NTP)")
	return nil
}
