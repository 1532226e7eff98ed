package handshake

import "net/http"

// asana is Asana's handshake: the header with the secret that it is going to sign
// with is sent back.
// https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake
func asana() Handshake {
	const header = "X-Hook-Secret"
	return Handshake{
		Teaches: true,
		Meets:   func(r Request) bool { return r.Method == http.MethodPost && len(r.Header.Values(header)) == 1 },
		Answer: func(r Request, _ Party) Answer {
			secret := r.Header.Get(header)
			if !harmless(secret) { // it becomes a header
				return refused()
			}
			return Answer{Status: http.StatusOK, Header: http.Header{header: {secret}}, Learned: []byte(secret)}
		},
	}
}
