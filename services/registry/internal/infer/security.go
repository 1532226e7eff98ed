package infer

import (
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// addScheme adds a way to authenticate, unless it is there already. The name is
// made unique.
func (in *inference) addScheme(name string, s *connectorv1.SecurityScheme) {
	used := map[string]bool{}
	for _, other := range in.schemes {
		if sameKind(other, s) && other.GetDescription() == s.GetDescription() && other.GetHttp().GetScheme() == s.GetHttp().GetScheme() &&
			strings.EqualFold(other.GetApiKey().GetName(), s.GetApiKey().GetName()) && other.GetApiKey().GetLocation() == s.GetApiKey().GetLocation() {
			return
		}
		used[other.GetId()] = true
	}
	s.Id = unused(name, used)
	in.schemes = append(in.schemes, s)
}

// sameKind reports whether two schemes are of one kind.
func sameKind(a, b *connectorv1.SecurityScheme) bool {
	kind := a.ProtoReflect().Descriptor().Oneofs().ByName("kind")
	return a.ProtoReflect().WhichOneof(kind) == b.ProtoReflect().WhichOneof(kind)
}

func (in *inference) apiKey(name string, at connectorv1.CredentialLocation) {
	in.addScheme(name, &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{Name: name, Location: at}},
	})
	in.secret("the value of %q is a credential and was left out", name)
}

func (in *inference) http(scheme, format string) {
	in.addScheme(scheme, &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: scheme, BearerFormat: format}},
	})
	in.secret("the credentials of the scheme %q were left out", scheme)
}

// credentials reads what the command itself authenticates with.
func (in *inference) credentials(r *request) {
	switch {
	case r.sigv4 != nil:
		in.aws(r.sigv4)
	case r.unsupported != "":
		in.unsupported(r.unsupported)
	case r.basic && r.digest:
		in.http("digest", "")
	case r.basic:
		in.http("basic", "")
	}
	if r.bearer {
		in.http("bearer", "")
	}
	if r.certificate {
		in.addScheme("certificate", &connectorv1.SecurityScheme{Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}})
		in.secret("the client certificate was left out")
	}
}

// secure makes the operation need all schemes of the sample together.
func (in *inference) secure(op *connectorv1.Operation) {
	if len(in.schemes) == 0 {
		return
	}
	all := &connectorv1.SecurityRequirement{}
	for _, s := range in.schemes {
		all.Schemes = append(all.Schemes, &connectorv1.SchemeReference{SchemeId: s.GetId()})
	}
	op.Security = []*connectorv1.SecurityRequirement{all}
	in.out.SecuritySchemes = in.schemes
}

// headers reads the headers of the request: credentials become schemes, what
// every client sends is left out, the rest becomes parameters.
func (in *inference) headers(op *connectorv1.Operation, headers []header) {
	seen := map[string]bool{}
	for _, h := range headers {
		lower := strings.ToLower(h.name)
		switch {
		case lower == "authorization" || lower == "proxy-authorization":
			in.authorization(h)
		case lower == "cookie":
			in.cookies(op, h.value)
		case isBoring(lower) || seen[lower] || len(op.GetParameters()) >= 2*maxParameters:
		case isCredential(lower):
			in.apiKey(h.name, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER)
		default:
			seen[lower] = true
			p := &connectorv1.Parameter{
				Name: h.name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER, Schema: sample.Text(h.value),
			}
			if !isPlaceholder(h.value) {
				in.example(p, h.value)
			}
			op.Parameters = append(op.Parameters, p)
		}
	}
}

// authorization reads the scheme of an Authorization header, and nothing else of
// it.
func (in *inference) authorization(h header) {
	scheme, rest, ok := strings.Cut(h.value, " ")
	if !ok || !isToken(scheme) || secretlike.Value(scheme) || len(scheme) > 32 {
		in.apiKey(h.name, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER)
		return
	}
	if in.signedHeader(scheme, rest) {
		return
	}
	if _, is := authkind.Header(scheme, rest); is {
		in.unsupported(scheme)
		return
	}
	format := ""
	if strings.EqualFold(scheme, "bearer") && jwt.MatchString(strings.TrimSpace(rest)) {
		format = "JWT"
	}
	in.http(strings.ToLower(scheme), format)
}

func (in *inference) cookies(op *connectorv1.Operation, value string) {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(value, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if !isToken(name) || seen[name] || len(seen) >= maxParameters {
			continue
		}
		seen[name] = true
		lower := strings.ToLower(name)
		if isCredential(name) || strings.Contains(lower, "sess") || strings.Contains(lower, "auth") || strings.HasSuffix(lower, "sid") || secretlike.Value(value) {
			in.apiKey(name, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE)
			continue
		}
		op.Parameters = append(op.Parameters, &connectorv1.Parameter{
			Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE, Explode: true, Schema: sample.Text(value),
		})
	}
}

// isBoring reports whether a header, in lower case, says nothing about the API.
func isBoring(name string) bool {
	return strings.HasPrefix(name, "sec-") || strings.HasPrefix(name, ":") || slices.Contains([]string{
		"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection", "content-length", "content-type",
		"dnt", "expect", "host", "if-modified-since", "if-none-match", "keep-alive", "origin", "postman-token", "pragma", "priority", "referer",
		"te", "traceparent", "tracestate", "transfer-encoding", "upgrade-insecure-requests", "user-agent", "x-csrf-token", "x-forwarded-for",
		"x-forwarded-proto", "x-requested-with", "x-xsrf-token", "alt-used", "authority", "baggage",
	}, name)
}

// isCredential reports whether something of this name is a credential; a sample
// is short, so that "key" is taken for one as well.
func isCredential(name string) bool {
	return strings.EqualFold(name, "key") || secretlike.Header(name)
}

var jwt = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)
