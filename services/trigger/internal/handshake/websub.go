package handshake

import "net/http"

// webSub is the verification of intent (WebSub, section 5.3): what a hub was asked
// for is confirmed. That is a subscription as long as it is wanted, and its end
// afterwards.
func webSub() Handshake {
	return Handshake{
		Farewell: true,
		Meets: func(r Request) bool {
			mode := r.Query.Get("hub.mode")
			return r.Method == http.MethodGet && (mode == "subscribe" || mode == "unsubscribe") && r.Query.Has("hub.challenge")
		},
		Answer: func(r Request, p Party) Answer {
			if (r.Query.Get("hub.mode") == "unsubscribe") != p.Leaving {
				return Answer{Status: http.StatusNotFound} // "the subscriber does not agree"
			}
			return echo(r.Query.Get("hub.challenge"))
		},
	}
}
