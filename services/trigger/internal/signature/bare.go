package signature

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// authorization is the header of credentials (RFC 9110, section 11.6.2).
const authorization = "Authorization"

// checkBare checks a rule whose notifications carry the secret itself, which
// proves nothing about the rest of them.
func checkBare(r Rule) error {
	switch {
	case r.TimestampHeader != "" || r.TimestampKey != "" || r.HeaderFormat != "":
		return fmt.Errorf("%w: the scheme %s signs no time and knows one form of header", ErrRule, r.Scheme)
	case r.Scheme == "basic" && r.Content != "":
		return fmt.Errorf("%w: the scheme basic has no content", ErrRule)
	case r.Scheme == "token" && r.Content != "":
		if _, ok := bodyPath(r.Content); !ok || r.Header != "" {
			return fmt.Errorf("%w: the scheme token has a header, or {json:PATH} for its content", ErrRule)
		}
	case r.Scheme == "token" && len(r.headers()) != 1:
		return fmt.Errorf("%w: it names no header", ErrRule)
	}
	return nil
}

// bodyPath returns the path in "{json:PATH}".
func bodyPath(content string) (string, bool) {
	path, ok := strings.CutPrefix(content, "{json:")
	path, closed := strings.CutSuffix(path, "}")
	return path, ok && closed && path != "" && !strings.ContainsAny(path, "{}")
}

// newToken is the scheme "token": the notification carries the secret, in a header
// or inside its body.
func newToken(r Rule, keys Keys) (prover, error) {
	known := digests(keys.Secrets)
	if path, ok := bodyPath(r.Content); ok {
		return func(_ context.Context, m Message, _ time.Time) (Proof, error) {
			texts, ok := textsAt(m.Body, strings.Split(path, "."))
			if !ok || len(texts) == 0 {
				return Proof{}, ErrMissing
			}
			for _, text := range texts {
				if !known.has([]byte(text)) {
					return Proof{}, ErrMismatch
				}
			}
			return Proof{ID: idOf(m.Header, r.IDHeader)}, nil
		}, nil
	}
	return func(_ context.Context, m Message, _ time.Time) (Proof, error) {
		text, err := credential(m.Header, r.headers()[0], r.Prefix)
		if err != nil {
			return Proof{}, err
		}
		if !known.has([]byte(text)) {
			return Proof{}, ErrMismatch
		}
		return Proof{ID: idOf(m.Header, r.IDHeader)}, nil
	}, nil
}

// newBasic is the scheme "basic" (RFC 7617); the secret is "user:password".
func newBasic(r Rule, keys Keys) (prover, error) {
	for _, secret := range keys.Secrets {
		if !bytes.Contains(secret, []byte(":")) {
			return nil, fmt.Errorf("%w: it must be a user, a colon and a password", ErrSecret)
		}
	}
	name := r.Header
	if name == "" {
		name = authorization
	}
	known := digests(keys.Secrets)
	return func(_ context.Context, m Message, _ time.Time) (Proof, error) {
		value, err := single(m.Header, name)
		if err != nil {
			return Proof{}, err
		}
		scheme, text, ok := strings.Cut(value, " ")
		given, err := decodeBase64(strings.TrimSpace(text))
		if !ok || err != nil || !strings.EqualFold(scheme, "Basic") || !known.has(given) {
			return Proof{}, ErrMismatch
		}
		return Proof{ID: idOf(m.Header, r.IDHeader)}, nil
	}, nil
}

// credential returns what follows the prefix in the only value of a header.
func credential(h http.Header, name, prefix string) (string, error) {
	value, err := single(h, name)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(value), prefix)
	if !ok {
		return "", ErrMismatch
	}
	return text, nil
}

// digestSet compares without telling lengths: what is compared are digests.
type digestSet [][sha256.Size]byte

func digests(secrets [][]byte) digestSet {
	var set digestSet
	for _, secret := range secrets {
		set = append(set, sha256.Sum256(secret))
	}
	return set
}

func (s digestSet) has(text []byte) bool {
	given, fit := sha256.Sum256(text), 0
	for i := range s {
		fit |= subtle.ConstantTimeCompare(given[:], s[i][:])
	}
	return fit == 1
}

// textsAt returns the texts at a path of a JSON value; false unless there is a text
// at every place that the path leads to.
func textsAt(value json.RawMessage, path []string) ([]string, bool) {
	if len(path) == 0 {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, false
		}
		return []string{text}, true
	}
	if path[0] != "*" {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil || members[path[0]] == nil {
			return nil, false
		}
		return textsAt(members[path[0]], path[1:])
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, false
	}
	var texts []string
	for _, element := range list {
		found, ok := textsAt(element, path[1:])
		if !ok {
			return nil, false
		}
		texts = append(texts, found...)
	}
	return texts, true
}
