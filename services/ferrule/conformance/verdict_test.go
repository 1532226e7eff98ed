package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// violation is something that the mock server does not like.
type violation struct {
	Location []any  `json:"location"` // "request" or "response", then the place in it
	Severity string `json:"severity"`
	Code     any    `json:"code"`
	Message  string `json:"message"`
}

// verdict is what the mock server says of one request.
type verdict struct {
	// request are faults of the request: it is accepted if there are none.
	request []violation
	// response are faults of the answer that the mock server made up itself.
	response int
	// unanswered is why it made up none, after it had accepted the request.
	unanswered string
	// unjudged is why it said nothing of the request.
	unjudged string
}

// The mock server's own errors (prism-http/dist/mocker/errors.js and
// router/errors.js), by what they say of the request.
var (
	refusals = []string{
		"UNPROCESSABLE_ENTITY", "INVALID_CONTENT_TYPE", "UNAUTHORIZED", "NO_PATH_MATCHED_ERROR", "NO_METHOD_MATCHED_ERROR",
	}
	// accepting are met when an answer is looked for, which is done for requests
	// that passed the validation only.
	accepting = []string{"NOT_ACCEPTABLE", "NOT_FOUND", "NO_RESPONSE_RESPONSE_DEFINED", "SCHEMA_TOO_COMPLEX", "NO_COMPLEX_OBJECT_TEXT"}
)

// readVerdict reads an answer: the header "sl-violations" of one that the
// description has, or else a problem.
func readVerdict(header string, body []byte) verdict {
	var v verdict
	for _, one := range violationsOf(header) {
		if one.Severity != "Error" || len(one.Location) == 0 {
			continue // warnings are about what is deprecated
		}
		if one.Location[0] == "request" {
			one.Location = one.Location[1:]
			v.request = append(v.request, one)
		} else {
			v.response++
		}
	}
	var problem struct {
		Type       string      `json:"type"`
		Detail     string      `json:"detail"`
		Validation []violation `json:"validation"`
	}
	_ = json.Unmarshal(body, &problem) // any other answer is none
	_, kind, is := strings.Cut(problem.Type, "prism/errors#")
	switch {
	case !is:
	case slices.Contains(refusals, kind) && len(problem.Validation) > 0:
		v.request = append(v.request, slices.DeleteFunc(problem.Validation, func(one violation) bool { return one.Severity != "Error" })...)
	case kind == "INVALID_CONTENT_TYPE":
		v.request = append(v.request, violation{Code: 415, Message: problem.Detail})
	case slices.Contains(refusals, kind):
		v.request = append(v.request, violation{Code: kind, Message: problem.Detail})
	case slices.Contains(accepting, kind):
		v.unanswered = kind
	default:
		v.unjudged = kind + ": " + problem.Detail
	}
	return v
}

// plainAnswers removes the header fields of answers, which the mock server makes up
// without looking: a length that is a word breaks its answer.
func (d document) plainAnswers() {
	drop := func(responses any) {
		all, _ := responses.(object)
		for _, one := range all {
			if o, is := one.(object); is {
				delete(o, "headers")
			}
		}
	}
	for _, e := range d.endpoints() {
		drop(e.op["responses"])
	}
	drop(d.root["responses"])
	components, _ := d.root["components"].(object)
	drop(components["responses"])
}

// violationsOf reads the header; a long one breaks off, and what is whole counts.
func violationsOf(header string) []violation {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(header, "Too many violations! ")))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var out []violation
	for d.More() {
		var one violation
		if d.Decode(&one) != nil {
			break
		}
		out = append(out, one)
	}
	return out
}

// withoutAnswers returns a description whose operations answer with nothing.
func withoutAnswers(description []byte) []byte {
	d, err := newDocument(description)
	if err != nil {
		panic(err) // it was written a moment ago
	}
	for _, e := range d.endpoints() {
		e.op["responses"] = object{"200": object{"description": "Done."}}
		delete(e.op, "callbacks")
	}
	return writeJSON(d.root)
}

// rule says why the mock server is wrong where it refuses requests.
type rule struct {
	Class   string `yaml:"class"`
	Place   string `yaml:"place"`   // pattern of the place, with slashes
	Code    string `yaml:"code"`    // pattern of the code
	Message string `yaml:"message"` // pattern of the message
	Package string `yaml:"package"` // pattern of the package
	Type    string `yaml:"type"`    // pattern of the media type that was sent, without parameters
	Why     string `yaml:"why"`

	used int
}

func (r *rule) explains(name string, request received, v violation) bool {
	sent, _, _ := strings.Cut(request.header.Get("Content-Type"), ";")
	matches := func(pattern, s string) bool { return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(s) }
	for _, one := range [][2]string{{r.Place, v.place()}, {r.Code, fmt.Sprint(v.Code)}, {r.Message, v.Message}, {r.Package, name}, {r.Type, sent}} {
		if one[0] != "" && !matches(one[0], one[1]) {
			return false
		}
	}
	return true
}

func (v violation) place() string {
	parts := make([]string, len(v.Location))
	for i, part := range v.Location {
		parts[i] = fmt.Sprint(part)
	}
	return strings.Join(parts, "/")
}

// verdicts counts what a mock server says.
type verdicts struct {
	counts  map[string]int
	rules   []*rule
	refused []string
	dump    io.Writer // gets each refused request as a line of JSON; nil for nobody
}

// newVerdicts reads the rules of testdata/prism.yaml.
func newVerdicts(t *testing.T, corpus string) *verdicts {
	t.Helper()
	content, err := os.ReadFile("testdata/prism.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]*rule{}
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		t.Fatalf("read prism.yaml: %v", err)
	}
	for _, r := range all[corpus] {
		if r.Class == "" || strings.TrimSpace(r.Why) == "" {
			t.Errorf("a rule of prism.yaml has no class or no reason: %+v", *r)
		}
	}
	a := &verdicts{counts: map[string]int{}, rules: all[corpus]}
	a.dump = openRefusals(t)
	return a
}

func (a *verdicts) unjudged(name string, err error) {
	a.counts["descriptions that the mock server does not take"]++
	a.counts[fmt.Sprintf("description %s: %.150s", name, err)]++
}

// note counts one verdict. A refusal is explained if all of its violations are.
func (a *verdicts) note(t *testing.T, name string, e endpoint, m mode, r received, v verdict) {
	t.Helper()
	a.counts["requests"]++
	switch {
	case len(v.request) > 0:
		a.refusal(t, name, e, m, r, v)
	case v.unjudged != "":
		kind, _, _ := strings.Cut(v.unjudged, ":")
		a.counts["requests that were not judged: "+kind]++
		a.refused = append(a.refused, fmt.Sprintf("not judged: %s, %s (%s): %.300s\n      %s %s", name, e.key(), m, v.unjudged, r.method, r.target))
	case v.unanswered != "":
		a.accept("no answer was found: " + v.unanswered)
	case v.response > 0:
		a.accept("the answer that was made up is not as described")
	default:
		a.accept("answered as described")
	}
}

func (a *verdicts) accept(how string) {
	a.counts["requests that were accepted"]++
	a.counts["requests that were accepted; "+how]++
}

func (a *verdicts) refusal(t *testing.T, name string, e endpoint, m mode, request received, v verdict) {
	t.Helper()
	a.counts["requests that were refused"]++
	var open, found []string
	classes := map[string]bool{}
	for _, one := range v.request {
		i := slices.IndexFunc(a.rules, func(r *rule) bool { return r.explains(name, request, one) })
		if i < 0 {
			open = append(open, fmt.Sprintf("%s %v: %s", one.place(), one.Code, one.Message))
			found = append(found, "")
			continue
		}
		a.rules[i].used++
		classes[a.rules[i].Class] = true
		found = append(found, a.rules[i].Class)
	}
	a.write(t, name, e, m, request, v, found)
	if len(open) > 0 {
		a.counts["requests that were refused, and nothing explains it"]++
		a.refused = append(a.refused, fmt.Sprintf("not explained: %s, %s (%s): %.700s\n      %s %s %s\n      %.300q",
			name, e.key(), m, strings.Join(open, "\n      "), request.method, request.target, request.header.Get("Content-Type"), request.body))
		return
	}
	for class := range classes {
		a.counts["requests that were refused by a rule of the mock server: "+class]++
	}
}

// report prints the counts, and fails for what nothing explains.
func (a *verdicts) report(t *testing.T) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(a.counts)) {
		t.Logf("%6d %s", a.counts[what], what)
	}
	for _, one := range a.refused {
		t.Error(one)
	}
	for _, r := range a.rules {
		if r.used == 0 && os.Getenv(scopeVariable) == "full" {
			t.Errorf("the rule %q of prism.yaml explains nothing any more; remove it", r.Class)
		}
	}
}
