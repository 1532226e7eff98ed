package definition

import "slices"

// WebhookSchemes returns the names that a signature's scheme may have, in no
// particular order: the schemes, and the presets of APIs. The trigger service has
// them; one of its tests compares the lists. The caller owns the slice.
func WebhookSchemes() []string {
	return slices.Concat([]string{
		"basic", "ecdsa-p256", "ed25519", "hash", "hmac", "hmac-sha1", "hmac-sha256", "hmac-sha512", "jwt", "token",
	}, WebhookPresets())
}

// WebhookPresets returns the names of the presets of signatures in alphabetical
// order. The caller owns the slice.
func WebhookPresets() []string {
	return []string{
		"adyen", "airtable", "asana", "bitbucket", "box", "buildkite", "cal-com", "calendly", "circleci",
		"cloudflare-stream", "coinbase", "discord", "docusign", "dropbox", "elevenlabs", "expo", "gitea", "github",
		"gitlab", "gitlab-token", "heroku", "hubspot", "hubspot-v1", "hubspot-v2", "intercom", "jira",
		"launchdarkly", "lemon-squeezy", "line", "linear", "mandrill", "meta", "microsoft-graph", "monday", "mux",
		"netlify", "notion", "nylas", "okta", "paddle", "pagerduty", "paystack", "pusher", "razorpay", "sendgrid",
		"sentry", "shopify", "slack", "snyk", "square", "standard-webhooks", "stripe", "svix", "telegram",
		"terraform-cloud", "trello", "twilio", "twitch", "typeform", "vercel", "vonage", "webflow", "websub",
		"woocommerce", "workos", "x", "xero", "zendesk", "zoom",
	}
}

// WebhookHandshakes returns the names of the handshakes that are answered, in
// alphabetical order. The caller owns the slice.
func WebhookHandshakes() []string {
	return []string{
		"asana", "cloudevents", "discord", "dropbox", "event-grid", "meta", "microsoft-graph", "monday", "notion",
		"okta", "probe", "slack", "strava", "twitch", "websub", "x", "xero", "zoom",
	}
}
