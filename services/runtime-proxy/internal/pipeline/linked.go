package pipeline

import (
	"context"
	"net/http"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// Linked is what a caller's link is called as.
type Linked struct {
	// URL is where it leads, at the API.
	URL string
	// OperationID is the operation whose policies, code and limits apply.
	OperationID string
	// Method is how it is called.
	Method string
}

// Linked finds out what a link of a caller's is called as, if he names an operation
// for it. A sealed link is for the operation that it was sealed for. Any other could
// be anybody's word, so that it is called as the operation that has its path, with
// GET, or as the one that was named if the path is one of its own; a path of no
// operation is LINK_INVALID. What cannot be called at all is refused as a call of its
// operation would be.
func (p *Pipeline) Linked(ctx context.Context, bound *Binding, operationID, link string) (Linked, error) {
	named, err := bound.Revision.operation(ctx, operationID)
	if err != nil {
		return Linked{}, err
	}
	maker, err := p.Links(bound, named.plan.Source())
	if err != nil {
		return Linked{}, err
	}
	opened, err := maker.Read(link)
	if err != nil {
		return Linked{}, err
	}
	switch opened.Operation {
	case operationID:
		return Linked{URL: opened.URL, OperationID: operationID, Method: opened.Method}, nil
	case "":
	default:
		return Linked{}, links.Invalid("it goes on with operation %q, and not with %q", opened.Operation, operationID)
	}
	id, err := bound.Revision.unsealed(bound, named, maker, opened.URL)
	if err != nil {
		return Linked{}, err
	}
	_, err = bound.Revision.operation(ctx, id)
	return Linked{URL: opened.URL, OperationID: id, Method: http.MethodGet}, err
}

// unsealed finds the operation of a URL that nobody vouches for.
func (r *Revision) unsealed(bound *Binding, named *operation, maker *links.Maker, absolute string) (id string, err error) {
	base, path, _, err := maker.Place(absolute)
	if err != nil {
		return "", err
	}
	if base != maker.Base {
		return "", links.Invalid("it leads out of the path of the connection's API, and is not sealed for the operation")
	}
	r.through.once.Do(func() { r.compileThrough(&r.through) })
	if r.through.routed && plan.Ambiguous(path) {
		return "", links.Invalid("its path can be read in several ways, and this connector has policies for single operations")
	}
	id, ok := r.plans.Match(http.MethodGet, path)
	switch {
	case ok && (id == named.plan.ID() || r.lies(bound, id, base)):
		return id, nil
	case named.plan.Fits(path):
		return named.plan.ID(), nil
	}
	return "", links.Invalid("no operation of the connector that reads (GET) has its path, and it is not sealed for operation %q", named.plan.ID())
}

// lies reports whether an operation is one of the server at a base: some have their
// own.
func (r *Revision) lies(bound *Binding, id string, base request.Base) bool {
	for _, op := range r.Definition().GetOperations() {
		if op.GetOperationId() == id {
			own, err := bound.BaseOf(op)
			return err == nil && own == base
		}
	}
	return false
}

// followMethod is how pages and states of an operation are asked for: as it is
// called itself if it only reads or is a list, and with GET otherwise. No page is
// worth removing something.
func (op *operation) followMethod() string {
	if op.safe || op.polls || op.plan.Source().GetPagination() != nil {
		return op.plan.Method()
	}
	return http.MethodGet
}

// Links makes and opens the links of a connection. op decides the base; nil is for
// that of the connector. What it makes is bound to no operation.
func (p *Pipeline) Links(bound *Binding, op *connectorv1.Operation) (*links.Maker, error) {
	base, err := bound.BaseOf(op)
	if err != nil {
		return nil, err
	}
	return &links.Maker{
		PublicURL: p.publicURL, Connection: bound.Connection, Key: bound.LinkKey, Base: base, Allowed: bound.Allows,
		SecretQuery: bound.Credential.QueryNames(), Redact: bound.Credential.Redact,
	}, nil
}

// LinksOf makes the links that answers of an operation hold.
func (p *Pipeline) LinksOf(ctx context.Context, bound *Binding, operationID string) (*links.Maker, error) {
	op, err := bound.Revision.operation(ctx, operationID)
	if err != nil {
		return nil, err
	}
	return p.linksOf(bound, op)
}

// linksOf makes the links of answers of an operation. They are readable where the
// path says that they are the operation's, here and on the data plane, and sealed
// otherwise.
func (p *Pipeline) linksOf(bound *Binding, op *operation) (*links.Maker, error) {
	maker, err := p.Links(bound, op.plan.Source())
	if err != nil || op.plan.ID() == usage.PassThrough {
		return maker, err
	}
	revision, id := bound.Revision, op.plan.ID()
	maker.Operation, maker.Method = id, op.followMethod()
	maker.Known = func(path string) bool {
		usual, err := bound.BaseOf(nil)
		if err != nil || maker.Method != http.MethodGet || usual != maker.Base || plan.Ambiguous(path) {
			return false
		}
		found, ok := revision.plans.Match(http.MethodGet, path)
		return ok && found == id
	}
	return maker, nil
}

// LinksThrough makes the links of the answer to a raw request: those of its
// operation, if it is known or can be found.
func (p *Pipeline) LinksThrough(ctx context.Context, bound *Binding, through *Through, method, path string) (*links.Maker, error) {
	op := through.operation
	if op == nil && !bound.Revision.through.routed && !plan.Ambiguous(path) {
		if id, _, ok := bound.Revision.match(method, path); ok {
			op, _ = bound.Revision.operation(ctx, id) // without it, the links are nobody's
		}
	}
	if op == nil {
		return p.Links(bound, nil)
	}
	return p.linksOf(bound, op)
}
