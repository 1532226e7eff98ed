package lint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/lint"
)

// row is one example of a rule: changes of a package that keeps all rules. Each
// change is a place and the value that is put there. A place is a JSON pointer,
// in the document or, after "pkg", in the properties; or it starts with one of
// the shorthands.
type row struct {
	Rule string `json:"rule"`
	// At is where the finding is expected.
	At     string         `json:"at"`
	Fails  map[string]any `json:"fails"`
	Passes map[string]any `json:"passes"`
}

var shorthands = map[string]string{
	"get": "/paths/~1items~1{id}/get", "list": "/paths/~1items/get", "post": "/paths/~1items/post", "hook": "/paths/~1hooks/post",
	"poll": "/paths/~1news/get", "def": "/definitions/Item/properties", "pkg": "/properties",
}

func rows(t *testing.T) []row {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.rules.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules in testdata: %v", err)
	}
	var all []row
	for _, f := range files {
		var some []row
		load(t, f, &some)
		all = append(all, some...)
	}
	return all
}

func load(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// pack is the package that keeps all rules, with changes.
func pack(t *testing.T, changes map[string]any) []format.File {
	t.Helper()
	var definition, properties any
	load(t, filepath.Join("testdata", "base.json"), &definition)
	load(t, filepath.Join("testdata", "properties.json"), &properties)
	places := make([]string, 0, len(changes))
	for place := range changes {
		places = append(places, place)
	}
	slices.Sort(places) // what is outside before what is inside
	for _, place := range places {
		value := expand(changes[place])
		if strings.HasPrefix(place, "pkg") {
			properties = put(properties, tokens(place), value)
			continue
		}
		definition = put(definition, tokens(place), value)
	}
	return []format.File{encode(t, "apiDefinition.swagger.json", expand(definition)), encode(t, "apiProperties.json", properties)}
}

func encode(t *testing.T, path string, value any) format.File {
	t.Helper()
	content, err := json.MarshalIndent(value, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return format.File{Path: path, Content: content}
}

func pointer(place string) string {
	head, rest, _ := strings.Cut(place, "/")
	if long, ok := shorthands[head]; ok {
		place = long
		if rest != "" {
			place += "/" + rest
		}
	}
	return place
}

func tokens(place string) []string {
	list := strings.Split(pointer(place), "/")[1:]
	for i, token := range list {
		list[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return list
}

// put returns the tree with a value at a place; objects on the way are made.
func put(tree any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if list, ok := tree.([]any); ok {
		i, err := strconv.Atoi(path[0])
		if err != nil {
			panic(err)
		}
		for len(list) <= i {
			list = append(list, map[string]any{})
		}
		list[i] = put(list[i], path[1:], value)
		return list
	}
	object, ok := tree.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	if len(path) == 1 && value == "(remove)" {
		delete(object, path[0])
		return object
	}
	object[path[0]] = put(object[path[0]], path[1:], value)
	return object
}

var (
	times = regexp.MustCompile(`^\(([0-9]+) times\)$`)
	text  = regexp.MustCompile(`^\(text ([0-9]+)\)$`)
)

// expand writes out what is too long for a file: "(text N)", a member that is
// there "(N times)"; and leaves out members with the value "(remove)".
func expand(value any) any {
	switch v := value.(type) {
	case string:
		if m := text.FindStringSubmatch(v); m != nil {
			n, _ := strconv.Atoi(m[1])
			return strings.Repeat("A", n)
		}
	case []any:
		for i := range v {
			v[i] = expand(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			m := times.FindStringSubmatch(key)
			if m == nil {
				if member != "(remove)" {
					out[key] = expand(member)
				}
				continue
			}
			n, _ := strconv.Atoi(m[1])
			for i := range n {
				out[fmt.Sprintf("/p%d", i)] = numbered(member, i)
			}
		}
		return out
	}
	return value
}

// numbered is a copy of a value with the number of its copy in its texts.
func numbered(value any, n int) any {
	content, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(content), "%d", strconv.Itoa(n))), &out); err != nil {
		panic(err)
	}
	return out
}

// where returns the pointers of the findings with a code.
func where(findings []format.Finding, code string) []string {
	var list []string
	for _, f := range findings {
		if f.Code == code {
			list = append(list, f.Pointer)
		}
	}
	return list
}

func TestAPackageThatKeepsAllRulesHasNoFindings(t *testing.T) {
	for _, f := range check(t, pack(t, nil), lint.Certification) {
		t.Errorf("%s at %s: %s", f.Code, f.Pointer, f.Message)
	}
}

func TestEachRuleFindsItsBreachAndNothingElse(t *testing.T) {
	for _, r := range rows(t) {
		t.Run(r.Rule+" "+r.At, func(t *testing.T) {
			failing := check(t, pack(t, r.Fails), lint.Certification)
			if got := where(failing, r.Rule); !slices.Contains(got, pointer(r.At)) {
				t.Errorf("%s is not found at %s but at %q; there are %s", r.Rule, pointer(r.At), got, summary(failing))
			}
			for _, f := range failing {
				if f.Code == r.Rule && (f.Message == "" || f.Remedy == "" || strings.Contains(f.Message+f.Remedy, "%") || f.Line == 0) {
					t.Errorf("the finding is incomplete: %+v", f)
				}
			}
			passing := check(t, pack(t, r.Passes), lint.Certification)
			if got := where(passing, r.Rule); slices.Contains(got, pointer(r.At)) || len(got) > 0 {
				t.Errorf("%s is found at %q although all is well", r.Rule, got)
			}
		})
	}
}

func summary(findings []format.Finding) string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Code+" "+f.Pointer)
	}
	return strings.Join(list, ", ")
}

func TestEveryRuleHasAnExample(t *testing.T) {
	// These two are about whole files and have tests of their own.
	examples := map[string]bool{"CertificationNotApplicable": true, "IndentationNotFourSpaces": true}
	for _, r := range rows(t) {
		examples[r.Rule] = true
	}
	for _, name := range lint.Names(lint.Certification) {
		if !examples[name] {
			t.Errorf("the rule %s has no example in testdata", name)
		}
		delete(examples, name)
	}
	for name := range examples {
		t.Errorf("the example %s is of no rule", name)
	}
}

func TestFindingsOfTheCertificationNeedIt(t *testing.T) {
	files := pack(t, map[string]any{"/info/title": "Parcel API Connector of the whole world"})
	if findings := check(t, files); len(findings) > 0 {
		t.Errorf("without the certification: %s", summary(findings))
	}
	if findings := check(t, files, lint.Certification); len(findings) != 2 {
		t.Errorf("with it: %s", summary(findings))
	}
}
