package core

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// secretField is what the secret of a subscription is sealed for.
const secretField = "secret"

// authenticate decides how the notifications of a new webhook are verified: by the
// owner's rule or the connector's, with the owner's secret, with ours where the API
// is told it, or with the one that the API tells in its handshake. What cannot be
// verified is refused, unless the owner accepts it.
func (t *Triggers) authenticate(s *Subscription, w *Webhook, d Draft, declared *signature.Rule) error {
	rule := declared
	if d.Signature != nil {
		rule, s.Signature = d.Signature, d.Signature
	}
	if rule == nil {
		if len(d.Secret) > 0 {
			return invalidDraft("secret", "is of no use, because the connector declares no signature: say in signature how notifications are signed")
		}
		return t.unsigned(s, "the connector declares no signature; say in signature how they are signed, and in secret with what")
	}
	full, preset, err := signature.Resolve(*rule)
	if err != nil {
		if d.Signature != nil {
			return invalidSignature(err)
		}
		return t.unsigned(s, err.Error())
	}
	w.IDHeader = full.IDHeader
	if why, err := t.chooseSecret(s, w, d, full, preset); why != "" || err != nil {
		if err == nil && d.Signature != nil {
			err = invalidDraft("secret", "is missing: "+why)
		}
		if err != nil {
			return err
		}
		w.Handshakes = append(slices.Clone(w.Handshakes), preset.Handshakes...) // the API begins them all the same
		return t.unsigned(s, why)
	}
	if d.Signature == nil {
		w.Signature = rule
	}
	return nil
}

// invalidSignature says what is wrong with the owner's rule.
func invalidSignature(err error) error {
	if errors.Is(err, signature.ErrUnknownScheme) {
		return invalidDraft("signature", "has an "+err.Error()+
			"; name a preset, for instance github, slack or stripe, or one of hmac, ed25519, ecdsa-p256, jwt, basic and token")
	}
	return invalidDraft("signature", strings.TrimPrefix(err.Error(), "the signature's declaration "))
}

// chooseSecret decides with what the notifications of a webhook are verified, or
// says why that is not possible.
func (t *Triggers) chooseSecret(s *Subscription, w *Webhook, d Draft, full signature.Rule, preset signature.Preset) (why string, err error) {
	told := full.SecretPointer != "" && !w.byHand() && !full.Public()
	switch {
	case len(d.Secret) > 0:
		if err := t.tryRule(full, d.Secret); err != nil {
			return "", invalidDraft("secret", strings.TrimPrefix(err.Error(), "the secret "))
		}
		if s.Secret, err = t.Keys.Seal(s.UID, secretField, d.Secret); err != nil {
			return "", fmt.Errorf("seal the secret of %s: %w", s.Operation, err)
		}
	case told:
		if unfit := t.unfit(full, s.UID); unfit != "" {
			return unfit + ", and ours is none that it could be told; give the API's own in secret", nil
		}
	case taught(append(slices.Clone(w.Handshakes), preset.Handshakes...)):
		return "", nil // the API tells it before the first notification
	case !full.NeedsSecret():
		return "", t.tryRule(full)
	case full.Public():
		return "the public key that the API signs with is not known; give it in secret", nil
	case w.byHand():
		return "the callback is registered by hand, so that nobody tells the API a secret; give the API's own in secret", nil
	default:
		return "the connector does not say how the API learns the secret; give the API's own in secret", nil
	}
	if told {
		w.SecretPointer = full.SecretPointer
	}
	return "", nil
}

// tryRule says what is wrong with a rule and its secrets.
func (t *Triggers) tryRule(rule signature.Rule, secrets ...[]byte) error {
	_, err := signature.New(rule, signature.Keys{Secrets: secrets, Sets: t.KeySets})
	return err
}

// unfit says why our own secret is none for a rule; empty if it is.
func (t *Triggers) unfit(rule signature.Rule, uid string) string {
	if err := t.tryRule(rule, []byte(t.Keys.Secret(uid, 0))); err != nil {
		return err.Error()
	}
	return ""
}

// unsigned refuses a webhook whose notifications cannot be verified, unless its
// owner accepts that.
func (t *Triggers) unsigned(s *Subscription, why string) error {
	if s.UnsignedAccepted {
		return nil
	}
	return fault.Precondition(fault.ReasonWebhookSecretRequired,
		"notifications of trigger %q cannot be verified: %s; or set unsigned_accepted if that is acceptable", s.Operation, why).
		With("operation", s.Operation)
}

// taught reports whether one of the handshakes tells a secret.
func taught(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		h, ok := handshake.Lookup(name)
		return ok && h.Teaches
	})
}

// ReplaceSecret gives a subscription another secret to verify notifications with.
// What it had counts too for [SignatureOverlap], so that nothing is lost while the API
// still signs with it. It is for the change of [Store.Alter]; the error says why the
// secret cannot be used.
func (t *Triggers) ReplaceSecret(s *Subscription, secret []byte) error {
	if len(secret) == 0 || len(secret) > MaxSecret {
		return invalidDraft("secret", fmt.Sprintf("has %d bytes, 1 to %d are accepted", len(secret), MaxSecret))
	}
	rule := s.rule()
	if rule == nil {
		return invalidDraft("secret", "is of no use: say in signature how notifications are signed")
	}
	if err := t.tryRule(*rule, secret); err != nil {
		return invalidDraft("secret", "cannot be used: "+err.Error())
	}
	old, err := t.presentSecret(*s)
	if err != nil {
		return err
	}
	sealed, err := t.Keys.Seal(s.UID, secretField, secret)
	if err != nil {
		return fmt.Errorf("seal the secret of %s: %w", s.Name, err)
	}
	s.Secret, s.OldSecret, s.OldSecretUntil = sealed, old, t.Clock.Now().Add(SignatureOverlap)
	if old == nil {
		s.OldSecretUntil = time.Time{}
	}
	return nil
}

// rule is how a webhook's notifications are signed; nil if nobody says.
func (s Subscription) rule() *signature.Rule {
	if s.Signature != nil {
		return s.Signature
	}
	return s.Webhook.Signature
}

// secrets returns what notifications are signed with, the present one first, and
// until when that is so; zero if nothing ends.
func (t *Triggers) secrets(s Subscription, now time.Time) (secrets [][]byte, until time.Time, err error) {
	if s.Secret == nil && s.Webhook.SecretPointer != "" {
		for _, secret := range t.ourSecrets(s) {
			secrets = append(secrets, []byte(secret))
		}
	}
	sealed := [][]byte{s.Secret}
	if next := s.Webhook.Next; next != nil && next.Secret != nil {
		sealed = append(sealed, next.Secret)
	}
	if s.OldSecret != nil && now.Before(s.OldSecretUntil) {
		sealed, until = append(sealed, s.OldSecret), s.OldSecretUntil
	}
	for _, box := range sealed {
		if box == nil {
			continue
		}
		secret, err := t.Keys.Open(s.UID, secretField, box)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("open the secret of %s: %w", s.Name, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, until, nil
}

// ourSecrets are the secrets of ours that count where nobody has chosen one: that of the
// present registration, and that of the one that is being made.
func (t *Triggers) ourSecrets(s Subscription) []string {
	w := s.Webhook
	secrets := []string{t.Keys.Secret(s.UID, w.SecretOf)}
	if w.Next != nil && w.Next.Secret == nil && w.Next.Generation != w.SecretOf {
		secrets = append(secrets, t.Keys.Secret(s.UID, w.Next.Generation))
	}
	return secrets
}

// tellsOurs reports whether the API was told a secret of ours when the webhook was
// registered.
func (s Subscription) tellsOurs() bool {
	return s.Webhook != nil && s.Webhook.SecretPointer != "" && s.Secret == nil && !s.Webhook.byHand()
}

// toldSecret is what the API is told to sign with; empty if it is told nothing.
func (t *Triggers) toldSecret(s Subscription) (string, error) {
	if s.Webhook == nil || s.Webhook.SecretPointer == "" {
		return "", nil
	}
	secrets, _, err := t.secrets(s, s.OldSecretUntil)
	if err != nil || len(secrets) == 0 {
		return "", err
	}
	return string(secrets[0]), nil
}

// PendingToken is the token that the owner of a webhook has to enter at its API, for
// APIs that tell one in their handshake; empty if there is none, or once a
// notification has shown that it was entered.
func (t *Triggers) PendingToken(s Subscription) string {
	if s.Webhook == nil || s.Secret == nil || !s.Webhook.Notified.IsZero() {
		return ""
	}
	shown := func(name string) bool {
		h, ok := handshake.Lookup(name)
		return ok && h.Shown
	}
	if !slices.ContainsFunc(s.handshakes(), shown) {
		return ""
	}
	secret, err := t.Keys.Open(s.UID, secretField, s.Secret)
	if err != nil {
		return ""
	}
	return string(secret)
}

// handshakes are the names of those that the API may begin.
func (s Subscription) handshakes() []string {
	names := slices.Clone(s.Webhook.Handshakes)
	if rule := s.rule(); rule != nil {
		if preset, ok := signature.Lookup(rule.Scheme); ok {
			names = append(names, preset.Handshakes...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// errSecretKnown says that a secret that was told is the one that is kept, and
// errSecretOther that it is another.
var (
	errSecretKnown = errors.New("the secret is known")
	errSecretOther = errors.New("there is another secret already")
)

// keep stores the secret that the API has told in its handshake. Only while the
// registration is being made does it replace another: later, whoever knows the
// callback URL could.
func (t *Triggers) keep(s *Subscription, secret []byte) error {
	// A registration that is being made has a secret of its own, which takes the place
	// of the present one when it does.
	place := &s.Secret
	if s.Webhook.Next != nil {
		place = &s.Webhook.Next.Secret
	} else if s.Secret != nil {
		known, err := t.Keys.Open(s.UID, secretField, s.Secret)
		switch {
		case err != nil:
			return fmt.Errorf("open the secret of %s: %w", s.Name, err)
		case subtle.ConstantTimeCompare(known, secret) == 1:
			return errSecretKnown
		case s.Webhook.Registered:
			return errSecretOther
		}
	}
	rule := s.rule()
	if rule == nil {
		return errSecretOther
	}
	if err := t.tryRule(*rule, secret); err != nil {
		return fmt.Errorf("take the secret of the handshake: %w", err)
	}
	sealed, err := t.Keys.Seal(s.UID, secretField, secret)
	if err != nil {
		return fmt.Errorf("seal the secret of %s: %w", s.Name, err)
	}
	*place = sealed
	return nil
}
