package core_test

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// ann owns what the tests make, unless they say who does.
var ann = core.Actor{Name: "ann"}

// owned is a registry of which ann asks whatever nobody else is named for.
type owned struct{ *core.Registry }

func byAnn(i core.Intent) core.Intent {
	if i.Actor == (core.Actor{}) {
		i.Actor = ann
	}
	return i
}

func (o owned) Import(ctx context.Context, req core.ImportRequest) (core.Outcome, error) {
	req.Intent = byAnn(req.Intent)
	return o.Registry.Import(ctx, req)
}

func (o owned) Create(ctx context.Context, req core.CreateRequest) (core.Outcome, error) {
	req.Intent = byAnn(req.Intent)
	return o.Registry.Create(ctx, req)
}

func (o owned) Update(ctx context.Context, req core.UpdateRequest) (core.Outcome, error) {
	req.Intent = byAnn(req.Intent)
	return o.Registry.Update(ctx, req)
}

func (o owned) Promote(ctx context.Context, req core.PromoteRequest) (core.Promoted, error) {
	req.Intent = byAnn(req.Intent)
	return o.Registry.Promote(ctx, req)
}

func (o owned) Publish(ctx context.Context, name resource.Revision, allowBreaking bool) (core.Revision, error) {
	return o.Registry.Publish(ctx, ann, name, allowBreaking)
}

func (o owned) Deprecate(ctx context.Context, name resource.Revision, note string) (core.Revision, error) {
	return o.Registry.Deprecate(ctx, ann, name, note)
}

func (o owned) Delete(ctx context.Context, name resource.Connector, etag string) error {
	return o.Registry.Delete(ctx, ann, name, etag)
}
