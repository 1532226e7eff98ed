package openapi

import (
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
)

// The extensions of a security scheme that say what OpenAPI cannot.
const (
	// templateExtension is the text that is sent, with "{value}" for the key:
	// "Token token={value}". It belongs to an API key.
	templateExtension = "x-ferrule-value-template"
	// hmacExtension makes any scheme a signature: an HmacScheme, its fields in the
	// readable form of package definition or as the model spells them.
	hmacExtension = "x-ferrule-hmac"
	// awsExtension has the "service" and "region" of a signature of AWS, either of
	// which may be missing where connections say it.
	awsExtension = "x-ferrule-aws-signature"
	// gatewayExtension is what AWS writes for its signature.
	gatewayExtension = "x-amazon-apigateway-authtype"
	// oauthExtension has settings of a sign-in; see [translation.oauthHint].
	oauthExtension = "x-ferrule-oauth"
)

// refine makes a scheme what its extensions say that it is, and returns the
// extensions that need not be kept for that.
func (t *translation) refine(s *connectorv1.SecurityScheme, n *document.Node) (interpreted []string) {
	switch {
	case n.Get(hmacExtension) != nil:
		// What cannot be read is no plain key: a shared secret must not be sent as one.
		if t.hmac(s, n.Get(hmacExtension)) {
			interpreted = []string{hmacExtension}
		} else {
			t.unsupported[s.GetId()] = misread(n.Get(hmacExtension))
		}
	case t.awsSignature(s, n):
		interpreted = []string{awsExtension, gatewayExtension}
	case n.Get(templateExtension) != nil:
		if t.keyTemplate(s, n.Get(templateExtension)) {
			interpreted = []string{templateExtension}
		} else {
			t.unsupported[s.GetId()] = misread(n.Get(templateExtension))
		}
	default:
		t.prefixHint(s, n)
		t.unsupportedScheme(s, n)
	}
	if hint := n.Get(oauthExtension); hint != nil && !t.oauthHint(s, hint) {
		interpreted = append(interpreted, oauthExtension)
	}
	return interpreted
}

// keyTemplate reads what is sent around an API key; false if it means nothing.
func (t *translation) keyTemplate(s *connectorv1.SecurityScheme, n *document.Node) bool {
	wrong := "must be text"
	if n.Is(document.String) {
		wrong = definition.CheckKeyTemplate(n.Text())
	}
	switch key := s.GetApiKey(); {
	case key == nil:
		t.warn("ExtensionInvalid", n, "make the scheme an \"apiKey\"", "%q is for API keys only; no connection can be made for the scheme until it is right", n.Key())
		return false
	case wrong != "":
		t.warn("ExtensionInvalid", n, "write for instance \"Token token={value}\"", "the template %.80q %s; no connection can be made for the scheme until it is right", n.Text(), wrong)
		return false
	default:
		key.Template = n.Text()
		return true
	}
}

// hmac reads a scheme that signs requests; false if it cannot.
func (t *translation) hmac(s *connectorv1.SecurityScheme, n *document.Node) bool {
	if s.GetApiKey() == nil && s.GetHttp() == nil {
		t.warn("ExtensionInvalid", n, "make the scheme an \"apiKey\"", "%q is for schemes of the types \"apiKey\" and \"http\"; no connection can be made for the scheme until it is right", n.Key())
		return false
	}
	if !t.hmacShape(n) {
		return false
	}
	read, at := t.hmacScheme(n)
	violations := definition.CheckHmac(read)
	for _, v := range violations {
		place := at[strings.SplitN(v.Field, "/", 3)[1]]
		if place == nil {
			place = n
		}
		t.warn("SignatureInvalid", place, "correct it: no connection can be made for the scheme until it is right", "%.80q %s", strings.TrimPrefix(v.Field, "/"), v.Description)
	}
	if len(violations) > 0 {
		return false
	}
	s.Kind = &connectorv1.SecurityScheme_Hmac{Hmac: read}
	return true
}

// hmacShape complains of members that are of another kind than what would be read of
// them: a list where a text belongs would be taken for nothing.
func (t *translation) hmacShape(n *document.Node) (good bool) {
	nested := func(c *document.Node) bool { return c.Is(document.Object) || c.Is(document.Array) }
	good = true
	wrong := func(c *document.Node, must string) {
		good = false
		t.warn("SignatureInvalid", c, "correct it: no connection can be made for the scheme until it is right", "%.80q must be %s", c.Key(), must)
	}
	for _, c := range n.Children() {
		switch camel(c.Key()) {
		case "headers", "query":
			if !nested(c) {
				wrong(c, "an object with the templates under their names, or a list of names and templates")
			}
		case "parameters":
			isText := func(c *document.Node) bool { return c.Is(document.String) }
			if !isText(c) && (!c.Is(document.Array) || !allOf(c.Children(), isText)) {
				wrong(c, "a list of names")
			}
		case "algorithm", "stringToSign", "keyEncoding", "signatureEncoding", "timestampFormat":
			if nested(c) {
				wrong(c, "text")
			}
		}
	}
	return good
}

func allOf(nodes []*document.Node, is func(*document.Node) bool) bool {
	return !slices.ContainsFunc(nodes, func(n *document.Node) bool { return !is(n) })
}

// hmacScheme reads the fields of a signature and returns where each is.
func (t *translation) hmacScheme(n *document.Node) (*connectorv1.HmacScheme, map[string]*document.Node) {
	s := &connectorv1.HmacScheme{}
	at := map[string]*document.Node{}
	for _, c := range n.Children() {
		name := camel(c.Key())
		at[name] = c
		switch name {
		case "algorithm":
			s.Algorithm = c.Text()
		case "stringToSign":
			s.StringToSign = c.Text()
		case "keyEncoding":
			s.KeyEncoding = c.Text()
		case "signatureEncoding":
			s.SignatureEncoding = c.Text()
		case "timestampFormat":
			s.TimestampFormat = c.Text()
		case "headers":
			s.Headers = hmacFields(c)
		case "query":
			s.Query = hmacFields(c)
		case "parameters":
			s.Parameters = firstOf(texts(c), definition.MaxSignatureFields+1)
		default:
			t.warn("ExtensionInvalid", c, "remove it", "%q has no member %.80q; it is ignored", n.Key(), c.Key())
		}
	}
	return s, at
}

// hmacFields reads what a signature sets: a list of names and templates, or an
// object with the templates under their names. One more than there may be is
// read, so that somebody complains.
func hmacFields(n *document.Node) []*connectorv1.HmacField {
	var list []*connectorv1.HmacField
	for _, c := range firstOf(n.Children(), definition.MaxSignatureFields+1) {
		f := &connectorv1.HmacField{Name: c.Key(), Template: c.Text()}
		if c.Is(document.Object) {
			f.Template = c.Str("template")
			if name := c.Str("name"); name != "" {
				f.Name = name
			}
		}
		list = append(list, f)
	}
	return list
}

// camel returns a name with underscores in camel case.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words {
		if i > 0 && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// typedOAuth is how descriptions say that a token follows the word "OAuth", which
// is the name of OAuth 1.0 in the header.
var typedOAuth = regexp.MustCompile(`(?i)\boauth\s*2|authorization:\s*oauth\s+[^\s=]+(\s*$|[^\w\s=])`)

// unsupportedScheme reports schemes that no connection can be made for.
func (t *translation) unsupportedScheme(s *connectorv1.SecurityScheme, n *document.Node) {
	kind, is := authkind.HTTP(s.GetHttp().GetScheme())
	if !is || s.GetHttp().GetScheme() == "oauth" && t.isToken(s) {
		return
	}
	t.unsupported[s.GetId()] = kind
	t.warn(authkind.Code, n, kind.Remedy,
		"%s authentication, of the security scheme %q, is not supported; no connection can be made for it", kind.Name, s.GetId())
}

// isToken reports whether a scheme says that it sends a token which somebody has.
func (t *translation) isToken(s *connectorv1.SecurityScheme) bool {
	return s.GetHttp().GetBearerFormat() != "" || len(s.GetDescription()) <= maxHintBytes && typedOAuth.MatchString(s.GetDescription())
}

// misread is the kind of schemes whose extensions cannot be read.
func misread(n *document.Node) authkind.Kind {
	return authkind.Kind{Name: "what " + n.Key() + " means to say", Remedy: "correct " + n.Key() + " and import the document again"}
}

// impossible is the parameter set of an API none of whose schemes is supported.
func (t *translation) impossible() *connectorv1.ParameterSet {
	var kinds []authkind.Kind
	for _, s := range t.def.GetSecuritySchemes() {
		if kind, is := t.unsupported[s.GetId()]; is {
			kinds = append(kinds, kind)
		}
	}
	return authkind.Set(kinds...)
}

// supported returns the alternatives for which connections can be made.
func (t *translation) supported(alternatives [][]*connectorv1.SecurityScheme) [][]*connectorv1.SecurityScheme {
	return slices.DeleteFunc(alternatives, func(schemes []*connectorv1.SecurityScheme) bool {
		return slices.ContainsFunc(schemes, func(s *connectorv1.SecurityScheme) bool {
			_, is := t.unsupported[s.GetId()]
			return is
		})
	})
}
