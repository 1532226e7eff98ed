package handshake

import "encoding/hex"

// zoom is Zoom's endpoint.url_validation: a token is sent back with its HMAC. What
// is signed here must be no notification, or whoever knows the callback URL could
// have notifications signed; so the question's own signature comes first, and a
// token with a colon is refused.
// https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
func zoom() Handshake {
	const event = "endpoint.url_validation"
	type question struct {
		Event   string `json:"event"`
		Payload struct {
			PlainToken string `json:"plainToken"`
		} `json:"payload"`
	}
	return Handshake{
		Signed: true,
		Meets: func(r Request) bool {
			var q question
			return r.says(event, &q) && q.Event == event
		},
		Answer: func(r Request, p Party) Answer {
			var q question
			r.says(event, &q)
			token := q.Payload.PlainToken
			sum, ok := p.sign(token)
			if !ok || !harmless(token) {
				return refused()
			}
			return object(map[string]string{"plainToken": token, "encryptedToken": hex.EncodeToString(sum)})
		},
	}
}
