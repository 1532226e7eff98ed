package dataplane

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// tokenAge is how long a token counts as verified, and so the longest that it
	// works after its end. A signature takes longer to check than all the rest
	// of a short exchange.
	tokenAge = 5 * time.Second
	// maxTokens bounds the tokens that are remembered.
	maxTokens = 10_000
)

// tokens verifies bearer tokens and remembers those that are good for a few
// seconds, by their hash.
type tokens struct {
	verifier authn.Verifier
	clock    clock.Clock
	known    *otter.Cache[[sha256.Size]byte, verified]
}

type verified struct {
	principal authn.Principal
	until     time.Time
}

func newTokens(verifier authn.Verifier, clk clock.Clock) (*tokens, error) {
	known, err := otter.New(&otter.Options[[sha256.Size]byte, verified]{MaximumSize: maxTokens})
	if err != nil {
		return nil, fmt.Errorf("make cache of tokens: %w", err)
	}
	return &tokens{verifier: verifier, clock: clk, known: known}, nil
}

// authenticate returns whose token the Authorization field holds, and the token.
func (t *tokens) authenticate(ctx context.Context, lines []string) (authn.Principal, string, error) {
	token, err := bearer(lines)
	if err != nil {
		return authn.Principal{}, "", err
	}
	if len(token) > authn.MaxTokenSize { // not hashed for strangers
		return authn.Principal{}, "", unauthenticated("the token is too long; send a valid one")
	}
	var room [1024]byte // on the stack; longer ones are rare
	key := sha256.Sum256(append(room[:0], token...))
	now := t.clock.Now()
	if v, ok := t.known.GetIfPresent(key); ok && now.Before(v.until) {
		return v.principal, token, nil
	}
	principal, err := t.verifier.Verify(ctx, token)
	if err != nil {
		return authn.Principal{}, "", err
	}
	t.known.Set(key, verified{principal, now.Add(tokenAge)})
	return principal, token, nil
}

func bearer(lines []string) (string, error) {
	if len(lines) == 0 {
		return "", unauthenticated("the request has no token; send it as the header Authorization: Bearer <token>")
	}
	scheme, token, ok := strings.Cut(lines[0], " ")
	if len(lines) != 1 || !ok || token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", unauthenticated("the header Authorization is not one bearer token; send Authorization: Bearer <token>")
	}
	return token, nil
}

func unauthenticated(sentence string) error {
	return fault.Unauthenticated(fault.ReasonUnauthenticated, "%s", sentence)
}
