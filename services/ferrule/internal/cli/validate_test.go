package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	// goodAPI keeps all rules that are warnings or worse.
	goodAPI = `{"swagger":"2.0","info":{"title":"Good"},"host":"api.parcels.net","schemes":["https"],
 "securityDefinitions":{"key":{"type":"apiKey","in":"header","name":"X-Key"}},"security":[{"key":[]}],
 "paths":{"/a":{"get":{"operationId":"GetA","summary":"Get a","responses":{"200":{"description":"A"}}}}}}`
	// plainAPI has a server without encryption.
	plainAPI = "swagger: '2.0'\ninfo: {title: Plain}\nhost: api.parcels.net\nschemes: [http]\npaths:\n  /a:\n    get: {operationId: get-a, responses: {200: {description: A}}}\n"
	// someProperties are those of a package.
	someProperties = `{"properties":{"iconBrandColor":"#12ab34","connectionParameters":{"api_key":{"type":"securestring"}}}}`
)

// tree writes files and returns the directory that they are in.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packages are two packages, a document, and files that are neither.
func packages(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"certified/Good/apiDefinition.swagger.json":  goodAPI,
		"certified/Good/apiProperties.json":          someProperties,
		"certified/Good/readme.md":                   "# Good",
		"certified/Other/apiDefinition.swagger.json": strings.ReplaceAll(goodAPI, "GetA", "get_a"),
		"certified/Other/apiProperties.json":         someProperties,
		"plain/api.yaml":                             plainAPI,
		"plain/.hidden/api.yaml":                     plainAPI,
		"notes/list.json":                            `{"a": 1}`,
	})
}

// verdicts reads the lines of -o json.
func verdicts(t *testing.T, out string) []verdict {
	t.Helper()
	var all []verdict
	for line := range strings.Lines(out) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, v)
	}
	return all
}

func relative(t *testing.T, dir, path string) string {
	t.Helper()
	short, err := filepath.Rel(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(short)
}

func TestDirectoriesAreSearchedForDescriptions(t *testing.T) {
	several := map[string]string{"a.json": goodAPI, "b.yaml": plainAPI, "c.json": `{"x":1}`, "d.txt": "swagger: '2.0'"}
	for _, row := range []struct {
		name  string
		files map[string]string
		arg   string
		want  []string
	}{
		{"a file", several, "a.json", []string{"a.json"}},
		{"several documents", several, ".", []string{"a.json", "b.yaml"}},
		{"one document with those that it refers to", map[string]string{"api.json": goodAPI, "schemas/a.json": `{"type":"object"}`}, ".", []string{"."}},
		{"a package", map[string]string{"apiDefinition.swagger.json": goodAPI, "apiProperties.json": someProperties, "old/api.json": goodAPI}, ".", []string{"."}},
		{"packages in directories", map[string]string{
			"x/B/apiDefinition.swagger.json": goodAPI, "x/A/apiDefinition.swagger.json": goodAPI, "y/api.yml": plainAPI,
		}, ".", []string{"x/A", "x/B", "y"}},
		{"OpenAPI and Postman", map[string]string{
			"a.json": `{"info":{},"openapi":"3.1.0"}`, "b.json": `{"info":{"schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}}`,
		}, ".", []string{"a.json", "b.json"}},
		{"nothing", map[string]string{"a.txt": ""}, ".", []string{"."}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := tree(t, row.files)
			found, err := descriptions(filepath.Join(dir, row.arg))
			if err != nil {
				t.Fatal(err)
			}
			for i := range found {
				found[i] = relative(t, dir, found[i])
			}
			if !slices.Equal(found, row.want) {
				t.Errorf("descriptions %q, want %q", found, row.want)
			}
		})
	}
}

func TestValidatePrintsOneLineForEachDescription(t *testing.T) {
	dir := packages(t)
	for _, jobs := range []string{"1", "2", "64"} {
		r := run(t, nil, "", "validate", "-o", "json", "--jobs", jobs, dir)
		if r.code != 0 || r.err != "" {
			t.Fatalf("exit code %d: %s", r.code, r.err)
		}
		var got []string
		for _, v := range verdicts(t, r.out) {
			got = append(got, relative(t, dir, v.Path)+" "+v.Format+" "+v.Title)
			if v.Actions != 1 || v.Triggers != 0 || v.Error != "" || v.Findings == nil {
				t.Errorf("verdict %+v", v)
			}
		}
		want := []string{"certified/Good connector-package Good", "certified/Other connector-package Good", "plain openapi2 Plain"}
		if !slices.Equal(got, want) {
			t.Errorf("with %s jobs: %q, want %q", jobs, got, want)
		}
		for key := range strings.SplitSeq("path format title actions triggers findings", " ") {
			if !strings.Contains(r.out, `"`+key+`":`) {
				t.Errorf("no key %s in %s", key, r.out)
			}
		}
	}
}

// has reports whether a description has a finding with a code.
func has(v verdict, code string) bool {
	return slices.ContainsFunc(v.Findings, func(f findingVerdict) bool { return f.Code == code })
}

func TestRulesAreChosen(t *testing.T) {
	dir := filepath.Join(packages(t), "certified", "Other")
	for _, row := range []struct {
		args          []string
		code          int
		certification bool
	}{
		{nil, 0, false},
		{[]string{"--rules", "default"}, 0, false},
		{[]string{"--rules", "certification"}, 1, true},
		{[]string{"--rules", "default,certification"}, 1, true},
		{[]string{"--rules", "default", "--rules", "Certification"}, 1, true},
	} {
		r := run(t, nil, "", append([]string{"validate", "-o", "json", dir}, row.args...)...)
		if r.code != row.code {
			t.Errorf("%v: exit code %d, want %d", row.args, r.code, row.code)
		}
		v := verdicts(t, r.out)[0]
		if has(v, "OperationIdSanitized") != row.certification || has(v, "PublisherMissing") != row.certification {
			t.Errorf("%v: findings %+v", row.args, v.Findings)
		}
	}
}

func TestOperationsAreSelected(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"a.json": strings.ReplaceAll(goodAPI, `"paths":{`, `"paths":{"/b":{"get":{"operationId":"GetB","responses":{}}},`)}), "a.json")
	for arg, want := range map[string]int{"--only=GetB": 1, "--except=GetB": 1, "--only=Get*": 2} {
		r := run(t, nil, "", "validate", "-o", "json", arg, file)
		if v := verdicts(t, r.out)[0]; v.Actions != want || r.code != 0 {
			t.Errorf("%s: %d actions, exit code %d: %s", arg, v.Actions, r.code, r.out)
		}
	}
	r := run(t, nil, "", "validate", "-o", "json", "--only", "None", file)
	if v := verdicts(t, r.out)[0]; r.code != 1 || !strings.Contains(v.Error, "[SELECTION_EMPTY]") {
		t.Errorf("a selection of nothing: exit code %d, %s", r.code, r.out)
	}
}

func TestPeopleSeePlacesThatEditorsOpen(t *testing.T) {
	dir := packages(t)
	r := run(t, nil, "", "validate", "--rules", "certification", dir)
	if r.code != 1 || r.err != "" {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	for _, want := range []string{
		filepath.Join(dir, "certified", "Other") + ": Good (connector-package), 1 action and 0 triggers: ",
		filepath.Join(dir, "certified", "Other", "apiDefinition.swagger.json") + ":3:38: warning OperationIdSanitized the id \"get_a\"",
		"    fix: write it with letters and digits only\n",
		filepath.Join(dir, "plain") + ": Plain (openapi2), 1 action and 0 triggers: 6 errors, ",
		"\n3 descriptions, 0 of them refused: ",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "\x1b") {
		t.Error("there are colours although nobody looks")
	}
	if first, last := strings.Index(r.out, ": error "), strings.LastIndex(r.out[:strings.Index(r.out, "Other")], ": info "); first > last {
		t.Error("the worst is not first")
	}
}

func TestPeopleSeeTheWorstUnlessTheyAskForAll(t *testing.T) {
	var paths strings.Builder
	for i := range 30 {
		paths.WriteString(`"/p` + strings.Repeat("x", i) + `":{"get":{"operationId":"Get` + strings.Repeat("x", i) + `","responses":{"200":{"description":"d"}}}},`)
	}
	file := filepath.Join(tree(t, map[string]string{"a.json": strings.ReplaceAll(goodAPI, `"paths":{`, `"paths":{`+paths.String())}), "a.json")
	short := run(t, nil, "", "validate", file)
	if got := strings.Count(short.out, ": info "); got != shownFindings || !strings.Contains(short.out, "  … and 10 more; --all shows them\n") {
		t.Errorf("%d findings in\n%s", got, short.out)
	}
	if strings.Contains(short.out, "descriptions,") {
		t.Error("one description is summed up")
	}
	if long := run(t, nil, "", "validate", "--all", file); strings.Count(long.out, ": info ") != 30 || strings.Contains(long.out, "more;") {
		t.Errorf("not all findings in\n%s", long.out)
	}
}

func TestWhatCannotBeImportedIsSaidWithItsPlace(t *testing.T) {
	dir := tree(t, map[string]string{"a.json": `{"swagger": "2.0",` + "\n" + `"paths": ]}]]`, "b.json": goodAPI})
	file := filepath.Join(dir, "a.json")
	r := run(t, nil, "", "validate", "-o", "json", dir)
	list := verdicts(t, r.out)
	if r.code != 1 || len(list) != 2 || list[0].Error == "" || list[1].Error != "" {
		t.Fatalf("exit code %d: %s", r.code, r.out)
	}
	text := run(t, nil, "", "validate", file)
	if text.code != 1 || !strings.HasPrefix(text.out, file) || !strings.Contains(text.out, ": cannot be imported\n  error: ") {
		t.Errorf("exit code %d: %s", text.code, text.out)
	}
	missing := run(t, nil, "", "validate", filepath.Join(dir, "none.json"))
	if missing.code != 1 || !strings.Contains(missing.out, "none.json: cannot be imported\n  error: ") {
		t.Errorf("a file that does not exist: exit code %d: %s", missing.code, missing.out)
	}
}

// sarifLog is what is looked at of -o sarif.
type sarifLog struct {
	Runs []struct {
		Results []struct {
			RuleID    string `json:"ruleId"`
			Level     string
			Locations []struct {
				Physical struct {
					Artifact struct{ URI string } `json:"artifactLocation"`
				} `json:"physicalLocation"`
			}
		}
	}
}

func TestValidateWritesOneLogForCodeHosts(t *testing.T) {
	dir := packages(t)
	if err := os.WriteFile(filepath.Join(dir, "broken.json"), []byte(`{"swagger": "2.0", "paths": ]}]]`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	r := run(t, nil, "", "validate", "-o", "sarif", "--rules", "certification", "certified", "plain", "broken.json")
	var l sarifLog
	if err := json.Unmarshal([]byte(r.out), &l); err != nil || r.code != 1 || len(l.Runs) != 1 {
		t.Fatalf("exit code %d, %v: %s", r.code, err, r.out)
	}
	var got []string
	for _, result := range l.Runs[0].Results {
		got = append(got, result.Level+" "+result.RuleID+" "+result.Locations[0].Physical.Artifact.URI)
	}
	for _, want := range []string{
		"warning OperationIdSanitized certified/Other/apiDefinition.swagger.json", "error PublisherMissing certified/Good/apiProperties.json",
		"warning ServerNotEncrypted plain/api.yaml", "error DocumentSyntax broken.json",
	} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestValidateThatIsCalledWrongly(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--rules", "strict", "a.json"},
		{"--jobs", "0", "a.json"},
		{"--jobs", "65", "a.json"},
		{"-o", "xml", "a.json"},
		{"https://api.parcels.net/openapi.json"},
		{"--nothing", "a.json"},
	} {
		if r := run(t, nil, "", append([]string{"validate"}, args...)...); r.code != exitUsage || !strings.HasPrefix(r.err, "error: ") || r.out != "" {
			t.Errorf("%v: exit code %d, %q, %q", args, r.code, r.out, r.err)
		}
	}
	if r := run(t, nil, "", "status", "-o", "sarif"); r.code != exitUsage {
		t.Errorf("another command accepts the format: exit code %d", r.code)
	}
}

func TestReasonsBecomeCodes(t *testing.T) {
	for reason, want := range map[string]string{"DOCUMENT_SYNTAX": "DocumentSyntax", "INTERNAL": "Internal", "": ""} {
		if got := pascal(reason); got != want {
			t.Errorf("pascal(%q) = %q, want %q", reason, got, want)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	var out strings.Builder
	p := &verdictPrinter{app: &app{Streams: Streams{Out: &out}}, color: true}
	p.printText(verdict{Path: "a.json", Findings: []findingVerdict{{Severity: "error", Code: "A", Message: "\x1b[2Jit is wrong"}}})
	if !strings.Contains(out.String(), "a.json: \x1b[31merror\x1b[0m A \\u001b[2Jit is wrong\n") {
		t.Errorf("printed %q", out.String())
	}
}

func TestValidateTriesPoliciesAsTheRuntimeDoes(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"a.yaml": plainAPI + `x-ferrule-policies:
  - templateId: dynamichosturl
    parameters: [{name: urlTemplate, json: 'ftp://files.parcels.net'}]
  - templateId: setproperty
    parameters:
      - {name: newPropertyParentPathTemplate, json: '@nothing()'}
      - {name: newPropertySubPathTemplate, json: a}
      - {name: propertyValuePathTemplate, json: b}
`}), "a.yaml")
	r := run(t, nil, "", "validate", file)
	for _, want := range []string{
		": error CallsRefused 2 policies cannot be applied; calls of 1 of 1 operation will be refused: get-a\n",
		file + ":10:44: error PolicyInvalid the policy \"number 1\" (dynamichosturl) cannot be applied, and calls of its operations are refused: urlTemplate must be an http or https address\n",
		file + ":13:53: error PolicyInvalid the policy \"number 2\" (setproperty) cannot be applied",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if r.code != 1 {
		t.Errorf("exit code %d", r.code)
	}
	sarif := run(t, nil, "", "validate", "-o", "sarif", file)
	if !strings.Contains(sarif.out, `"PolicyInvalid"`) || !strings.Contains(sarif.out, `"startLine": 13`) && !strings.Contains(sarif.out, `"startLine":13`) {
		t.Errorf("no place in\n%s", sarif.out)
	}
}

// corpus returns the directory of connector packages, which lies around the checkout, or
// skips the test.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, "shared", "corpus", "powerplatform")
		if isDir(found) {
			return found
		}
		if filepath.Dir(dir) == dir {
			t.Skip("the corpus of connector packages is not there: no directory shared/corpus/powerplatform around this one")
		}
		dir = filepath.Dir(dir)
	}
}

func TestNoPolicyOfRealPackagesRefusesCalls(t *testing.T) {
	r := run(t, nil, "", "validate", "-o", "json", corpus(t))
	packages, warnings := 0, 0
	for _, v := range verdicts(t, r.out) {
		packages++
		for _, f := range v.Findings {
			if !strings.HasPrefix(f.Code, "Policy") && f.Code != "CallsRefused" && f.Code != "OperationUnknown" {
				continue
			}
			if warnings++; f.Severity == "error" {
				t.Errorf("%s: %s: %s", filepath.Base(v.Path), f.Code, f.Message)
			}
		}
	}
	if packages == 0 || warnings > packages/50 {
		t.Errorf("%d warnings about the policies of %d packages", warnings, packages)
	}
}
