package dataplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

func TestBodiesOfExchangesAreCounted(t *testing.T) {
	tests := []struct {
		name           string
		body           io.Reader
		length         int64
		sent, buffered bool
		read           int64 // how much of the body is taken
		request        int64
	}{
		{"no body", http.NoBody, 0, false, false, 0, 0},
		{"a body that says how long it is", strings.NewReader("0123456789"), 10, true, false, 10, 10},
		{"one that was kept", strings.NewReader("0123456789"), 10, false, true, 10, 10},
		{"one that was never sent", strings.NewReader("0123456789"), 10, false, false, 0, 0},
		{"chunks", strings.NewReader("0123456789"), -1, true, false, 10, 10},
		{"chunks that were not all wanted", strings.NewReader("0123456789"), -1, true, false, 4, 4},
	}
	nats := testkit.NewNATS(t)
	noon := time.Date(2026, 1, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			totals, err := usage.NewTotals(usage.TotalsConfig{Bus: nats, Clock: clocktest.New(noon), Log: testkit.Logger(t), Meter: metricnoop.Meter{}})
			if err != nil {
				t.Fatal(err)
			}
			recorder, err := usage.NewWithTotals(metricnoop.Meter{}, totals)
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", tt.body)
			request.ContentLength = tt.length
			recorded := httptest.NewRecorder()
			x := &exchange{in: request, status: http.StatusOK, through: pipeline.Through{Series: recorder.Series("default", "crm", usage.PassThrough)}}
			x.target.connection = resource.Connection{Environment: "default", ID: "crm-1"}
			x.body.sent, x.body.buffered = tt.sent, tt.buffered
			x.countBodies(recorded)
			if _, err := io.CopyN(io.Discard, x.in.Body, tt.read); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(x.out, "answer"); err != nil {
				t.Fatal(err)
			}
			if err := http.NewResponseController(x.out).Flush(); err != nil || !recorded.Flushed || recorded.Body.String() != "answer" {
				t.Errorf("the answer = %q, flushed %v, %v", recorded.Body, recorded.Flushed, err)
			}
			(&Handler{unbound: recorder.Series("", "", usage.PassThrough)}).count(t.Context(), x, nil, time.Second)
			want := []int64{1, tt.request, 6}
			if diff := cmp.Diff(want, counted(t, totals, noon)); diff != "" {
				t.Errorf("calls, bytes sent and answered (-want +got):\n%s", diff)
			}
		})
	}
}

// counted is what was counted of calls, before it is written anywhere.
func counted(t *testing.T, totals *usage.Totals, at time.Time) (numbers []int64) {
	t.Helper()
	report, err := totals.Query(t.Context(), usage.Query{Environment: "default", Start: at, End: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		numbers = append(numbers, row.Calls, row.RequestBytes, row.ResponseBytes)
	}
	return numbers
}

// TestWhoSentABodyIsToldOfItsEnd: it is no failure of the API that the rest of a body
// does not come.
func TestWhoSentABodyIsToldOfItsEnd(t *testing.T) {
	answer := fault.Unavailable(fault.ReasonUpstreamReset, "the API closed the connection")
	late := fmt.Errorf("later: %w", os.ErrDeadlineExceeded)
	for _, row := range []struct {
		name   string
		length int64
		err    error // with which the body ends
		gone   bool  // its sender is
		want   fault.Reason
	}{
		{"all of it came", 4, io.EOF, false, fault.ReasonUpstreamReset},
		{"all chunks came", -1, io.EOF, false, fault.ReasonUpstreamReset},
		{"the rest did not come in time", 10, late, false, fault.ReasonInvalidArgument},
		{"the chunks did not come in time", -1, late, false, fault.ReasonInvalidArgument},
		{"the chunks did not come in time, and net/http takes that for a caller that left", -1, late, true, fault.ReasonInvalidArgument},
		{"the rest did not come", 10, io.ErrUnexpectedEOF, false, fault.ReasonInvalidArgument},
		{"the chunks broke off", -1, io.ErrUnexpectedEOF, false, fault.ReasonInvalidArgument},
		{"the caller has left", -1, io.ErrUnexpectedEOF, true, fault.ReasonUpstreamReset},
		{"it was taken away", 10, http.ErrBodyReadAfterClose, false, fault.ReasonUpstreamReset},
	} {
		t.Run(row.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader("0123"), iotest.ErrReader(row.err)))
			request.ContentLength = row.length
			x := &exchange{in: request}
			x.countBodies(httptest.NewRecorder())
			_, _ = io.Copy(io.Discard, x.in.Body)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if row.gone {
				leave()
			}
			if got := fault.ReasonOf(x.blame(ctx, answer)); got != row.want {
				t.Errorf("the reason is %s, want %s", got, row.want)
			}
		})
	}
}
