package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// pruneEvery is how often old audit records are removed.
const pruneEvery = time.Hour

// VerifyAudit checks the audit trail of an environment, against an anchor if
// there is one. Only administrators may ask.
func (v *Vault) VerifyAudit(ctx context.Context, caller Caller, environment string, anchor AuditAnchor) (AuditVerdict, error) {
	if err := v.mayAudit(ctx, caller, environment); err != nil {
		return AuditVerdict{}, err
	}
	verdict, err := v.store.VerifyAudit(ctx, environment, anchor)
	if err != nil {
		return AuditVerdict{}, fmt.Errorf("verify the audit trail of environment %q: %w", environment, err)
	}
	return verdict, nil
}

// PruneAudit removes audit records that have become too old, at once and then
// every hour, until ctx ends. failed is told what could not be done; it is tried
// again at the next time.
func (v *Vault) PruneAudit(ctx context.Context, failed func(context.Context, error)) error {
	if v.cfg.AuditRetention <= 0 {
		<-ctx.Done()
		return nil
	}
	for {
		if err := v.prune(ctx); err != nil && ctx.Err() == nil {
			failed(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-v.clock.After(pruneEvery):
		}
	}
}

// prune removes what is too old now, in every environment that it can.
func (v *Vault) prune(ctx context.Context) error {
	environments, err := v.store.AuditEnvironments(ctx)
	if err != nil {
		return fmt.Errorf("list audit trails: %w", err)
	}
	var failed error
	for _, environment := range environments {
		if err := v.pruneEnvironment(ctx, environment); err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove old audit records of environment %q: %w", environment, err))
		}
	}
	return failed
}

func (v *Vault) pruneEnvironment(ctx context.Context, environment string) error {
	now := v.clock.Now()
	p := Pruning{
		Environment: environment, Before: now.Add(-v.cfg.AuditRetention),
		Record: AuditRecord{Time: now, Action: ActionPruned, Connection: resource.Connection{Environment: environment}},
	}
	for {
		more, err := v.store.PruneAudit(ctx, p)
		if err != nil || !more {
			return err
		}
	}
}
