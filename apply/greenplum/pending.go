package greenplum

import (
	"context"
	"errors"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Each of these goes away when the real one is written.

var errPending = errors.New("not written yet")

func (t *Target) Server() apply.ServerPlan { return apply.ServerPlan{} }

func (t *Target) Plan(context.Context, *apply.Table, apply.Existing) (*apply.TablePlan, error) {
	return nil, errPending
}

func (t *Target) Check(context.Context, []*apply.Table, apply.Existing) (fault.Findings, error) {
	return nil, errPending
}
