package provider

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// methods are the spellings of client authentication in lower case.
var methods = map[string]oauth.Method{
	"basic": oauth.SecretBasic, "client_secret_basic": oauth.SecretBasic,
	"post": oauth.SecretPost, "body": oauth.SecretPost, "client_secret_post": oauth.SecretPost,
	"none": oauth.NoSecret, "private_key_jwt": oauth.PrivateKeyJWT, "client_secret_jwt": oauth.SecretJWT,
	"tls_client_auth": oauth.TLSClientAuth, "mtls": oauth.TLSClientAuth,
}

// filled matches texts that authors leave where a client id has to be put in:
// "<<your client id>>", "[DUMMY]", "Enter your client ID".
var filled = regexp.MustCompile(`[\s<>\[\]{}*@]|(?i)placeholder|replace|dummy|^your`)

// own reports whether the connection brings a client of its own.
func (v *values) ownClient() bool { return v.plain["clientid"] != "" }

// registration returns the client: the connection's own, else the connector's. A
// secret of one never goes with the id of the other, except that an owner may
// bring the secret of the connector's client.
func (v *values) registration(p *problems, grant oauth.Grant, given Given) (oauth.Registration, error) {
	r := oauth.Registration{}
	if given.Client != nil && !v.ownClient() {
		r = given.Client.Registration
	}
	if v.ownClient() {
		r.ID = v.plain["clientid"]
	}
	if s := v.secret("clientSecret"); !s.Empty() {
		r.Secret = s
	}
	if c := v.secret("certificate"); !c.Empty() {
		r.Certificate = c
	}
	if k := v.secret("clientKey"); !k.Empty() {
		r.PrivateKey = k
	}
	r.KeyID = firstOf(r.KeyID, v.get("clientKeyId"))
	r.Algorithm = firstOf(r.Algorithm, v.get("clientKeyAlgorithm"))
	if r.ID == "" {
		r.ID = v.packaged(r)
	}
	if r.ID == "" && v.clientNeeded(grant) && (!given.Unregistered || !v.registers(grant)) {
		return r, v.clientMissing()
	}
	shared := given.Client != nil && !v.ownClient()
	if shared {
		v.guard(p, grant)
		v.guardEndpoints(p)
	}
	if len(r.ID) > maxURL || control(r.ID) {
		p.add(v.field("clientId"), "is no client id")
	}
	r = v.proof(p, grant, r)
	switch {
	case !shared:
		v.checkProof(p, grant, r)
	case !given.Client.Withheld && given.Client.Registration.Method != oauth.NoSecret:
		return r, v.proofMissing(grant, r)
	}
	return r, nil
}

// guard keeps owners of connections from steering what the connector's client may
// do by itself, without any person: its maker decides that it is used so, for
// which tenant and with which permissions. What the set asks for is the maker's
// wish.
func (v *values) guard(p *problems, grant oauth.Grant) {
	if grant != oauth.ClientCredentials && grant != oauth.TokenExchange {
		return
	}
	if v.own("grantType") != "" && grant != v.grants()[0] && v.src.declared["granttype"] == nil {
		p.add(v.field("grantType"), "needs a client of your own: the connector's client is for "+string(v.grants()[0]))
	}
	for _, setting := range slices.Sorted(maps.Keys(v.plain)) {
		asked := setting == "granttype" || v.plain[setting] == ""
		for _, name := range v.names(setting) {
			asked = asked || v.src.declared[name] != nil || v.src.additional(name) != nil
		}
		if !asked {
			p.add(v.field(setting), "cannot be given with the connector's client, which acts by itself: bring a client of your own")
		}
	}
}

// packaged returns the client id that a connector carries. It stands for a
// registration whose secret is elsewhere, so it counts only for clients without
// one, and where the owner brings the secret.
func (v *values) packaged(r oauth.Registration) string {
	id := firstOf(v.complete("clientId", v.src.settings.GetClientId()), v.src.declared["clientid"].GetDefaultValue())
	public := !r.Secret.Empty() || !r.Certificate.Empty() || !r.PrivateKey.Empty() ||
		v.src.kind() == "oauth2pkce" || methods[strings.ToLower(v.get("clientAuthentication"))] == oauth.NoSecret
	if !public || filled.MatchString(id) {
		return ""
	}
	return id
}

// clientNeeded reports whether a grant is impossible without a client id.
func (v *values) clientNeeded(grant oauth.Grant) bool {
	if v.src.dynamic() || v.template(v.src.listed()["registration"]) != "" {
		return false
	}
	if grant == oauth.JWTBearer && (v.src.preset == nil || v.src.preset.Assertion.WithoutClient) {
		return false
	}
	if v.src.generic() && grant == oauth.AuthorizationCode {
		query, body := v.src.custom["authorizationurlquerystringtemplate"], v.src.custom["tokenbodytemplate"]
		has := func(text string) bool { return text == "" || strings.Contains(strings.ToLower(text), "{clientid}") }
		return has(query) || has(body)
	}
	return grant != oauth.Password || v.src.preset != nil
}

// registers reports whether metadata of the provider, which can be asked for, may
// say where clients register. Where nobody signs in, a client that anybody can
// have is worth nothing.
func (v *values) registers(grant oauth.Grant) bool {
	return grant.Interactive() && v.template(v.src.listed()["metadata"]) != ""
}

func (v *values) clientMissing() error {
	where := ""
	if v.src.preset != nil {
		where = " at " + v.src.preset.Title
		if link := v.src.preset.Documentation.Registration; link != "" {
			where += " (" + link + ")"
		}
	}
	return fault.Precondition(fault.ReasonOAuthClientMissing,
		"the sign-in needs an OAuth client: a maker registers one%s with this server's redirect URL and runs \"ferrule oauth-clients create\", or the connection brings %q",
		where, v.field("clientId")).
		Field(v.field("clientId"), "is missing, and the connector has no OAuth client")
}

// proof decides how the client proves itself.
func (v *values) proof(p *problems, grant oauth.Grant, r oauth.Registration) oauth.Registration {
	preset := v.src.preset
	if grant == oauth.JWTBearer && preset != nil {
		return oauth.Registration{ID: r.ID, Method: oauth.NoSecret}
	}
	if written := v.get("clientAuthentication"); written != "" {
		method, ok := methods[strings.ToLower(written)]
		if !ok {
			p.add(v.field("clientAuthentication"), "must be basic, post, none, private_key_jwt, client_secret_jwt or tls_client_auth")
		}
		if r.Method == "" || v.own("clientAuthentication") != "" {
			r.Method = method
		}
	}
	if preset != nil {
		r.Thumbprint = r.Thumbprint || (preset.Client.Thumbprint && !r.Certificate.Empty())
		if r.AssertionAudience == "" && preset.Client.AssertionAudience != "" {
			r.AssertionAudience = v.text(p, preset.Client.AssertionAudience)
		}
	}
	if r.Method == "" {
		r.Method = v.method(r)
	}
	if r.Method == oauth.PrivateKeyJWT && r.PrivateKey.Empty() {
		r.PrivateKey = r.Certificate
	}
	return r
}

// method returns what fits the secrets that there are; "" leaves it to what the
// provider's metadata say.
func (v *values) method(r oauth.Registration) oauth.Method {
	var takes []oauth.Method // templates say themselves where a secret stands
	if v.src.preset != nil && !v.src.generic() {
		takes = v.src.preset.Client.Methods
	}
	first := func(fits ...oauth.Method) oauth.Method {
		for _, m := range takes {
			if slices.Contains(fits, m) {
				return m
			}
		}
		return ""
	}
	switch {
	case !r.Secret.Empty():
		return first(oauth.SecretBasic, oauth.SecretPost, oauth.SecretJWT)
	case !r.PrivateKey.Empty():
		return oauth.PrivateKeyJWT
	case !r.Certificate.Empty():
		if m := first(oauth.PrivateKeyJWT, oauth.TLSClientAuth); m != "" && r.Thumbprint {
			return m
		}
		return oauth.TLSClientAuth
	}
	if len(takes) > 0 && !slices.Contains(takes, oauth.NoSecret) {
		return first(oauth.SecretBasic, oauth.SecretPost, oauth.SecretJWT)
	}
	return oauth.NoSecret
}

// proofMissing says which secret the maker's client lacks, which no owner can
// give.
func (v *values) proofMissing(grant oauth.Grant, r oauth.Registration) error {
	missing := &problems{}
	v.checkProof(missing, grant, r)
	if len(missing.list) == 0 {
		return nil
	}
	what := map[oauth.Method]string{oauth.PrivateKeyJWT: "private key or certificate", oauth.TLSClientAuth: "certificate"}[r.Method]
	e := fault.Precondition(fault.ReasonOAuthSettingsInvalid,
		"the connector's OAuth client has no %s, without which the provider gives it no token: a maker adds it to the OAuth client, or the connection brings a client of its own",
		firstOf(what, "client secret"))
	for _, found := range missing.list {
		e = e.Field(found.Field, found.Description)
	}
	return e
}

// checkProof says which secret of a client is missing.
func (v *values) checkProof(p *problems, grant oauth.Grant, r oauth.Registration) {
	switch r.Method {
	case oauth.SecretBasic, oauth.SecretPost, oauth.SecretJWT:
		if r.Secret.Empty() {
			p.add(v.field("clientSecret"), "is missing: the provider gives tokens only to clients that prove who they are")
		}
	case oauth.PrivateKeyJWT:
		if r.PrivateKey.Empty() {
			p.add(v.field("certificate"), "is missing: a certificate with its key, or the key as "+v.field("clientKey"))
		}
	case oauth.TLSClientAuth:
		if r.Certificate.Empty() {
			p.add(v.field("certificate"), "is missing")
		}
	case oauth.NoSecret:
		if r.ID != "" && grant == oauth.ClientCredentials && v.get("clientAuthentication") == "" {
			p.add(v.field("clientSecret"), "is missing: nothing else proves who asks for a token")
		}
	}
}
