package handshake

// strava is Strava's verification: like Meta's, and answered as JSON.
// https://developers.strava.com/docs/webhooks/
func strava() Handshake {
	return Handshake{
		Meets: asksToSubscribe,
		Answer: func(r Request, p Party) Answer {
			if !p.knows(r.Query.Get("hub.verify_token")) {
				return refused()
			}
			return object(map[string]string{"hub.challenge": r.Query.Get("hub.challenge")})
		},
	}
}
