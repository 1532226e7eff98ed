package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// said is what a command of the command line printed, and its exit code.
type said struct {
	out, err string
	code     int
}

// cli runs one command against the suite.
func (s *suite) cli(t *testing.T, args ...string) said {
	t.Helper()
	cmd := exec.Command(programs(t).ferrule, append(args, "--server", s.rest, "--token", s.token)...)
	cmd.Env = cleanEnv()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run() // the exit code says it
	return said{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// do runs a command that must succeed and print these texts.
func (s *suite) do(t *testing.T, want []string, args ...string) string {
	t.Helper()
	got := s.cli(t, args...)
	if got.code != 0 {
		t.Fatalf("ferrule %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	for _, text := range want {
		if !strings.Contains(got.out+got.err, text) {
			t.Errorf("ferrule %s does not say %q:\n%s%s", strings.Join(args, " "), text, got.out, got.err)
		}
	}
	return got.out
}

// fail runs a command that must fail with an exit code and say these texts.
func (s *suite) fail(t *testing.T, code int, want []string, args ...string) {
	t.Helper()
	got := s.cli(t, args...)
	if got.code != code {
		t.Errorf("ferrule %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	for _, text := range want {
		if !strings.Contains(got.out+got.err, text) {
			t.Errorf("ferrule %s does not say %q:\n%s%s", strings.Join(args, " "), text, got.out, got.err)
		}
	}
}

// parcels is a description in two versions; the second breaks callers.
func parcels(host, parameter string) string {
	return `openapi: 3.1.0
info: {title: Parcel tracking, version: "1"}
servers: [{url: "http://` + host + `"}]
tags: [{name: parcels}, {name: admin}]
paths:
  /parcels/{id}:
    get:
      operationId: GetParcel
      summary: Where a parcel is
      tags: [parcels]
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: ` + parameter + `, in: query, schema: {type: string}}
      responses: {"200": {description: The parcel, content: {application/json: {schema: {type: object, properties: {id: {type: integer}}}}}}}
  /admin/purge:
    post:
      operationId: Purge
      tags: [admin]
      responses: {"204": {description: Gone}}
`
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheLifeOfAConnector(t *testing.T) {
	t.Parallel()
	s, api, dir := up(t, suiteOptions{data: t.TempDir()}), startWitness(t), t.TempDir()
	first := write(t, filepath.Join(dir, "v1.yaml"), parcels(api.host, "language"))
	second := write(t, filepath.Join(dir, "v2.yaml"), parcels(api.host, "locale"))

	s.do(t, []string{"would import parcels", "2 actions"}, "import", first, "--id", "parcels", "--dry-run")
	s.do(t, nil, "connectors")
	s.do(t, []string{"imported parcels", "1 action"}, "import", first, "--id", "parcels", "--except", "tag:admin")
	s.do(t, []string{"GetParcel"}, "operations", "parcels")
	s.do(t, []string{"connected"}, "connect", "parcels", "--no-test")
	s.do(t, []string{`"id": 1`}, "invoke", "parcels", "GetParcel", "-p", "id=A/7", "-p", "language=de")
	if got := api.last(t).line; got != "GET /parcels/A%2F7?language=de" {
		t.Errorf("the API saw %q", got)
	}

	// A change that breaks callers is a draft that is not published by accident.
	s.do(t, []string{"draft", "breaking"}, "import", second, "--id", "parcels", "--except", "tag:admin")
	s.do(t, []string{"breaking", "language"}, "diff", "parcels", "parcels@latest")
	s.fail(t, 1, []string{"breaking"}, "diff", "parcels", second, "--fail-on", "breaking")
	s.fail(t, 1, []string{"REVISION_BREAKING", "language"}, "publish", "parcels", "latest")
	s.do(t, []string{`"id": 1`}, "invoke", "parcels", "GetParcel", "-p", `id:="1"`, "-p", "language=de")
	s.do(t, []string{"published"}, "publish", "parcels", "latest", "--allow-breaking")
	s.fail(t, 1, []string{"INPUT_INVALID"}, "invoke", "parcels", "GetParcel", "-p", `id:="1"`, "-p", "language=de")

	// Revisions live on, and can be withdrawn.
	lines := strings.Split(strings.TrimSpace(s.do(t, []string{"published"}, "revisions", "parcels")), "\n")
	oldest := strings.Fields(lines[len(lines)-1])[0]
	s.do(t, []string{"deprecated"}, "deprecate", "parcels", oldest[:8], "--note", "use locale")
	s.fail(t, 1, []string{"REVISION_IN_USE"}, "deprecate", "parcels", "published")

	// Exports: the source as it was, and other formats.
	s.do(t, []string{"imported whole"}, "import", first, "--id", "whole")
	if got := s.do(t, nil, "export", "whole"); got != parcels(api.host, "language") {
		t.Errorf("the source came back as:\n%s", got)
	}
	for format, member := range map[string]string{"openapi3.0": "openapi", "openapi2": "swagger", "postman": "item", "ferrule": "ferrule"} {
		text := s.do(t, nil, "export", "whole", "--format", format)
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil || doc[member] == nil {
			t.Errorf("%s: %v in\n%.400s", format, err, text)
		}
		file := write(t, filepath.Join(dir, format+".json"), text)
		s.do(t, []string{"imported"}, "import", file, "--id", "again-"+strings.ReplaceAll(format, ".", "-"))
	}
	s.do(t, []string{"2 files"}, "export", "whole", "--format", "powerplatform", "-o", filepath.Join(dir, "package"))
	s.do(t, []string{"imported", "2 actions"}, "import", filepath.Join(dir, "package"), "--id", "again-package")

	// Searching and reading about it.
	s.do(t, []string{"parcels", "Parcel tracking"}, "search", "track")
	s.do(t, []string{"GetParcel"}, "search", "--operations", "where", "parcel", "--facets")
	s.do(t, []string{"# Parcel tracking", "`id`", "ferrule invoke CONNECTION GetParcel"}, "describe", "whole", "--markdown")
}

func TestAConnectorFromBlank(t *testing.T) {
	t.Parallel()
	s, api, dir := up(t, suiteOptions{data: t.TempDir()}), startWitness(t), t.TempDir()
	s.do(t, []string{"made notes"}, "create", "Notes", "--server-url", api.url)
	s.fail(t, 1, []string{"CONNECTOR_EXISTS"}, "create", "Notes")
	curl := `curl -X POST '` + api.url + `/v1/notes/42/lines?mark=true' -H 'Authorization: Bearer top-secret' -H 'Content-Type: application/json' -d '{"text": "milk", "count": 2}'`
	out := s.do(t, []string{"edited notes"}, "infer", "--curl", curl, "--response", `{"id": 7}`, "--add", "notes", "--id", "AddLine")
	if strings.Contains(out, "top-secret") {
		t.Error("the secret of the sample is shown")
	}
	s.do(t, []string{"published"}, "publish", "notes", "latest")
	s.do(t, []string{"AddLine"}, "operations", "notes")

	file := filepath.Join(dir, "notes.json")
	s.do(t, nil, "export", "notes", "--format", "ferrule", "-o", file)
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("top-secret")) {
		t.Fatalf("%v\n%s", err, text)
	}
	changed := regexp.MustCompile(`"summary": "[^"]*"`).ReplaceAllString(string(text), `"summary": "Add a line"`)
	write(t, file, changed)
	s.do(t, []string{"edited notes"}, "edit", "notes", "--file", file, "--mask", "operations.AddLine.summary", "--publish")
	s.do(t, []string{"Add a line"}, "describe", "notes", "AddLine")
	s.fail(t, 1, []string{"INVALID_ARGUMENT"}, "edit", "notes", "--file", file, "--mask", "operations.AddLine.colour")
}

func TestEnvironmentsAndBundles(t *testing.T) {
	t.Parallel()
	s, api, dir := up(t, suiteOptions{data: t.TempDir()}), startWitness(t), t.TempDir()
	description := write(t, filepath.Join(dir, "v1.yaml"), parcels(api.host, "language"))
	s.do(t, nil, "import", description, "--id", "parcels")
	s.fail(t, 1, []string{"ENVIRONMENT_NOT_FOUND"}, "connectors", "--env", "prod")
	s.do(t, []string{"made environment prod"}, "environments", "create", "prod", "--title", "Production")
	s.fail(t, 1, []string{"ENVIRONMENT_EXISTS"}, "environments", "create", "prod")

	// Promotion.
	s.do(t, []string{"would promote parcels"}, "promote", "parcels", "--to", "prod", "--dry-run")
	s.do(t, []string{"promoted parcels"}, "promote", "parcels", "--to", "prod", "--publish")
	s.do(t, []string{"unchanged parcels"}, "promote", "parcels", "--to", "prod")
	s.do(t, []string{"connected"}, "connect", "parcels", "--env", "prod", "--no-test")
	s.do(t, []string{`"id": 1`}, "invoke", "parcels", "GetParcel", "-p", `id:="1"`, "--env", "prod")
	s.fail(t, 1, []string{"CONNECTION_NOT_FOUND"}, "invoke", "parcels", "GetParcel", "-p", `id:="1"`)
	s.fail(t, 1, []string{"ENVIRONMENT_IN_USE"}, "environments", "delete", "prod")

	// Bundles.
	bundle := filepath.Join(dir, "bundle")
	s.do(t, []string{"1 connector"}, "export", "--bundle", bundle)
	s.do(t, nil, "environments", "create", "test")
	s.do(t, []string{"create    parcels"}, "apply", "-f", bundle, "--env", "test", "--dry-run")
	s.do(t, []string{"applied 1 change"}, "apply", "-f", bundle, "--env", "test")
	s.do(t, []string{"unchanged parcels", "is as the bundle says"}, "apply", "-f", bundle, "--env", "test")
	write(t, filepath.Join(bundle, "parcels", "source", "v1.yaml"), parcels(api.host, "locale"))
	s.fail(t, 1, []string{"update    parcels", "would break callers"}, "apply", "-f", bundle, "--env", "test")
	s.do(t, []string{"applied 1 change"}, "apply", "-f", bundle, "--env", "test", "--allow-breaking")
	s.do(t, nil, "environments", "create", "empty")
	s.do(t, nil, "environments", "delete", "empty")
}
