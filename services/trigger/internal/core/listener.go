package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// maxListeners is how many listeners are kept made.
const maxListeners = 10_000

// listener is what is made of a webhook subscription to take its notifications. It
// is made once for each change of the subscription, not for each notification.
type listener struct {
	change uint64
	until  time.Time // when a secret ends; zero if none does
	// verifier is nil if notifications are not verified, and refuses is true if none
	// can be, because nobody has told a secret.
	verifier *signature.Verifier
	refuses  bool
	secrets  [][]byte
	// header is where the id of a notification is, or path in its body.
	header, path string
	handshakes   []handshake.Handshake
	accept       int
}

// listeners keeps what was made. The zero value is ready to use.
type listeners struct {
	mu   sync.Mutex
	made map[string]*listener
}

// get returns the listener of a subscription if it was made for its present state.
func (l *listeners) get(s Subscription, now time.Time) *listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	made := l.made[s.UID]
	if made == nil || made.change != s.Change || !made.until.IsZero() && !now.Before(made.until) {
		return nil
	}
	return made
}

// put keeps a listener, in the place of any other if there are too many.
func (l *listeners) put(uid string, made *listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		l.made = map[string]*listener{}
	}
	if _, there := l.made[uid]; !there && len(l.made) >= maxListeners {
		for other := range l.made {
			delete(l.made, other)
			break
		}
	}
	l.made[uid] = made
}

// listenerOf returns the listener of a subscription.
func (t *Triggers) listenerOf(s Subscription, now time.Time) (*listener, error) {
	if l := t.listeners.get(s, now); l != nil {
		return l, nil
	}
	l := &listener{change: s.Change, header: s.Webhook.IDHeader, accept: http.StatusAccepted}
	for _, name := range s.handshakes() {
		if h, ok := handshake.Lookup(name); ok {
			l.handshakes = append(l.handshakes, h)
		}
	}
	if err := t.listenBy(l, s, now); err != nil {
		return nil, err
	}
	t.listeners.put(s.UID, l)
	return l, nil
}

// listenBy gives a listener what the subscription's rule says.
func (t *Triggers) listenBy(l *listener, s Subscription, now time.Time) error {
	rule := s.rule()
	if rule == nil {
		l.refuses = !s.UnsignedAccepted
		return nil
	}
	full, preset, err := signature.Resolve(*rule)
	if err != nil {
		return fmt.Errorf("read the signature of %s: %w", s.Name, err)
	}
	if l.secrets, l.until, err = t.secrets(s, now); err != nil {
		return err
	}
	if preset.Accept != 0 {
		l.accept = preset.Accept
	}
	l.path = preset.IDPath
	l.verifier, err = signature.New(full, signature.Keys{Secrets: l.secrets, Sets: t.KeySets})
	if errors.Is(err, signature.ErrSecret) && len(l.secrets) == 0 {
		l.refuses = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the verifier of %s: %w", s.Name, err)
	}
	return nil
}

// verify refuses what the API did not sign. Whatever is wrong with a signature, the
// answer is the same.
func (l *listener) verify(ctx context.Context, m signature.Message, now time.Time) (signature.Proof, error) {
	if l.refuses {
		return signature.Proof{}, fault.Unauthenticated(fault.ReasonWebhookSignatureInvalid,
			"the notification cannot be verified, because no secret is known; give the subscription the secret that the API signs with")
	}
	if l.verifier == nil {
		return signature.Proof{}, nil
	}
	proof, err := l.verifier.Verify(ctx, m, now)
	switch {
	case err == nil:
		return proof, nil
	case ctx.Err() != nil:
		return signature.Proof{}, ctx.Err()
	case errors.Is(err, signature.ErrKeys):
		return signature.Proof{}, fault.Unavailable(fault.ReasonServiceUnavailable,
			"the notification cannot be verified just now, because the keys of its signer cannot be fetched; try again").Because(err)
	}
	return signature.Proof{}, fault.Unauthenticated(fault.ReasonWebhookSignatureInvalid,
		"the notification's signature is missing, too old, or does not fit").Because(err)
}
