package handshake

import "net/http"

// Header fields of the abuse protection.
const (
	requestOrigin = "Webhook-Request-Origin"
	requestRate   = "Webhook-Request-Rate"
	allowedOrigin = "Webhook-Allowed-Origin"
	allowedRate   = "Webhook-Allowed-Rate"
)

// cloudEvents is the validation of HTTP 1.1 Web Hooks for Event Delivery (section
// 4, Abuse Protection): the sender is allowed to send, as often as it likes.
func cloudEvents() Handshake {
	return Handshake{Meets: asksForPermission, Answer: permit}
}

func asksForPermission(r Request) bool {
	return r.Method == http.MethodOptions && len(r.Header.Values(requestOrigin)) == 1
}

func permit(r Request, _ Party) Answer {
	origin := r.Header.Get(requestOrigin)
	if origin != "*" && !harmless(origin) { // it is the name of a host
		return refused()
	}
	answer := Answer{Status: http.StatusOK, Header: http.Header{"Allow": {http.MethodPost}, allowedOrigin: {origin}}}
	if r.Header.Get(requestRate) != "" {
		answer.Header.Set(allowedRate, "*")
	}
	return answer
}
