package oauth

import "strings"

// judge returns what an error code means; false if nobody has told us. Codes are
// those of RFC 6749, sections 4.1.2.1 and 5.2, of its extensions, and of providers
// that have their own.
func judge(code string) (Verdict, bool) {
	switch strings.ToLower(code) {
	case "authorization_pending":
		return Pending, true
	case "slow_down":
		return SlowDown, true
	case "invalid_grant", "interaction_required", "consent_required", "login_required", "account_selection_required",
		"invalid_token", "expired_token", "access_denied", "authorization_declined", "bad_verification_code",
		"bad_refresh_token", "bad_auth_code", "invalid_refresh_token", "invalid_code", "code_already_used", "code_expired",
		"token_revoked", "token_expired", "refresh_token_expired", "expired_refresh_token", "refresh_token_not_found",
		"not_authed", "invalid_auth", "account_inactive", "inactive_user", "inactive_org", "user_disabled",
		"expired_authentication", "oauthexception:190":
		return Gone, true
	case "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request",
		"invalid_target", "invalid_resource", "unsupported_response_type", "unsupported_token_type",
		"redirect_uri_mismatch", "bad_redirect_uri", "invalid_redirect_uri", "invalid_client_metadata",
		"invalid_client_id", "bad_client_id", "bad_client_secret", "incorrect_client_credentials", "invalid_client_secret",
		"invalid_software_statement", "unapproved_software_statement", "unsupported_over_http", "invalid_dpop_proof",
		"use_dpop_nonce", "device_flow_disabled", "oauth_authorization_url_mismatch", "unmet_authentication_requirements":
		return Misconfigured, true
	case "temporarily_unavailable", "server_error", "internal_error", "internal_server_error", "service_unavailable",
		"rate_limit_exceeded", "rate_limited", "ratelimited", "too_many_requests", "request_timeout", "timeout",
		"fatal_error", "request_limit_exceeded", "throttled":
		return Transient, true
	default:
		return Transient, false
	}
}

// judgeStatus returns what a status means where no code tells.
func judgeStatus(status int, page bool) Verdict {
	switch {
	case status == 301 || status == 308:
		return Misconfigured // moved for good
	case status >= 300 && status < 400:
		return Transient // a maintenance page, or a proxy that wants to be signed in to
	case status >= 200 && status < 300:
		if page {
			return Transient // something on the way answered in place of the provider
		}
		return Misconfigured
	case status == 408 || status == 421 || status == 425 || status == 429 || status >= 500:
		return Transient
	case status == 403 && page:
		return Transient // a firewall's page; a provider that means it sends a code
	default:
		return Misconfigured
	}
}

// lapsed reports whether a provider's words say that a code or a refresh token does
// not hold any more. Atlassian, Zoom, Facebook and LinkedIn tell only in words.
func lapsed(description string) bool {
	words := strings.ToLower(description)
	return containsAny(words, "refresh token", "refresh_token", "authorization code", "authorization_code", "auth code",
		"verification code", "invalid token", "invalid grant", "access token has", "token has been", "session") &&
		containsAny(words, "expired", "revoked", "invalid", "not found", "not exist", "been used", "already used", "no longer") &&
		!containsAny(words, "grant type", "grant_type", "redirect")
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// vague reports whether a code is used for lapsed grants as well.
func vague(code string) bool {
	switch strings.ToLower(code) {
	case "unauthorized_client", "invalid_request", "invalid_client_metadata":
		return true
	default:
		return false
	}
}
