package crowd

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

func TestAPollIsLateByWhatItIsMoreThanAMinuteAfterTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolls(clock.System())
		poll := func(input string) {
			t.Helper()
			req := &runtimev1.InvokeRequest{Input: &httpbody.HttpBody{Data: []byte(input)}}
			res := &runtimev1.InvokeResponse{}
			if err := p.Invoke(t.Context(), "", req, res); err != nil || len(res.GetBody().GetData()) == 0 {
				t.Fatal(err)
			}
		}
		poll(`{"n":1}`)
		p.begin()
		<-time.After(time.Minute + 4*time.Second)
		poll(`{"n":1}`)
		poll(`{"n":2}`) // its first: it cannot be late
		rate, p50, p99 := p.seen()
		if want := 2.0 / 64; rate != want || p50 != 4*time.Second || p99 != p50 {
			t.Errorf("%v polls/s, %v and %v late; want %v, 4s", rate, p50, p99, want)
		}
	})
}

func TestWhatNobodyAnswersIsAnError(t *testing.T) {
	p := newPolls(clock.System())
	if err := p.Invoke(t.Context(), "", nil, nil); err == nil {
		t.Error("no error")
	}
	if _, err := p.NewStream(t.Context(), nil, ""); err == nil {
		t.Error("no error of a stream")
	}
}
