package api

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// GetSource implements RegistryService.
func (s *Server) GetSource(ctx context.Context, req *registryv1.GetSourceRequest) (*registryv1.Source, error) {
	if err := requireMaker(ctx); err != nil {
		return nil, err
	}
	name, err := resource.ParseRevision(req.GetName())
	if err != nil {
		return nil, err
	}
	files, r, err := s.core.GetSource(ctx, name)
	if err != nil {
		return nil, err
	}
	return &registryv1.Source{Format: formatTo(r.Format), Url: r.URL, Files: filesTo(files)}, nil
}

// maxOperationsBytes is how long the operations of a page are together, as they are
// encoded: those who read them to find one, agents among them, must be able to hold
// what comes, however many and large the operations of a connector are.
const maxOperationsBytes = 1 << 20

// fit returns the first operations that are short enough together, and at least one.
func fit(list []*connectorv1.Operation) []*connectorv1.Operation {
	size := 0
	for i, op := range list {
		if size += proto.Size(op); size > maxOperationsBytes && i > 0 {
			return list[:i]
		}
	}
	return list
}

// ListOperations implements RegistryService. A page may have fewer operations than
// were asked for: it ends before it is longer than [maxOperationsBytes].
func (s *Server) ListOperations(ctx context.Context, req *registryv1.ListOperationsRequest) (*registryv1.ListOperationsResponse, error) {
	name, err := resource.ParseRevision(req.GetParent())
	if err != nil {
		return nil, err
	}
	scope := page.Scope("operations", name.String())
	position, err := page.Decode(scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	from := 0
	if pinned, index, ok := strings.Cut(position, "/"); ok {
		// Later pages are of the revision that the first one was of, whatever an
		// alias stands for by now. The index is a number that we wrote.
		name.ID = pinned
		from, _ = strconv.Atoi(index)
	}
	list, r, more, err := s.core.ListOperations(ctx, name, from, page.Size(req.GetPageSize(), defaultOperationsPage, maxPage))
	if err != nil {
		return nil, err
	}
	fitting := fit(list)
	more = more || len(fitting) < len(list)
	list = fitting
	resp := &registryv1.ListOperationsResponse{Operations: list}
	if more {
		resp.NextPageToken = page.Encode(scope, r.Name.ID+"/"+strconv.Itoa(from+len(list)))
	}
	return resp, nil
}
