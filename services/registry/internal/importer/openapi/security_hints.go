package openapi

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// maxHintBytes is how long a description is that is searched for hints.
	maxHintBytes = 4096
	// maxSettings is how many settings of a sign-in are read.
	maxSettings = 64
)

// The words that come before keys.
const prefixWords = `(Bearer|Basic|Token|Api-?Key|OAuth|JWT|SSWS|GenieKey|Key)`

var (
	// shownPrefix is an example of a value: "Bearer {token}", "Token token=<key>".
	shownPrefix = regexp.MustCompile(`\b(?i:` + prefixWords + `)( token=)?\s*["']?(\{[^{}\s]{1,40}\}|<[^<>]{1,40}>|\[[^\[\]\s]{2,40}\])`)
	// toldPrefix is a sentence about it: "prefixed with 'Bearer '".
	toldPrefix = regexp.MustCompile(`(?i)\b(?:prefix(?:ed)?(?: with)?|prepended with|(?:starts|starting|begins|beginning) with|the word|the string|enter)\s+(?:the (?:word|string)\s+)?["'` + "`" + `“‘\\]+` + prefixWords + `\s?\\?["'` + "`" + `”’]`)
	// noPrefix is a word that turns such a sentence around.
	noPrefix = regexp.MustCompile(`(?i)\b(not|without|only|don't|never|instead of|optional(ly)?)\b`)
)

// prefixHint notes that the description of a key says what its value begins
// with. The value is not changed for that: people who know the API type the word.
func (t *translation) prefixHint(s *connectorv1.SecurityScheme, n *document.Node) {
	prefix := prefixOf(s.GetDescription())
	if !t.connectable || s.GetApiKey().GetLocation() != connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER || prefix == "" {
		return
	}
	t.prefixes[s.GetId()] = prefix
	t.note("KeyNeedsPrefix", n, "the description says that the value of the header %q begins with %q, which connections have to give with it; "+
		"with %q: %q they need not", s.GetApiKey().GetName(), prefix, templateExtension, prefix+"{value}")
}

// prefixOf returns what a description says that a key begins with; "" if it does
// not say so, or might mean something else.
func prefixOf(description string) string {
	if len(description) > maxHintBytes || noPrefix.MatchString(description) {
		return ""
	}
	var found []string
	for _, m := range shownPrefix.FindAllStringSubmatch(description, -1) {
		if m[2] == "" && !strings.Contains(m[0], " ") {
			continue // "key[id]" is a name
		}
		if m[2] == "" {
			m[2] = " "
		}
		found = append(found, m[1]+m[2])
	}
	for _, m := range toldPrefix.FindAllStringSubmatch(description, -1) {
		found = append(found, m[1]+" ")
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 1 {
		return found[0]
	}
	return ""
}

// settingGrants are the grants that settings can choose.
var settingGrants = append(slices.Clone(preferred), "refreshToken", "jwtBearer", "tokenExchange", "onBehalfOf")

// oauthHint reads the settings of a sign-in, which apply when parameter sets are
// made: "provider", "clientId", "clientAuthentication", "grant", "scopes" (a list,
// or text), and "parameters" with further settings. It is false if the extension
// must not be kept because it holds a client secret.
func (t *translation) oauthHint(s *connectorv1.SecurityScheme, n *document.Node) (keep bool) {
	if !n.Is(document.Object) || s.GetOauth2() == nil && s.GetOpenIdConnect() == nil {
		t.warn("ExtensionInvalid", n, "write an object, in a scheme of the type \"oauth2\" or \"openIdConnect\"", "%q is ignored", n.Key())
		return true
	}
	hint := &oauthHint{custom: map[string]string{}}
	t.hints[s.GetId()] = hint
	keep = true
	for _, c := range n.Children() {
		switch name := camel(c.Key()); name {
		case "provider", "identityProvider":
			hint.provider = strings.ToLower(strings.TrimSpace(c.Text()))
		case "clientId":
			hint.clientID = c.Text()
		case "clientAuthentication":
			hint.custom[name] = c.Text()
		case "scopes":
			hint.scopes = settingScopes(c)
		case "grant":
			hint.grant = c.Text()
			if !slices.Contains(settingGrants, hint.grant) {
				hint.grant = ""
				t.warn("OAuthFlowUnknown", c, "write one of \""+strings.Join(settingGrants, "\", \"")+"\"", "the grant %.80q is not known; it is ignored", c.Text())
			}
		case "parameters", "customParameters":
			keep = t.settings(hint, c) && keep
		default:
			keep = t.unknownSetting(n, c) && keep
		}
	}
	return keep
}

// oauthHint is what the settings of a sign-in say.
type oauthHint struct {
	provider, clientID, grant string
	scopes                    []string
	custom                    map[string]string
}

// settingScopes reads a list of scopes, some of which people write into one text.
func settingScopes(n *document.Node) []string {
	var list []string
	for _, text := range texts(n) {
		list = append(list, strings.Fields(text)...)
	}
	return list
}

// isClientSecret tells the one setting that never belongs into a document.
func isClientSecret(name string) bool {
	return strings.EqualFold(strings.ReplaceAll(name, "_", ""), "clientSecret")
}

// settings reads further settings; false if one of them is a client secret.
func (t *translation) settings(hint *oauthHint, n *document.Node) (keep bool) {
	keep = true
	for i, c := range n.Children() {
		switch {
		case isClientSecret(c.Key()):
			keep = t.unknownSetting(n, c)
		case i >= maxSettings:
			t.warn("ExtensionInvalid", c, "remove some", "there are more than %d settings; the rest is ignored", maxSettings)
			return keep
		default:
			hint.custom[c.Key()] = scalarText(c)
		}
	}
	return keep
}

// unknownSetting reports a setting that nobody reads; false if it is a secret.
func (t *translation) unknownSetting(n, c *document.Node) (keep bool) {
	if isClientSecret(c.Key()) {
		t.warn("SecretInSource", c, "remove it and change the secret at the provider", "the document holds a client secret; it is not used")
		return false
	}
	t.warn("ExtensionInvalid", c, "put it into \"parameters\" if the provider needs it", "%q has no member %.80q; it is ignored", n.Key(), c.Key())
	return true
}

// apply changes settings to what the hint says.
func (h *oauthHint) apply(settings *connectorv1.OAuthSettings) {
	if h == nil {
		return
	}
	if h.provider != "" {
		settings.IdentityProvider = h.provider
	}
	if h.clientID != "" {
		settings.ClientId = h.clientID
	}
	if h.grant != "" {
		settings.Grant = h.grant
	}
	if len(h.scopes) > 0 {
		settings.Scopes = h.scopes
	}
	maps.Copy(settings.CustomParameters, h.custom)
}
