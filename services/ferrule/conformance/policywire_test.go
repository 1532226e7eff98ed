package conformance_test

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// policyText is a policy as the package writes it.
type policyText struct {
	template, section string
	operations        []string
	parameters        object
}

const parameterPrefix = "x-ms-apimTemplateParameter."

func (p policyText) get(name string) string { return text(p.parameters[parameterPrefix+name]) }

// names where a request goes to.
func (p policyText) isHost() bool {
	return p.template == "dynamichosturl" || p.template == "dynamicsubdomain"
}

// beginsWith reports whether the URL of a host policy begins with a connection parameter,
// so that its value is a URL.
func (p policyText) beginsWith(name string) bool {
	found := valueCall.FindStringSubmatchIndex(p.get("urlTemplate"))
	return p.isHost() && found != nil && found[0] == 0 &&
		strings.EqualFold(valueCall.FindStringSubmatch(p.get("urlTemplate"))[2], name)
}

// relocated reads the policies of a package, whose hosts become parts of paths at one
// host.
func relocated(properties object, host string) (out []policyText) {
	for _, one := range items(properties["policyTemplateInstances"]) {
		o, _ := one.(object)
		parameters, _ := o["parameters"].(object)
		p := policyText{
			template: strings.ToLower(text(o["templateId"])), section: strings.ToLower(text(parameters["x-ms-apimTemplate-policySection"])),
			operations: texts(parameters["x-ms-apimTemplate-operationName"]), parameters: parameters,
		}
		if p.template == "setheader" && p.get("name") == "Host" {
			parameters[parameterPrefix+"value"] = host
		}
		if p.isHost() {
			parameters[parameterPrefix+"urlTemplate"] = strings.ReplaceAll(p.get("urlTemplate"), "https://", "http://"+host+"/h/")
		}
		out = append(out, p)
	}
	return out
}

// valueCall is a call of the expression language that gives a value.
var valueCall = regexp.MustCompile(`(?i)@(connectionParameters|queryParameters|headers?)\(\s*['"]([^'"]*)['"]\s*(?:,\s*['"]([^'"]*)['"]\s*)?\)`)

// wire is what has to go over the wire once credentials and policies have had their turn.
type wire struct {
	call

	skip     string // why the operation is not called
	judged   []string
	more     bool   // a policy asks the API for something first
	answer   []byte // to that
	agent    string // what User-Agent ends with
	anyBody  bool   // a policy changes the body: that is judged elsewhere
	anyQuery bool   // a query parameter was used up: whether it is sent on is nowhere said
	base     string
	rest     string // path behind the base
	given    map[string]string
	secrets  map[string]string
	doc      document
	endpoint endpoint
}

// onWire works out what has to come of a call, by the package's own text.
func (p policied) onWire(e endpoint, c call) *wire {
	w := &wire{call: c, given: p.given, secrets: p.secrets, doc: p.doc, endpoint: e}
	w.want.header = maps.Clone(c.want.header)
	w.want.pairs = slices.Clone(c.want.pairs)
	w.base = "/" + strings.Trim(text(p.doc.root["basePath"]), "/ ")
	w.rest = strings.TrimPrefix(w.want.path, strings.TrimSuffix(canonical(w.base, "/,"), "/"))
	w.credential(p)
	for _, one := range p.policies {
		if one.section != "" && one.section != "request" || one.template == "updatenextlink" || len(one.operations) > 0 && !slices.Contains(one.operations, text(e.op["operationId"])) {
			continue
		}
		w.apply(one)
	}
	delete(w.want.header, "Host") // the recorder's own, or the request would not have come
	w.want.path = canonical(strings.TrimSuffix(w.base, "/")+"/"+strings.TrimPrefix(w.rest, "/"), "/,")
	slices.Sort(w.want.pairs)
	return w
}

// credential puts the one of the connection where the security definitions say.
func (w *wire) credential(p policied) {
	definitions, _ := w.doc.root["securityDefinitions"].(object)
	security, said := w.endpoint.op["security"]
	if list := items(w.doc.root["security"]); !said && len(list) > 0 { // an empty list of the document is what wizards leave
		security, said = list, true
	}
	names := slices.Sorted(maps.Keys(definitions))
	if said {
		names = nil
		for _, one := range items(security) {
			o, _ := one.(object)
			names = append(names, slices.Sorted(maps.Keys(o))...)
		}
	}
	if defined := func(name string) bool { return definitions[name] != nil }; len(names) > 0 && !slices.ContainsFunc(names, defined) {
		names = slices.Sorted(maps.Keys(definitions)) // the definition was renamed, and what refers to it was not
	}
	for _, name := range names {
		d, _ := definitions[name].(object)
		switch text(d["type"]) {
		case "oauth2":
			if p.signIn == "" {
				continue
			}
			w.want.header["Authorization"] = "Bearer " + accessToken
		case "basic":
			user, password := p.given["username"], p.secrets["password"]
			if user == "" || password == "" {
				continue
			}
			w.want.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
		case "apiKey":
			key := p.key(name, text(d["name"]))
			if key == "" {
				continue
			}
			if d["in"] == "query" {
				w.setQuery(text(d["name"]), key, "override")
			} else {
				w.setHeader(text(d["name"]), key, "override")
			}
		default:
			continue
		}
		w.judged = append(w.judged, "a credential, "+text(d["type"]))
		return
	}
	if p.signIn != "" { // a token has one place, whether or not it is described
		w.want.header["Authorization"] = "Bearer " + accessToken
		w.judged = append(w.judged, "a credential, a token that no security definition mentions")
		return
	}
	if len(p.secrets) > 0 {
		w.judged = append(w.judged, "a credential that no security definition places")
		return
	}
	w.judged = append(w.judged, "no credential")
}

// key is the connection parameter that an API key comes from.
func (p policied) key(definition, field string) string {
	for _, name := range []string{"api_key", definition, field} {
		for have, value := range p.secrets {
			if strings.EqualFold(have, name) {
				return value
			}
		}
	}
	if len(p.secrets) == 1 {
		for _, value := range p.secrets {
			return value
		}
	}
	return ""
}

func (w *wire) setHeader(name, value, exists string) {
	if strings.ContainsAny(name, "[] ") {
		return // a placeholder that somebody left, which no header can be called
	}
	if strings.EqualFold(name, "User-Agent") && exists == "append" {
		w.agent = value // the sender calls itself something, to which that is added
		return
	}
	have := fold(w.want.header, name)
	old, there := w.want.header[have]
	switch {
	case there && exists == "skip":
		return
	case there && exists == "append":
		w.want.header[have] = old + "," + value
		return
	}
	delete(w.want.header, have)
	w.want.header[name] = value
}

func (w *wire) setQuery(name, value, exists string) {
	pair := canonical(percentDecode(name), ",") + "="
	there := slices.ContainsFunc(w.want.pairs, func(p string) bool { return strings.HasPrefix(p, pair) })
	switch {
	case there && exists == "skip":
		return
	case exists != "append":
		w.want.pairs = slices.DeleteFunc(w.want.pairs, func(p string) bool { return strings.HasPrefix(p, pair) })
	}
	w.want.pairs = append(w.want.pairs, pair+canonical(percentEncode(value), ","))
}

// apply is one policy of the request.
func (w *wire) apply(p policyText) {
	judged := p.template
	defer func() { w.judged = append(w.judged, judged) }()
	switch p.template {
	case "dynamichosturl", "dynamicsubdomain":
		template := p.get("urlTemplate")
		if choosing := strings.ToLower(template); strings.Contains(choosing, "@queryparameters(") || strings.Contains(choosing, "@headers(") {
			w.skip = "its host is chosen by the caller of each call"
			return
		}
		for _, one := range valueCall.FindAllStringSubmatch(template, -1) {
			if _, declared := w.given[fold(w.given, one[2])]; !declared && one[3] == "" {
				w.skip = "its host is made of a connection parameter that the package does not have"
				return
			}
		}
		_, after, _ := strings.Cut(w.eval(template), "://")
		_, path, _ := strings.Cut(after, "/")
		w.base = "/" + path
	case "routerequesttoendpoint":
		w.route(p)
	case "setheader":
		w.setHeader(p.get("name"), w.eval(p.get("value")), p.get("existsAction"))
	case "setqueryparameter":
		w.setQuery(p.get("name"), w.eval(p.get("value")), p.get("existsAction"))
	case "setvaluefromurl":
		w.fetch(p)
	case "pollingtrigger":
	default:
		w.anyBody = true
		judged += ", but not the body"
	}
}

// fetch is a policy that asks the API for a value, which a recorder answers.
func (w *wire) fetch(p policyText) {
	const value = "a-fetched-value"
	w.more = true
	var answer any = value
	path := strings.Split(strings.TrimPrefix(p.get("parameterValuePathTemplate"), "@body()"), ".")
	for _, name := range slices.Backward(path[1:]) {
		answer = object{name: answer}
	}
	w.answer = writeJSON(answer)
	to := valueCall.FindStringSubmatch(p.get("parameterTemplate"))
	if to != nil && strings.EqualFold(to[1], "queryParameters") {
		w.setQuery(to[2], value, "override")
	} else if to != nil {
		w.setHeader(to[2], value, "override")
	}
}

func (w *wire) route(p policyText) {
	if method := p.get("httpMethod"); method != "" && !strings.HasPrefix(method, "@") {
		w.want.method = strings.ToUpper(method)
	}
	path := p.get("newPath")
	w.anyQuery = w.anyQuery || strings.Contains(strings.ToLower(path), "@queryparameters(")
	path = w.eval(path)
	for _, one := range w.endpoint.parameters {
		if one["in"] == "path" {
			path = strings.ReplaceAll(path, "{"+text(one["name"])+"}", percentEncode(wireText(w.input[text(one["name"])])))
		}
	}
	path, query, _ := strings.Cut(path, "?")
	w.rest = path
	w.want.pairs = append(w.want.pairs, pairsOf(query)...)
}

// eval writes a template with the values of its calls.
func (w *wire) eval(template string) string {
	return valueCall.ReplaceAllStringFunc(template, func(one string) string {
		found := valueCall.FindStringSubmatch(one)
		value := ""
		switch strings.ToLower(found[1]) {
		case "connectionparameters":
			value = w.given[fold(w.given, found[2])]
		case "queryparameters":
			for _, pair := range w.want.pairs {
				if name, v, _ := strings.Cut(pair, "="); strings.EqualFold(percentDecode(name), found[2]) {
					value = percentDecode(v)
				}
			}
		default:
			value = w.want.header[fold(w.want.header, found[2])]
		}
		if value == "" {
			return found[3]
		}
		return value
	})
}

// outcome judges what was sent.
func (w *wire) outcome(err error, seen []received) (mismatch, bool) {
	if w.more && len(seen) == 2 {
		seen = seen[1:]
	}
	want := w.want
	if len(seen) == 1 && w.anyBody {
		seen[0].body, want.body = nil, content{kind: noBody}
	}
	if len(seen) == 1 && !strings.HasSuffix(seen[0].header.Get("User-Agent"), w.agent) {
		return differ("header", "User-Agent: … "+w.agent, seen[0].header.Get("User-Agent"))
	}
	if len(seen) == 1 && w.anyQuery {
		_, query, _ := strings.Cut(seen[0].target, "?")
		for _, pair := range want.pairs {
			if !slices.Contains(pairsOf(query), pair) && !slices.Contains(w.call.want.pairs, pair) {
				return differ("query", want.pairs, query)
			}
		}
		want.pairs = pairsOf(query)
		slices.Sort(want.pairs)
	}
	if found, wrong := outcome(call{input: w.input, want: want}, err, seen); wrong {
		return found, true
	}
	for name, lines := range seen[0].header {
		_, expected := want.header[fold(want.header, name)]
		for _, secret := range append(slices.Collect(maps.Values(w.secrets)), accessToken) {
			if !expected && strings.Contains(strings.Join(lines, ","), secret) {
				return differ("a credential elsewhere", "none", name)
			}
		}
	}
	return mismatch{}, false
}
