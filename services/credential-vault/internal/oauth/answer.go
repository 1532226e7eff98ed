package oauth

import (
	"math"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

const (
	// maxToken bounds a token in bytes: what still fits into a request's header.
	maxToken = 64 << 10
	// maxScopes and maxScope bound the granted scopes, and one of them in bytes.
	maxScopes = 500
	maxScope  = 512
)

// read makes a token of an answer, or says what is wrong with it.
func (c *Client) read(r *request, answer *reply, tree *node) (Token, *Error) {
	if !succeeded(answer.status) || tree.get("ok").kind == 'f' {
		return Token{}, c.failure(r, answer, tree)
	}
	access := pick(tree, r.profile.Answer.AccessToken, "access_token")
	if access.kind != '"' || len(access.text) == 0 {
		return Token{}, c.failure(r, answer, tree)
	}
	if kind := tree.get("token_type").str(); bound(kind) && r.profile.Placement == (Placement{}) {
		return Token{}, &Error{
			Verdict: Misconfigured, Host: r.endpoint.Host, Status: answer.status, Sent: true,
			Description: "its tokens are of the type " + strings.ToLower(kind) + ", which only works with signed requests; have it give bearer tokens to this client",
		}
	}
	refresh := pick(tree, r.profile.Answer.RefreshToken, "refresh_token")
	if !carried(access.text) || !carried(refresh.text) {
		return Token{}, &Error{
			Verdict: Misconfigured, Host: r.endpoint.Host, Status: answer.status, Sent: true,
			Description: "the answer has a token that no request could carry",
		}
	}
	r.hide.add(access.text)
	r.hide.add(refresh.text)
	now := c.config.Clock.Now()
	token := Token{
		Access:            secret.New(access.text),
		Scopes:            r.granted(tree),
		ExpireTime:        expiry(r.profile.Answer, tree, access.text, now),
		RefreshExpireTime: refreshExpiry(tree, now),
	}
	if refresh.kind == '"' {
		token.Refresh = secret.New(refresh.text)
	}
	return token, nil
}

// bound reports whether a token of a type is of no use without a key. Others than bearer
// are known by many names (RFC 6749, section 7.1), and are sent as such.
func bound(kind string) bool {
	return strings.EqualFold(kind, "mac") || strings.EqualFold(kind, "dpop")
}

// succeeded reports whether a status says that the request was carried out.
func succeeded(status int) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}

// pick returns what is at a path, or else where the standard has it.
func pick(tree *node, path []string, standard string) *node {
	if len(path) > 0 {
		if found := tree.at(path...); found.kind != 0 && found.kind != 'n' {
			return found
		}
	}
	return tree.get(standard)
}

// carried reports whether a token can stand in a header field (RFC 9110, section
// 5.5) and in a form.
func carried(token []byte) bool {
	if len(token) > maxToken || !utf8.Valid(token) {
		return false
	}
	for i := 0; i < len(token); {
		c, size := utf8.DecodeRune(token[i:])
		if unicode.IsControl(c) || c == utf8.RuneError {
			return false
		}
		i += size
	}
	return true
}

// granted returns the scopes of an answer, each once and none with a secret in it;
// nil if it names none. They are a list, or a text with spaces, commas or the
// provider's own delimiter between them.
func (r *request) granted(tree *node) []string {
	found := pick(tree, r.profile.Answer.Scope, "scope")
	var names []string
	if found.kind == '[' {
		for _, item := range found.children {
			names = append(names, item.value.str())
		}
	} else {
		text := found.str()
		if delimiter := r.profile.ScopeDelimiter; delimiter != "" {
			text = strings.ReplaceAll(text, delimiter, " ")
		}
		names = strings.FieldsFunc(text, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	}
	var scopes []string
	known := map[string]bool{}
	for _, name := range names {
		name = oneLine(name)
		if name == "" || len(name) > maxScope || len(scopes) == maxScopes || known[name] || r.hide.equals(name) {
			continue
		}
		known[name] = true
		scopes = append(scopes, name)
	}
	return scopes
}

// expiry returns when an access token ends: as the answer says, as the token itself
// says if it is a JWT, as the profile says; zero if nobody does.
func expiry(a Answer, tree *node, access []byte, now time.Time) time.Time {
	if end, ok := stated(a, tree, now); ok {
		return end
	}
	claims := jwtClaims(access)
	defer claims.clear()
	if end, ok := absolute(claims.get("exp"), now); ok {
		return end
	}
	if a.Lasting || a.Lifetime <= 0 {
		return time.Time{}
	}
	return now.Add(min(a.Lifetime, maxLifetime))
}

// stated returns the end that an answer states, in any of the usual ways.
func stated(a Answer, tree *node, now time.Time) (time.Time, bool) {
	if len(a.ExpiresIn) > 0 {
		if end, ok := either(tree.at(a.ExpiresIn...), now); ok {
			return end, true
		}
	}
	if end, ok := relative(tree.get("expires_in"), now); ok {
		return end, true
	}
	for _, name := range []string{"expires_on", "expires_at"} { // Microsoft Entra ID v1, Strava
		if end, ok := absolute(tree.get(name), now); ok {
			return end, true
		}
	}
	return either(tree.get("expires"), now) // Facebook: seconds; others: a time
}

// refreshExpiry returns when a refresh token ends; zero if the answer does not say.
func refreshExpiry(tree *node, now time.Time) time.Time {
	for _, name := range []string{"refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"} {
		if end, ok := relative(tree.get(name), now); ok {
			return end
		}
	}
	end, _ := absolute(tree.get("refresh_token_expires_at"), now)
	return end
}

const (
	// maxLifetime caps what answers claim; so no sum overflows.
	maxLifetime = 10 * 365 * 24 * time.Hour
	// earliestUnix is the smallest number that is taken for seconds since 1970
	// (2001) and not for a lifetime (31 years).
	earliestUnix = 1_000_000_000
	// earliestMillis is the smallest that is taken for milliseconds.
	earliestMillis = 100_000_000_000
)

// relative reads a lifetime in seconds. What is not above zero says nothing:
// providers mean "for ever" or nothing at all by it.
func relative(n *node, now time.Time) (time.Time, bool) {
	seconds, ok := n.number()
	if !ok || math.IsNaN(seconds) || seconds <= 0 {
		return time.Time{}, false
	}
	seconds = min(seconds, maxLifetime.Seconds())
	return now.Add(time.Duration(seconds * float64(time.Second))), true
}

// absolute reads a point in time: seconds or milliseconds since 1970, or a date.
// One that has passed says nothing, as our clocks may differ.
func absolute(n *node, now time.Time) (time.Time, bool) {
	value, ok := n.number()
	end := time.Time{}
	switch {
	case !ok:
		end = date(n.str())
	case value >= earliestMillis && value < earliestMillis*1000:
		end = time.UnixMilli(int64(value))
	case value >= earliestUnix && value < earliestMillis:
		end = time.Unix(int64(value), 0)
	case value >= earliestMillis:
		end = now.Add(maxLifetime)
	}
	if !end.After(now) {
		return time.Time{}, false
	}
	if latest := now.Add(maxLifetime); end.After(latest) {
		return latest, true
	}
	return end, true
}

// either reads a lifetime or a point in time.
func either(n *node, now time.Time) (time.Time, bool) {
	if value, ok := n.number(); ok && value < earliestUnix {
		return relative(n, now)
	}
	return absolute(n, now)
}

// date reads a date as providers write it; zero if it is none.
func date(text string) time.Time {
	if len(text) > maxDigits {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.RFC1123, time.RFC1123Z} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
