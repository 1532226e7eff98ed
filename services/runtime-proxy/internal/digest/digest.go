// Package digest answers the challenges of HTTP Digest authentication (RFC
// 7616): MD5, SHA-256 and SHA-512-256, each also as a session, with the
// qualities auth and auth-int, or none as in RFC 2069, and hashed user names.
//
// A [Memory] remembers the last challenge of each host, so that only the first
// request has to be sent twice. It counts the answers to a challenge, which have
// to have numbers of their own.
//
//	line, err := memory.Answer(message, user, password)  // "" before the first challenge
//	… the API answers 401 …
//	again := memory.Learn(host, line, response.Header)
package digest

import (
	"crypto/md5" //nolint:gosec // RFC 7616, section 3.3
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/icholy/digest"
)

const (
	// maxHosts is how many hosts one memory knows; past it all are forgotten.
	maxHosts = 16
	// cnonceBytes is the randomness of a client's nonce.
	cnonceBytes = 16
)

// ErrBody means that the API wants the body to be part of the answer, and that it
// is not there.
var ErrBody = errors.New("the body is needed for the answer to the challenge")

// Message is what is answered for.
type Message struct {
	// Host is where it goes.
	Host string
	// Method is its method.
	Method string
	// Target is its request target, as sent.
	Target string
	// Body is its content.
	Body []byte
	// Streamed says that the content is not in Body.
	Streamed bool
}

// Memory remembers challenges. It is safe for concurrent use; its zero value is
// empty.
type Memory struct {
	mu    sync.Mutex
	hosts map[string]*known
}

// known is a challenge and how often it was answered.
type known struct {
	challenge challenge
	count     int
}

// challenge is one that can be answered.
type challenge struct {
	digest.Challenge

	session bool // the algorithm ends in "-sess"
	named   string
}

// Learn reads the challenges of an answer of 401 and reports whether the request
// is worth sending again with a new [Memory.Answer]. sent is the answer that it
// carried, "" if it had none: one that was refused without a new nonce means that
// user name or password are wrong, and the challenge is forgotten.
func (m *Memory) Learn(host, sent string, header http.Header) (again bool) {
	found, ok := first(header["Www-Authenticate"])
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok {
		return false
	}
	if given, err := digest.ParseCredentials(sent); err == nil && given.Nonce == found.Nonce && !found.Stale {
		delete(m.hosts, host)
		return false
	}
	if k := m.hosts[host]; k != nil && k.challenge.Nonce == found.Nonce {
		return true // another call has learnt it already: its count goes on
	}
	if m.hosts == nil || len(m.hosts) >= maxHosts {
		m.hosts = make(map[string]*known, 1)
	}
	m.hosts[host] = &known{challenge: found}
	return true
}

// Answer returns the value of the Authorization header for a message, "" if no
// challenge of its host is known. The only error is [ErrBody].
func (m *Memory) Answer(msg Message, user, password string) (string, error) {
	m.mu.Lock()
	k := m.hosts[msg.Host]
	if k == nil {
		m.mu.Unlock()
		return "", nil
	}
	k.count++
	chosen, count := k.challenge, k.count
	m.mu.Unlock()
	if msg.Streamed && len(chosen.QOP) > 0 && !chosen.SupportsQOP("auth") {
		return "", ErrBody
	}
	var random [cnonceBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand, Go 1.24)
	return chosen.answer(msg, user, password, count, hex.EncodeToString(random[:]))
}

func (c *challenge) answer(msg Message, user, password string, count int, cnonce string) (string, error) {
	options := digest.Options{
		Method: msg.Method, URI: msg.Target, Count: count, Username: user, Password: password,
		Cnonce:  cnonce,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(msg.Body))), nil },
	}
	if c.session { // RFC 7616, section 3.4.2
		inner := c.sum(user + ":" + c.Realm + ":" + password)
		options.A1 = c.sum(inner + ":" + c.Nonce + ":" + options.Cnonce)
	}
	given, err := digest.Digest(&c.Challenge, options)
	if err != nil {
		return "", fmt.Errorf("answer challenge: %w", err)
	}
	given.Algorithm = c.named
	return given.String(), nil
}

func (c *challenge) sum(text string) string {
	h := algorithms[strings.ToUpper(c.Algorithm)]()
	_, _ = io.WriteString(h, text) // never fails (package hash)
	return hex.EncodeToString(h.Sum(nil))
}

// algorithms are those of RFC 7616, section 6.1; the name is left out for MD5 by
// old servers.
var algorithms = map[string]func() hash.Hash{
	"": md5.New, "MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256,
}

// first returns the first challenge that can be answered: servers list the one
// that they like best first (RFC 7616, section 3.7).
func first(lines []string) (challenge, bool) {
	for _, line := range lines {
		for _, one := range split(line) {
			parsed, err := digest.ParseChallenge(one)
			if err != nil || parsed.Nonce == "" {
				continue
			}
			if c, ok := usable(parsed); ok {
				return c, true
			}
		}
	}
	return challenge{}, false
}

func usable(parsed *digest.Challenge) (challenge, bool) {
	c := challenge{Challenge: *parsed, named: parsed.Algorithm}
	c.QOP = nil
	for _, listed := range parsed.QOP {
		if listed = strings.ToLower(strings.TrimSpace(listed)); listed == "auth" || listed == "auth-int" {
			c.QOP = append(c.QOP, listed)
		}
	}
	if len(parsed.QOP) > 0 && len(c.QOP) == 0 {
		return c, false
	}
	base, session := strings.CutSuffix(strings.ToUpper(parsed.Algorithm), "-SESS")
	c.Algorithm, c.session = base, session
	_, ok := algorithms[base]
	return c, ok
}
