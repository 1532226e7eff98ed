package api

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// totals notes what it is asked.
type totals struct {
	asked  *usage.Query
	report usage.Report
	err    error
}

func (t *totals) Query(_ context.Context, q usage.Query) (usage.Report, error) {
	t.asked = &q
	return t.report, t.err
}

// lunch is when reports are asked for.
var lunch = time.Date(2026, 11, 21, 12, 34, 56, 0, time.UTC)

func on(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

func usageAPI(known *totals) *Usage {
	return NewUsage(known, clocktest.New(lunch), func(_ context.Context, c resource.Connection) error {
		if c != (resource.Connection{Environment: "default", ID: "mine"}) {
			return fault.NotFound(fault.ReasonConnectionNotFound, "no")
		}
		return nil
	})
}

func user(t *testing.T, roles ...authn.Role) context.Context {
	t.Helper()
	return authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: roles})
}

func TestUsageIsForThoseWhoMaySeeIt(t *testing.T) {
	service := authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindService, Name: "gateway"})
	tests := []struct {
		name, parent, connection string
		ctx                      context.Context
		reason                   fault.Reason
	}{
		{"an administrator sees all", "environments/default", "", user(t, authn.RoleAdmin), ""},
		{"a maker sees all", "environments/default", "", user(t, authn.RoleMaker), ""},
		{"a maker sees a connection of somebody else", "environments/default", "yours", user(t, authn.RoleMaker), ""},
		{"a service sees all", "environments/default", "", service, ""},
		{"a user sees a connection that they may use", "environments/default", "mine", user(t, authn.RoleUser), ""},
		{"a user does not see all", "environments/default", "", user(t, authn.RoleUser), fault.ReasonPermissionDenied},
		{"a user does not see other connections", "environments/default", "yours", user(t, authn.RoleUser), fault.ReasonConnectionNotFound},
		{"a user does not see their connection elsewhere", "environments/prod", "mine", user(t, authn.RoleUser), fault.ReasonConnectionNotFound},
		{"a connection that is no name", "environments/default", "a/../b", user(t, authn.RoleUser), fault.ReasonInvalidName},
		{"nobody", "environments/default", "mine", t.Context(), fault.ReasonUnauthenticated},
		{"an environment that is no name", "default", "", user(t, authn.RoleAdmin), fault.ReasonInvalidName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := &totals{}
			_, err := usageAPI(known).GetUsage(tt.ctx, &runtimev1.GetUsageRequest{Parent: tt.parent, Connection: tt.connection})
			if fault.ReasonOf(err) != tt.reason || (known.asked != nil) != (tt.reason == "") {
				t.Errorf("error = %v, asked %v", err, known.asked)
			}
		})
	}
}

func TestReportsAreAboutWholePeriods(t *testing.T) {
	hour, daily := runtimev1.UsagePeriod_USAGE_PERIOD_HOUR, runtimev1.UsagePeriod_USAGE_PERIOD_DAY
	at := func(day, hour int) *timestamppb.Timestamp {
		return timestamppb.New(on(day, hour).Add(1234 * time.Second))
	}
	tests := []struct {
		name       string
		req        *runtimev1.GetUsageRequest
		start, end time.Time
		reason     fault.Reason
	}{
		{"days, as nothing is said", &runtimev1.GetUsageRequest{}, on(22, 0).AddDate(0, 0, -30), on(22, 0), ""},
		{"days", &runtimev1.GetUsageRequest{Period: daily}, on(22, 0).AddDate(0, 0, -30), on(22, 0), ""},
		{"hours: the last day with the present hour", &runtimev1.GetUsageRequest{Period: hour}, on(20, 13), on(21, 13), ""},
		{"from the hour of the start", &runtimev1.GetUsageRequest{Period: hour, StartTime: at(21, 3)}, on(21, 3), on(21, 13), ""},
		{"without the hour of the end", &runtimev1.GetUsageRequest{Period: hour, StartTime: at(21, 3), EndTime: at(21, 5)}, on(21, 3), on(21, 5), ""},
		{"a day before the end", &runtimev1.GetUsageRequest{Period: hour, EndTime: at(21, 5)}, on(20, 5), on(21, 5), ""},
		{"whole days", &runtimev1.GetUsageRequest{Period: daily, StartTime: at(19, 7), EndTime: at(21, 7)}, on(19, 0), on(21, 0), ""},
		{"what is not kept any more is not looked for", &runtimev1.GetUsageRequest{StartTime: timestamppb.New(time.Unix(0, 0))}, on(21, 0).AddDate(0, 0, -90), on(22, 0), ""},
		{"nor what is to come", &runtimev1.GetUsageRequest{Period: hour, StartTime: at(21, 3), EndTime: at(30, 5)}, on(21, 3), on(21, 13), ""},
		{"an end before the start", &runtimev1.GetUsageRequest{Period: hour, StartTime: at(21, 3), EndTime: at(21, 2)}, time.Time{}, time.Time{}, fault.ReasonInvalidArgument},
		{"both in one period", &runtimev1.GetUsageRequest{Period: daily, StartTime: at(21, 3), EndTime: at(21, 9)}, time.Time{}, time.Time{}, fault.ReasonInvalidArgument},
		{"a start that is no time", &runtimev1.GetUsageRequest{StartTime: &timestamppb.Timestamp{Nanos: -1}}, time.Time{}, time.Time{}, fault.ReasonInvalidArgument},
		{"an end that is no time", &runtimev1.GetUsageRequest{EndTime: &timestamppb.Timestamp{Seconds: 1 << 60}}, time.Time{}, time.Time{}, fault.ReasonInvalidArgument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := &totals{}
			tt.req.Parent = "environments/default"
			_, err := usageAPI(known).GetUsage(user(t, authn.RoleMaker), tt.req)
			if fault.ReasonOf(err) != tt.reason {
				t.Fatalf("error = %v, want %q", err, tt.reason)
			}
			if err == nil && (!known.asked.Start.Equal(tt.start) || !known.asked.End.Equal(tt.end)) {
				t.Errorf("from %v to %v, want %v to %v", known.asked.Start, known.asked.End, tt.start, tt.end)
			}
		})
	}
}

func TestReportsAreTranslatedBothWays(t *testing.T) {
	known := &totals{report: usage.Report{Truncated: true, Rows: []usage.Row{{
		Start: on(21, 3), Connector: "crm", Operation: "a\xff", Connection: "mine", Calls: 3, Classes: map[string]int64{"2xx": 2, "error": 1},
		Latency: 3 * time.Second, P50: time.Second, P99: 2 * time.Second, RequestBytes: 4, ResponseBytes: 5, Replayed: 1,
	}}}}
	got, err := usageAPI(known).GetUsage(user(t, authn.RoleMaker), &runtimev1.GetUsageRequest{
		Parent: "environments/default", Connector: "crm", OperationId: "List", Connection: "mine",
		Period: runtimev1.UsagePeriod_USAGE_PERIOD_HOUR, Dimension: runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTION,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &runtimev1.GetUsageResponse{Truncated: true, Rows: []*runtimev1.UsageRow{{
		StartTime: timestamppb.New(on(21, 3)), Connector: "crm", OperationId: "a\uFFFD", Connection: "mine", Calls: 3,
		StatusClasses: map[string]int64{"2xx": 2, "error": 1}, LatencySum: durationpb.New(3 * time.Second),
		LatencyP50: durationpb.New(time.Second), LatencyP99: durationpb.New(2 * time.Second), RequestBytes: 4, ResponseBytes: 5, Replayed: 1,
	}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	query := usage.Query{
		Environment: "default", Connector: "crm", Operation: "List", Connection: "mine", Start: on(20, 13), End: on(21, 13), Dimension: usage.ByConnection,
	}
	if diff := cmp.Diff(query, *known.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	for dimension, want := range map[runtimev1.UsageDimension]usage.Dimension{
		runtimev1.UsageDimension_USAGE_DIMENSION_UNSPECIFIED: usage.ByNothing,
		runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTOR:   usage.ByConnector,
		runtimev1.UsageDimension_USAGE_DIMENSION_OPERATION:   usage.ByOperation,
	} {
		if got := dimensionOf(dimension); got != want {
			t.Errorf("%v became %v", dimension, got)
		}
	}
	away := &totals{err: errors.New("no bus")}
	if _, err := usageAPI(away).GetUsage(user(t, authn.RoleMaker), &runtimev1.GetUsageRequest{Parent: "environments/default"}); fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
		t.Errorf("error = %v", err)
	}
}
