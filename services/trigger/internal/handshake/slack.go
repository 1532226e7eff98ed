package handshake

// slack is Slack's url_verification: the challenge in the body is sent back.
// https://docs.slack.dev/reference/events/url_verification
func slack() Handshake {
	type question struct{ Type, Challenge string }
	return Handshake{
		Signed: true,
		Meets: func(r Request) bool {
			var q question
			return r.says("url_verification", &q) && q.Type == "url_verification"
		},
		Answer: func(r Request, _ Party) Answer {
			var q question
			r.says("url_verification", &q)
			return echo(q.Challenge)
		},
	}
}
