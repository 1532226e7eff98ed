package delivery

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// attemptRecord is an attempt in the log of attempts.
type attemptRecord struct {
	Event    string        `json:"event"`
	Sink     string        `json:"sink"`
	Time     time.Time     `json:"time"`
	Duration time.Duration `json:"duration"`
	Status   int           `json:"status,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Number   int           `json:"number"`
	Accepted bool          `json:"accepted,omitempty"`
	Dead     bool          `json:"dead,omitempty"`
	Next     time.Time     `json:"next,omitzero"`
}

// report notes an attempt, for people. Nobody waits for it, and the loss of one is
// harmless: nothing is decided by it.
func (d *Deliverer) report(at bus.DeliveryAddress, e *entry, sink core.Sink, a attempted, why string, final bool) {
	r := attemptRecord{
		Event: e.message.Header.Get(headerEvent), Sink: sink.ID, Time: a.began.UTC(), Duration: a.took, Status: a.result.Status,
		Reason: reasonText(why), Number: e.Attempts, Accepted: a.result.Outcome == Accepted,
	}
	r.Dead = final && !r.Accepted
	if !final {
		r.Next = e.Next.UTC()
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = d.JetStream.Conn().PublishMsg(&nats.Msg{Subject: at.AttemptSubject(), Data: data})
	}
	if err != nil {
		d.Log.Debug("an attempt was not noted", "error", err)
	}
}
