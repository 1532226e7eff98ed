package api

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Pages follows lists: the method InvokePages, and Invoke with all_pages.
type Pages struct{ calls Calls }

// NewPages returns the implementation.
func NewPages(calls Calls) *Pages { return &Pages{calls: calls} }

// InvokePages implements the method of that name. The next page is asked for when
// the caller has taken the one before.
func (p *Pages) InvokePages(req *runtimev1.InvokePagesRequest, stream grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
	connection, err := resource.ParseConnection(req.GetConnection())
	if err != nil {
		return err
	}
	subject, err := subjectOf(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := limited(stream.Context(), req.GetTimeout().AsDuration())
	defer cancel()
	l, err := open(ctx, p.calls, pipeline.Call{
		Connection: connection, OperationID: req.GetOperationId(), Revision: req.GetRevision(), OnBehalfOf: req.GetOnBehalfOf(),
		Input: req.GetInput(), Timeout: req.GetTimeout().AsDuration(), Subject: subject,
	}, req.GetLink(), req.GetLimits())
	if err != nil {
		return err
	}
	return l.walker.Run(ctx, l.first, func(page *paging.Page) error { return stream.Send(l.message(page)) })
}

func (l *list) message(page *paging.Page) *runtimev1.InvokePagesResponse {
	out := &runtimev1.InvokePagesResponse{
		StatusCode: int32(page.Answer.Status), Error: upstreamError(page.Answer.Problem), NextLink: l.next(page.Next),
		ListEnd: endOf(page.End), NextInput: page.Change,
		Items: make([][]byte, 0, len(page.Items)),
	}
	for _, item := range page.Items {
		out.Items = append(out.Items, item)
	}
	return out
}

// All makes a call and follows its list to the end: the answer has all items in
// one JSON array, and status and header of the last page. If a page fails, the
// answer is that page's, with its body: a list with a hole in it is none. link is
// where the list begins, empty for its first page.
func (p *Pages) All(ctx context.Context, c *pipeline.Call, link string, limits *runtimev1.PageLimits) (*runtimev1.InvokeResponse, error) {
	ctx, cancel := limited(ctx, c.Timeout)
	defer cancel()
	l, err := open(ctx, p.calls, *c, link, limits)
	if err != nil {
		return nil, err
	}
	all, err := l.walker.Collect(ctx, l.first)
	if err != nil {
		return nil, err
	}
	out := answer(&l.last)
	out.ListEnd = endOf(all.End)
	if all.Items == nil {
		return out, nil
	}
	const media = "application/json"
	out.Body = &httpbody.HttpBody{ContentType: media, Data: all.Items}
	out.Headers = ofTheList(out.GetHeaders(), media)
	out.NextLink, out.NextInput = l.next(all.Next), all.Change
	return out, nil
}

func endOf(e paging.End) runtimev1.ListEnd {
	switch e {
	case paging.Complete:
		return runtimev1.ListEnd_LIST_END_COMPLETE
	case paging.CutByItems:
		return runtimev1.ListEnd_LIST_END_MAX_ITEMS
	case paging.CutByPages:
		return runtimev1.ListEnd_LIST_END_MAX_PAGES
	case paging.Failed:
		return runtimev1.ListEnd_LIST_END_FAILED
	case paging.Open:
	}
	return runtimev1.ListEnd_LIST_END_UNSPECIFIED
}

// ofTheList leaves out what the header of the last page says of its own content.
func ofTheList(headers []*runtimev1.Header, media string) []*runtimev1.Header {
	kept := []*runtimev1.Header{{Name: "Content-Type", Value: media}}
	for _, h := range headers {
		switch h.GetName() {
		case "Content-Type", "Content-Length", "Content-Encoding", "Content-Md5", "Content-Range", "Content-Digest", "Digest", "Repr-Digest",
			"Etag", "Last-Modified", "Link", "Location", "Content-Location":
		default:
			kept = append(kept, h)
		}
	}
	return kept
}

// upstreamError translates what an answer of 400 or more means; nil for others.
func upstreamError(p *upstream.Problem) *runtimev1.UpstreamError {
	if p == nil {
		return nil
	}
	out := &runtimev1.UpstreamError{Reason: p.Reason, Message: valid(p.Message), Retryable: p.Retryable}
	if p.RetryAfter > 0 {
		out.RetryAfter = durationpb.New(p.RetryAfter)
	}
	for _, v := range p.Violations {
		out.Violations = append(out.Violations, &runtimev1.UpstreamViolation{Field: valid(v.Field), Description: valid(v.Description)})
	}
	return out
}
