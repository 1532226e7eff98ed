package handshake

import "net/http"

// notion is Notion's verification: it tells the token that it is going to sign
// with, which a person then enters at Notion.
// https://developers.notion.com/reference/webhooks#step-2-verifying-the-subscription
func notion() Handshake {
	const member = "verification_token"
	read := func(r Request) (token string, ok bool) {
		var q map[string]any
		if !r.says(member, &q) || len(q) != 1 { // a notification that mentions it has other members
			return "", false
		}
		token, ok = q[member].(string)
		return token, ok
	}
	return Handshake{
		Teaches: true, Shown: true,
		Meets: func(r Request) bool { _, ok := read(r); return ok },
		Answer: func(r Request, _ Party) Answer {
			token, _ := read(r)
			if !harmless(token) {
				return refused()
			}
			return Answer{Status: http.StatusOK, Learned: []byte(token)}
		},
	}
}
