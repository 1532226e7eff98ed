// Package page makes the page tokens of list methods and bounds page sizes.
//
// A list method turns what it lists into a scope (the parent and whatever
// else must not change between pages, see [Scope]) and the place where the
// next page starts into a position, usually the key of the last result.
// [Encode] packs both into a token, [Decode] gives the position back and
// refuses a token of another listing.
//
//	scope := page.Scope(req.GetParent(), req.GetFilter())
//	after, err := page.Decode(scope, req.GetPageToken())
//	…
//	next := page.Encode(scope, last.ID)
//
// Tokens are opaque, not secret: they hold the position in the clear and are
// not signed. A position must therefore never be trusted further than a filter
// that the caller could have sent.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// MaxToken is the greatest length of a token in characters; the services'
	// requests declare the same bound.
	MaxToken = 1024

	// MaxPosition is the greatest length of a position in bytes, so that every
	// token that Encode makes is one that Decode accepts.
	MaxPosition = MaxToken/4*3 - header

	// version is the first byte of every token. Another layout gets another
	// number, and old tokens are then refused instead of misread.
	version = 1

	// bindingSize is the number of hash bytes that tie a token to its scope.
	// Eight make an accidental match impossible, which is all they are for.
	bindingSize = 8

	header = 1 + bindingSize
)

// encoding has no characters that need escaping in a URL, and is strict so
// that one position has exactly one token.
var encoding = base64.RawURLEncoding.Strict()

// Scope joins parts into one scope string. Different parts always make
// different scopes, whatever characters they contain.
func Scope(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		var size [binary.MaxVarintLen64]byte
		b.Write(size[:binary.PutUvarint(size[:], uint64(len(p)))])
		b.WriteString(p)
	}
	return b.String()
}

// Encode returns the token for the page after position in the listing that
// scope describes. An empty position means that there is no next page: its
// token is empty. Encode panics if position is longer than [MaxPosition],
// because such a token could never be used.
func Encode(scope, position string) string {
	if position == "" {
		return ""
	}
	if len(position) > MaxPosition {
		panic("page: position is longer than MaxPosition")
	}
	raw := make([]byte, 0, header+len(position))
	raw = append(raw, version)
	raw = append(raw, binding(scope)...)
	raw = append(raw, position...)
	return encoding.EncodeToString(raw)
}

// Decode returns the position that token was made from. An empty token is the
// first page: its position is empty. A token that is malformed, of another
// version or made for another scope is a fault with INVALID_PAGE_TOKEN on the
// field "page_token".
func Decode(scope, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	if len(token) > MaxToken {
		return "", invalid("it is longer than any token of this service")
	}
	raw, err := encoding.DecodeString(token)
	// The decoder skips line breaks, which no token has.
	if err != nil || len(raw) <= header || encoding.EncodeToString(raw) != token {
		return "", invalid("it is not a token of this service")
	}
	if raw[0] != version {
		return "", invalid("it was made by another version of this service")
	}
	if !bytes.Equal(raw[1:header], binding(scope)) {
		return "", invalid("it belongs to another listing; parent, filter and order must stay the same from page to page")
	}
	return string(raw[header:]), nil
}

// Size returns the page size to use for a requested one: def if the request
// leaves it open (zero or less), and never more than limit.
func Size(requested int32, def, limit int) int {
	if requested <= 0 {
		return min(def, limit)
	}
	return min(int(requested), limit)
}

func binding(scope string) []byte {
	sum := sha256.Sum256([]byte(scope))
	return sum[:bindingSize]
}

func invalid(why string) error {
	return fault.Invalid(fault.ReasonInvalidPageToken,
		"the page token cannot be used: %s; start again without a token", why).
		Field("page_token", why)
}
