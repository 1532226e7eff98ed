package handshake

import (
	"encoding/json"
	"net/http"
)

// discord is the ping of Discord: of webhook events (type 0, answered with 204) and
// of interactions (type 1, answered with itself). Discord also sends pings that are
// signed wrongly and wants them refused.
// https://docs.discord.com/developers/events/webhook-events#preparing-for-events
func discord() Handshake {
	type question struct {
		Type  *int            `json:"type"`
		Event json.RawMessage `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	return Handshake{
		Signed: true,
		Meets: func(r Request) bool {
			var q question
			if !r.says(`"type"`, &q) || q.Type == nil {
				return false
			}
			return *q.Type == 0 && q.Event == nil || *q.Type == 1 && q.Event == nil && q.Data == nil
		},
		Answer: func(r Request, _ Party) Answer {
			var q question
			r.says(`"type"`, &q)
			if *q.Type == 0 {
				return Answer{Status: http.StatusNoContent}
			}
			return answered("application/json", []byte(`{"type":1}`))
		},
	}
}
