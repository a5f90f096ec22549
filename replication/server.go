package replication

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Server is the server at the other end of a connection. Two of them are equal
// when the connections lead to the same one; a standby is not its primary.
type Server struct {
	Identifier string // the cluster's
	Started    string
}

// Server asks the server which one it is.
func (c *Conn) Server(ctx context.Context) (Server, error) {
	rows, err := postgres.Exec(ctx, c.pg, `SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_catalog.pg_postmaster_start_time()`)
	if err != nil {
		return Server{}, fmt.Errorf("ask the source which server it is: %w", err)
	}
	return Server{Identifier: rows[0][0], Started: rows[0][1]}, nil
}
