package remote

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// always is the environment that exists whatever the registry is asked.
	always = "default"
	// MaxEnvironments bounds the environments that are remembered.
	MaxEnvironments = 2_000
	// EnvironmentAge is how long an environment is taken to exist unasked: the
	// longest that this service can lag behind the registry.
	EnvironmentAge = 30 * time.Second
)

var _ core.Environments = (*Environments)(nil)

// EnvironmentRegistry is the part of the registry's client that is used.
type EnvironmentRegistry interface {
	// GetEnvironment returns one environment.
	GetEnvironment(ctx context.Context, req *registryv1.GetEnvironmentRequest, opts ...grpc.CallOption) (*registryv1.Environment, error)
}

// Environments asks the registry which environments exist, and remembers those
// that do for [EnvironmentAge]. It is safe for concurrent use.
type Environments struct {
	registry EnvironmentRegistry
	clock    clock.Clock

	mu   sync.Mutex
	seen map[string]time.Time // when the registry last said so
}

// NewEnvironments returns an empty cache in front of the registry.
func NewEnvironments(registry EnvironmentRegistry, clk clock.Clock) *Environments {
	return &Environments{registry: registry, clock: clk, seen: map[string]time.Time{}}
}

// Exists implements core.Environments. The environment "default" is known
// without a question. One that was known goes on existing while the registry
// cannot be reached.
func (e *Environments) Exists(ctx context.Context, environment string) error {
	if environment == always {
		return nil
	}
	e.mu.Lock()
	when, seen := e.seen[environment]
	e.mu.Unlock()
	if seen && e.clock.Now().Sub(when) < EnvironmentAge {
		return nil
	}
	ctx, cancel := context.WithTimeout(grpcx.AsService(ctx), askTime)
	defer cancel()
	_, err := e.registry.GetEnvironment(ctx, &registryv1.GetEnvironmentRequest{Name: resource.Environment{ID: environment}.String()})
	switch {
	case err == nil:
		e.remember(environment)
		return nil
	case fault.ReasonOf(err) == fault.ReasonEnvironmentNotFound:
		e.forget(environment)
	case seen:
		return nil // better old than none
	}
	return fmt.Errorf("ask the registry for environment %q: %w", environment, err)
}

func (e *Environments) remember(environment string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) >= MaxEnvironments {
		clear(e.seen) // the registry has fewer: most of these are gone
	}
	e.seen[environment] = e.clock.Now()
}

func (e *Environments) forget(environment string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.seen, environment)
}
