package core

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// registrationParameter tells the callback URLs of a subscription's registrations
// apart, in their query: an API that knows one callback refuses the same URL a second
// time, and what it lists has to be told apart too. The first has none.
const registrationParameter = "?registration="

// Pending is a registration that is being made for a subscription that exists: the
// stored intention.
type Pending struct {
	// Generation is its number; no two of a subscription have the same.
	Generation int
	// Input is what it is made with, as the owner gave it.
	Input string
	// Revision is the connector's revision by which it is made.
	Revision string
	// Secret is the sealed secret that it has instead of the present one; nil if it has
	// that, or one of ours that is its own.
	Secret []byte
	// Until is when it is given up.
	Until time.Time
}

// Leftover is a registration that is to be removed at the API, while its subscription
// stays.
type Leftover struct {
	// Generation is its number.
	Generation int
	// Input and Revision are what it was made with.
	Input, Revision string
	// Unsubscribe removes it; nil if it has to be looked for, because nobody knows
	// whether it was made.
	Unsubscribe *Removal
	// After is when it may be looked for: until then the API may still be making it.
	// Zero means at once.
	After time.Time
}

// leave makes a leftover of the present registration, if there is one.
func (s *Subscription) leave(now time.Time) {
	w := s.Webhook
	if !w.Registered || w.byHand() {
		return
	}
	w.Old = append(w.Old, Leftover{Generation: w.Generation, Input: s.Input, Revision: s.Revision, Unsubscribe: w.Unsubscribe})
	w.Registered, w.Unsubscribe, w.Upkeep = false, nil, Upkeep{}
	w.Attempts, w.NextAttempt, w.Reason = 0, now, ""
}

// giveUp makes a leftover of the registration that is being made, if there is one,
// which may be looked for after a time.
func (s *Subscription) giveUp(after time.Time) {
	w := s.Webhook
	if w.Next == nil {
		return
	}
	w.Old = append(w.Old, Leftover{Generation: w.Next.Generation, Input: w.Next.Input, Revision: w.Next.Revision, After: after})
	w.Next, w.Attempts = nil, 0
}

// Unsettled reports whether something is left to do at the API of a webhook.
func (s Subscription) Unsettled() bool {
	w := s.Webhook
	return w != nil && (s.Deleting || s.settingUp() || w.Next != nil || len(w.Old) > 0)
}

// settingUp reports whether the subscription's first registration is being made.
func (s Subscription) settingUp() bool {
	return s.Webhook != nil && !s.Webhook.Registered && !s.Paused && !s.Webhook.Ended
}

// settleAt is when a webhook should be settled.
func (s Subscription) settleAt() time.Time {
	w := s.Webhook
	at := time.Time{}
	if s.Deleting || s.settingUp() {
		at = w.NextAttempt
		for _, l := range w.Old {
			at = later(at, l.After)
		}
		return at
	}
	if w.Next != nil {
		at = w.Next.Until
	}
	for _, l := range w.Old {
		at = earlier(at, later(w.NextAttempt, l.After))
	}
	return at
}

// as returns the subscription as it would be with the registration that is being
// made. What it points to is its own.
func (s Subscription) as(p Pending) Subscription {
	w := *s.Webhook
	w.Generation, w.SecretOf = p.Generation, p.Generation
	s.Webhook, s.Input, s.Revision = &w, p.Input, p.Revision
	if p.Secret != nil {
		s.Secret = p.Secret
	}
	return s
}

// was returns the subscription as it was with a registration that is left over.
func (s Subscription) was(l Leftover) Subscription {
	return s.as(Pending{Generation: l.Generation, Input: l.Input, Revision: l.Revision})
}

// without removes the leftovers of a generation.
func (w *Webhook) without(generation int) {
	w.Old = slices.DeleteFunc(w.Old, func(l Leftover) bool { return l.Generation == generation })
}

// generationSuffix is the end of a registration's callback URL.
func generationSuffix(generation int) string {
	if generation == 0 {
		return ""
	}
	return registrationParameter + strconv.Itoa(generation)
}

// generationIn returns the number of the registration whose callback URL is in a
// text; false if no URL of the token is in it.
func generationIn(text, token string) (int, bool) {
	_, rest, ok := strings.Cut(text, token)
	if !ok {
		return 0, false
	}
	digits, ok := strings.CutPrefix(rest, registrationParameter)
	if !ok {
		return 0, true
	}
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	generation, err := strconv.Atoi(digits[:end])
	return generation, err == nil
}
