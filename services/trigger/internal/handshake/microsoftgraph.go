package handshake

import (
	"net/http"
	"strings"
)

// microsoftGraph is the validation of Microsoft Graph, and of SharePoint, which
// writes the parameter in small letters: the token in the query is sent back.
// https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks#notificationurl-validation
func microsoftGraph() Handshake {
	return Handshake{
		Meets: func(r Request) bool {
			return (r.Method == http.MethodPost || r.Method == http.MethodGet) && validationToken(r) != ""
		},
		Answer: func(r Request, _ Party) Answer { return echo(validationToken(r)) },
	}
}

func validationToken(r Request) string {
	for name, values := range r.Query {
		if strings.EqualFold(name, "validationToken") && len(values) == 1 {
			return values[0]
		}
	}
	return ""
}
