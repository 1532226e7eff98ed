package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
)

// looker asks about the log of one connection.
type looker struct {
	*RequestLogs

	log   *requestlog.Log
	owner string
}

func requestLogs(t *testing.T) *looker {
	t.Helper()
	clk := clocktest.New(lunch)
	log, err := requestlog.New(requestlog.Config{Bus: testkit.NewNATS(t), Clock: clk, Log: testkit.Logger(t), Meter: metricnoop.Meter{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := testkit.Receive(t, "the end of the log", done); err != nil {
			t.Error(err)
		}
	})
	l := &looker{log: log, owner: "ada"}
	l.RequestLogs = NewRequestLogs(log, clk, func(_ context.Context, c resource.Connection) (string, error) {
		if c.ID != "crm" {
			return "", fault.NotFound(fault.ReasonConnectionNotFound, "no")
		}
		return l.owner, nil
	})
	return l
}

// told keeps one entry and waits until it can be read.
func (l *looker) told(t *testing.T, url string) {
	t.Helper()
	tap := l.log.For(resource.Connection{Environment: "default", ID: "crm"})
	if tap == nil {
		t.Fatal("the log is off")
	}
	tap.Exchange(t.Context(), &requestlog.Exchange{URL: url})
	testkit.Await(t, "the entry", func() bool {
		got := l.list(t, &runtimev1.ListRequestLogEntriesRequest{})
		return len(got.GetEntries()) > 0 && got.GetEntries()[0].GetUrl() == url
	})
}

func (l *looker) list(t *testing.T, req *runtimev1.ListRequestLogEntriesRequest) *runtimev1.ListRequestLogEntriesResponse {
	t.Helper()
	req.Connection = name
	got, err := l.ListRequestLogEntries(user(t, authn.RoleAdmin), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRequestsAreForTheOwnerAndAdministrators(t *testing.T) {
	l := requestLogs(t)
	person := func(name string, role authn.Role) context.Context {
		return authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindUser, Name: name, Roles: []authn.Role{role}})
	}
	tests := []struct {
		name, connection string
		ctx              context.Context
		reason           fault.Reason
	}{
		{"the owner", name, person("ada", authn.RoleUser), ""},
		{"an administrator", name, person("root", authn.RoleAdmin), ""},
		{"somebody who may use it", name, person("bob", authn.RoleUser), fault.ReasonPermissionDenied},
		{"a maker", name, person("bob", authn.RoleMaker), fault.ReasonPermissionDenied},
		{"a service of the owner's name", name, authn.NewContext(t.Context(), authn.Principal{Kind: authn.KindService, Name: "ada"}), fault.ReasonPermissionDenied},
		{"nobody", name, t.Context(), fault.ReasonUnauthenticated},
		{"a connection that is not there", "environments/default/connections/erp", person("ada", authn.RoleUser), fault.ReasonConnectionNotFound},
		{"a name that is none", "crm", person("ada", authn.RoleUser), fault.ReasonInvalidName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, enable := l.EnableRequestLog(tt.ctx, &runtimev1.EnableRequestLogRequest{Connection: tt.connection})
			_, list := l.ListRequestLogEntries(tt.ctx, &runtimev1.ListRequestLogEntriesRequest{Connection: tt.connection})
			_, disable := l.DisableRequestLog(tt.ctx, &runtimev1.DisableRequestLogRequest{Connection: tt.connection})
			for _, err := range []error{enable, list, disable} {
				if fault.ReasonOf(err) != tt.reason {
					t.Errorf("errors = %v, %v, %v, want %q", enable, list, disable, tt.reason)
				}
			}
		})
	}
}

func TestALogIsOnForAsLongAsAsked(t *testing.T) {
	l := requestLogs(t)
	tests := []struct {
		name   string
		req    *runtimev1.EnableRequestLogRequest
		until  time.Time
		reason fault.Reason
	}{
		{"an hour, as nothing is said", &runtimev1.EnableRequestLogRequest{}, lunch.Add(time.Hour), ""},
		{"as long as asked, with bodies", &runtimev1.EnableRequestLogRequest{Duration: durationpb.New(time.Minute), Bodies: true}, lunch.Add(time.Minute), ""},
		{"a week at most", &runtimev1.EnableRequestLogRequest{Duration: durationpb.New(1000 * time.Hour)}, lunch.Add(7 * 24 * time.Hour), ""},
		{"no time", &runtimev1.EnableRequestLogRequest{Duration: durationpb.New(0)}, time.Time{}, fault.ReasonInvalidArgument},
		{"less than no time", &runtimev1.EnableRequestLogRequest{Duration: durationpb.New(-1)}, time.Time{}, fault.ReasonInvalidArgument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.req.Connection = name
			got, err := l.EnableRequestLog(as(t, "ada"), tt.req)
			if fault.ReasonOf(err) != tt.reason {
				t.Fatalf("error = %v, want %q", err, tt.reason)
			}
			if err != nil {
				return
			}
			want := &runtimev1.RequestLog{Connection: name, ExpireTime: timestamppb.New(tt.until), Bodies: tt.req.GetBodies()}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesAreListedUntilTheLogIsSwitchedOff(t *testing.T) {
	l := requestLogs(t)
	if got := l.list(t, &runtimev1.ListRequestLogEntriesRequest{}); len(got.GetEntries()) != 0 {
		t.Errorf("a log that was never on = %v", got)
	}
	if _, err := l.EnableRequestLog(as(t, "ada"), &runtimev1.EnableRequestLogRequest{Connection: name}); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"/1", "/2", "/3"} {
		l.told(t, url)
	}
	first := l.list(t, &runtimev1.ListRequestLogEntriesRequest{PageSize: 2})
	second := l.list(t, &runtimev1.ListRequestLogEntriesRequest{PageSize: 2, PageToken: first.GetNextPageToken()})
	if len(first.GetEntries()) != 2 || len(second.GetEntries()) != 1 || second.GetEntries()[0].GetUrl() != "/1" || second.GetNextPageToken() != "" {
		t.Errorf("pages = %v, %v", first, second)
	}
	bad := &runtimev1.ListRequestLogEntriesRequest{Connection: name, PageToken: "?"}
	if _, err := l.ListRequestLogEntries(as(t, "ada"), bad); fault.ReasonOf(err) != fault.ReasonInvalidPageToken {
		t.Errorf("error = %v", err)
	}
	got, err := l.DisableRequestLog(as(t, "ada"), &runtimev1.DisableRequestLogRequest{Connection: name})
	if err != nil || got.GetConnection() != name || got.GetExpireTime() != nil {
		t.Errorf("answer = %v, %v", got, err)
	}
	if got := l.list(t, &runtimev1.ListRequestLogEntriesRequest{}); len(got.GetEntries()) != 0 {
		t.Errorf("a log that was switched off = %v", got)
	}
}

// TestANewOwnerSeesNothingOfTheOldOne: the name of a deleted connection can be
// taken by somebody else.
func TestANewOwnerSeesNothingOfTheOldOne(t *testing.T) {
	l := requestLogs(t)
	if _, err := l.EnableRequestLog(as(t, "ada"), &runtimev1.EnableRequestLogRequest{Connection: name}); err != nil {
		t.Fatal(err)
	}
	l.told(t, "/of-ada")
	l.owner = "bob"
	got, err := l.ListRequestLogEntries(as(t, "bob"), &runtimev1.ListRequestLogEntriesRequest{Connection: name})
	if err != nil || len(got.GetEntries()) != 0 {
		t.Errorf("entries = %v, %v", got, err)
	}
	l.owner = "ada"
	if got := l.list(t, &runtimev1.ListRequestLogEntriesRequest{}); len(got.GetEntries()) != 0 {
		t.Errorf("what was kept for an earlier owner is still there: %v", got)
	}
}
