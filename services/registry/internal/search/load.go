package search

import (
	"context"
	"fmt"
)

// Load fills an environment unless it was filled before. Fill calls put for each
// connector that is stored; connectors that [Index.Put] or [Index.Delete] tell
// of meanwhile are not overwritten by what it read earlier. While one caller
// fills, others for the same environment wait. Load fails with the error of fill
// or ctx, and the next caller tries again.
func (x *Index) Load(ctx context.Context, environment string, fill func(ctx context.Context, put func(Entry)) error) error {
	for {
		env, mine := x.claim(environment)
		if mine {
			return x.fill(ctx, environment, env, fill)
		}
		select {
		case <-env.loaded:
		case <-ctx.Done():
			return fmt.Errorf("wait for the index of %s: %w", environment, ctx.Err())
		}
		if !env.failed {
			return nil
		}
	}
}

// claim returns an environment, and whether the caller has to fill it.
func (x *Index) claim(id string) (_ *environment, mine bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if env := x.environments[id]; env != nil {
		return env, false
	}
	env := newEnvironment()
	x.environments[id] = env
	return env, true
}

func (x *Index) fill(ctx context.Context, id string, env *environment, fill func(ctx context.Context, put func(Entry)) error) (err error) {
	env.failed = true // until it is done, also if fill panics
	defer close(env.loaded)
	defer func() {
		if env.failed {
			x.forget(id, env)
		}
	}()
	err = fill(ctx, func(e Entry) {
		if e.Environment == id {
			env.put(e, false)
		}
	})
	if err != nil {
		return fmt.Errorf("fill the index of %s: %w", id, err)
	}
	env.settle()
	env.failed = false
	return nil
}

// forget removes an environment that could not be filled.
func (x *Index) forget(id string, env *environment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.environments[id] == env {
		delete(x.environments, id)
	}
}
