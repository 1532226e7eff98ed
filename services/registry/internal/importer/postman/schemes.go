package postman

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
)

// schemes are the security schemes that were found.
type schemes struct {
	// ids finds the scheme that is the same by what it is made of.
	ids map[string]string
	// words is how the API spells a scheme of the Authorization header.
	words map[string]string
	// signIns is what is known of OAuth schemes beside their flows.
	signIns map[string]signIn
	// unsupported are the schemes that no connection can be made for.
	unsupported map[string]authkind.Kind
}

// scheme returns the id of the security scheme for a, and the scopes that are
// asked for; "" if there is none.
func (t *translation) scheme(a *auth, r *request) (id string, scopes []string) {
	switch a.kind {
	case kindNone:
		return "", nil
	case kindBasic, kindBearer, kindDigest:
		return t.keep(a.kind, a.kind, &connectorv1.SecurityScheme{
			Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: a.kind}},
		}), nil
	case kindScheme:
		word := a.get("scheme")
		return t.keep(kindScheme+" "+strings.ToLower(word), strings.ToLower(word), &connectorv1.SecurityScheme{
			Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: strings.ToLower(word)}},
		}, word), nil
	case kindKey:
		return t.keyScheme(a, r), nil
	case kindOAuth2:
		return t.oauthScheme(a, r)
	case kindAWS:
		return t.awsSigning(a, r), nil
	}
	return t.unsupportedScheme(a), nil
}

// keyScheme makes a scheme of a key in a header, or in the query. Keys with other
// names are other schemes.
func (t *translation) keyScheme(a *auth, r *request) string {
	name, _ := t.expand(a.get("key"), r, t.defaults())
	location := connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	if a.get("in") == "query" {
		location = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	}
	if name == "" || strings.Contains(name, "{{") {
		t.warn("AuthInvalid", a.node, "give the key a name", "the API key has no name; requests are sent without it")
		return ""
	}
	keyTemplate, _ := around(a.get("value"))
	return t.keep(kindKey+location.String()+strings.ToLower(name)+" "+keyTemplate, "apiKey", &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{Name: name, Location: location, Template: keyTemplate}},
	})
}

// grants are the names of OAuth flows by Postman's names.
var grants = map[string]string{
	"authorization_code": "authorizationCode", "authorization_code_with_pkce": "authorizationCode",
	"client_credentials": "clientCredentials", "password_credentials": "password", "implicit": "implicit",
	"urn:ietf:params:oauth:grant-type:device_code": "deviceAuthorization",
}

// oauthScheme makes a scheme of the URLs that tokens come from. Without them a
// token is all there is.
func (t *translation) oauthScheme(a *auth, r *request) (string, []string) {
	authURL, tokenURL := t.url(a.get("authUrl"), r), t.url(a.get("accessTokenUrl"), r)
	grant := grants[a.get("grant_type")]
	if grant == "" {
		grant = grants[a.get("grantType")]
	}
	switch {
	case grant != "":
	case authURL != "" && tokenURL != "":
		grant = "authorizationCode"
	case authURL != "":
		grant = "implicit"
	default:
		grant = "clientCredentials"
	}
	needsAuth := grant == "authorizationCode" || grant == "implicit"
	if needsAuth && authURL == "" || grant != "implicit" && tokenURL == "" {
		if !t.once("oauth ", a.node) {
			t.note("OAuthIncomplete", a.node, "the URLs of the OAuth flow are missing; the connection takes a token")
		}
		return t.scheme(&auth{node: a.node, kind: kindBearer}, r)
	}
	how := t.signInOf(a)
	scope, _ := t.expand(a.get("scope"), r, t.defaults())
	scopes := strings.FieldsFunc(scope, func(r rune) bool { return r == ' ' || r == ',' })
	if strings.Contains(scope, "{{") || len(scopes) > MaxSchemes {
		scopes = nil
	}
	id := t.keep(kindOAuth2+grant+" "+authURL+" "+tokenURL+" "+how.key(), kindOAuth2, &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{{
			Grant: grant, AuthorizationUrl: authURL, TokenUrl: tokenURL, RefreshUrl: t.url(a.get("refreshTokenUrl"), r),
		}}}},
	})
	if id != "" {
		t.schemes.signIns[id] = how
	}
	t.addScopes(id, scopes)
	return id, scopes
}

// url returns a URL whose variables all have values, else "".
func (t *translation) url(raw string, r *request) string {
	u, complete := t.expand(strings.TrimSpace(raw), r, t.defaults())
	if !complete || !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
		return ""
	}
	return u
}

// addScopes adds to what can be asked for at all; each operation asks for its own.
func (t *translation) addScopes(id string, scopes []string) {
	for _, s := range t.def.GetSecuritySchemes() {
		if s.GetId() != id {
			continue
		}
		flow := s.GetOauth2().GetFlows()[0]
		for _, name := range scopes {
			same := func(o *connectorv1.OAuth2Scope) bool { return o.GetName() == name }
			if !slices.ContainsFunc(flow.GetScopes(), same) {
				flow.Scopes = append(flow.Scopes, &connectorv1.OAuth2Scope{Name: name})
			}
		}
	}
}

// keep returns the id of the scheme that has the key, which is s if there is
// none yet. word is how the API spells an Authorization scheme.
func (t *translation) keep(key, id string, s *connectorv1.SecurityScheme, word ...string) string {
	if known, ok := t.schemes.ids[key]; ok {
		return known
	}
	if len(t.def.GetSecuritySchemes()) == MaxSchemes {
		if !t.once("too many schemes", nil) {
			t.warn("TooManySchemes", t.doc.Root(), "split the collection", "there are more than %d ways to authenticate; the rest is ignored", MaxSchemes)
		}
		return ""
	}
	s.Id = id
	taken := func(o *connectorv1.SecurityScheme) bool { return o.GetId() == s.GetId() }
	for i := 2; slices.ContainsFunc(t.def.GetSecuritySchemes(), taken); i++ {
		s.Id = id + strconv.Itoa(i)
	}
	if t.schemes.ids == nil {
		t.schemes = schemes{ids: map[string]string{}, words: map[string]string{}, signIns: map[string]signIn{}, unsupported: map[string]authkind.Kind{}}
	}
	t.schemes.ids[key] = s.GetId()
	for _, w := range word {
		t.schemes.words[s.GetId()] = w
	}
	t.def.SecuritySchemes = append(t.def.SecuritySchemes, s)
	return s.GetId()
}

// security says of each operation what it needs, and makes a parameter set of
// each combination of schemes.
func (t *translation) security(logins []login) {
	byID := map[string]*connectorv1.SecurityScheme{}
	for _, s := range t.def.GetSecuritySchemes() {
		byID[s.GetId()] = s
	}
	seen := map[string]bool{}
	for i, l := range logins {
		if len(byID) == 0 {
			break // no credentials anywhere
		}
		requirement := &connectorv1.SecurityRequirement{}
		var schemes []*connectorv1.SecurityScheme
		for _, id := range l.schemes {
			ref := &connectorv1.SchemeReference{SchemeId: id}
			if byID[id].GetOauth2() != nil {
				ref.Scopes = l.scopes
			}
			requirement.Schemes = append(requirement.Schemes, ref)
			schemes = append(schemes, byID[id])
		}
		t.def.Operations[i].Security = []*connectorv1.SecurityRequirement{requirement}
		if k := strings.Join(l.schemes, "+"); k != "" && !seen[k] && t.supported(l) && len(t.def.GetParameterSets()) < MaxSchemes {
			seen[k] = true
			t.def.ParameterSets = append(t.def.ParameterSets, t.parameterSet(schemes))
		}
	}
	anonymous := func(l login) bool { return len(l.schemes) == 0 }
	switch len(t.def.GetParameterSets()) {
	case 0:
		if len(t.schemes.unsupported) > 0 && !slices.ContainsFunc(logins, anonymous) {
			t.def.ParameterSets = []*connectorv1.ParameterSet{t.impossible()}
			return
		}
		t.def.ParameterSets = []*connectorv1.ParameterSet{{Name: "default"}}
	case 1:
		t.def.ParameterSets[0].Name = "default"
	}
}
