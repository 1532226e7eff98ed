package handshake

import "net/http"

// meta is the verification of Facebook, Instagram and WhatsApp: the challenge is
// sent back to whoever knows the verify token.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
func meta() Handshake {
	return Handshake{
		Meets: asksToSubscribe,
		Answer: func(r Request, p Party) Answer {
			if !p.knows(r.Query.Get("hub.verify_token")) {
				return refused()
			}
			return echo(r.Query.Get("hub.challenge"))
		},
	}
}

func asksToSubscribe(r Request) bool {
	return r.Method == http.MethodGet && r.Query.Get("hub.mode") == "subscribe" && r.Query.Has("hub.challenge")
}
