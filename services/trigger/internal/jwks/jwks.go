// Package jwks fetches the public keys of APIs that sign their notifications with
// tokens (RFC 7517), and keeps them for a while. [Sets] implements
// signature.KeySets.
package jwks

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

const (
	// keepFor is how long keys are believed without being fetched again.
	keepFor = time.Hour
	// retryAfter is how long keys are not fetched again for an id that is not among
	// them, or after a failure: a stranger's tokens must not make us ask more often.
	retryAfter = time.Minute
	// fetchTime bounds one fetch, and maxSet the size of its answer.
	fetchTime = 5 * time.Second
	maxSet    = 256 << 10
	// maxSets bounds the addresses that are remembered.
	maxSets = 1_000
)

var _ signature.KeySets = (*Sets)(nil)

// Sets are the key sets at any address. It is safe for concurrent use.
type Sets struct {
	client *http.Client
	clock  clock.Clock

	mu   sync.Mutex
	sets map[string]*set
}

// set is what is known of one address.
type set struct {
	mu      sync.Mutex // held while it is fetched, so that it is fetched once
	keys    map[string]crypto.PublicKey
	fetched time.Time // when it was last fetched with success; zero if never
	tried   time.Time
}

// New returns sets that are fetched through the guard.
func New(guard *egress.Guard, clk clock.Clock) *Sets {
	return newSets(guard.Client(egress.ClientOptions{Timeout: fetchTime, MaxBody: maxSet}), clk)
}

func newSets(client *http.Client, clk clock.Clock) *Sets {
	return &Sets{client: client, clock: clk, sets: map[string]*set{}}
}

// Key implements signature.KeySets.
func (s *Sets) Key(ctx context.Context, address, id string) (crypto.PublicKey, error) {
	known := s.at(address)
	known.mu.Lock()
	defer known.mu.Unlock()
	now := s.clock.Now()
	key, found := known.find(id)
	fresh := !known.fetched.IsZero() && now.Sub(known.fetched) < keepFor
	if found && fresh {
		return key, nil
	}
	if known.tried.IsZero() || now.Sub(known.tried) >= retryAfter {
		known.tried = now
		keys, err := s.fetch(ctx, address)
		if err != nil && !found {
			return nil, errors.Join(signature.ErrKeys, err)
		}
		if err == nil {
			known.keys, known.fetched = keys, now
			key, found = known.find(id)
		}
	}
	switch {
	case found:
		return key, nil // an old one is better than none while its address is down
	case known.fetched.IsZero():
		return nil, signature.ErrKeys
	}
	return nil, signature.ErrMismatch
}

// at returns what is known of an address.
func (s *Sets) at(address string) *set {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.sets[address]; ok {
		return known
	}
	if len(s.sets) >= maxSets {
		for other := range s.sets {
			delete(s.sets, other)
			break
		}
	}
	known := &set{}
	s.sets[address] = known
	return known
}

// find returns the key with an id; the only one if the id is empty.
func (k *set) find(id string) (crypto.PublicKey, bool) {
	if id == "" && len(k.keys) == 1 {
		for _, key := range k.keys {
			return key, true
		}
	}
	key, ok := k.keys[id]
	return key, ok
}

// fetch asks for the keys at an address.
func (s *Sets) fetch(ctx context.Context, address string) (map[string]crypto.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the signer's keys: %w", err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the signer's keys: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing depends on it
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the signer's keys: %w", err)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the address of the signer's keys answered with status %d", res.StatusCode)
	}
	return parse(body)
}
