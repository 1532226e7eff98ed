package handshake

import (
	"encoding/json"
	"net/http"
)

// eventGrid is the validation of Azure Event Grid: a first event with a code that
// is sent back, or, in the schema of CloudEvents, the question of [cloudEvents].
// https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema
func eventGrid() Handshake {
	return Handshake{
		Meets: func(r Request) bool {
			return asksForPermission(r) || r.Method == http.MethodPost && r.Header.Get("Aeg-Event-Type") == "SubscriptionValidation" && len(r.Body) <= maxBody
		},
		Answer: func(r Request, p Party) Answer {
			if asksForPermission(r) {
				return permit(r, p)
			}
			var events []struct {
				EventType string `json:"eventType"`
				Data      struct {
					ValidationCode string `json:"validationCode"`
				} `json:"data"`
			}
			if json.Unmarshal(r.Body, &events) != nil || len(events) != 1 || events[0].EventType != "Microsoft.EventGrid.SubscriptionValidationEvent" {
				return refused()
			}
			return object(map[string]string{"validationResponse": events[0].Data.ValidationCode})
		},
	}
}
