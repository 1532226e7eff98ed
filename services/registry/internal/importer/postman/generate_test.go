package postman_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// story is a collection before it is written in one of the versions.
type story struct {
	name      string
	variables [][2]string
	auth      *way
	folders   []chapter
	requests  []call
}

// chapter is a folder; parent is the index of the one that holds it, or -1.
type chapter struct {
	name, description string
	parent            int
	auth              *way
}

// way is a way to authenticate, with values in the order of a list.
type way struct {
	kind   string
	values [][2]string
}

// call is a request. folder is an index, or -1.
type call struct {
	name, description, method string
	folder                    int
	base                      string
	path                      []string
	values                    [][2]string // of ":name" in the path
	query, headers, fields    []entry
	mode, raw, language       string
	auth                      *way
	answers                   []answer
}

// entry is a value of a query, a header or a form.
type entry struct {
	key, value, description string
	disabled, file          bool
}

type answer struct {
	name, body string
	code       int
}

// made makes stories up. With known, every variable has a value and nothing is
// there twice, so that one knows what Postman sends.
type made struct {
	*rand.Rand
	known bool
}

func (m *made) one(list ...string) string { return list[m.IntN(len(list))] }

func (m *made) text() string {
	if !m.known && m.IntN(6) == 0 {
		return "{{" + m.one("unknown", "tenant id", "$guid", "$randomCity") + "}}"
	}
	return m.one("a", "7", "true", "0.25", "007", "two words", "a+b&c=d", "50%", "äöü", "2024-02-29", "{{lang}}", "x-{{lang}}-{{number}}", "{{nested}}", "?#/")
}

func (m *made) ways() *way {
	switch m.IntN(6) {
	case 0:
		return &way{"noauth", nil}
	case 1:
		return &way{"basic", [][2]string{{"username", "me"}, {"password", "{{pw}}"}}}
	case 2:
		return &way{"bearer", [][2]string{{"token", "{{token}}"}}}
	case 3:
		return &way{"apikey", [][2]string{{"key", m.one("X-Key", "X-Other", "Authorization")}, {"value", m.one("{{key}}", "Token {{key}}")}, {"in", "header"}}}
	case 4:
		return &way{"oauth2", [][2]string{{"authUrl", "https://login.example.com/auth"}, {"accessTokenUrl", "https://login.example.com/token"}, {"scope", m.one("read", "read write")}}}
	}
	return nil
}

func (m *made) entries(prefix string) []entry {
	var list []entry
	for i := range m.IntN(4) {
		e := entry{key: fmt.Sprintf("%s%d", prefix, i), value: m.text()}
		if m.IntN(4) == 0 {
			e.disabled = true
		}
		if m.IntN(3) == 0 {
			e.description = "About " + e.key
		}
		list = append(list, e)
		if !m.known && m.IntN(6) == 0 {
			list = append(list, entry{key: e.key, value: m.text()})
		}
	}
	return list
}

func (m *made) call(i, folders int) call {
	c := call{
		name: fmt.Sprintf("Call %d", i), method: m.one("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"),
		folder: m.IntN(folders+1) - 1, auth: m.ways(), query: m.entries("q"), headers: m.entries("X-H"),
		base: m.one("{{baseUrl}}", "https://api.example.com", "http://{{host}}:8080", "{{baseUrl}}/v2"),
	}
	if !m.known && m.IntN(5) == 0 {
		c.name = m.one("Same name", "same-name", "Ünïcode", "!!!")
	}
	for j := range 1 + m.IntN(4) {
		switch name := fmt.Sprintf("p%d", j); m.IntN(4) {
		case 0:
			c.path = append(c.path, ":"+name)
			c.values = append(c.values, [2]string{name, m.one("7", "abc", "a b", "x/y", "ä")})
		case 1:
			c.path = append(c.path, m.one("{{lang}}", "v{{number}}"))
		default:
			c.path = append(c.path, m.one("items", "a.json", "1", "a-b_c~"))
		}
	}
	switch m.IntN(5) {
	case 0:
		c.mode, c.language = "raw", "json"
		c.raw = m.one(`{"a": 1, "b": ["x", {"c": null}]}`, `{"a": "{{lang}}", "n": {{number}}}`, `[]`, `[1.50, "ä\"\\"]`)
	case 1:
		c.mode, c.language, c.raw = "raw", m.one("text", "xml"), m.one("<a>{{lang}}</a>", "plain words", "a: b")
	case 2:
		c.mode, c.fields = "urlencoded", m.entries("f")
	case 3:
		c.mode, c.fields = "formdata", m.entries("f")
		if m.IntN(2) == 0 {
			c.fields = append(c.fields, entry{key: "file", file: true})
		}
	}
	if m.IntN(3) == 0 {
		c.answers = append(c.answers, answer{"Good", `{"id": 1, "tags": ["a"]}`, 200}, answer{"Other", `{"id": 2}`, 200})
	}
	return c
}

// makeStory makes a collection of the seed.
func makeStory(seed uint64, known bool) story {
	m := &made{rand.New(rand.NewPCG(seed, 1)), known}
	s := story{name: "Made", variables: [][2]string{
		{"baseUrl", "https://api.example.com/v1"}, {"host", "other.example.com"}, {"lang", "en"}, {"number", "12"}, {"nested", "{{lang}}/{{number}}"},
	}, auth: m.ways()}
	for i := range m.IntN(4) {
		s.folders = append(s.folders, chapter{
			name: fmt.Sprintf("Folder %d", i), description: m.one("", "About it"), parent: m.IntN(i+1) - 1, auth: m.ways(),
		})
	}
	for i := range 1 + m.IntN(6) {
		s.requests = append(s.requests, m.call(i, len(s.folders)))
	}
	return s
}

// object is a JSON object.
type object = map[string]any

func text(tb testing.TB, v object) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// url is the text of the address, without what is disabled.
func (c call) url() string {
	u := c.base + "/" + strings.Join(c.path, "/")
	var query []string
	for _, q := range c.query {
		if !q.disabled {
			query = append(query, escaped(q.key)+"="+escaped(q.value))
		}
	}
	if len(query) > 0 {
		u += "?" + strings.Join(query, "&")
	}
	return u
}

// escaped is what people have to write in a URL.
func escaped(s string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26", "=", "%3D", "#", "%23", "?", "%3F", " ", "%20").Replace(s)
}

// version2 writes the story as a collection 2.0 or 2.1.
func (s story) version2(tb testing.TB, minor string) string {
	tb.Helper()
	root := object{
		"info":     object{"name": s.name, "schema": "https://schema.getpostman.com/json/collection/v2." + minor + ".0/collection.json"},
		"variable": list(s.variables, "key"), "item": s.items(-1, minor),
	}
	authenticate2(root, s.auth, minor)
	return text(tb, root)
}

// items are folders first, as Postman shows them.
func (s story) items(in int, minor string) []object {
	items := []object{}
	for i, f := range s.folders {
		if f.parent == in {
			o := object{"name": f.name, "description": f.description, "item": s.items(i, minor)}
			authenticate2(o, f.auth, minor)
			items = append(items, o)
		}
	}
	for _, c := range s.requests {
		if c.folder == in {
			items = append(items, c.version2(minor))
		}
	}
	return items
}

func (c call) version2(minor string) object {
	request := object{"method": c.method, "header": entries(c.headers, "disabled", true), "description": c.description}
	authenticate2(request, c.auth, minor)
	host, path := any([]string{c.base}), any(c.path)
	if minor == "0" {
		host, path = c.base, strings.Join(c.path, "/")
	}
	query := []object{}
	for _, q := range c.query {
		query = append(query, object{"key": escaped(q.key), "value": escaped(q.value), "description": q.description, "disabled": q.disabled})
	}
	request["url"] = object{"raw": c.url(), "host": host, "path": path, "query": query, "variable": list(c.values, map[string]string{"0": "id", "1": "key"}[minor])}
	switch c.mode {
	case "raw":
		request["body"] = object{"mode": "raw", "raw": c.raw, "options": object{"raw": object{"language": c.language}}}
	case "urlencoded", "formdata":
		request["body"] = object{"mode": c.mode, c.mode: entries(c.fields, "disabled", true)}
	}
	answers := []object{}
	for _, a := range c.answers {
		answers = append(answers, object{"name": a.name, "code": a.code, "body": a.body, "header": []object{}})
	}
	return object{"name": c.name, "request": request, "response": answers}
}

// authenticate2 writes values as a list in 2.1, and as an object in 2.0.
func authenticate2(o object, w *way, minor string) {
	switch {
	case w == nil:
	case w.values == nil:
		o["auth"] = object{"type": w.kind}
	case minor == "1":
		o["auth"] = object{"type": w.kind, w.kind: list(w.values, "key")}
	default:
		values := object{}
		for _, v := range w.values {
			values[v[0]] = v[1]
		}
		o["auth"] = object{"type": w.kind, w.kind: values}
	}
}

func list(values [][2]string, key string) []object {
	written := []object{}
	for _, v := range values {
		written = append(written, object{key: v[0], "value": v[1]})
	}
	return written
}

// entries says of each whether it is sent, in one of two ways.
func entries(all []entry, key string, off bool) []object {
	written := []object{}
	for _, e := range all {
		o := object{"key": e.key, "value": e.value, "description": e.description, "type": "text", key: off == e.disabled}
		if e.file {
			o["type"], o["src"] = "file", "/tmp/x"
			delete(o, "value")
		}
		written = append(written, o)
	}
	return written
}

// version1 writes the story as a collection 1.
func (s story) version1(tb testing.TB) string {
	tb.Helper()
	root := object{"id": "c", "name": s.name, "variables": list(s.variables, "key"), "order": s.order(-1), "folders_order": s.folderOrder(-1)}
	authenticate2(root, s.auth, "1")
	folders, requests := []object{}, []object{}
	for i, f := range s.folders {
		o := object{"id": fmt.Sprintf("f%d", i), "name": f.name, "description": f.description, "order": s.order(i), "folders_order": s.folderOrder(i)}
		if f.parent >= 0 {
			o["folder"] = fmt.Sprintf("f%d", f.parent)
		}
		authenticate2(o, f.auth, "1")
		folders = append(folders, o)
	}
	for i, c := range s.requests {
		requests = append(requests, c.version1(i))
	}
	root["folders"], root["requests"] = folders, requests
	return text(tb, root)
}

func (s story) order(in int) []string {
	ids := []string{}
	for i, c := range s.requests {
		if c.folder == in {
			ids = append(ids, fmt.Sprintf("r%d", i))
		}
	}
	return ids
}

func (s story) folderOrder(in int) []string {
	ids := []string{}
	for i, f := range s.folders {
		if f.parent == in {
			ids = append(ids, fmt.Sprintf("f%d", i))
		}
	}
	return ids
}

func (c call) version1(i int) object {
	o := object{
		"id": fmt.Sprintf("r%d", i), "name": c.name, "method": c.method, "description": c.description, "url": c.url(),
		"headerData": entries(c.headers, "enabled", false), "pathVariableData": list(c.values, "key"), "queryParams": entries(c.query, "enabled", false),
	}
	if c.folder >= 0 {
		o["folder"] = fmt.Sprintf("f%d", c.folder)
	}
	authenticate2(o, c.auth, "1")
	switch c.mode {
	case "raw":
		o["dataMode"], o["rawModeData"], o["dataOptions"] = "raw", c.raw, object{"raw": object{"language": c.language}}
	case "urlencoded":
		o["dataMode"], o["data"] = "urlencoded", entries(c.fields, "enabled", false)
	case "formdata":
		o["dataMode"], o["data"] = "params", entries(c.fields, "enabled", false)
	}
	answers := []object{}
	for _, a := range c.answers {
		answers = append(answers, object{"name": a.name, "responseCode": object{"code": a.code}, "text": a.body})
	}
	o["responses"] = answers
	return o
}
