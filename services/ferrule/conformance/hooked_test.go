package conformance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// hooked is an API that callbacks are registered at. One caller at a time uses it.
type hooked struct {
	host string

	mu       sync.Mutex
	seen     []received
	location string // of the next registration; empty for none
	answer   []byte // to it
}

func startHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{}
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	h.host = strings.TrimPrefix(server.URL, "http://")
	return h
}

// begin says how the next registration is confirmed, and forgets what came before.
func (h *hooked) begin(location string, answer []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen, h.location, h.answer = nil, location, answer
}

// requests returns what has come since then, without lists of registrations.
func (h *hooked) requests() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.seen), func(r received) bool { return r.method == http.MethodGet })
}

// ServeHTTP implements [http.Handler].
func (h *hooked) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body) // a body that breaks off does not match
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, received{req.Method, req.RequestURI, req.Header.Clone(), body})
	res.Header().Set("Content-Type", "application/json")
	if len(h.seen) > 1 { // only the registration comes first
		_, _ = res.Write([]byte("{}"))
		return
	}
	if h.location != "" {
		res.Header().Set("Location", h.location)
	}
	res.WriteHeader(http.StatusCreated)
	_, _ = res.Write(h.answer)
}

// markedBody returns where in the body of an operation the callback URL goes, and the
// schema of the body.
func (d document) markedBody(e endpoint) (path []string, schema any) {
	for _, p := range e.parameters {
		if p["in"] != "body" {
			continue
		}
		if path, ok := d.mark(p["schema"], nil, 0); ok {
			return path, p["schema"]
		}
	}
	return nil, nil
}

// mark looks for the first place that takes the callback URL. Properties are looked
// through in the order of their names, so a body with two of them has to be the same
// in both orders.
func (d document) mark(schema any, path []string, depth int) ([]string, bool) {
	s := d.resolve(schema)
	if s == nil || depth > 12 {
		return nil, false
	}
	if truth(s["x-ms-notification-url"]) {
		return path, true
	}
	properties, _ := s["properties"].(object)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if found, ok := d.mark(properties[name], append(slices.Clone(path), name), depth+1); ok {
			return found, true
		}
	}
	for _, part := range items(s["allOf"]) {
		if found, ok := d.mark(part, path, depth+1); ok {
			return found, true
		}
	}
	return d.mark(s["items"], append(slices.Clone(path), "0"), depth+1)
}

// withLeaf returns a value with another one at a path, through lists too.
func withLeaf(v any, path []string, leaf any) any {
	if len(path) == 0 {
		return leaf
	}
	if list, is := v.([]any); is || path[0] == "0" && v == nil {
		list = slices.Clone(list)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = withLeaf(list[0], path[1:], leaf)
		return list
	}
	o, _ := v.(object)
	o = maps.Clone(o)
	if o == nil {
		o = object{}
	}
	o[path[0]] = withLeaf(o[path[0]], path[1:], leaf)
	return o
}

// withoutLeaf returns a value without what is at a path.
func withoutLeaf(v any, path []string) any {
	if list, is := v.([]any); is && len(list) > 0 {
		list = slices.Clone(list)
		list[0] = withoutLeaf(list[0], path[1:])
		return list
	}
	o, is := v.(object)
	if !is {
		return v
	}
	o = maps.Clone(o)
	if len(path) == 1 {
		delete(o, path[0])
	} else if inner, there := o[path[0]]; there {
		o[path[0]] = withoutLeaf(inner, path[1:])
	}
	return o
}

// leafAt returns the text at a path.
func leafAt(v any, path []string) string {
	for _, name := range path {
		if list, is := v.([]any); is {
			if len(list) == 0 {
				return ""
			}
			v = list[0]
			continue
		}
		o, _ := v.(object)
		v = o[name]
	}
	return text(v)
}

var hookWords = regexp.MustCompile(`(?i)hook|subscri|trigger|register|listener`)

// deletion returns the operation that somebody who reads the description takes for
// the one that removes what another one has registered: the DELETE of the same path or
// of its members, or the only one, or the one about webhooks whose path has most in
// common.
func (d document) deletion(e endpoint) (endpoint, bool) {
	var all, about []endpoint
	for _, one := range d.endpoints() {
		if one.method != "delete" {
			continue
		}
		below, is := strings.CutPrefix(one.path, strings.TrimSuffix(e.path, "/"))
		if is && regexp.MustCompile(`^(/\{[^/]*\}|\(\{[^/]*\}\))?/?$`).MatchString(below) {
			return one, true
		}
		all = append(all, one)
		if hookWords.MatchString(one.path + " " + text(one.op["operationId"])) {
			about = append(about, one)
		}
	}
	if len(about) == 0 && len(all) == 1 {
		about = all
	}
	if len(about) == 0 {
		return endpoint{}, false
	}
	return slices.MaxFunc(about, func(a, b endpoint) int { return common(a.path, e.path) - common(b.path, e.path) }), true
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// removal returns the call that removes a registration with an id, and the target
// that a Location would name. False means that no Location can say what it needs.
func (d document) removal(e endpoint, nth int) (call, string, bool) {
	given := object{}
	g := generator{doc: d, mode: plain, request: true}
	for _, p := range e.parameters {
		in := text(p["in"])
		if in == "body" && truth(p["required"]) || in == "formData" && truth(p["required"]) || in == "header" && truth(p["required"]) && g.usable(g.facts(p)) == nil {
			return call{}, "", false
		}
		if in != "path" && (in != "query" || !truth(p["required"])) {
			continue
		}
		f := g.facts(p)
		switch kind := f.kind(); {
		case len(items(f.object["enum"])) > 0 || kind == "boolean":
			given[text(p["name"])], _ = g.value(p, 0, 0)
		case kind == "integer" || kind == "number":
			given[text(p["name"])] = json.Number(strconv.Itoa(1000 + nth))
		case text(f.object["format"]) != "" || f.object["pattern"] != nil:
			given[text(p["name"])], _ = g.value(p, 0, 0)
		default:
			given[text(p["name"])] = fmt.Sprintf("hook %d", nth)
		}
	}
	c, problem := d.swaggerCallWith(e, required, given)
	if problem != "" {
		return call{}, "", false
	}
	target := c.want.path
	if len(c.want.pairs) > 0 {
		target += "?" + strings.Join(c.want.pairs, "&")
	}
	return c, target, true
}

var idName = regexp.MustCompile(`(?i)id$|^key$|^guid$`)

// confirmation is what an API answers a registration with, by its description, or an
// object with an id, as the deletion takes it, where that does not say. What looks like
// an id has a value of its own. It returns the ids too.
func (d document) confirmation(e, deletion endpoint, nth int) ([]byte, []string) {
	g := generator{doc: d, mode: plain}
	v, _ := g.value(d.answerOf(e), 0, 0)
	if o, _ := v.(object); len(o) == 0 {
		v = object{"id": "undescribed"}
		for _, p := range deletion.parameters {
			if kind := g.facts(p).kind(); (p["in"] == "path" || p["in"] == "query") && idName.MatchString(fmt.Sprint(p["name"])) && (kind == "integer" || kind == "number") {
				v = object{"id": json.Number("0")}
			}
		}
	}
	var ids []string
	v = identified(v, nth, &ids)
	return writeJSON(v), ids
}

func identified(v any, nth int, ids *[]string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = identified(v[i], nth, ids)
		}
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			id := strconv.Itoa(7000 + 10*nth + len(*ids))
			switch v[name].(type) {
			case string:
				if idName.MatchString(name) {
					v[name], *ids = "hook-"+id, append(*ids, "hook-"+id)
				}
			case json.Number:
				if idName.MatchString(name) {
					v[name], *ids = json.Number(id), append(*ids, id)
				}
			default:
				v[name] = identified(v[name], nth, ids)
			}
		}
	}
	return v
}

// notification is what the API sends, by its description.
func (d document) notification(e endpoint) []byte {
	paths, _ := d.root["paths"].(object)
	content := d.resolve(d.resolve(paths[e.path])["x-ms-notification-content"])
	if v, ok := (generator{doc: d, mode: tricky}).value(content["schema"], 0, 0); ok && content["schema"] != nil {
		return writeJSON(v)
	}
	return []byte(`{"what":"happened","number":9007199254740993}`)
}
