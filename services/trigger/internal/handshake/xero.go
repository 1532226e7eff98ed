package handshake

import "net/http"

// xero is Xero's intent to receive: a notification without events, which must be
// answered with 200 if its signature fits and with 401 if it does not.
// https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/
func xero() Handshake {
	return Handshake{
		Signed: true,
		Meets: func(r Request) bool {
			var q struct {
				Events  *[]any  `json:"events"`
				Entropy *string `json:"entropy"`
			}
			return r.says(`"entropy"`, &q) && q.Events != nil && len(*q.Events) == 0 && q.Entropy != nil
		},
		Answer: func(Request, Party) Answer { return Answer{Status: http.StatusOK} },
	}
}
