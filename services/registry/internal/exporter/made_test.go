package exporter_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// made makes valid definitions up, with much that is odd and allowed.
type made struct{ *rand.Rand }

// makeDefinition makes the definition of the seed.
func makeDefinition(seed uint64) *connectorv1.Definition {
	m := made{rand.New(rand.NewPCG(seed, 2))}
	def := &connectorv1.Definition{Info: &connectorv1.Info{
		Title: m.one("T", "Ünïcode \"title\"", "a/b~c"), Version: m.one("", "1", "2.0-beta"), Description: m.text(), Summary: m.text(),
		BrandColor: m.one("", "#123456"), Publisher: m.text(), Keywords: m.some("a", "b c"), Categories: m.some("AI", "Data"),
	}}
	if m.IntN(3) == 0 {
		def.Info.Contact = &connectorv1.Contact{Name: "N", Email: "n@example.com"}
	}
	for _, name := range m.some("Pet", "A b/c", "~", "list", "Ünï") {
		def.Schemas = append(def.Schemas, &connectorv1.Schema{Name: name, Json: []byte(m.schema(2, false))})
	}
	for _, name := range m.some("x", "y z", "Ü") {
		def.Tags = append(def.Tags, &connectorv1.Tag{Name: name, Description: m.text()})
	}
	def.Servers = m.servers()
	m.security(def)
	for i := range m.IntN(5) {
		def.Operations = append(def.Operations, m.operation(def, i))
	}
	if m.IntN(3) == 0 {
		def.Extensions = append(def.Extensions, &connectorv1.Extension{Name: "x-own", Json: []byte(m.one("true", `{"a":1.50}`, "null", `"s"`))})
	}
	return def
}

func (m made) one(list ...string) string { return list[m.IntN(len(list))] }

func (m made) some(list ...string) []string {
	var some []string
	for _, s := range list {
		if m.IntN(3) == 0 {
			some = append(some, s)
		}
	}
	return some
}

func (m made) text() string {
	return m.one("", "", "words", "two\nlines", `"quoted" <b>&amp;`, "äöü 中文", "{{x}} {y}")
}

func (m made) flip() bool { return m.IntN(2) == 0 }

// schema makes a schema up; plain ones are of single values and lists.
func (m made) schema(depth int, plain bool) string {
	n := 10
	if depth == 0 || plain {
		n = 6
	}
	switch m.IntN(n) {
	case 0:
		return `{"type":"string"` + m.one("", `,"format":"date-time"`, `,"maxLength":5,"pattern":"^a$"`, `,"enum":["a","b"]`, `,"default":"d"`, `,"title":"T"`) + `}`
	case 1:
		return `{"type":"integer"` + m.one("", `,"minimum":0`, `,"exclusiveMaximum":10`, `,"default":7`, `,"format":"int64"`) + `}`
	case 2:
		return `{"type":"boolean"}`
	case 3:
		return `{"type":["string","null"]}`
	case 4:
		return `{"type":"number","multipleOf":0.50}`
	case 5:
		return `{"type":"array","items":` + m.one(`{"type":"string"}`, `{"type":"integer"}`) + `}`
	case 6:
		return `{"type":"object","properties":{"a":` + m.schema(depth-1, false) + `,"b c":` + m.schema(depth-1, false) + `},"required":["a"]}`
	case 7:
		return `{"oneOf":[` + m.schema(depth-1, false) + `,` + m.schema(depth-1, false) + `]}`
	case 8:
		return `{"type":"object","additionalProperties":` + m.schema(depth-1, false) + `}`
	}
	return m.one(`{}`, `true`, `{"const":1e2}`, `{"x-own":{"$ref":"#/$defs/none"}}`, `{"type":["integer","string"]}`, `{"examples":[1,2]}`)
}

func (m made) servers() []*connectorv1.Server {
	var list []*connectorv1.Server
	for _, u := range m.some("https://api.example.com", "https://api.example.com/v1", "http://{host}:{port}/a", "https://{host}.example.com") {
		s := &connectorv1.Server{UrlTemplate: u, Description: m.text()}
		for _, name := range []string{"host", "port"} {
			if strings.Contains(u, "{"+name+"}") {
				s.Variables = append(s.Variables, &connectorv1.ServerVariable{Name: name, DefaultValue: m.one("", "1")})
			}
		}
		list = append(list, s)
	}
	return list
}

// security adds schemes and sets that place some of them.
func (m made) security(def *connectorv1.Definition) {
	for _, id := range m.some("key", "key 2", "basic", "bearer", "token", "oauth", "digest", "cookie", "aws", "hmac") {
		def.SecuritySchemes = append(def.SecuritySchemes, m.scheme(id))
	}
	for i, s := range def.GetSecuritySchemes() {
		if i > 0 && m.flip() {
			continue
		}
		set := &connectorv1.ParameterSet{Name: fmt.Sprintf("set%d", i), Title: m.text()}
		m.place(set, s)
		if i > 0 && m.IntN(3) == 0 {
			m.place(set, def.GetSecuritySchemes()[0])
		}
		def.ParameterSets = append(def.ParameterSets, set)
	}
	if len(def.GetParameterSets()) < 2 {
		if len(def.GetParameterSets()) == 0 {
			def.ParameterSets = []*connectorv1.ParameterSet{{}}
		}
		def.ParameterSets[0].Name = "default"
	}
}

func (m made) scheme(id string) *connectorv1.SecurityScheme {
	s := &connectorv1.SecurityScheme{Id: id, Description: m.text()}
	switch id {
	case "key", "key 2":
		s.Kind = &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{
			Name: "X-" + id[:3], Location: connectorv1.CredentialLocation(1 + m.IntN(2)),
			Template: m.one("", "", "Token token={value}", `a "{value}"`),
		}}
	case "cookie":
		s.Kind = &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{
			Name: "sid", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE,
		}}
	case "aws":
		s.Kind = &connectorv1.SecurityScheme_AwsSignature{AwsSignature: &connectorv1.AwsSignatureScheme{
			Service: m.one("", "execute-api"), Region: m.one("", "eu-west-1"),
		}}
	case "hmac":
		s.Kind = &connectorv1.SecurityScheme_Hmac{Hmac: m.signature()}
	case "oauth":
		s.Kind = &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{Flows: []*connectorv1.OAuth2Flow{{
			Grant: "authorizationCode", AuthorizationUrl: "https://example.com/auth", TokenUrl: "https://example.com/token",
			Scopes: []*connectorv1.OAuth2Scope{{Name: "read", Description: m.text()}},
		}}}}
	default:
		s.Kind = &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: id}}
	}
	return s
}

// signature makes a scheme up that is right.
func (m made) signature() *connectorv1.HmacScheme {
	s := &connectorv1.HmacScheme{
		Algorithm: m.one("", "sha1", "sha512"), StringToSign: m.one("{method}", `{path}\n{body_sha256}`, "a\nb {{c}}"),
		KeyEncoding: m.one("", "hex"), SignatureEncoding: m.one("", "base64"), TimestampFormat: m.one("", "http"), Parameters: m.some("k0"),
	}
	value := m.one("{signature}", `v1="{signature}"`)
	if len(s.GetParameters()) > 0 {
		value = "{parameter:k0}:" + value
	}
	if m.flip() {
		s.Headers = []*connectorv1.HmacField{{Name: m.one("Authorization", "X-Signature"), Template: value}, {Name: "X-Time", Template: "{timestamp}"}}
		return s
	}
	s.Query = []*connectorv1.HmacField{{Name: "sig", Template: value}}
	return s
}

// place asks for a parameter, and says how it becomes part of a request.
func (m made) place(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme) {
	ask := func(name string) string {
		name = fmt.Sprintf("%s%d", name, len(set.GetParameters()))
		set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{
			Name: name, Title: m.text(), Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET, Required: true,
		})
		return name
	}
	p := &connectorv1.CredentialPlacement{SchemeId: s.GetId()}
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		p.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: ask("k"), Name: kind.ApiKey.GetName(), Location: kind.ApiKey.GetLocation(), Template: kind.ApiKey.GetTemplate(),
		}}
	case *connectorv1.SecurityScheme_AwsSignature:
		aws := &connectorv1.AwsSignaturePlacement{
			AccessKeyParameter: ask("a"), SecretKeyParameter: ask("s"), Region: kind.AwsSignature.GetRegion(), Service: kind.AwsSignature.GetService(),
		}
		if aws.GetRegion() == "" {
			aws.RegionParameter = ask("r")
		}
		if aws.GetService() == "" {
			aws.ServiceParameter = ask("e")
		}
		p.Kind = &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: aws}
	case *connectorv1.SecurityScheme_Hmac:
		for _, name := range kind.Hmac.GetParameters() {
			if len(set.GetParameters()) == 0 || set.GetParameters()[0].GetName() != name {
				set.Parameters = append([]*connectorv1.ConnectionParameter{{
					Name: name, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING,
				}}, set.GetParameters()...)
			}
		}
		p.Kind = &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: ask("s"), Scheme: proto.CloneOf(kind.Hmac)}}
	case *connectorv1.SecurityScheme_Http:
		switch kind.Http.GetScheme() {
		case "basic":
			p.Kind = &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{UsernameParameter: ask("u"), PasswordParameter: ask("p")}}
		case "digest":
			p.Kind = &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: ask("u"), PasswordParameter: ask("p")}}
		case "bearer":
			p.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: ask("t")}}
		default:
			p.Kind = &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: ask("t")}}
		}
	default:
		p.Kind = &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: ask("t")}}
	}
	set.Placements = append(set.Placements, p)
}

func (m made) operation(def *connectorv1.Definition, i int) *connectorv1.Operation {
	op := &connectorv1.Operation{
		OperationId: fmt.Sprintf("%s%d", m.one("Op", "do it/", "~Ü"), i), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Summary: m.text(), Description: m.text(), Method: m.one("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "TRACE", "PURGE"),
		Path: m.one("/", "/a", "/a/{id}", "/a/{id}/x-{no}.json", "/b?fixed=1", "/a/"), Tags: m.some("x", "new"),
		Deprecated: m.IntN(5) == 0, RequiresScript: m.IntN(8) == 0, Visibility: connectorv1.Visibility(m.IntN(4)), Safety: &connectorv1.Safety{Safe: m.flip()},
	}
	for _, name := range []string{"id", "no"} {
		if strings.Contains(op.GetPath(), "{"+name+"}") {
			p := m.parameter(name, connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH)
			p.Required = true
			op.Parameters = append(op.Parameters, p)
		}
	}
	for _, name := range m.some("q", "a&b", "Ü", "X-H", "c[d]") {
		in := connectorv1.ParameterLocation(2 + m.IntN(3))
		if in != connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY {
			name = "X-Plain"
		}
		op.Parameters = append(op.Parameters, m.parameter(fmt.Sprintf("%s%d", name, len(op.GetParameters())), in))
	}
	if m.flip() && op.GetMethod() != "TRACE" {
		op.RequestBody = m.body()
	}
	for _, status := range m.some("200", "201", "4XX", "default") {
		r := &connectorv1.Response{Status: status, Description: m.text()}
		if m.flip() {
			r.Contents = append(r.Contents, m.media("application/json"))
		}
		if m.IntN(3) == 0 {
			r.Headers = append(r.Headers, &connectorv1.ResponseHeader{Name: "X-R", Schema: []byte(m.schema(0, true)), Description: m.text()})
		}
		op.Responses = append(op.Responses, r)
	}
	for _, s := range def.GetSecuritySchemes() {
		if m.IntN(3) == 0 {
			op.Security = append(op.Security, &connectorv1.SecurityRequirement{Schemes: []*connectorv1.SchemeReference{{SchemeId: s.GetId()}}})
		}
	}
	if m.IntN(6) == 0 {
		op.Servers = m.servers()
	}
	return op
}

func (m made) parameter(name string, in connectorv1.ParameterLocation) *connectorv1.Parameter {
	p := &connectorv1.Parameter{
		Name: name, Location: in, Summary: m.text(), Description: m.text(), Required: m.flip(), Deprecated: m.IntN(5) == 0,
		Visibility: connectorv1.Visibility(m.IntN(4)), Style: connectorv1.ParameterStyle(m.IntN(9)), Explode: m.flip(),
		AllowReserved: m.IntN(6) == 0, AllowEmptyValue: m.IntN(6) == 0, UrlEncoding: connectorv1.UrlEncoding(m.IntN(3)),
		Schema: []byte(m.schema(1, m.flip())),
	}
	if m.IntN(3) == 0 {
		p.Examples = append(p.Examples, []byte(m.one(`1`, `"e"`, `[1]`, `1.50`)))
	}
	return p
}

func (m made) body() *connectorv1.RequestBody {
	b := &connectorv1.RequestBody{Name: "body", Required: m.flip(), Description: m.text()}
	for _, media := range m.some("application/json", "application/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png") {
		b.Contents = append(b.Contents, m.media(media))
	}
	if len(b.GetContents()) == 0 {
		b.Contents = append(b.Contents, m.media("application/json"))
	}
	return b
}

func (m made) media(name string) *connectorv1.MediaType {
	mt := &connectorv1.MediaType{MediaType: name, Kind: map[string]connectorv1.BodyKind{
		"application/json": connectorv1.BodyKind_BODY_KIND_JSON, "application/xml": connectorv1.BodyKind_BODY_KIND_XML,
		"text/plain": connectorv1.BodyKind_BODY_KIND_TEXT, "application/x-www-form-urlencoded": connectorv1.BodyKind_BODY_KIND_FORM,
		"multipart/form-data": connectorv1.BodyKind_BODY_KIND_MULTIPART, "image/png": connectorv1.BodyKind_BODY_KIND_BINARY,
	}[name]}
	switch mt.GetKind() {
	case connectorv1.BodyKind_BODY_KIND_FORM, connectorv1.BodyKind_BODY_KIND_MULTIPART:
		mt.Schema = []byte(`{"type":"object","properties":{"f":` + m.schema(0, true) + `,"g h":` + m.schema(1, false) + `}` + m.one("", `,"required":["f"]`) + `}`)
		if m.flip() {
			mt.Encodings = []*connectorv1.PropertyEncoding{{Property: "f", ContentType: m.one("", "image/png"), File: m.flip()}}
		}
	default:
		mt.Schema = []byte(m.schema(3, false))
	}
	if m.IntN(3) == 0 {
		mt.Examples = append(mt.Examples, []byte(m.one(`{"f":1}`, `"<e>"`, `null`, `[1.50]`)))
	}
	return mt
}
