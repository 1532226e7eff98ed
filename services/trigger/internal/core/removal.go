package core

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// removalOf finds out how the registration that an API has just confirmed is
// removed: by the operation whose path is that of the answer's Location, or by
// the one that the trigger names. It is nil if neither can be used.
func removalOf(s Subscription, at target, answer Answer) *Removal {
	if location := answer.Header.Get("Location"); location != "" {
		if r := removalAt(s, at, location); r != nil {
			return r
		}
	}
	declared := at.op.GetTrigger().GetWebhook()
	op := operationOf(at.def, declared.GetUnsubscribeOperationId())
	if op == nil {
		return nil
	}
	return told(s, op, declared.GetUnsubscribeInputs(), answer.Body)
}

// removalAt is the removal of what a Location (RFC 9110, section 10.2.2) names.
// Only locations of the connection's own API are accepted: the removal is called
// with the connection's credential.
func removalAt(s Subscription, at target, location string) *Removal {
	for _, path := range pathsOf(at, location) {
		if op, values := deletionOf(at.def, path); op != nil {
			return removalWith(s, op, values)
		}
	}
	return nil
}

// pathsOf returns what a location may mean below the server of the API, the most
// likely first: the URL that it is by the standard, or relative to the collection
// that the registration was added to; below the base path of the description, or
// as it is written, which is what APIs mean who leave out their base path.
func pathsOf(at target, location string) []string {
	ref, err := url.Parse(location)
	if err != nil {
		return nil
	}
	var paths []string
	for _, server := range serversOf(at) {
		base, err := url.Parse(server)
		if err != nil {
			continue
		}
		base.Path = strings.TrimSuffix(base.Path, "/")
		collection, _, _ := strings.Cut(at.op.GetPath(), "?")
		call := base.JoinPath(collection)
		for _, full := range []*url.URL{call.ResolveReference(ref), call.JoinPath("/").ResolveReference(ref)} {
			paths = append(paths, pathsBelow(base, full)...)
		}
	}
	return paths
}

// pathsBelow returns the path of a URL below a server, and the path as it is;
// nothing if the URL is of another host.
func pathsBelow(base, full *url.URL) []string {
	if !strings.EqualFold(full.Scheme, base.Scheme) || !strings.EqualFold(full.Host, base.Host) {
		return nil
	}
	path := full.EscapedPath()
	if below, ok := strings.CutPrefix(path, base.EscapedPath()); ok && strings.HasPrefix(below, "/") {
		return []string{below, path}
	}
	return []string{path}
}

// serversOf returns the URLs at which the connection reaches the API.
func serversOf(at target) []string {
	if at.conn.ServerURL != "" {
		return []string{at.conn.ServerURL}
	}
	servers := at.op.GetServers()
	if len(servers) == 0 {
		servers = at.def.GetServers()
	}
	var urls []string
	for _, server := range servers {
		text := server.GetUrlTemplate()
		for _, v := range server.GetVariables() {
			value, ok := at.conn.Parameters[v.GetName()]
			if !ok || value == "" {
				value = v.GetDefaultValue()
			}
			text = strings.ReplaceAll(text, "{"+v.GetName()+"}", value)
		}
		urls = append(urls, text)
	}
	return urls
}

// deletionOf finds the DELETE operation with a path, and the values of its path
// parameters. Of several the one with the fewest parameters counts.
func deletionOf(def *connectorv1.Definition, path string) (best *connectorv1.Operation, values map[string]string) {
	for _, op := range def.GetOperations() {
		if op.GetMethod() != http.MethodDelete || op.GetRequiresScript() {
			continue
		}
		found, ok := matchPath(op, path)
		if ok && (best == nil || len(found) < len(values)) {
			best, values = op, found
		}
	}
	return best, values
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// matchPath reads the path parameters of an operation from an escaped path.
func matchPath(op *connectorv1.Operation, path string) (map[string]string, bool) {
	template, _, _ := strings.Cut(op.GetPath(), "?")
	var names []string
	var pattern strings.Builder
	rest := template
	for _, span := range placeholder.FindAllStringIndex(template, -1) {
		at := span[0] - (len(template) - len(rest))
		pattern.WriteString(regexp.QuoteMeta(rest[:at]))
		pattern.WriteString("([^/]+)")
		names = append(names, template[span[0]+1:span[1]-1])
		rest = template[span[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(rest))
	found := regexp.MustCompile("^" + pattern.String() + "/?$").FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		value, err := unescaped(op, name, found[i+1])
		if err != nil {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}

// unescaped undoes what the runtime will do to a path parameter again.
func unescaped(op *connectorv1.Operation, name, text string) (string, error) {
	value, err := url.PathUnescape(text)
	if err == nil && slices.ContainsFunc(op.GetParameters(), func(p *connectorv1.Parameter) bool {
		return p.GetName() == name && p.GetUrlEncoding() == connectorv1.UrlEncoding_URL_ENCODING_DOUBLE
	}) {
		value, err = url.PathUnescape(value)
	}
	return value, err
}

// removalBy fills the path parameters of an operation from an object that the
// API made: from the member of the same name, or, for the only parameter that
// nothing else fills, from "id".
func removalBy(s Subscription, op *connectorv1.Operation, made map[string]string) *Removal {
	values, input := map[string]string{}, members([]byte(s.Input))
	var open []string
	for _, p := range op.GetParameters() {
		if p.GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			continue
		}
		name := p.GetName()
		switch {
		case made[name] != "":
			values[name] = made[name]
		case input[name] != "":
			values[name] = input[name]
		default:
			open = append(open, name)
		}
	}
	if len(open) == 1 && made["id"] != "" {
		values[open[0]], open = made["id"], nil
	}
	if len(open) > 0 {
		return nil
	}
	return removalWith(s, op, values)
}

// removalWith is a call of an operation with path parameters, and with those
// other parameters that it shares with the subscription's own input: tenants,
// versions and the like.
func removalWith(s Subscription, op *connectorv1.Operation, path map[string]string) *Removal {
	given, err := parseInput(s.Input)
	if err != nil {
		return nil
	}
	input := map[string]any{}
	for _, p := range op.GetParameters() {
		name := p.GetName()
		inPath := p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
		value, ok := typed(p, path[name]), inPath
		if !inPath {
			value, ok = given[name]
		}
		if !ok {
			continue
		}
		if shared(op, name) {
			name = locationName(p.GetLocation()) + "." + name
		}
		input[name] = value
	}
	text, err := encodeInput(input)
	if err != nil {
		return nil
	}
	return &Removal{Operation: op.GetOperationId(), Input: text}
}

// typed returns a text that stood in a path as the type that its parameter asks
// for: an id may be a number.
func typed(p *connectorv1.Parameter, text string) any {
	var schema struct {
		Type any `json:"type"`
	}
	_ = json.Unmarshal(p.GetSchema(), &schema) // whatever is no schema takes a text
	types, several := schema.Type.([]any)
	if !several {
		types = []any{schema.Type}
	}
	var value any
	if slices.Contains(types, any("string")) || json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	switch value.(type) {
	case float64:
		if slices.Contains(types, any("integer")) || slices.Contains(types, any("number")) {
			return json.Number(text)
		}
	case bool:
		if slices.Contains(types, any("boolean")) {
			return value
		}
	}
	return text
}

// shared reports whether two parameters of an operation have a name.
func shared(op *connectorv1.Operation, name string) bool {
	n := 0
	for _, p := range op.GetParameters() {
		if p.GetName() == name {
			n++
		}
	}
	return n > 1
}

func locationName(l connectorv1.ParameterLocation) string {
	return strings.ToLower(strings.TrimPrefix(l.String(), "PARAMETER_LOCATION_"))
}

// object is a JSON object whose members are not looked into.
type object = map[string]json.RawMessage

// members returns the strings and numbers of a JSON object as text; none if it
// is something else.
func members(data []byte) map[string]string {
	var raw object
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	return texts(raw)
}

func texts(raw object) map[string]string {
	out := map[string]string{}
	for name, value := range raw {
		var text string
		var number json.Number
		switch {
		case json.Unmarshal(value, &text) == nil:
			out[name] = text
		case json.Unmarshal(value, &number) == nil:
			out[name] = number.String()
		}
	}
	return out
}
