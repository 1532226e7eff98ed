package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
)

// OwnerOf says who owns a connection. It is an error if the caller must not know
// that it exists.
type OwnerOf func(ctx context.Context, connection resource.Connection) (string, error)

// RequestLogs implements the methods EnableRequestLog, DisableRequestLog and
// ListRequestLogEntries.
type RequestLogs struct {
	log   *requestlog.Log
	clock clock.Clock
	owner OwnerOf
}

// NewRequestLogs returns the implementation.
func NewRequestLogs(log *requestlog.Log, clk clock.Clock, owner OwnerOf) *RequestLogs {
	return &RequestLogs{log: log, clock: clk, owner: owner}
}

// EnableRequestLog implements the method of that name.
func (l *RequestLogs) EnableRequestLog(ctx context.Context, req *runtimev1.EnableRequestLogRequest) (*runtimev1.RequestLog, error) {
	seen, err := l.mayInspect(ctx, req.GetConnection())
	if err != nil {
		return nil, err
	}
	duration := requestlog.DefaultDuration
	if d := req.GetDuration(); d != nil {
		duration = min(d.AsDuration(), requestlog.MaxDuration)
	}
	if duration <= 0 {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "a request log needs some time; give a duration of up to 7 days").
			Field("duration", "must be positive")
	}
	sw := requestlog.Switch{
		Until: l.clock.Now().Add(duration).UTC().Truncate(time.Millisecond), Bodies: req.GetBodies(), By: seen.by, Owner: seen.owner,
	}
	if err := l.log.Enable(ctx, seen.connection, sw); err != nil {
		return nil, err
	}
	return &runtimev1.RequestLog{Connection: seen.connection.String(), ExpireTime: timestamppb.New(sw.Until), Bodies: sw.Bodies}, nil
}

// DisableRequestLog implements the method of that name.
func (l *RequestLogs) DisableRequestLog(ctx context.Context, req *runtimev1.DisableRequestLogRequest) (*runtimev1.RequestLog, error) {
	seen, err := l.mayInspect(ctx, req.GetConnection())
	if err != nil {
		return nil, err
	}
	if err := l.log.Disable(ctx, seen.connection); err != nil {
		return nil, err
	}
	return &runtimev1.RequestLog{Connection: seen.connection.String()}, nil
}

// ListRequestLogEntries implements the method of that name. What was kept for an
// earlier owner of the name is deleted instead of shown.
func (l *RequestLogs) ListRequestLogEntries(ctx context.Context, req *runtimev1.ListRequestLogEntriesRequest) (*runtimev1.ListRequestLogEntriesResponse, error) {
	seen, err := l.mayInspect(ctx, req.GetConnection())
	if err != nil {
		return nil, err
	}
	sw, ever, err := l.log.State(ctx, seen.connection)
	if err != nil {
		return nil, err
	}
	out := &runtimev1.ListRequestLogEntriesResponse{}
	switch {
	case !ever:
		return out, nil
	case sw.Owner != seen.owner:
		return out, l.log.Disable(ctx, seen.connection)
	}
	out.Entries, out.NextPageToken, err = l.log.List(ctx, seen.connection, sw.ID, int(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return out, nil
}

// inspection is a connection that its inspector may look into.
type inspection struct {
	connection resource.Connection
	owner, by  string
}

// mayInspect lets the owner of a connection and administrators pass: what went
// over the wire for one person is not for the others who may use a connection.
func (l *RequestLogs) mayInspect(ctx context.Context, name string) (inspection, error) {
	connection, err := resource.ParseConnection(name)
	if err != nil {
		return inspection{}, err
	}
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return inspection{}, fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
	}
	owner, err := l.owner(ctx, connection)
	if err != nil {
		return inspection{}, err
	}
	if !principal.Is(authn.RoleAdmin) && (principal.Kind != authn.KindUser || principal.Name != owner) {
		return inspection{}, fault.Denied(fault.ReasonPermissionDenied,
			"only the owner of a connection and administrators see its requests; ask one of them").With("connection", connection.String())
	}
	return inspection{connection, owner, principal.String()}, nil
}
