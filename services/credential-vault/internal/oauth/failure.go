package oauth

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxCode bounds an error code in bytes.
	maxCode = 64
	// maxRetryAfter bounds what a provider may ask us to wait.
	maxRetryAfter = 24 * time.Hour
)

// failure says what an answer without a token means.
func (c *Client) failure(r *request, answer *reply, tree *node) *Error {
	e := &Error{
		Host: r.endpoint.Host, Status: answer.status, Sent: true,
		RetryAfter: c.retryAfter(answer.header, tree),
	}
	codes, words := complaint(tree, answer.header)
	e.Description = r.hide.clean([]byte(words))
	if e.Description == "" && len(codes) == 0 {
		e.Description = guess(answer, tree)
	}
	code, verdict, known := settle(codes)
	e.Verdict = verdict
	if !known {
		e.Verdict = judgeStatus(answer.status, tree.kind == 0)
	}
	if answer.status == http.StatusTooManyRequests && verdict != SlowDown && verdict != Pending {
		e.Verdict = Transient
	}
	if r.swaps() && (!known || vague(code)) && answer.status < 500 && lapsed(words) {
		e.Verdict = Gone
	}
	e.Code = r.hide.code(code)
	e.Verdict = r.adjust(e.Verdict)
	return e
}

// adjust fits a verdict to the grant: only devices are waited for, and nobody can
// sign in for a client that acts for itself.
func (r *request) adjust(v Verdict) Verdict {
	device := bytes.Equal(r.form.get("grant_type"), []byte(deviceGrant))
	switch {
	case (v == Pending || v == SlowDown) && !device:
		return Transient
	case v == Gone && r.profile.Grant == ClientCredentials:
		return Misconfigured
	default:
		return v
	}
}

// swaps reports whether a request swaps a code or a refresh token.
func (r *request) swaps() bool {
	return r.form.has("code") || r.form.has("refresh_token") || r.form.has("device_code")
}

// settle picks the code that counts: the first that is known, else the first.
func settle(codes []string) (string, Verdict, bool) {
	for _, code := range codes {
		if verdict, ok := judge(code); ok {
			return code, verdict, true
		}
	}
	if len(codes) == 0 {
		return "", Transient, false
	}
	return codes[0], Transient, false
}

// complaint returns the codes that an answer gives, the likeliest first, and its
// words. Providers put them into "error", into an object or a list of that name,
// into "errors", or anywhere.
func complaint(tree *node, header http.Header) ([]string, string) {
	tree = tree.first()
	var codes []string
	var words string
	for _, name := range []string{"error", "errors", "fault"} {
		found := tree.get(name).first()
		switch found.kind {
		case '"', '0':
			if text := found.str(); likeCode(text) {
				codes = append(codes, text)
			} else if words == "" {
				words = text
			}
		case '{':
			inner, text := parts(found)
			codes = append(codes, inner...)
			words = cmp.Or(words, text)
		default:
		}
	}
	inner, text := parts(tree)
	codes = append(codes, inner...)
	if tree.get("error").kind == '"' {
		text = cmp.Or(tree.get("error_description").str(), text)
	}
	words = cmp.Or(words, text)
	if len(codes) == 0 {
		codes = challengeCodes(header)
	}
	return codes, words
}

// parts returns what an object says about an error.
func parts(n *node) ([]string, string) {
	var codes []string
	add := func(text string) {
		if likeCode(text) {
			codes = append(codes, text)
		}
	}
	kind, code := n.get("type").str(), n.get("code").str()
	if kind != "" && code != "" {
		add(kind + ":" + code)
	}
	for _, name := range []string{"error_code", "code", "type", "status", "error_type", "errorcode"} {
		add(n.get(name).str())
	}
	add(n.at("detail", "errorcode").str())
	for _, name := range []string{"error_description", "message", "error_message", "error_summary", "description", "detail", "reason", "faultstring", "title"} {
		if found := n.get(name); found.kind == '"' && len(found.text) > 0 {
			return codes, found.str()
		}
	}
	return codes, ""
}

// likeCode reports whether a text may be an error code: neither a sentence nor a
// number on its own, which would be an HTTP status again.
func likeCode(text string) bool {
	if text == "" || len(text) > maxCode {
		return false
	}
	letters := 0
	for _, c := range []byte(text) {
		if !unreserved(c) && c != ':' {
			return false
		}
		if c > '9' {
			letters++
		}
	}
	return letters > 0
}

// challengeCodes reads the codes of a challenge (RFC 6750, section 3).
func challengeCodes(header http.Header) []string {
	var codes []string
	for _, challenge := range header.Values("WWW-Authenticate") {
		if code := challengeParameter(challenge, "error"); likeCode(code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// challengeParameter returns a parameter of a challenge, quoted or not (RFC 9110,
// section 11.2).
func challengeParameter(challenge, name string) string {
	for at := 0; at+len(name) < len(challenge); at++ {
		begins := at == 0 || strings.IndexByte(" ,\t", challenge[at-1]) >= 0
		value := challenge[at+len(name):]
		if !begins || value[0] != '=' || !strings.EqualFold(challenge[at:at+len(name)], name) {
			continue
		}
		if quoted, ok := strings.CutPrefix(value[1:], `"`); ok {
			value, _, _ = strings.Cut(quoted, `"`)
			return value
		}
		value, _, _ = strings.Cut(value[1:], ",")
		return strings.TrimSpace(value)
	}
	return ""
}

// guess says what an answer is that gives neither a code nor words.
func guess(answer *reply, tree *node) string {
	switch {
	case answer.status >= 300 && answer.status < 400:
		return "it redirects, and secrets are not sent on"
	case !succeeded(answer.status) && page(answer.body):
		return "it answered with status " + strconv.Itoa(answer.status) + " and a web page: a firewall in front of it, or the URL of something else"
	case !succeeded(answer.status):
		return ""
	case len(answer.body) == 0:
		return "the answer is empty"
	case tree.kind == 0:
		return "the answer is neither JSON nor a form"
	default:
		return "the answer has no token"
	}
}

// page reports whether a body is a web page.
func page(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) }

// code returns an error code that is safe to show.
func (r *redactor) code(code string) string {
	if r.holds([]byte(code)) {
		return ""
	}
	return code
}

// equals reports whether a text is, or has in it, a whole secret of some length.
func (r *redactor) equals(text string) bool {
	for _, needle := range r.needles {
		if len(needle) >= window && bytes.Contains([]byte(text), needle) {
			return true
		}
	}
	return false
}

// retryAfter returns how long a provider asks to wait (RFC 9110, section 10.2.3).
func (c *Client) retryAfter(header http.Header, tree *node) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if when, err := http.ParseTime(value); err == nil {
		wait = when.Sub(c.config.Clock.Now())
	} else if seconds, ok := tree.get("retry_after").number(); ok && seconds > 0 {
		wait = time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	return min(max(wait, 0), maxRetryAfter)
}
