package api

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/search"
)

// maxHitText is the length in bytes at which descriptions of hits are cut.
const maxHitText = 500

// SearchConnectors implements RegistryService.
func (s *Server) SearchConnectors(ctx context.Context, req *registryv1.SearchConnectorsRequest) (*registryv1.SearchConnectorsResponse, error) {
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	q := search.ConnectorQuery{
		Environment: env.ID, Words: req.GetQuery(), Categories: req.GetCategories(), Publishers: req.GetPublishers(),
		Authentication: req.GetAuthentication(), Triggers: req.GetWithTriggers(),
		Size: page.Size(req.GetPageSize(), defaultPage, maxPage),
	}
	for _, f := range req.GetFormats() {
		if id := formatFrom(f); id != "" {
			q.Formats = append(q.Formats, string(id))
		}
	}
	scope := scopeOf("connectors:search", env.String(), q.Words, q.Formats, q.Categories, q.Publishers, q.Authentication, flag(q.Triggers))
	if q.After, err = page.Decode(scope, req.GetPageToken()); err != nil {
		return nil, err
	}
	found, err := s.core.SearchConnectors(ctx, q)
	if err != nil {
		return nil, err
	}
	resp := &registryv1.SearchConnectorsResponse{
		NextPageToken: page.Encode(scope, found.Next), TotalSize: number(found.Total), Facets: facetsTo(found.Facets),
	}
	for _, c := range found.Results {
		resp.Connectors = append(resp.Connectors, connectorTo(c))
	}
	return resp, nil
}

// SearchOperations implements RegistryService.
func (s *Server) SearchOperations(ctx context.Context, req *registryv1.SearchOperationsRequest) (*registryv1.SearchOperationsResponse, error) {
	env, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	q := search.OperationQuery{
		Environment: env.ID, Words: req.GetQuery(), Connectors: req.GetConnectors(), Kinds: req.GetKinds(),
		Tags: req.GetTags(), Methods: req.GetMethods(), Hidden: req.GetIncludeHidden(),
		Size: page.Size(req.GetPageSize(), defaultPage, maxPage),
	}
	scope := scopeOf("operations:search", env.String(), q.Words, q.Connectors, q.Kinds, q.Tags, q.Methods, flag(q.Hidden))
	if q.After, err = page.Decode(scope, req.GetPageToken()); err != nil {
		return nil, err
	}
	found, err := s.core.SearchOperations(ctx, q)
	if err != nil {
		return nil, err
	}
	resp := &registryv1.SearchOperationsResponse{
		NextPageToken: page.Encode(scope, found.Next), TotalSize: number(found.Total), Facets: facetsTo(found.Facets),
	}
	for _, hit := range found.Results {
		resp.Operations = append(resp.Operations, hitTo(hit))
	}
	return resp, nil
}

// scopeOf ties a page token to everything that must not change between pages.
func scopeOf(kind, parent, words string, conditions ...[]string) string {
	parts := []string{kind, parent, words}
	for _, c := range conditions {
		parts = append(parts, page.Scope(c...))
	}
	return page.Scope(parts...)
}

// flag is a condition that holds or does not.
func flag(set bool) []string {
	if set {
		return []string{"1"}
	}
	return nil
}

func facetsTo(list []search.Facet) []*registryv1.Facet {
	var out []*registryv1.Facet
	for _, f := range list {
		facet := &registryv1.Facet{Name: f.Name}
		for _, v := range f.Values {
			facet.Values = append(facet.Values, &registryv1.FacetValue{Value: v.Value, Count: number(v.Count)})
		}
		out = append(out, facet)
	}
	return out
}

func hitTo(hit core.FoundOperation) *registryv1.OperationHit {
	op := hit.Operation
	return &registryv1.OperationHit{
		Connector: hit.Connector.String(), ConnectorTitle: hit.Title,
		OperationId: op.GetOperationId(), Summary: op.GetSummary(), Description: shorten(op),
		Kind: core.OperationKind(op), Method: op.GetMethod(), Path: op.GetPath(), Tags: op.GetTags(), Deprecated: op.GetDeprecated(),
	}
}

// shorten cuts the description of an operation between two characters.
func shorten(op *connectorv1.Operation) string {
	text := op.GetDescription()
	return strings.ToValidUTF8(text[:min(len(text), maxHitText)], "")
}
