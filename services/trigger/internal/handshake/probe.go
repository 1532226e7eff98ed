package handshake

import "net/http"

// probe is the question whether anybody is there: HEAD, or GET without a query, as
// Trello, Intercom and Mailchimp ask it. The answer says nothing else.
func probe() Handshake {
	return Handshake{
		Meets: func(r Request) bool {
			return r.Method == http.MethodHead || r.Method == http.MethodGet && len(r.Query) == 0
		},
		Answer: func(Request, Party) Answer { return Answer{Status: http.StatusOK} },
	}
}
