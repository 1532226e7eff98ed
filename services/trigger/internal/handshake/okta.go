package handshake

import "net/http"

// okta is the one-time verification of Okta's event hooks: the challenge in a
// header is sent back in JSON.
// https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request
func okta() Handshake {
	const header = "X-Okta-Verification-Challenge"
	return Handshake{
		Meets: func(r Request) bool {
			return r.Method == http.MethodGet && len(r.Header.Values(header)) == 1
		},
		Answer: func(r Request, _ Party) Answer {
			return object(map[string]string{"verification": r.Header.Get(header)})
		},
	}
}
