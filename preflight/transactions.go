package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pgsluice/pgsluice/snapshot"
)

// longTransaction is when a transaction is not just one of many that come and go.
const longTransaction = 5 * time.Second

// open looks at the transactions that a new slot would wait for: those of all
// databases that have written something.
func (l *look) open(ctx context.Context) error {
	if l.Slots == 0 {
		return nil
	}
	all, err := l.Catalog.OpenTransactions(ctx, 0)
	if err != nil {
		return err
	}
	var sessions, prepared []snapshot.OpenTransaction
	for _, t := range all {
		switch {
		case t.Age < longTransaction:
		case t.Prepared:
			prepared = append(prepared, t)
		default:
			sessions = append(sessions, t)
		}
	}
	l.delaying("long_transactions", sessions, "no transaction has been open for long", "  -- or have it commit")
	l.delaying("prepared_transactions", prepared, "no prepared transaction waits", "  -- or COMMIT PREPARED; in the database it was prepared in")
	return nil
}

func (l *look) delaying(check string, open []snapshot.OpenTransaction, none, orElse string) {
	if len(open) == 0 {
		l.ok(check, "", "%s", none)
		return
	}
	whats := make([]string, len(open))
	ends := make([]string, len(open))
	for i, t := range open {
		whats[i] = fmt.Sprintf("%s, %s ago", t.What, t.Age.Round(time.Second))
		ends[i] = t.End + orElse
	}
	l.warn(check, "", "the slot begins only when these have ended: "+sentence(whats), strings.Join(ends, "\n"))
}
