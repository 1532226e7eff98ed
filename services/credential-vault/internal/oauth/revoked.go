package oauth

import (
	"errors"
	"net/http"
	"strings"
)

// ErrNothingToRevoke says that the provider does not know the tokens that it was given
// back, or that they had ended before: it has revoked nothing, and nothing is left.
var ErrNothingToRevoke = errors.New("the provider says that its tokens had ended already")

// unsupportedKind is the code of a provider that takes back no tokens of a kind (RFC
// 7009, section 2.2.1).
const unsupportedKind = "unsupported_token_type"

// revoked returns nil if an answer says that a token was revoked: with a status of
// success, without an error, and not as a web page, which something else has sent. The
// error is an [Error], with ended if it says that the token does not hold any more.
func (c *Client) revoked(r *request, answer *reply) (err *Error, ended bool) {
	tree := parse(answer.body)
	defer tree.clear()
	done := succeeded(answer.status)
	if done && page(answer.body) {
		return &Error{
			Verdict: Transient, Host: r.endpoint.Host, Status: answer.status, Sent: true,
			Description: "it answered with a web page, and does not say that it did",
		}, false
	}
	if done && tree.get("ok").kind != 'f' && !accuses(tree.first()) {
		return nil, false
	}
	err = c.failure(r, answer, tree)
	if done && err.Code == "" && err.Description == guess(answer, tree) {
		err.Description = "it says no without a reason"
	}
	// A client that is refused may hear that what it authenticates with is no valid token.
	about := answer.status != http.StatusUnauthorized || r.profile.Revocation.Authentication == ByToken
	return err, about && endedToken(err.Code)
}

// accuses reports whether an answer has an error in it, whatever its status.
func accuses(tree *node) bool {
	for _, name := range []string{"error", "errors"} {
		switch found := tree.get(name); found.kind {
		case '"', '0':
			if text := found.str(); text != "" && text != "0" {
				return true
			}
		case '{', '[':
			if len(found.children) > 0 {
				return true
			}
		case 't':
			return true
		default:
		}
	}
	return false
}

// endedToken reports whether a code says that a token is unknown or has ended. What it
// says about people, clients and permissions leaves it open whether the token holds.
func endedToken(code string) bool {
	switch strings.ToLower(code) {
	case "invalid_token", "invalid_grant", "expired_token", "token_revoked", "token_expired", "invalid_refresh_token", "bad_refresh_token",
		"refresh_token_expired", "expired_refresh_token", "refresh_token_not_found", "invalid_access_token", "expired_access_token",
		"oauthexception:190":
		return true
	}
	return false
}
