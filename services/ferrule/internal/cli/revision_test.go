package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	oldRevision = "abcdef0123456789abcdef0123456789"
	oldPath     = crmPath + "/revisions/" + oldRevision
)

func TestCommandsTakeARevision(t *testing.T) {
	const pinnedJSON = `{"parent":"environments/default","connection":{"connector":"environments/default/connectors/crm","pinnedRevision":"environments/default/connectors/crm/revisions/` +
		oldRevision + `"}}`
	list := `{"revisions":[{"name":"` + strings.TrimPrefix(oldPath, "/v1/") + `"},{"name":"` + strings.TrimPrefix(crmRevision, "/v1/") + `"}]}`
	const connection = "/v1/environments/default/connections/mine"
	connectionJSON := `{"name":"environments/default/connections/mine","connector":"environments/default/connectors/crm"}`
	for _, row := range []commandRow{
		{
			name: "operations of a revision", args: []string{"operations", "crm@abc"},
			answers: map[string]string{"GET " + crmPath + "/revisions": list, "GET " + oldPath + "/operations": `{"operations":[{"operationId":"OldOne"}]}`},
			out:     []string{"OldOne"},
		},
		{
			name: "an operation of a revision", args: []string{"describe", "crm@" + oldRevision, "OldOne"},
			answers: map[string]string{
				"GET " + oldPath + "/operations": `{"operations":[{"operationId":"OldOne","requestBody":{"contents":[{"mediaType":"application/json","schema":"` + encode(`{"$ref":"#/$defs/A"}`) + `"}]}}]}`,
				"GET " + oldPath:                 `{"definition":{"schemas":[{"name":"A","json":"` + encode(`{"properties":{"zeta":{"type":"string"}}}`) + `"}]}}`,
			},
			out: []string{"OldOne", ".zeta"},
		},
		{
			name: "a revision that is not there", args: []string{"operations", "crm@9"}, code: 1,
			answers: map[string]string{"GET " + crmPath + "/revisions": list}, err: []string{"REVISION_NOT_FOUND"},
		},
		{
			name: "a connector with several ways to connect, and a server with variables", args: []string{"describe", "crm@abc"},
			answers: map[string]string{
				"GET " + crmPath:                `{"name":"environments/default/connectors/crm","owner":"ann","editors":["bob","eva"]}`,
				"GET " + crmPath + "/revisions": list,
				"GET " + oldPath: `{"actionCount":2,"definition":{"info":{"title":"CRM"},"servers":[{"urlTemplate":"https://{tenant}.{region}.crm.example","variables":[
					{"name":"tenant"},{"name":"region","defaultValue":"eu","allowedValues":["eu","us"],"description":"Where it runs"}]}],
					"parameterSets":[{"name":"my key","parameters":[{"name":"api_key","type":"CONNECTION_PARAMETER_TYPE_SECRET"}]},{"name":"none"}]}}`,
			},
			out: []string{
				"ferrule connect crm --auth 'my key' --secret api_key=- --set 'tenant=…'\n", "ferrule connect crm --auth none --set 'tenant=…'\n",
				"revision abcdef012345", `Where it runs. "eu" if not given. One of eu, us.`,
				"owner: ann\neditors: bob, eva\n",
			},
		},
		{
			name: "a connector without a server", args: []string{"describe", "crm@abc"},
			answers: map[string]string{"GET " + crmPath: `{}`, "GET " + crmPath + "/revisions": list, "GET " + oldPath: `{"definition":{"parameterSets":[{"name":"default"}]}}`},
			out:     []string{"ferrule connect crm --server-url 'https://…'\n", "none is named", "owner: none, only administrators may change it\n"},
		},
		{
			name: "a connector that nobody can connect to", args: []string{"describe", "crm@abc"},
			answers: map[string]string{
				"GET " + crmPath: `{}`, "GET " + crmPath + "/revisions": list,
				"GET " + crmPath + "/connectionForm": `{"sets":[{"name":"default","unsupported":"the API authenticates with NTLM, which this server cannot do"}]}`,
				"GET " + oldPath:                     `{"definition":{"parameterSets":[{"name":"default","unsupported":{"kind":"NTLM","remedy":"use a proxy"}}]}}`,
			},
			out: []string{"no connection can be made: the API authenticates with NTLM, which is not supported; use a proxy\n"},
		},
		{
			name: "an import names each way to authenticate that is not supported once", args: []string{"import", "https://api.example/crm.json"},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"connector":` + connectorJSON + `,"created":true,"revision":{"name":"` +
				strings.TrimPrefix(oldPath, "/v1/") + `","findings":[` + strings.Repeat(`{"code":"AuthKindNotSupported","message":"NTLM is not supported","remedy":"use a proxy","severity":"SEVERITY_WARNING"},`, 7) +
				`{"code":"AuthKindNotSupported","message":"Hawk is not supported","remedy":"sign","severity":"SEVERITY_WARNING"}]}}`},
			out: []string{"  NTLM is not supported; use a proxy\n  Hawk is not supported; sign\n  8 warnings"},
		},
		{
			name: "an invocation of a revision", args: []string{"invoke", "mine", "Get", "--revision", oldRevision},
			answers: map[string]string{"POST " + connection + "/operations/Get:invoke?revision=" + oldRevision: `200|{"old":true}`},
			out:     []string{`"old": true`},
		},
		{
			name: "an invocation of one by the beginning of its id", args: []string{"invoke", "mine", "Get", "--revision", "abc"},
			answers: map[string]string{
				"GET " + connection: connectionJSON, "GET " + crmPath + "/revisions": list,
				"POST " + connection + "/operations/Get:invoke?revision=" + oldRevision: `200|{"old":true}`,
			},
			out: []string{`"old": true`},
		},
		{
			name: "a connection stays at one by the beginning of its id", args: []string{"connect", "crm", "--revision", "abc", "--no-test"},
			answers: map[string]string{"GET " + crmPath + "/revisions": list, "POST /v1/environments/default/connections": `{}`},
			sent:    pinnedJSON,
		},
		{
			name: "and at the one that is the latest now", args: []string{"connect", "crm", "--revision", "latest", "--no-test"},
			answers: map[string]string{
				"GET " + crmPath: `{"latestRevision":"` + strings.TrimPrefix(oldPath, "/v1/") + `"}`, "POST /v1/environments/default/connections": `{}`,
			},
			sent: pinnedJSON,
		},
		{
			name: "or follows the published one again", args: []string{"connections", "update", "mine", "--revision", ""},
			answers: map[string]string{"GET " + connection: connectionJSON, "PATCH " + connection: `{}`},
			sent:    `{"connection":{"name":"environments/default/connections/mine"},"updateMask":"pinnedRevision"}`,
		},
		{
			name: "an invocation of the latest one", args: []string{"invoke", "mine", "Get", "--revision", "latest"},
			answers: map[string]string{
				"GET " + connection: connectionJSON, "GET " + crmPath: `{"latestRevision":"` + strings.TrimPrefix(oldPath, "/v1/") + `"}`,
				"POST " + connection + "/operations/Get:invoke?revision=" + oldRevision: `200|{"old":true}`,
			},
			out: []string{`"old": true`},
		},
		{
			name: "a draft has its own title", args: []string{"import", temporary(t, "api.yaml", "openapi: 3.1.0")},
			answers: map[string]string{"POST /v1/environments/default/connectors:import": `{"created":true,"connector":` + connectorJSON +
				`,"revision":{"name":"x/revisions/abc","title":"CRM 2","state":"REVISION_STATE_DRAFT"}}`},
			out: []string{"imported crm: CRM 2, "},
		},
	} {
		t.Run(row.name, row.check)
	}
}

// moving is a connector that others change between each reading and the next
// edits.
type moving struct {
	mismatches int // edits that come too late
	titles     []string
	reads      int
	sent       []string
}

func (m *moving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPatch:
		body, _ := io.ReadAll(r.Body)
		m.sent = append(m.sent, string(body))
		if m.mismatches--; m.mismatches >= 0 {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":10,"message":"it has changed","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ETAG_MISMATCH","domain":"ferrule.dev"}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"connector":{},"revision":{"name":"x/abc"}}`)
	case strings.HasSuffix(r.URL.Path, "operations:infer"):
		_, _ = io.WriteString(w, `{"operation":{"operationId":"GetItem"}}`)
	case strings.HasSuffix(r.URL.Path, "/crm"):
		m.reads++
		_, _ = fmt.Fprintf(w, `{"etag":"e%d","latestRevision":%q}`, m.reads, strings.TrimPrefix(crmRevision, "/v1/"))
	default:
		title := m.titles[min(m.reads, len(m.titles))-1]
		_, _ = fmt.Fprintf(w, `{"definition":{"info":{"title":%q},"parameterSets":[{"name":"default"}]}}`, title)
	}
}

func TestEditsAreTriedAgainWhileOthersChangeTheConnector(t *testing.T) {
	servers := temporary(t, "servers.json", `{"ferrule":"1","info":{"title":"CRM"},"servers":[{"urlTemplate":"https://a.example"}],"parameterSets":[{"name":"default"}]}`)
	info := temporary(t, "info.json", `{"ferrule":"1","info":{"title":"CRM 2"},"parameterSets":[{"name":"default"}]}`)
	for _, row := range []struct {
		name       string
		args       []string
		mismatches int
		titles     []string
		code, sent int
		err        string
	}{
		{"an operation is added in the end", []string{"infer", "--url", "https://a.example/items", "--add", "crm"}, 4, []string{"CRM"}, 0, 5, ""},
		{"not for ever", []string{"infer", "--url", "https://a.example/items", "--add", "crm"}, 9, []string{"CRM"}, 1, 5, "ETAG_MISMATCH"},
		{"an edit of another part", []string{"edit", "crm", "--file", servers}, 2, []string{"CRM", "Changed", "Again"}, 0, 3, ""},
		{"an edit of the same part", []string{"edit", "crm", "--file", info}, 2, []string{"CRM", "CRM", "Changed"}, 1, 2, "the same parts"},
		{"an edit that insists on the part", []string{"edit", "crm", "--file", info, "--mask", "info"}, 2, []string{"CRM", "Changed"}, 0, 3, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := &moving{mismatches: row.mismatches, titles: row.titles}
			s := &server{Server: httptest.NewServer(m)}
			t.Cleanup(s.Close)
			got := run(t, s, "", row.args...)
			if got.code != row.code || len(m.sent) != row.sent || !strings.Contains(got.err, row.err) {
				t.Fatalf("exit %d after %d edits, want %d after %d\n%s", got.code, len(m.sent), row.code, row.sent, got.err)
			}
			last := strings.ReplaceAll(m.sent[len(m.sent)-1], " ", "")
			if want := fmt.Sprintf(`"etag":"e%d"`, len(m.sent)); !strings.Contains(last, want) {
				t.Errorf("sent %s, want %s", last, want)
			}
		})
	}
}

func TestFlagsAreExplainedInWords(t *testing.T) {
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.Contains(f.Usage, "`") {
				t.Errorf("%s --%s: %q: backquotes name the value of a flag", cmd.Name(), f.Name, f.Usage)
			}
		})
		for _, c := range cmd.Commands() {
			look(c)
		}
	}
	look(newRoot(&app{Streams: Streams{Out: io.Discard, Err: io.Discard}}))
	if got := run(t, nil, "", "create", "--help"); !strings.Contains(got.out, "--definition string") {
		t.Errorf("help:\n%s", got.out)
	}
}

func TestADocumentIsSentWithWhatItRefersTo(t *testing.T) {
	dir := tree(t, map[string]string{
		"v1/api.yaml":     "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n  /a: {$ref: paths/a.yaml}\n  /b: {$ref: ../b.yaml}\n",
		"v1/paths/a.yaml": "get:\n  operationId: GetA\n  responses: {200: {description: A}}\n",
		"b.yaml":          "get: {}\n",
	})
	api := filepath.Join(dir, "v1", "api.yaml")
	s := serve(t, map[string]string{"POST /v1/environments/default/connectors:import": `{"created":true,"connector":` + connectorJSON + `}`})
	got := run(t, s, "", "import", api)
	sent := string(s.body)
	if got.code != 0 || !strings.Contains(sent, "paths/a.yaml") || strings.Contains(sent, "b.yaml") {
		t.Errorf("exit %d, sent %s", got.code, sent)
	}
	const hint = `refers to "../b.yaml", above its directory; name the directory`
	if !strings.Contains(got.err, hint) {
		t.Errorf("errors %q, want %q", got.err, hint)
	}
	got = run(t, nil, "", "validate", "--all", api)
	place := filepath.Join(dir, "v1", "paths", "a.yaml") + ":2:3: info OperationUndescribed"
	if got.code != 0 || !strings.Contains(got.out, "1 action") || !strings.Contains(got.out, place) || !strings.Contains(got.out, api+":5:") || !strings.Contains(got.err, hint) {
		t.Errorf("exit %d, want %q\n%s%s", got.code, place, got.out, got.err)
	}
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got = run(t, nil, "", "validate", filepath.Join(dir, "v1")); got.err != "" {
		t.Errorf("a directory: %s", got.err)
	}
}

func TestNobodyIsToldHowToConnectWhereNobodyCan(t *testing.T) {
	const revision = `"parameterSets":[{"name":"default","title":"Not possible","unsupported":{"kind":"NTLM","remedy":"use a proxy"}}]`
	s := serve(t, map[string]string{
		"GET " + crmPath: connectorJSON, "GET " + crmRevision: `{"definition":{"servers":[{"urlTemplate":"https://crm.example"}],` + revision + `}}`,
		"GET " + crmPath + "/connectionForm": `{"sets":[{"name":"default","unsupported":"the API authenticates with NTLM, which this server cannot do"}]}`,
	})
	got := run(t, s, "", "describe", "crm")
	if got.code != 0 || !strings.Contains(got.out, "authenticates with NTLM") {
		t.Fatalf("%d: %s%s", got.code, got.out, got.err)
	}
	for _, never := range []string{"ferrule connect", "no credentials", "agent", "not possible on this server"} {
		if strings.Contains(got.out, never) {
			t.Errorf("it says %q:\n%s", never, got.out)
		}
	}
}
