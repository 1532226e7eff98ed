package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// Infer makes an operation of a sample, and changes nothing.
func (g *Registry) Infer(ctx context.Context, env resource.Environment, s infer.Sample) (*infer.Inferred, error) {
	if _, err := g.GetEnvironment(ctx, env); err != nil {
		return nil, err
	}
	out, err := g.deps.Tools.Infer(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("infer operation: %w", err)
	}
	return out, nil
}
