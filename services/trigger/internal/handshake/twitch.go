package handshake

import (
	"encoding/json"
	"net/http"
)

// twitch is the challenge of Twitch EventSub: the challenge in the body is sent
// back.
// https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#responding-to-a-challenge-request
func twitch() Handshake {
	return Handshake{
		Signed: true,
		Meets: func(r Request) bool {
			return r.Method == http.MethodPost && r.Header.Get("Twitch-Eventsub-Message-Type") == "webhook_callback_verification"
		},
		Answer: func(r Request, _ Party) Answer {
			var q struct{ Challenge string }
			if len(r.Body) > maxBody || json.Unmarshal(r.Body, &q) != nil {
				return refused()
			}
			return echo(q.Challenge)
		},
	}
}
