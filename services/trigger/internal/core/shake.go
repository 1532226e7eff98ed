package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
)

// shake answers a handshake that the subscription names; false if the request is
// none. What the API signs is verified first. A secret that it tells is stored
// before the answer.
func (t *Triggers) shake(ctx context.Context, s Subscription, l *listener, n Notification) (Reply, bool, error) {
	if len(l.handshakes) == 0 {
		return Reply{}, false, nil
	}
	query, _ := url.ParseQuery(n.Query) // what cannot be read is no handshake
	request := handshake.Request{Method: n.Method, Query: query, Header: n.Header, Body: n.Body}
	for _, h := range l.handshakes {
		if s.leaving() && !h.Farewell || !h.Meets(request) {
			continue
		}
		if h.Signed {
			if _, err := l.verify(ctx, t.messageOf(n), t.Clock.Now()); err != nil {
				return Reply{}, true, err
			}
		}
		answer := h.Answer(request, handshake.Party{
			Secrets: l.secrets, Tokens: append(t.ourSecrets(s), n.Token), Leaving: s.leaving(),
		})
		reply, err := t.learned(ctx, s, answer)
		return reply, true, err
	}
	return Reply{}, false, nil
}

// learned is the reply to a handshake, once what it told is stored.
func (t *Triggers) learned(ctx context.Context, s Subscription, answer handshake.Answer) (Reply, error) {
	reply := Reply{Status: answer.Status, Header: answer.Header, Body: answer.Body}
	if answer.Learned == nil {
		return reply, nil
	}
	_, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error { return t.keep(s, answer.Learned) })
	switch {
	case err == nil, errors.Is(err, errSecretKnown):
		return reply, nil
	case errors.Is(err, errSecretOther):
		return Reply{Status: http.StatusConflict}, nil
	case isGone(err):
		return Reply{Status: http.StatusGone}, nil
	}
	return Reply{}, fmt.Errorf("store the secret of %s: %w", s.Name, err)
}

// leaving reports whether nothing is accepted any more, ever.
func (s Subscription) leaving() bool {
	state, _ := s.State()
	return state == StateDeleting || state == StateEnded
}
