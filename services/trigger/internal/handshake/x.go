package handshake

import (
	"encoding/base64"
	"net/http"
)

// x is the challenge-response check of X: a token is sent back as its HMAC. A token
// that could be the body of a notification is refused, because it would be signed.
// https://docs.x.com/x-api/webhooks/introduction
func x() Handshake {
	return Handshake{
		Meets: func(r Request) bool { return r.Method == http.MethodGet && r.Query.Get("crc_token") != "" },
		Answer: func(r Request, p Party) Answer {
			token := r.Query.Get("crc_token")
			sum, ok := p.sign(token)
			if !ok || !harmless(token) {
				return refused()
			}
			return object(map[string]string{"response_token": "sha256=" + base64.StdEncoding.EncodeToString(sum)})
		},
	}
}
