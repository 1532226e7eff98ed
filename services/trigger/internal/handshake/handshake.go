// Package handshake answers what an API asks of a callback URL before it trusts
// it. Each [Handshake] is a file of its own; [Lookup] knows them by the names that
// connectors and presets of signatures use.
//
//	h, _ := handshake.Lookup("slack")
//	if h.Meets(request) {
//		answer := h.Answer(request, party) // after the signature was verified, if h.Signed
//	}
//
// What a stranger sent is only ever sent back as text/plain or inside JSON, of
// limited length, with the order to browsers not to guess. Nothing here performs
// input or output.
package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

const (
	// maxEcho is the longest text that is sent back, in bytes.
	maxEcho = 4 << 10
	// maxBody is the longest body that may be a handshake, in bytes.
	maxBody = 16 << 10
)

// Request is what arrived at a callback URL.
type Request struct {
	// Method is the HTTP method.
	Method string
	// Query is the query string; what cannot be read of it is left out.
	Query url.Values
	// Header holds the header fields under their canonical names.
	Header http.Header
	// Body is the exact bytes.
	Body []byte
}

// Party is who answers.
type Party struct {
	// Secrets are what the API signs with, the present one first.
	Secrets [][]byte
	// Tokens are what the API may present as the token that it was given for the
	// handshake.
	Tokens []string
	// Leaving is true once the registration is being removed.
	Leaving bool
}

// Answer is how to answer.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header are further header fields, under their canonical names.
	Header http.Header
	// Body is the body; empty for none.
	Body []byte
	// Learned is the secret with which the API is going to sign, if it has told
	// that just now: it must be kept before the answer is sent.
	Learned []byte
}

// Handshake is one way to ask.
type Handshake struct {
	// Signed is true if the API signs the question like a notification: then the
	// signature is verified first, where there is one to verify.
	Signed bool
	// Shown is true if the secret that is learned is to be entered at the API by a
	// person, who has to be shown it.
	Shown bool
	// Teaches is true if the API tells its secret in the handshake.
	Teaches bool
	// Farewell is true if the API also asks when the registration is removed; no other
	// handshake is answered then.
	Farewell bool
	// Meets reports whether a request is this question. It is cheap for requests
	// that are not.
	Meets func(Request) bool
	// Answer answers a request that it meets.
	Answer func(Request, Party) Answer
}

// registry is the table of what can be answered.
func registry() map[string]Handshake {
	return map[string]Handshake{
		"asana":           asana(),
		"cloudevents":     cloudEvents(),
		"discord":         discord(),
		"dropbox":         dropbox(),
		"event-grid":      eventGrid(),
		"meta":            meta(),
		"microsoft-graph": microsoftGraph(),
		"monday":          monday(),
		"notion":          notion(),
		"okta":            okta(),
		"probe":           probe(),
		"slack":           slack(),
		"strava":          strava(),
		"twitch":          twitch(),
		"websub":          webSub(),
		"x":               x(),
		"xero":            xero(),
		"zoom":            zoom(),
	}
}

// Lookup returns the handshake of a name.
func Lookup(name string) (Handshake, bool) {
	h, ok := registry()[name]
	return h, ok
}

// Names returns the names of all handshakes in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(registry())) }

// refused is the answer to a question that is not answered.
func refused() Answer { return Answer{Status: http.StatusForbidden} }

// echo sends a text back.
func echo(text string) Answer {
	if text == "" || len(text) > maxEcho {
		return refused()
	}
	return answered("text/plain; charset=utf-8", []byte(text))
}

// object sends a JSON object with texts back.
func object(members map[string]string) Answer {
	for _, text := range members {
		if text == "" || len(text) > maxEcho {
			return refused()
		}
	}
	body, err := json.Marshal(members)
	if err != nil {
		return refused()
	}
	return answered("application/json", body)
}

func answered(contentType string, body []byte) Answer {
	return Answer{Status: http.StatusOK, Body: body, Header: http.Header{
		"Content-Type": {contentType}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
	}}
}

// knows reports whether a token is one of the party's.
func (p Party) knows(token string) bool {
	given, fit := sha256.Sum256([]byte(token)), 0
	for _, t := range p.Tokens {
		known := sha256.Sum256([]byte(t))
		fit |= subtle.ConstantTimeCompare(given[:], known[:])
	}
	return fit == 1
}

// sign returns the HMAC-SHA256 of a text with the present secret; false if there is
// none.
func (p Party) sign(text string) ([]byte, bool) {
	if len(p.Secrets) == 0 {
		return nil, false
	}
	mac := hmac.New(sha256.New, p.Secrets[0])
	mac.Write([]byte(text))
	return mac.Sum(nil), true
}

// says reads a body that is a JSON object and mentions a word; false for all
// others. Most notifications are told apart without being read.
func (r Request) says(word string, into any) bool {
	return r.Method == http.MethodPost && len(r.Body) <= maxBody && bytes.Contains(r.Body, []byte(word)) && json.Unmarshal(r.Body, into) == nil
}

// harmless reports whether signing a text for a stranger gives nothing away: it
// must be no beginning of anything that the API signs.
func harmless(text string) bool {
	if text == "" || len(text) > 256 {
		return false
	}
	for _, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '=' && c != '+' && c != '/' && c != '.' {
			return false
		}
	}
	return true
}
