package postman

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// placeholder is a name in braces, in paths and servers.
var placeholder = regexp.MustCompile(`\{([^{}]+)\}`)

// addBase returns the name of the variable that holds the first of the servers.
func (w *writer) addBase(servers []*connectorv1.Server) string {
	url := ""
	if len(servers) > 0 {
		url = placeholder.ReplaceAllString(servers[0].GetUrlTemplate(), "{{$1}}")
	}
	if name, ok := w.bases[url]; ok {
		return name
	}
	name := "baseUrl"
	for i := 2; w.variables[name] || w.isPlaceholder(name); i++ {
		name = "baseUrl" + strconv.Itoa(i)
	}
	w.bases[url] = name
	w.addVariable(variable{Key: name, Value: url, Type: "string"})
	if len(servers) > 0 {
		for _, v := range servers[0].GetVariables() {
			w.addVariable(variable{Key: v.GetName(), Value: v.GetDefaultValue(), Type: "string", Description: v.GetDescription()})
		}
	}
	return name
}

// isPlaceholder reports whether a server or path has a placeholder of this name,
// which becomes a variable of that name.
func (w *writer) isPlaceholder(name string) bool {
	name = "{" + name + "}"
	inServer := func(s *connectorv1.Server) bool { return strings.Contains(s.GetUrlTemplate(), name) }
	return slices.ContainsFunc(w.def.GetServers(), inServer) ||
		slices.ContainsFunc(w.def.GetOperations(), func(op *connectorv1.Operation) bool {
			return strings.Contains(op.GetPath(), name) || slices.ContainsFunc(op.GetServers(), inServer)
		})
}

// addVariable adds a variable of the collection unless there is one.
func (w *writer) addVariable(v variable) {
	if v.Key != "" && !w.variables[v.Key] {
		w.variables[v.Key] = true
		w.col.Variable = append(w.col.Variable, v)
	}
}

// item writes one operation. Parameters that may be left out are there and
// disabled, so that people see them.
func (w *writer) item(pointer string, op *connectorv1.Operation) *item {
	it := &item{Name: op.GetSummary(), ID: op.GetOperationId()}
	if it.Name == "" {
		it.Name = op.GetOperationId()
	}
	r := &request{Method: op.GetMethod(), Header: []pair{}, Description: op.GetDescription()}
	servers := op.GetServers()
	if len(servers) == 0 {
		servers = w.def.GetServers()
	}
	r.URL = w.address(w.addBase(servers), op)
	var cookies []string
	for i, p := range op.GetParameters() {
		w.parameterLosses(pointer+"/parameters/"+strconv.Itoa(i), p)
		value := pair{
			Key: p.GetName(), Value: w.text(p.GetSchema(), p.GetExamples()), Description: p.GetDescription(), Disabled: !p.GetRequired(),
		}
		switch p.GetLocation() {
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY:
			value.Key, value.Value = escape(value.Key), escape(value.Value)
			r.URL.Query = append(r.URL.Query, value)
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER:
			r.Header = append(r.Header, value)
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE:
			cookies = append(cookies, value.Key+"="+value.Value)
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, connectorv1.ParameterLocation_PARAMETER_LOCATION_UNSPECIFIED:
		}
	}
	if len(cookies) > 0 {
		r.Header = append(r.Header, pair{Key: "Cookie", Value: strings.Join(cookies, "; ")})
	}
	if w.requestBody(pointer, r, op) && (op.GetMethod() == "GET" || op.GetMethod() == "HEAD") {
		it.Behavior = &behavior{DisableBodyPruning: true}
	}
	w.requestAuth(r, op)
	r.URL.Raw = raw(r.URL)
	it.Request, it.Response = r, w.responses(pointer, op)
	return it
}

// address writes the path: a piece that is one parameter reads ":name", and
// parameters inside of a piece "{{name}}".
func (w *writer) address(base string, op *connectorv1.Operation) address {
	a := address{Host: []string{"{{" + base + "}}"}, Path: []string{}}
	parameters := map[string]*connectorv1.Parameter{}
	for _, p := range op.GetParameters() {
		if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			parameters[p.GetName()] = p
		}
	}
	declared := map[string]bool{}
	for piece := range strings.SplitSeq(strings.TrimPrefix(op.GetPath(), "/"), "/") {
		m := placeholder.FindStringSubmatch(piece)
		if len(m) == 0 || m[0] != piece {
			for _, m := range placeholder.FindAllStringSubmatch(piece, -1) {
				w.addVariable(variable{Key: m[1], Type: "string", Description: parameters[m[1]].GetDescription()})
			}
			a.Path = append(a.Path, placeholder.ReplaceAllString(piece, "{{$1}}"))
			continue
		}
		a.Path = append(a.Path, ":"+m[1])
		if p := parameters[m[1]]; !declared[m[1]] {
			declared[m[1]] = true
			a.Variable = append(a.Variable, pair{Key: m[1], Value: w.text(p.GetSchema(), p.GetExamples()), Description: p.GetDescription()})
		}
	}
	return a
}

// raw is the URL as people read it.
func raw(a address) string {
	s := a.Host[0] + "/" + strings.Join(a.Path, "/")
	var query []string
	for _, q := range a.Query {
		if !q.Disabled {
			query = append(query, q.Key+"="+q.Value)
		}
	}
	if len(query) == 0 {
		return s
	}
	return s + "?" + strings.Join(query, "&")
}

// escape writes text as Postman sends it: it encodes what is not ASCII, but not
// what has a meaning in queries.
func escape(s string) string {
	return queryText.Replace(s)
}

var queryText = strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26", "#", "%23", "=", "%3D", " ", "%20", ";", "%3B")
