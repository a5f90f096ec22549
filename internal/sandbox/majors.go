package sandbox

import (
	"context"
	"errors"
	"sync"
)

// StartMajors starts a server of every one of Majors, side by side. Those that run are returned beside an error too, to
// be stopped.
func StartMajors(ctx context.Context, options func(major int) PostgresOptions) (map[int]*Postgres, error) {
	majors, err := Majors()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // guards what follows
	var errs []error
	servers := map[int]*Postgres{}
	var starting sync.WaitGroup
	for _, major := range majors {
		starting.Go(func() {
			p, err := StartPostgres(ctx, options(major))
			mu.Lock()
			defer mu.Unlock()
			if errs = append(errs, err); p != nil {
				servers[major] = p
			}
		})
	}
	starting.Wait()
	return servers, errors.Join(errs...)
}
