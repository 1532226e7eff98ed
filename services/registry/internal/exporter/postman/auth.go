package postman

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// credential is the variable of a connection parameter. The prefix tells the
// importer that it is one.
func (w *writer) credential(parameter string) string {
	name := "credential_" + strings.NewReplacer("{", "_", "}", "_").Replace(parameter)
	w.addVariable(variable{Key: name, Type: "string"})
	return "{{" + name + "}}"
}

// auth writes what Postman has a way for: the first placement that it knows. The
// headers and query parameters of further keys are returned.
func (w *writer) auth(placements []*connectorv1.CredentialPlacement) (*auth, []*connectorv1.ApiKeyPlacement) {
	var a *auth
	var chosen *connectorv1.CredentialPlacement // what a was made of
	var keys []*connectorv1.ApiKeyPlacement
	for _, p := range placements {
		made := w.placement(p)
		switch {
		case made == nil:
		case a == nil:
			a, chosen = made, p
		case p.GetApiKey() != nil:
			keys = append(keys, p.GetApiKey())
		case chosen.GetApiKey() != nil:
			keys = append(keys, chosen.GetApiKey())
			a, chosen = made, p
		default:
			w.lost("schemes", "/parameterSets", "a request authenticates in one way; credentials beside the first are left out")
		}
	}
	return a, keys
}

// placement writes one way to authenticate, nil if Postman has no words for it.
func (w *writer) placement(p *connectorv1.CredentialPlacement) *auth {
	if o := w.signIn(p); o != nil {
		return o
	}
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_Basic:
		return &auth{Type: "basic", Basic: w.login(kind.Basic.GetUsernameParameter(), kind.Basic.GetPasswordParameter())}
	case *connectorv1.CredentialPlacement_Digest:
		return &auth{Type: "digest", Digest: w.login(kind.Digest.GetUsernameParameter(), kind.Digest.GetPasswordParameter())}
	case *connectorv1.CredentialPlacement_Bearer:
		return &auth{Type: "bearer", Bearer: []pair{text("token", w.credential(kind.Bearer.GetParameter()))}}
	case *connectorv1.CredentialPlacement_Authorization:
		w.approximated("authorization", "/parameterSets", "Postman knows no scheme %q; its header is an API key", kind.Authorization.GetScheme())
		return key("Authorization", "header", kind.Authorization.GetScheme()+" "+w.credential(kind.Authorization.GetParameter()))
	case *connectorv1.CredentialPlacement_ApiKey:
		switch kind.ApiKey.GetLocation() {
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY:
			return key(kind.ApiKey.GetName(), "query", w.keyValue(kind.ApiKey))
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER:
			return key(kind.ApiKey.GetName(), "header", w.keyValue(kind.ApiKey))
		case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_UNSPECIFIED:
			w.lost("cookies", "/parameterSets", "Postman sends no credentials in cookies; the key is left out")
		}
	case *connectorv1.CredentialPlacement_AwsSignature:
		return w.aws(kind.AwsSignature)
	case *connectorv1.CredentialPlacement_Hmac:
		w.lost("signatures", "/parameterSets", "Postman has no signatures of this kind; they are left out")
	case *connectorv1.CredentialPlacement_Certificate:
		w.lost("certificates", "/parameterSets", "certificates are settings of Postman and not of collections; they are left out")
	}
	return nil
}

func text(key, value string) pair { return pair{Key: key, Value: value, Type: "string"} }

func key(name, in, value string) *auth {
	return &auth{Type: "apikey", APIKey: []pair{text("key", name), text("value", value), text("in", in)}}
}

func (w *writer) login(user, password string) []pair {
	return []pair{text("username", w.credential(user)), text("password", w.credential(password))}
}

// requestAuth writes how a request authenticates, if not as the collection does.
func (w *writer) requestAuth(r *request, op *connectorv1.Operation) {
	var first []*connectorv1.CredentialPlacement
	if sets := w.def.GetParameterSets(); len(sets) > 0 {
		first = sets[0].GetPlacements()
	}
	placements := first
	if len(op.GetSecurity()) > 0 {
		placements = w.placements(op.GetSecurity()[0])
	}
	if len(op.GetSecurity()) > 1 {
		w.lost("alternatives", "/operations", "a request authenticates in one way; alternatives after the first are left out")
	}
	a, keys := w.auth(placements)
	switch {
	case a == nil && w.col.Auth != nil:
		r.Auth = &auth{Type: "noauth"}
	case !slices.Equal(placements, first):
		r.Auth = a
	}
	for _, k := range keys {
		value := pair{Key: k.GetName(), Value: w.keyValue(k)}
		if k.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY {
			value.Key = escape(value.Key)
			r.URL.Query = append(r.URL.Query, value)
		} else {
			r.Header = append(r.Header, value)
		}
	}
}

// placements finds how the schemes of a requirement are placed.
func (w *writer) placements(need *connectorv1.SecurityRequirement) []*connectorv1.CredentialPlacement {
	var list []*connectorv1.CredentialPlacement
	for _, ref := range need.GetSchemes() {
		var found *connectorv1.CredentialPlacement
		for _, set := range w.def.GetParameterSets() {
			for _, p := range set.GetPlacements() {
				if found == nil && p.GetSchemeId() == ref.GetSchemeId() {
					found = p
				}
			}
		}
		if found != nil {
			list = append(list, found)
		}
	}
	return list
}
