package api

import (
	"context"
	"strconv"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// GetRevision implements RegistryService.
func (s *Server) GetRevision(ctx context.Context, req *registryv1.GetRevisionRequest) (*registryv1.Revision, error) {
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	view := core.Basic
	switch req.GetView() {
	case registryv1.RevisionView_REVISION_VIEW_CONNECTION:
		view = core.Connection
	case registryv1.RevisionView_REVISION_VIEW_FULL:
		view = core.Full
	case registryv1.RevisionView_REVISION_VIEW_UNSPECIFIED, registryv1.RevisionView_REVISION_VIEW_BASIC:
	}
	d, err := s.core.GetRevision(ctx, name, view)
	if err != nil {
		return nil, err
	}
	return detailTo(d), nil
}

// ListRevisions implements RegistryService.
func (s *Server) ListRevisions(ctx context.Context, req *registryv1.ListRevisionsRequest) (*registryv1.ListRevisionsResponse, error) {
	name, err := resource.ParseConnector(req.GetParent())
	if err != nil {
		return nil, err
	}
	scope := page.Scope("revisions", name.String())
	position, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	// A position is a number that we wrote; the first page has none and is 0.
	before, _ := strconv.ParseUint(position, 10, 64)
	list, more, err := s.core.ListRevisions(ctx, name, before, page.Size(req.GetPageSize(), defaultPage, maxPage))
	if err != nil {
		return nil, err
	}
	resp := &registryv1.ListRevisionsResponse{}
	for _, r := range list {
		resp.Revisions = append(resp.Revisions, revisionTo(r))
	}
	if more {
		resp.NextPageToken = page.Encode(scope, strconv.FormatUint(list[len(list)-1].Sequence, 10))
	}
	return resp, nil
}

// PublishRevision implements RegistryService.
func (s *Server) PublishRevision(ctx context.Context, req *registryv1.PublishRevisionRequest) (*registryv1.Revision, error) {
	actor, err := actorOf(ctx)
	if err != nil {
		return nil, err
	}
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	r, err := s.core.Publish(ctx, actor, name, req.GetAllowBreaking())
	if err != nil {
		return nil, err
	}
	return revisionTo(r), nil
}
