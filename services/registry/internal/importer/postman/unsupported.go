package postman

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
)

// elsewhere is the remedy where Postman makes a token of a key that it has.
const elsewhere = "make the token elsewhere and use the type \"bearer\""

// unsupportedKind returns what a way to authenticate is that connections cannot do,
// and the scheme of the Authorization header that it has.
func unsupportedKind(name string) (authkind.Kind, *connectorv1.HttpScheme) {
	name = strings.ToLower(name)
	switch name {
	case "jwt":
		return authkind.Kind{Name: "JWT", Remedy: elsewhere}, &connectorv1.HttpScheme{Scheme: kindBearer, BearerFormat: "JWT"}
	case "asap":
		return authkind.Kind{Name: "ASAP", Remedy: elsewhere}, &connectorv1.HttpScheme{Scheme: kindBearer, BearerFormat: "JWT"}
	case "oauth1":
		name = "oauth"
	case "edgegrid":
		name = "eg1-hmac-sha256"
	}
	if kind, ok := authkind.HTTP(name); ok {
		return kind, &connectorv1.HttpScheme{Scheme: name}
	}
	if !isToken(name) {
		name = "unknown"
	}
	return authkind.Unknown(shorten(name)), &connectorv1.HttpScheme{Scheme: shorten(name)}
}

// unsupportedScheme keeps a scheme that no connection can be made for, and says so.
func (t *translation) unsupportedScheme(a *auth) string {
	kind, http := unsupportedKind(a.kind)
	if !t.once("unsupported "+a.kind, a.node) {
		t.warn(authkind.Code, a.node, kind.Remedy, "%s authentication is not supported; no connection can be made for it", kind.Name)
	}
	id := t.keep("unsupported "+kind.Name, strings.ToLower(shorten(schemeID(a.kind))), &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_Http{Http: http},
	})
	if id != "" {
		t.schemes.unsupported[id] = kind
	}
	return id
}

// schemeID names a scheme after a way to authenticate.
func schemeID(kind string) string {
	if !isToken(kind) {
		return "unknown"
	}
	return kind
}

// supported reports whether connections can do all that a request needs.
func (t *translation) supported(l login) bool {
	return !slices.ContainsFunc(l.schemes, func(id string) bool {
		_, is := t.schemes.unsupported[id]
		return is
	})
}

// impossible is the parameter set of an API that authenticates in no other way.
func (t *translation) impossible() *connectorv1.ParameterSet {
	var kinds []authkind.Kind
	for _, s := range t.def.GetSecuritySchemes() {
		if kind, is := t.schemes.unsupported[s.GetId()]; is {
			kinds = append(kinds, kind)
		}
	}
	return authkind.Set(kinds...)
}
