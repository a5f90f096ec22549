package greenplum

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Each of these goes away when the real one is written.

var errPending = errors.New("not written yet")

func (t *Target) planOf(*apply.Table) (*plan, error) { return nil, errPending }

func (t *Target) Binary(*apply.Table, int) bool { return false }

func (t *Target) Prepare(context.Context, *apply.Table, apply.Existing, change.LSN) (bool, error) {
	return false, errPending
}

func (t *Target) Drop(context.Context, string) error { return errPending }

func (t *Target) Server() apply.ServerPlan { return apply.ServerPlan{} }

func (t *Target) Plan(context.Context, *apply.Table, apply.Existing) (*apply.TablePlan, error) {
	return nil, errPending
}

func (t *Target) Check(context.Context, []*apply.Table, apply.Existing) (fault.Findings, error) {
	return nil, errPending
}

func (t *Target) rememberJoined(context.Context, *pgx.Conn, *plan) error { return errPending }
