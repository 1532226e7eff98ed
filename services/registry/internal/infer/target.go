package infer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// target is a URL in pieces. It may have placeholders, with which it is no URL
// that a parser takes.
type target struct {
	scheme, user, host string
	path               string // starts with "/"
	query              string
}

// splitURL takes a URL apart. What has no scheme is taken for HTTPS, as people
// leave it out.
func splitURL(text string) (target, error) {
	if len(text) > MaxURLBytes {
		return target{}, invalid("sample.url", "the URL has %d bytes and at most %d are accepted; shorten it", len(text), MaxURLBytes)
	}
	if !utf8.ValidString(text) {
		return target{}, invalid("sample.url", "the URL is not UTF-8; write other bytes as %%FF")
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "#")
	var t target
	rest, query, _ := strings.Cut(text, "?")
	t.query = query
	// Only in front of the query: there may be JSON in it.
	rest = strings.ReplaceAll(strings.ReplaceAll(rest, "{{", "{"), "}}", "}")
	if scheme, after, ok := strings.Cut(rest, "://"); ok && !strings.Contains(scheme, "/") {
		t.scheme, rest = strings.ToLower(scheme), after
	}
	if t.scheme != "" && t.scheme != "http" && t.scheme != "https" {
		return target{}, invalid("sample.url", "the URL is not one of HTTP; start it with https://")
	}
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		t.user, authority = authority[:i], authority[i+1:]
	}
	t.host, t.path = strings.ToLower(authority), "/"+path
	if strings.Contains(authority, "{") {
		t.host = authority
	}
	if t.host == "" || strings.ContainsAny(t.host, " \t\n\"<>\\^`|") || !balanced(t.host) {
		return target{}, invalid("sample.url", "the URL has no host; write all of it, like https://api.example.com/items")
	}
	return t, nil
}

// balanced reports whether braces come in pairs with something between them.
func balanced(s string) bool {
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			return true
		}
		end := strings.IndexByte(s[i:], '}')
		if s[i] == '}' || end < 2 || strings.Contains(s[i+1:i+end], "{") {
			return false
		}
		s = s[i+end+1:]
	}
	return true
}

// target reads server, path and query.
func (in *inference) target(op *connectorv1.Operation, t target) {
	in.server(t)
	used := map[string]bool{}
	var out []string
	before := ""
	segments := strings.Split(strings.TrimPrefix(t.path, "/"), "/")
	for i, segment := range segments {
		if from := credentialIn(segments[:i], segment); from >= 0 {
			prefix := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(segment[:from])
			name := unused(credentialName(before, segment[:from]), used)
			out = append(out, prefix+"{"+name+"}")
			op.Parameters = append(op.Parameters, &connectorv1.Parameter{
				Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true, Schema: sample.Text(),
			})
			in.secret("the value of the parameter %q looks like a credential and was left out", name)
			continue
		}
		name, value := placeholder(segment, before)
		if name == "" || len(op.GetParameters()) >= maxParameters {
			before = segment
			out = append(out, strings.NewReplacer("{", "%7B", "}", "%7D").Replace(segment))
			continue
		}
		name = unused(name, used)
		out = append(out, "{"+name+"}")
		p := &connectorv1.Parameter{
			Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true, Schema: sample.Text(value),
		}
		in.example(p, value)
		op.Parameters = append(op.Parameters, p)
	}
	op.Path = "/" + strings.Join(out, "/")
	in.query(op, t.query)
}

// credentialIn is where a credential begins in a segment of a path, -1 if there
// is none. What is encoded is one as a whole.
func credentialIn(before []string, segment string) int {
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		decoded = segment
	}
	switch from, ok := secretlike.Segment(before, decoded); {
	case !ok:
		return -1
	case decoded != segment:
		return 0
	default:
		return from
	}
}

// credentialName calls a credential in a path after the text in front of it.
func credentialName(before, prefix string) string {
	if len(wordsOf(prefix)) > 0 {
		before = prefix
	}
	if len(wordsOf(before)) == 0 {
		return "token"
	}
	return singular(before) + "Token"
}

func (in *inference) server(t target) {
	if t.user != "" {
		in.addScheme("basic", &connectorv1.SecurityScheme{Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}})
		in.secret("user name and password of the URL were left out")
	}
	template := t.scheme + "://" + t.host
	if t.scheme == "" {
		template = "https://" + t.host
		if strings.HasPrefix(t.host, "{") && strings.HasSuffix(t.host, "}") && strings.Count(t.host, "{") == 1 {
			template = t.host // a variable that is all of the URL
		}
		in.report(format.Info, CodeGuessed, "say which scheme it is", "the URL names no scheme; HTTPS was assumed")
	}
	in.out.Server = &connectorv1.Server{UrlTemplate: template}
	seen := map[string]bool{}
	for rest := t.host; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return
		}
		var name string
		name, rest, _ = strings.Cut(after, "}")
		if !seen[name] {
			seen[name] = true
			in.out.Server.Variables = append(in.out.Server.Variables, &connectorv1.ServerVariable{Name: name})
		}
	}
}

// placeholder says whether a segment of a path is a value: one in braces or with
// a colon in front, a number or an identifier. It is called after the segment
// before it: the 7 of "/users/7" is the "userId".
func placeholder(segment, before string) (name, value string) {
	if inner, ok := strings.CutPrefix(segment, "{"); ok && strings.HasSuffix(inner, "}") {
		if name = strings.Trim(inner, "{}"); name != "" && !strings.ContainsAny(name, "{}") {
			return name, ""
		}
	}
	if name, ok := strings.CutPrefix(segment, ":"); ok && name != "" && !strings.ContainsAny(name, "{}:") {
		return name, ""
	}
	decoded, err := url.PathUnescape(segment)
	if err != nil || !isIdentifier(decoded) {
		return "", ""
	}
	return singular(before) + "Id", decoded
}

// isIdentifier reports whether text is a number, a UUID or a long hexadecimal
// number with digits: nobody calls a collection that.
func isIdentifier(s string) bool {
	digits, hex := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			hex++
		case c == '-' && len(s) == 36 && (i == 8 || i == 13 || i == 18 || i == 23):
			hex++
		default:
			return false
		}
	}
	return digits == len(s) && digits > 0 || len(s) >= 16 && hex == len(s) && digits > 0
}

// singular is the name of one of what a segment is called, in camel case.
func singular(segment string) string {
	words := wordsOf(segment)
	if len(words) == 0 {
		return "item"
	}
	last := words[len(words)-1]
	switch {
	case strings.HasSuffix(last, "ies") && len(last) > 4:
		last = last[:len(last)-3] + "y"
	case strings.HasSuffix(last, "ses"), strings.HasSuffix(last, "xes"):
		last = last[:len(last)-2]
	case strings.HasSuffix(last, "s") && !strings.HasSuffix(last, "ss") && len(last) > 1:
		last = last[:len(last)-1]
	}
	words[len(words)-1] = last
	name := pascal(words)
	return strings.ToLower(name[:1]) + name[1:]
}

// wordsOf are the runs of ASCII letters and digits of a text.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	})
}

func pascal(words []string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// unused is the name, with a number if it is taken.
func unused(name string, used map[string]bool) string {
	free := name
	for i := 2; used[free]; i++ {
		free = fmt.Sprint(name, i)
	}
	used[free] = true
	return free
}

// query reads the parameters of a query string. One that is there several times
// is a list.
func (in *inference) query(op *connectorv1.Operation, query string) {
	values := map[string][]string{}
	var names []string
	for pair := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, value := unescaped(rawName), unescaped(rawValue)
		if name == "" || len(names) >= maxParameters {
			continue
		}
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = append(values[name], value)
	}
	for _, name := range names {
		if isCredential(name) || strings.EqualFold(name, "code") && slices.ContainsFunc(values[name], isCode) {
			in.apiKey(name, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY)
			continue
		}
		p := &connectorv1.Parameter{Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Explode: true}
		switch list := values[name]; {
		case len(list) > 1:
			p.Schema = fmt.Appendf(nil, `{"type":"array","items":%s}`, sample.Text(list...))
		case isPlaceholder(list[0]):
			p.Schema = []byte(`{"type":"string"}`)
		default:
			p.Schema = sample.Text(list[0])
			in.example(p, list[0])
		}
		op.Parameters = append(op.Parameters, p)
	}
}

// unescaped decodes a part of a query, or leaves it as it is where that is no text.
func unescaped(raw string) string {
	if text, err := url.QueryUnescape(raw); err == nil && utf8.ValidString(text) {
		return text
	}
	return raw
}

func isPlaceholder(value string) bool {
	return strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") && !strings.ContainsAny(value, `":, `)
}

// example gives a parameter its value, unless that is a credential.
func (in *inference) example(p *connectorv1.Parameter, value string) {
	switch {
	case value == "":
	case secretlike.Member(p.GetName(), value):
		in.secret("the value of the parameter %q looks like a credential and was left out", p.GetName())
	default:
		p.Examples = [][]byte{sample.Typed(value)}
	}
}

// idOf makes an operation id of method and path: "GetUsersByUserId".
func idOf(op *connectorv1.Operation) string {
	words := []string{strings.ToLower(op.GetMethod())}
	for segment := range strings.SplitSeq(op.GetPath(), "/") {
		if strings.HasPrefix(segment, "{") {
			words = append(words, "by")
		}
		words = append(words, wordsOf(segment)...)
	}
	id := pascal(words)
	return id[:min(len(id), 200)]
}

// isCode reports whether a "code" in a query is the key of a function.
func isCode(value string) bool { return secretlike.Query("code", value) }
