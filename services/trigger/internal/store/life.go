package store

import (
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// lifeRecord is what the registration of a webhook goes through after it was made.
type lifeRecord struct {
	Generation  int              `json:"generation,omitempty"`
	Generations int              `json:"generations,omitempty"`
	SecretOf    int              `json:"secret_of,omitempty"`
	Next        *pendingRecord   `json:"next,omitempty"`
	Old         []leftoverRecord `json:"old,omitempty"`
	Upkeep      upkeepRecord     `json:"upkeep,omitzero"`
	End         time.Time        `json:"end,omitzero"`
	Ended       bool             `json:"ended,omitempty"`
}

type pendingRecord struct {
	Generation int       `json:"generation"`
	Input      string    `json:"input,omitempty"`
	Revision   string    `json:"revision"`
	Secret     []byte    `json:"secret,omitempty"`
	Until      time.Time `json:"until"`
}

type leftoverRecord struct {
	Generation  int            `json:"generation"`
	Input       string         `json:"input,omitempty"`
	Revision    string         `json:"revision"`
	Unsubscribe *removalRecord `json:"unsubscribe,omitempty"`
	After       time.Time      `json:"after,omitzero"`
}

type upkeepRecord struct {
	Expires  time.Time      `json:"expires,omitzero"`
	RenewAt  time.Time      `json:"renew_at,omitzero"`
	Renew    *removalRecord `json:"renew,omitempty"`
	CheckAt  time.Time      `json:"check_at,omitzero"`
	Check    *removalRecord `json:"check,omitempty"`
	Failures int            `json:"failures,omitempty"`
	Reason   string         `json:"reason,omitempty"`
}

// lifeOf is what is written of a webhook.
func lifeOf(w *core.Webhook) lifeRecord {
	r := lifeRecord{Generation: w.Generation, Generations: w.Generations, SecretOf: w.SecretOf, End: w.End.UTC(), Ended: w.Ended}
	if w.Next != nil {
		r.Next = new(pendingRecord(*w.Next))
		r.Next.Until = r.Next.Until.UTC()
	}
	for _, l := range w.Old {
		r.Old = append(r.Old, leftoverRecord{
			Generation: l.Generation, Input: l.Input, Revision: l.Revision, Unsubscribe: (*removalRecord)(l.Unsubscribe), After: l.After.UTC(),
		})
	}
	u := w.Upkeep
	r.Upkeep = upkeepRecord{
		Expires: u.Expires.UTC(), RenewAt: u.RenewAt.UTC(), Renew: (*removalRecord)(u.Renew),
		CheckAt: u.CheckAt.UTC(), Check: (*removalRecord)(u.Check), Failures: u.Failures, Reason: u.Reason,
	}
	return r
}

// read gives a webhook what was written.
func (r lifeRecord) read(w *core.Webhook) {
	w.Generation, w.Generations, w.SecretOf, w.End, w.Ended = r.Generation, r.Generations, r.SecretOf, r.End, r.Ended
	if r.Next != nil {
		w.Next = new(core.Pending(*r.Next))
	}
	for _, l := range r.Old {
		w.Old = append(w.Old, core.Leftover{
			Generation: l.Generation, Input: l.Input, Revision: l.Revision, Unsubscribe: (*core.Removal)(l.Unsubscribe), After: l.After,
		})
	}
	u := r.Upkeep
	w.Upkeep = core.Upkeep{
		Expires: u.Expires, RenewAt: u.RenewAt, Renew: (*core.Removal)(u.Renew),
		CheckAt: u.CheckAt, Check: (*core.Removal)(u.Check), Failures: u.Failures, Reason: u.Reason,
	}
}
