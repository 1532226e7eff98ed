package cli

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	crmPath      = "/v1/environments/default/connectors/crm"
	crmRevision  = crmPath + "/revisions/0123456789abcdef0123456789abcdef"
	breakingDiff = `{"changeCount":12,"breakingCount":1,"changes":[` +
		`{"impact":"CHANGE_IMPACT_BREAKING","code":"request-parameter-removed","operationId":"GetItem","message":"parameter limit is gone"},` +
		`{"impact":"CHANGE_IMPACT_NONE","code":"title-changed","message":"the title changed"}]}`
)

// temporary writes a file and returns its path.
func temporary(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandsOfAConnectorsLife(t *testing.T) {
	api := temporary(t, "api.yaml", "openapi: 3.1.0")
	extra := temporary(t, "environment.json", "{}")
	content := base64.StdEncoding.EncodeToString([]byte("openapi: 3.1.0"))
	for _, row := range []commandRow{
		{
			name: "an import chooses operations and brings files along",
			args: []string{"import", api, "--with", extra, "--only", "tag:users", "--only", "GetItem", "--except", "DELETE /**", "--format", "openapi3", "--dry-run", "--allow-breaking"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"created":true,"connector":` + connectorJSON +
				`,"revision":{"name":"environments/default/connectors/crm/revisions/abc","state":"REVISION_STATE_DRAFT","findings":[{"severity":"SEVERITY_WARNING"},{"severity":"SEVERITY_INFO"},{"severity":"SEVERITY_WARNING"}]},"diff":` + breakingDiff + `}`},
			out: []string{"would import crm", "12 changes, 1 of them breaking", "breaking   GetItem: parameter limit is gone (request-parameter-removed)", "… and 10 changes more", "2 warnings, 1 info"},
			sent: `{"parent":"environments/default","format":"SOURCE_FORMAT_OPENAPI3","validateOnly":true,"allowBreaking":true,
				"selection":{"only":["tag:users","GetItem"],"except":["DELETE /**"]},
				"files":{"files":[{"path":"api.yaml","content":"` + content + `"},{"path":"environment.json","content":"e30="}]}}`,
		},
		{
			name: "a connector is compared with its own source by default", args: []string{"diff", "crm"},
			answers: map[string]string{
				"GET " + crmPath: connectorJSON, "GET " + crmRevision: `{"sourceUrl":"https://api.example.com/openapi.json"}`,
				"POST " + crmRevision + ":diff": `{"diff":{}}`,
			},
			out: []string{"nothing changed"}, sent: `{"base":"` + strings.TrimPrefix(crmRevision, "/v1/") + `","url":"https://api.example.com/openapi.json"}`,
		},
		{
			name: "one that was not fetched has to be told with what", args: []string{"diff", "crm"}, code: 2,
			answers: map[string]string{"GET " + crmPath: connectorJSON, "GET " + crmRevision: `{}`},
			err:     []string{"not imported from a URL"},
		},
		{
			name: "a diff can fail", args: []string{"diff", "crm", "https://api.example.com/new.json", "--fail-on", "breaking"}, code: 1,
			answers: map[string]string{"GET " + crmPath: connectorJSON, "POST " + crmRevision + ":diff": `{"diff":` + breakingDiff + `}`},
			out:     []string{"parameter limit is gone", "no effect  the title changed"},
		},
		{
			name: "the beginning of a revision's id is enough", args: []string{"publish", "crm", "01234", "--allow-breaking"},
			answers: map[string]string{
				"GET " + crmPath + "/revisions":    `{"revisions":[{"name":"` + strings.TrimPrefix(crmRevision, "/v1/") + `"},{"name":"x/ffff"}]}`,
				"POST " + crmRevision + ":publish": `{"name":"` + strings.TrimPrefix(crmRevision, "/v1/") + `"}`,
			},
			out: []string{"published 0123456789abcdef"}, sent: `{"name":"` + strings.TrimPrefix(crmRevision, "/v1/") + `","allowBreaking":true}`,
		},
		{
			name: "unless several begin with it", args: []string{"publish", "crm", "0"}, code: 2,
			answers: map[string]string{"GET " + crmPath + "/revisions": `{"revisions":[{"name":"x/0a"},{"name":"x/0b"}]}`},
			err:     []string{"2 revisions", "write more"},
		},
		{
			name: "or none", args: []string{"deprecate", "crm", "7"}, code: 1,
			answers: map[string]string{"GET " + crmPath + "/revisions": `{}`}, err: []string{"REVISION_NOT_FOUND", "ferrule revisions crm"},
		},
		{
			name: "an export of one file goes to standard output, what is lost to the error stream", args: []string{"export", "crm", "--format", "openapi3.0"},
			answers: map[string]string{
				"GET " + crmPath: connectorJSON,
				"GET " + crmRevision + ":export?format=EXPORT_FORMAT_OPENAPI30": `{"files":[{"path":"openapi.json","content":"e30="}],"findings":[{"severity":"SEVERITY_WARNING","code":"ExportLost","message":"a policy is left out"}]}`,
			},
			out: []string{"{}"}, err: []string{"warning ExportLost: a policy is left out"},
		},
		{
			name: "several files need a directory", args: []string{"export", "crm@latest"}, code: 2,
			answers: map[string]string{"GET " + crmPath + "/revisions/latest:export": `{"files":[{"path":"a"},{"path":"b"}]}`},
			err:     []string{"2 files", "--output"},
		},
		{
			name: "a promotion says what has to be supplied", args: []string{"promote", "crm@latest", "--to", "prod", "--publish"},
			answers: map[string]string{"POST " + crmPath + "/revisions/latest:promote": `{"created":true,"connector":{"name":"environments/prod/connectors/crm"},"revision":{"name":"x/abc","state":"REVISION_STATE_PUBLISHED"},
				"requirements":[{"parameterSet":"oauth","message":"register an OAuth client"}]}`},
			out: []string{"promoted crm in environment prod (published revision abc)", "oauth: register an OAuth client"},
		},
		{
			name: "a search narrows down and shows facets", args: []string{"search", "mail", "box", "--auth", "oauth2,basic", "--triggers", "--facets", "--limit", "2"},
			answers: map[string]string{"GET /v1/environments/default/connectors:search?authentication=oauth2&authentication=basic&page_size=2&query=mail+box&with_triggers=true": `{"connectors":[` + connectorJSON + `],"totalSize":7,"facets":[{"name":"format","values":[{"value":"openapi3","count":5}]}]}`},
			out:     []string{"crm", "format:", "5  openapi3"}, err: []string{"1 of 7 connectors shown"},
		},
		{
			name: "a search for operations", args: []string{"search", "--operations", "send", "--kind", "action", "--all"},
			answers: map[string]string{"GET /v1/environments/default/operations:search?include_hidden=true&kinds=action&page_size=50&query=send": `{"operations":[{"connector":"environments/default/connectors/crm","operationId":"SendMail","kind":"polling_trigger","method":"GET","path":"/mail"}],"totalSize":1}`},
			out:     []string{"SendMail", "polling trigger", "GET /mail"},
		},
		{
			name: "environments", args: []string{"environments"},
			answers: map[string]string{"GET /v1/environments": `{"environments":[{"name":"environments/default"},{"name":"environments/test","title":"Tests","eventMaxAge":"604800s","eventMaxBytes":"1000"}]}`},
			out:     []string{"7d, 1000 bytes", "default", "test", "Tests"},
		},
		{
			name: "how long an environment keeps events", args: []string{"environments", "update", "test", "--keep-events", "7d", "--keep-event-bytes", "1000"},
			answers: map[string]string{"PATCH /v1/environments/test?update_mask=event_max_age%2Cevent_max_bytes": `{"name":"environments/test"}`},
			sent:    `{"eventMaxAge":"604800s","eventMaxBytes":"1000"}`, out: []string{"changed environment test"},
		},
		{
			name: "an environment keeps events as the installation does again", args: []string{"environments", "update", "test", "--keep-events", "0s"},
			answers: map[string]string{"PATCH /v1/environments/test?update_mask=event_max_age": `{"name":"environments/test"}`},
			sent:    `{}`, out: []string{"changed environment test"},
		},
		{
			name: "a new environment", args: []string{"environments", "create", "test", "--title", "Tests"},
			answers: map[string]string{"POST /v1/environments?environment_id=test": `{"name":"environments/test"}`},
			out:     []string{"made environment test"}, sent: `{"title":"Tests"}`,
		},
		{
			name: "a connector from blank", args: []string{"create", "My API", "--server-url", "https://api.example.com", "--id", "mine"},
			answers: map[string]string{"POST /v1/environments/default/connectors": `{"connector":{"name":"environments/default/connectors/mine"},"revision":{"name":"x/abc","title":"My API","state":"REVISION_STATE_DRAFT"}}`},
			out:     []string{"made mine: My API (draft revision abc)"},
			sent:    `{"parent":"environments/default","connectorId":"mine","definition":{"info":{"title":"My API"},"servers":[{"urlTemplate":"https://api.example.com"}],"parameterSets":[{"name":"default"}]}}`,
		},
		{
			name: "an inferred operation is shown as a definition", args: []string{"infer", "--curl", "-", "--response", `[{"a":1}]`, "--status", "201"}, stdin: "curl https://a.example/x",
			answers: map[string]string{"POST /v1/environments/default/operations:infer": `{"operation":{"operationId":"GetX","parameters":[{"name":"q","schema":"eyJ0eXBlIjoic3RyaW5nIn0="}]},"findings":[{"severity":"SEVERITY_INFO","code":"SecretLeftOut","message":"a token"}]}`},
			out:     []string{`"operationId": "GetX"`, `"type": "string"`}, err: []string{"SecretLeftOut"},
			sent: `{"parent":"environments/default","curl":"curl https://a.example/x","response":{"status":201,"headers":["Content-Type: application/json"],"body":"W3siYSI6MX1d"}}`,
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestWrongUsageOfACommandOfAConnectorsLife(t *testing.T) {
	s := serve(t, nil)
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"a format that is none":       {[]string{"import", "x", "--format", "raml"}, "openapi2, openapi3"},
		"files for two descriptions":  {[]string{"import", "x", "y", "--with", "z"}, "--with belongs to one"},
		"an export to a format":       {[]string{"export", "crm", "--format", "raml"}, "powerplatform"},
		"an export of nothing":        {[]string{"export"}, "--bundle DIR"},
		"a bundle in a format":        {[]string{"export", "--bundle", "d", "--format", "postman"}, "leave out --format"},
		"a promotion to nowhere":      {[]string{"promote", "crm"}, "--to ENVIRONMENT"},
		"a bundle that is not named":  {[]string{"apply"}, "apply -f DIR"},
		"a diff of three":             {[]string{"diff", "a", "b", "c"}, "one or two arguments"},
		"a diff that fails on colour": {[]string{"diff", "a", "--fail-on", "colour"}, "none, breaking or any"},
		"a connector without a title": {[]string{"create"}, "takes a title"},
		"a title and a definition":    {[]string{"create", "A", "--definition", "f"}, "takes a title"},
		"a mask without a file":       {[]string{"edit", "crm", "--mask", "info"}, "--mask needs --file"},
		"nothing to infer from":       {[]string{"infer"}, "--curl or --url"},
		"too much to infer from":      {[]string{"infer", "--curl", "a", "--url", "b"}, "not both"},
		"a search for too much":       {[]string{"search", "--limit", "2000"}, "1 to 1000"},
		"a page about an operation":   {[]string{"describe", "crm", "Op", "--markdown"}, "leave out the operation"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, s, "", row.args...)
			if got.code != 2 || !strings.Contains(got.err, row.want) {
				t.Errorf("exit %d, errors %q, want 2 and %q", got.code, got.err, row.want)
			}
		})
	}
	if len(s.asked) > 0 {
		t.Errorf("the server was asked %q", s.asked)
	}
}

func TestAnEditSendsOnlyWhatChanged(t *testing.T) {
	before := `{"info":{"title":"CRM"},"servers":[{"urlTemplate":"https://a.example"}],"parameterSets":[{"name":"default"}]}`
	answers := map[string]string{
		"GET " + crmPath: `{"name":"environments/default/connectors/crm","etag":"e1","latestRevision":"` + strings.TrimPrefix(crmRevision, "/v1/") + `"}`,
		"GET " + crmRevision + "?view=REVISION_VIEW_FULL": `{"definition":` + before + `}`,
		"PATCH " + crmPath: `{"connector":{"name":"environments/default/connectors/crm"},"revision":{"name":"x/abc","state":"REVISION_STATE_DRAFT"}}`,
	}
	file := temporary(t, "crm.json", `{"ferrule":"1","info":{"title":"CRM 2"},"servers":[{"urlTemplate":"https://a.example"}],"parameterSets":[{"name":"default"}]}`)
	for name, row := range map[string]struct {
		args []string
		mask string
	}{
		"by itself":      {[]string{"edit", "crm", "--file", file}, `["info"]`},
		"with a mask":    {[]string{"edit", "crm", "--file", file, "--mask", "info.title", "--mask", "policies"}, `["info.title","policies"]`},
		"and on request": {[]string{"edit", "crm", "--file", file, "--mask", "servers", "--publish", "--dry-run"}, `["servers"]`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, answers)
			got := run(t, s, "", row.args...)
			sent := strings.ReplaceAll(string(s.body), " ", "") // protojson puts spaces where it likes
			if got.code != 0 || !strings.Contains(sent, `"updateMask":`+row.mask) || !strings.Contains(sent, `"etag":"e1"`) {
				t.Errorf("exit %d %s%s, sent %s", got.code, got.out, got.err, s.body)
			}
		})
	}
	t.Run("nothing is sent if nothing changed", func(t *testing.T) {
		s := serve(t, answers)
		same := temporary(t, "same.json", `{"ferrule":"1",`+before[1:])
		if got := run(t, s, "", "edit", "crm", "--file", same); got.code != 0 || !strings.Contains(got.err, "nothing was changed") {
			t.Errorf("exit %d %s", got.code, got.err)
		}
	})
}

func TestAnEditorChangesADefinition(t *testing.T) {
	editor := temporary(t, "editor.sh", "#!/bin/sh\nsed -i 's/CRM/Renamed/' \"$1\"\n")
	if err := os.Chmod(editor, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", editor)
	a := &app{Streams: Streams{Err: os.Stderr}}
	after, err := a.inEditor(t.Context(), blank("CRM", "", nil))
	if err != nil || after.GetInfo().GetTitle() != "Renamed" {
		t.Errorf("after: %v, %v", after, err)
	}
}

func TestABundleIsAppliedAsPlanned(t *testing.T) {
	dir := t.TempDir()
	for id, manifest := range map[string]string{"crm": "id: crm\npublish: true\nonly: [\"tag:a\"]\n", "shop": "id: shop\npublish: true\n"} {
		source := filepath.Join(dir, id, "source")
		if err := os.MkdirAll(source, 0o700); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{filepath.Join(dir, id, "connector.yaml"): manifest, filepath.Join(source, "api.json"): "{}"} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	const (
		list = "GET /v1/environments/default/connectors"
		send = "POST /v1/environments/default/connectors:import"
	)
	there := `{"connectors":[{"name":"environments/default/connectors/crm"},{"name":"environments/default/connectors/old"}]}`
	for _, row := range []commandRow{
		{
			name: "a plan changes nothing", args: []string{"apply", "-f", dir, "--dry-run", "--prune"},
			answers: map[string]string{list: there, send: `{"created":true,"diff":` + breakingDiff + `}`},
			out:     []string{"update    crm", "create    shop", "delete    old", "parameter limit is gone"},
		},
		{
			name: "what breaks callers stops everything", args: []string{"apply", "-f", dir}, code: 1,
			answers: map[string]string{list: there, send: `{"created":true,"diff":` + breakingDiff + `}`},
			err:     []string{"2 connectors would break callers or refuse their calls", "nothing was done"},
		},
		{
			name: "so do policies that cannot be applied", args: []string{"apply", "-f", dir}, code: 1,
			answers: map[string]string{list: there, send: `{"created":true,"revision":{"findings":[
				{"severity":"SEVERITY_ERROR","code":"CallsRefused","message":"1 policy cannot be applied; calls of 1 of 2 operations will be refused: A"},
				{"severity":"SEVERITY_ERROR","code":"PolicyInvalid","path":"a.json","line":3,"column":4,"message":"it is wrong","remedy":"correct it"}]}}`},
			out: []string{"  warning: 1 policy cannot be applied; calls of 1 of 2 operations", "  a.json:3:4: it is wrong; correct it\n"},
			err: []string{"2 connectors would break callers or refuse their calls", "nothing was done"},
		},
		{
			name: "but not those of a package, which the server publishes as it is", args: []string{"apply", "-f", dir},
			answers: map[string]string{list: there, send: `{"created":true,"revision":{"format":"SOURCE_FORMAT_CONNECTOR_PACKAGE","findings":[
				{"severity":"SEVERITY_ERROR","code":"PolicyInvalid","message":"it is wrong","remedy":"correct it"}]}}`},
			out: []string{"it is wrong; correct it"}, err: []string{"applied 2 changes"},
		},
		{
			name: "until somebody edits it", args: []string{"apply", "-f", dir}, code: 1,
			answers: map[string]string{list: there, send: `{"created":true,"revision":{"format":"SOURCE_FORMAT_CONNECTOR_PACKAGE","edited":true,"findings":[
				{"severity":"SEVERITY_ERROR","code":"PolicyInvalid","message":"it is wrong","remedy":"correct it"}]}}`},
			err: []string{"nothing was done"},
		},
		{
			name: "unless it is accepted", args: []string{"apply", "-f", dir, "--allow-breaking", "--prune"},
			answers: map[string]string{
				list: there, send: `{"created":true,"diff":` + breakingDiff + `}`,
				"DELETE /v1/environments/default/connectors/old": `{}`,
			},
			err: []string{"applied 3 changes"},
		},
		{
			name: "a revision that is there is published", args: []string{"apply", "-f", dir},
			answers: map[string]string{
				list: `{"connectors":[{"name":"environments/default/connectors/crm"},{"name":"environments/default/connectors/shop","publishedRevision":"r1"}]}`,
				send: `{"revision":{"name":"r1"}}`,
			},
			out: []string{"publish   crm", "unchanged shop"}, err: []string{"applied 1 change"},
		},
		{
			name: "a bundle that is applied changes nothing", args: []string{"apply", "-f", dir},
			answers: map[string]string{
				list: `{"connectors":[{"name":"environments/default/connectors/crm","publishedRevision":"r1"},{"name":"environments/default/connectors/shop","publishedRevision":"r1"}]}`,
				send: `{"revision":{"name":"r1"}}`,
			},
			out: []string{"unchanged crm", "unchanged shop"}, err: []string{"is as the bundle says"},
		},
		{
			name: "machines get a line for each connector", args: []string{"apply", "-f", dir, "--dry-run", "-o", "json"},
			answers: map[string]string{
				list: `{"connectors":[{"name":"environments/default/connectors/crm","publishedRevision":"r1"}]}`,
				send: `{"revision":{"name":"r1"}}`,
			},
			out: []string{`{"connector":"crm","action":"unchanged","breaking":false}` + "\n" + `{"connector":"shop","action":"create","breaking":false}` + "\n"},
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestTheFormatOfOutputIsNoPathToWriteTo(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FERRULE_OUTPUT", "json")
	commandRow{
		args: []string{"export", "crm"},
		answers: map[string]string{
			"GET " + crmPath: connectorJSON, "GET " + crmRevision + ":export": `{"files":[{"path":"openapi.json","content":"e30="}]}`,
		},
		out: []string{"{}"},
	}.check(t)
}

func TestPartsOfADefinitionThatChanged(t *testing.T) {
	before, after := blank("A", "", []string{"https://a.example"}), blank("A", "new", []string{"https://a.example"})
	after.Tags = []*connectorv1.Tag{{Name: "t"}}
	if got := strings.Join(changedFields(before, after), " "); got != "info tags" {
		t.Errorf("changed: %q", got)
	}
	if got := quotedName("get item"); got != "`get item`" {
		t.Errorf("quoted: %s", got)
	}
}
