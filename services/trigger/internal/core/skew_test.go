package core_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestAFiringThatIsEarlyByOurClockIsAPollAndTheNextIsLater(t *testing.T) {
	for name, refuse := range map[string]func(core.Call) *core.Answer{
		"that succeeds": nil,
		"that fails":    func(core.Call) *core.Answer { x := inventorytest.Refusal(http.StatusBadGateway, true); return &x },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.create("items", inventorytest.Polling)
			r.api.Set(func(a *inventorytest.API) { a.Refuse = refuse })
			r.clock.Advance(20 * time.Second) // the clock of the bus is 40 s ahead of ours
			due := s.Polling.Cursor.Next
			next, err := r.Poll(t.Context(), s.UID, due)
			if err != nil || next.Before(due.Add(time.Minute)) {
				t.Errorf("due at %v, then at %v, %v", due, next, err)
			}
			if calls := r.api.Calls(inventorytest.Polling); len(calls) != 2 {
				t.Errorf("%d calls, want the baseline and one poll", len(calls))
			}
			// The same firing once more, however late by our clock, is done already.
			r.clock.Advance(time.Hour)
			again, err := r.Poll(t.Context(), s.UID, due)
			if err != nil || !again.Equal(next) {
				t.Errorf("then at %v, %v; want %v", again, err, next)
			}
			if calls := r.api.Calls(inventorytest.Polling); len(calls) != 2 {
				t.Errorf("%d calls after the same firing came again", len(calls))
			}
		})
	}
}
