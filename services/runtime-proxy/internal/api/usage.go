package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

const day = 24 * time.Hour

// Totals add up calls. [usage.Totals] does.
type Totals interface {
	// Query returns the rows of a report.
	Query(ctx context.Context, q usage.Query) (usage.Report, error)
}

// MayUse says whether the caller may use a connection; the error says why not.
type MayUse func(ctx context.Context, connection resource.Connection) error

// Usage implements the method GetUsage.
type Usage struct {
	totals Totals
	clock  clock.Clock
	mayUse MayUse
}

// NewUsage returns the implementation.
func NewUsage(totals Totals, clk clock.Clock, mayUse MayUse) *Usage {
	return &Usage{totals: totals, clock: clk, mayUse: mayUse}
}

// GetUsage implements the method of that name.
func (u *Usage) GetUsage(ctx context.Context, req *runtimev1.GetUsageRequest) (*runtimev1.GetUsageResponse, error) {
	environment, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	if err := u.mayRead(ctx, environment, req.GetConnection()); err != nil {
		return nil, err
	}
	query := usage.Query{
		Environment: environment.ID, Connector: req.GetConnector(), Operation: req.GetOperationId(), Connection: req.GetConnection(),
		Daily: req.GetPeriod() != runtimev1.UsagePeriod_USAGE_PERIOD_HOUR, Dimension: dimensionOf(req.GetDimension()),
	}
	if query.Start, query.End, err = u.span(req); err != nil {
		return nil, err
	}
	report, err := u.totals.Query(ctx, query)
	if err != nil {
		return nil, fault.Unavailable(fault.ReasonServiceUnavailable, "usage cannot be read now; try again in a moment").Because(err)
	}
	out := &runtimev1.GetUsageResponse{Truncated: report.Truncated, Rows: make([]*runtimev1.UsageRow, 0, len(report.Rows))}
	for _, row := range report.Rows {
		out.Rows = append(out.Rows, rowOf(row))
	}
	return out, nil
}

// mayRead lets makers, administrators and services see everything, and others
// what they use themselves.
func (u *Usage) mayRead(ctx context.Context, environment resource.Environment, connection string) error {
	principal, ok := authn.FromContext(ctx)
	switch {
	case !ok:
		return fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
	case principal.Kind == authn.KindService || principal.Is(authn.RoleMaker):
		return nil
	case connection == "":
		return fault.Denied(fault.ReasonPermissionDenied,
			"only makers and administrators see the usage of everybody; name a connection that you may use").
			Field("connection", "is required without the role maker")
	}
	name, err := resource.ParseConnection(resource.Connection{Environment: environment.ID, ID: connection}.String())
	if err != nil {
		return err
	}
	return u.mayUse(ctx, name)
}

// span returns the hours of a report. What is older than 90 days is not there,
// and not looked for.
func (u *Usage) span(req *runtimev1.GetUsageRequest) (start, end time.Time, err error) {
	period, back := day, 30*day
	if req.GetPeriod() == runtimev1.UsagePeriod_USAGE_PERIOD_HOUR {
		period, back = time.Hour, day
	}
	now := u.clock.Now().UTC()
	latest := now.Truncate(period).Add(period)
	end = latest
	if t := req.GetEndTime(); t != nil {
		if !t.IsValid() {
			return start, end, badTime("end_time", "is not a valid time")
		}
		end = t.AsTime().Truncate(period)
	}
	start = end.Add(-back)
	if t := req.GetStartTime(); t != nil {
		if !t.IsValid() {
			return start, end, badTime("start_time", "is not a valid time")
		}
		start = t.AsTime().Truncate(period)
	}
	if !start.Before(end) {
		return start, end, badTime("start_time", "must be in an earlier period than end_time")
	}
	if oldest := now.Add(-bus.UsageMaxAge).Truncate(period); start.Before(oldest) {
		start = oldest
	}
	if end.After(latest) {
		end = latest
	}
	return start, end, nil
}

func badTime(field, what string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the time of the report is not valid; give a start_time before the end_time").Field(field, what)
}

func dimensionOf(d runtimev1.UsageDimension) usage.Dimension {
	switch d {
	case runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTOR:
		return usage.ByConnector
	case runtimev1.UsageDimension_USAGE_DIMENSION_OPERATION:
		return usage.ByOperation
	case runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTION:
		return usage.ByConnection
	case runtimev1.UsageDimension_USAGE_DIMENSION_UNSPECIFIED:
	}
	return usage.ByNothing
}

func rowOf(row usage.Row) *runtimev1.UsageRow {
	return &runtimev1.UsageRow{
		StartTime: timestamppb.New(row.Start), Connector: row.Connector, OperationId: valid(row.Operation), Connection: row.Connection,
		Calls: row.Calls, StatusClasses: row.Classes, LatencySum: durationpb.New(row.Latency),
		LatencyP50: durationpb.New(row.P50), LatencyP99: durationpb.New(row.P99),
		RequestBytes: row.RequestBytes, ResponseBytes: row.ResponseBytes, Replayed: row.Replayed,
	}
}
