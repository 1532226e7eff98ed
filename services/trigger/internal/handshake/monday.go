package handshake

// monday is the challenge of monday.com: the body, which has nothing else, is sent
// back.
// https://developer.monday.com/api-reference/reference/webhooks
func monday() Handshake {
	const member = "challenge"
	read := func(r Request) (challenge string, ok bool) {
		var q map[string]any
		if !r.says(member, &q) || len(q) != 1 {
			return "", false
		}
		challenge, ok = q[member].(string)
		return challenge, ok
	}
	return Handshake{
		Meets: func(r Request) bool { _, ok := read(r); return ok },
		Answer: func(r Request, _ Party) Answer {
			challenge, _ := read(r)
			return object(map[string]string{member: challenge})
		},
	}
}
