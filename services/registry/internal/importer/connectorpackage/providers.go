package connectorpackage

// providers returns the identity providers that are known, in lower case, and the
// settings without which they cannot work. The credential vault has a preset for
// each, under this name or another one.
func providers() map[string][]string {
	urls := []string{"authorizationUrl", "tokenUrl"}
	known := map[string][]string{
		"oauth2": urls, "oauth2pkce": urls,
		"oauth2generic": {"authorizationUrlTemplate", "tokenUrlTemplate"},
	}
	for _, name := range []string{
		"oauth2pkcewithprm", "openidconnect",
		// Microsoft
		"aad", "aadcertificate", "azuread", "azureactivedirectory", "entra", "entraid", "aadv2", "azureadv2", "microsoft",
		"azure-devops", "azuredevops", "vsts", "azure-devops-legacy", "vssps",
		// Others
		"atlassian", "jira", "confluence", "auth0", "docusign", "dropbox", "facebook", "meta", "github", "gitlab",
		"google", "googlesheet", "googleworkspace", "hubspot", "instagram", "keycloak", "redhatsso", "linkedin", "notion",
		"okta", "okta-org", "oktaorg", "salesforce", "salesforcev2", "shopify", "slack", "slackv2", "slack-user", "slackuser",
		"stripe", "stripeconnect", "twitter", "x", "zoom",
	} {
		known[name] = nil
	}
	return known
}
