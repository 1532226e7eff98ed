package postman_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// canary is a credential that stands in one place of a collection. What nobody
// would know for one, if it were not for its place, is short.
func canary(n int) string { return fmt.Sprintf("c4N%02dryQ", n) }

// random is a canary that is one wherever it stands.
func random(n int) string { return fmt.Sprintf("q7ZtX2vP9mW4kL8nB3cR5d%02d", n) }

// token is a canary that is a JSON web token.
func token(n int) string {
	return "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIx" + fmt.Sprintf("%02d", n) + "wIn0.dozjgNryP4J3jVm"
}

// canaries are the parts of one request with a canary in each place, written in
// the way that all versions share.
type canaries struct {
	telegram, slack, query, headers, form, json, graphQL, variables, answer, prose string
}

func planting() (canaries, []string) {
	values := []string{
		"AAE4x9qW8mN2vB7kL1zQ5d", "XXXXcanary", "AIza" + "SyD4x9qW8mN2vB7kL1", canary(1) + strings.Repeat("aB3x", 9), canary(2),
		canary(3), canary(4), canary(5), canary(6), canary(7), canary(8), canary(9), canary(10), canary(11),
		canary(12), canary(13), canary(14), canary(15), token(16), random(17), canary(18), canary(19), canary(20), random(22),
	}
	return canaries{
		telegram:  "https://api.example.com/bot123456:" + values[0] + "/send",
		slack:     "https://api.example.com/services/T000/B000/" + values[1],
		query:     fmt.Sprintf("https://api.example.com/q?key=%s&code=%s&sig=%s&x=%s", values[2], values[3], values[4], values[23]),
		headers:   fmt.Sprintf(`{"key":"X-Auth","value":"%s","description":"like %s"},{"key":"Api-Auth","value":"Token %s"}`, values[5], values[18], values[6]),
		form:      fmt.Sprintf(`{"key":"assertion","value":"%s"},{"key":"pin","value":"%s","type":"text"},{"key":"a","value":"1"}`, values[7], values[8]),
		json:      quote(fmt.Sprintf(`{"auth":"%s","passphrase":"%s","jwt":"%s","session":"%s","deep":[{"x":"%s"}]}`, values[9], values[10], values[11], values[12], values[19])),
		graphQL:   quote(fmt.Sprintf(`mutation { login(password: "%s") }`, values[13])),
		variables: quote(fmt.Sprintf(`{"auth":"%s","pin":"%s"}`, values[14], values[15])),
		answer:    quote(fmt.Sprintf(`{"auth":"%s","passphrase":"%s","jwt":"%s","session":"%s"}`, values[16], values[17], values[20], values[21])),
		prose:     quote(fmt.Sprintf("Send Authorization: Bearer %s, or %s, or password=%s", values[18], values[19], values[22])),
	}, values
}

// version2 writes a collection 2.0 or 2.1, which differ in how URLs are written.
func (c canaries) version2(version string) string {
	url := quote
	if version == "2.1.0" {
		url = func(s string) string { return `{"raw":` + quote(s) + `}` }
	}
	item := func(name, address, members string) string {
		return fmt.Sprintf(`{"name":%s,"request":{"method":"POST","url":%s%s},"response":[{"name":%s,"code":200,"body":%s}]}`,
			quote(name), url(address), members, c.prose, c.answer)
	}
	body := func(mode, content string) string {
		return fmt.Sprintf(`,"body":{"mode":%q,%q:%s}`, mode, mode, content)
	}
	const plain = "https://api.example.com/a"
	items := []string{
		item(c.telegram, c.telegram, ""), item("", c.telegram, ""), item(c.slack, c.slack, ""), item("", c.slack, ""), item(c.query, c.query, ""),
		item("Headers", plain, `,"header":[`+c.headers+`],"description":`+c.prose),
		item("Form", plain, body("urlencoded", "["+c.form+"]")), item("Parts", plain, body("formdata", "["+c.form+"]")),
		item("JSON", plain, body("raw", c.json)),
		item("Graph", plain, body("graphql", `{"query":`+c.graphQL+`,"variables":`+c.variables+`}`)),
	}
	return fmt.Sprintf(`{"info":{"name":%s,"description":%s,"schema":"https://schema.getpostman.com/json/collection/v%s/collection.json"},"item":[{"name":%s,"description":%s,"item":[%s]}]}`,
		c.prose, c.prose, version, c.prose, c.prose, strings.Join(items, ","))
}

func (c canaries) version1() string {
	var requests []string
	add := func(name, address, members string) {
		requests = append(requests, fmt.Sprintf(`{"id":"r%d","name":%s,"method":"POST","folder":"f","url":%s%s,"responses":[{"name":%s,"responseCode":{"code":200},"text":%s}]}`,
			len(requests), quote(name), quote(address), members, c.prose, c.answer))
	}
	const plain = "https://api.example.com/a"
	add(c.telegram, c.telegram, "")
	add("", c.telegram, "")
	add(c.slack, c.slack, "")
	add("", c.slack, "")
	add(c.query, c.query, "")
	add("Headers", plain, `,"headerData":[`+c.headers+`],"description":`+c.prose)
	add("Form", plain, `,"dataMode":"urlencoded","data":[`+c.form+`]`)
	add("Parts", plain, `,"dataMode":"params","data":[`+c.form+`]`)
	add("JSON", plain, `,"dataMode":"raw","rawModeData":`+c.json)
	add("Graph", plain, `,"dataMode":"graphql","graphqlModeData":{"query":`+c.graphQL+`,"variables":`+c.variables+`}`)
	return fmt.Sprintf(`{"id":"c","name":%s,"description":%s,"order":[],"folders":[{"id":"f","name":%s,"description":%s}],"requests":[%s]}`,
		c.prose, c.prose, c.prose, c.prose, strings.Join(requests, ","))
}

func TestNoCanaryOfAnyPlaceGetsIntoADefinition(t *testing.T) {
	c, values := planting()
	for _, row := range []struct{ name, document string }{
		{"version 1", c.version1()},
		{"version 2.0", c.version2("2.0.0")},
		{"version 2.1", c.version2("2.1.0")},
		{"version 2.1 that says it is ours", strings.Replace(c.version2("2.1.0"), `"info":{`, `"info":{"_exporter_id":"ferrule",`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, v := range values {
				if !strings.Contains(row.document, v) {
					t.Fatalf("the canary %s is not in the collection", v)
				}
			}
			result := load(t, file("c.json", row.document))
			checkCanaries(t, result, values)
			if n := len(result.Definition.GetOperations()); n != 10 {
				t.Errorf("%d operations", n)
			}
			if !slices.Contains(codes(result), "SecretInSource") {
				t.Errorf("findings %v", codes(result))
			}
		})
	}
}

// checkCanaries looks at the definition as it is stored and as it is read, and
// at the findings.
func checkCanaries(t *testing.T, result *format.Result, values []string) {
	t.Helper()
	stored, err := proto.Marshal(result.Definition)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := definition.Marshal(result.Definition)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"stored": string(stored), "readable": string(readable), "findings": fmt.Sprint(result.Findings)}
	for _, v := range values {
		for where, text := range texts {
			for _, form := range []string{v, strings.ReplaceAll(v, "/", "%2F")} {
				if i := strings.Index(strings.ToLower(text), strings.ToLower(form)); i >= 0 {
					t.Errorf("the canary %s is in the %s text: %q", v, where, text[max(0, i-120):i+len(form)])
				}
			}
		}
	}
}

func TestCredentialsInPathsBecomeParameters(t *testing.T) {
	for _, row := range []struct{ name, url, path, parameter string }{
		{"a bot", "https://api.example.com/bot123456:AAE4x9qW8mN2vB7kL1zQ5d/send", "/bot{botToken}/send", "botToken"},
		{"a hook", "https://api.example.com/services/T000/B000/XXXX", "/services/T000/B000/{servicesToken}", "servicesToken"},
		{"a random word", "https://api.example.com/hooks/" + random(1), "/hooks/{hooksToken}", "hooksToken"},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, result := one(t, `"url":`+quote(row.url))
			p := op.GetParameters()
			if op.GetPath() != row.path || len(p) != 1 || p[0].GetName() != row.parameter || !p[0].GetRequired() || len(p[0].GetExamples()) > 0 {
				t.Errorf("path %s, parameters %v", op.GetPath(), p)
			}
			if got := codes(result); !slices.Equal(got, []string{"SecretInSource"}) {
				t.Errorf("findings %v", got)
			}
		})
	}
}

func TestCredentialsInPathsOfOurOwnCollectionsBecomeParameters(t *testing.T) {
	own := strings.Replace(collection(request("A", `"url":{"host":["https://api.example.com"],"path":["hooks",`+quote(random(1))+`]}`)),
		`"info":{`, `"info":{"_exporter_id":"ferrule",`, 1)
	result := load(t, file("c.json", own))
	op := result.Definition.GetOperations()[0]
	if p := op.GetParameters(); op.GetPath() != "/hooks/{hooksToken}" || len(p) != 1 || !p[0].GetRequired() {
		t.Errorf("path %s, parameters %v", op.GetPath(), p)
	}
	checkCanaries(t, result, []string{random(1)})
}
