package handshake

import "net/http"

// dropbox is Dropbox's verification, which Adobe and Nylas have taken over: the
// challenge in the query is sent back.
// https://www.dropbox.com/developers/reference/webhooks
func dropbox() Handshake {
	return Handshake{
		Meets:  func(r Request) bool { return r.Method == http.MethodGet && r.Query.Has("challenge") },
		Answer: func(r Request, _ Party) Answer { return echo(r.Query.Get("challenge")) },
	}
}
