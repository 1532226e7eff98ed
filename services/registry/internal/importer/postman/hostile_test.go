package postman_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// enough is far more than what any of the inputs here may take, with a race
// detector and busy neighbours.
const enough = 20 * time.Second

func TestHostileCollectionsTakeBoundedTime(t *testing.T) {
	var bomb, chain strings.Builder
	for i := range 64 {
		fmt.Fprintf(&bomb, `{"key":"v%d","value":"%s"},`, i, strings.Repeat(fmt.Sprintf("{{v%d}}", i+1), 50))
		fmt.Fprintf(&chain, `{"id":"%d","name":"F","folder":"%d"},`, i, i-1)
	}
	many := strings.Repeat(`{"name":"A","request":"https://example.com/a"},`, 5_000)
	for _, row := range []struct{ name, document string }{
		{"variables that stand for very many", collection(request("A", `"url":"https://example.com/{{v0}}?q={{v0}}"`), `,"variable":[`+strings.TrimSuffix(bomb.String(), ",")+`]`)},
		{"a long value many times", collection(strings.TrimSuffix(strings.Repeat(request("A", `"url":"https://example.com/?q={{v}}"`)+",", 5_000), ","), `,"variable":[{"key":"v","value":"`+strings.Repeat("x", 4000)+`"}]`)},
		{"folders in folders", collection(strings.Repeat(`{"name":"F","item":[`, 150) + request("A", `"url":"https://example.com"`) + strings.Repeat(`]}`, 150))},
		{"folders in folders of version 1", `{"id":"1","name":"Old","requests":[{"folder":"63","url":"https://example.com"}],"folders":[` + strings.TrimSuffix(chain.String(), ",") + `]}`},
		{"requests that all have one name", collection(strings.TrimSuffix(many, ","))},
		{"a folder with a long name", collection(`{"name":"` + strings.Repeat("F", 1<<20) + `","item":[` + strings.TrimSuffix(many, ",") + `]}`)},
		{"braces without end", collection(request("A", `"method":"POST","url":"`+strings.Repeat("{{", 4000)+`","body":{"mode":"raw","raw":"`+strings.Repeat("{{", 200_000)+`"}`))},
		{"commas without end", collection(request("A", `"method":"POST","url":"https://example.com","body":{"mode":"raw","raw":"`+strings.Repeat(", ", 200_000)+`"}`))},
		{"a URL without end", collection(request("A", `"url":"https://example.com/`+strings.Repeat("a", 1<<20)+`"`))},
		{"a query without end", collection(request("A", `"url":{"host":["example.com"],"query":[`+strings.TrimSuffix(strings.Repeat(`{"key":"a","value":"1"},`, 5_000), ",")+`]}`))},
		{"many parameters", collection(request("A", `"url":{"host":["example.com"],"query":[`+numbered(5000)+`]}`))},
		{"many ways to authenticate", collection(authenticated(300))},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := time.Now()
			result := load(t, file("c.json", row.document))
			if took := time.Since(start); took > enough {
				t.Errorf("took %s", took)
			}
			seen := map[string]bool{}
			for _, op := range result.Definition.GetOperations() {
				if seen[op.GetOperationId()] {
					t.Errorf("the id %q is there twice", op.GetOperationId())
				}
				seen[op.GetOperationId()] = true
				if len(op.GetParameters()) > postman.MaxParameters {
					t.Errorf("%d parameters", len(op.GetParameters()))
				}
			}
			if n := len(result.Definition.GetSecuritySchemes()); n > postman.MaxSchemes || len(result.Definition.GetParameterSets()) > postman.MaxSchemes {
				t.Errorf("%d schemes", n)
			}
		})
	}
}

func numbered(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"key":"q%d","value":"1"}`, i))
	}
	return strings.Join(list, ",")
}

func authenticated(n int) string {
	var list []string
	for i := range n {
		list = append(list, request("A", fmt.Sprintf(`"url":"https://example.com","auth":{"type":"apikey","apikey":[{"key":"key","value":"K%d"}]}`, i)))
	}
	return strings.Join(list, ",")
}

func TestDefinitionsAreBounded(t *testing.T) {
	scopes := strings.TrimSpace(strings.Repeat(strings.Repeat("s", 2000)+" ", 60))
	document := collection(
		strings.TrimSuffix(strings.Repeat(request("A", `"url":"https://example.com/a"`)+",", 1000), ","),
		`,"auth":{"type":"oauth2","oauth2":{"accessTokenUrl":"https://example.com/token","scope":"`+scopes+`"}}`)
	_, err := postman.Importer{}.Import(t.Context(), source(t, file("c.json", document)))
	if fault.ReasonOf(err) != fault.ReasonDocumentTooLarge {
		t.Errorf("scopes of 120 kB that 1000 requests inherit: error %v", err)
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, document := range []string{
		collection(request("A", `"url":"https://example.com"`)),
		`{"id":"1","name":"Old","requests":[{"url":"https://example.com"}]}`,
	} {
		if _, err := (postman.Importer{}).Import(ctx, source(t, file("c.json", document))); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}

func TestNothingThatIsMisshapenPanics(t *testing.T) {
	values := []string{`null`, `true`, `1`, `"x"`, `""`, `[]`, `{}`, `[null]`, `[[]]`, `[{}]`, `{"":null}`, `[{"key":null,"value":{}}]`, `"{{"`, `"{{}}"`, `":"`, `"://"`, `"?&=&"`}
	places := []string{
		`{"info":%s,"item":[]}`, `{"info":{"schema":"postman","name":"x"},"item":%s}`, `{"info":{"_postman_id":1,"name":%s},"item":[%[1]s],"variable":%[1]s,"auth":%[1]s,"event":%[1]s}`,
		`{"info":{"_postman_id":1},"item":[{"name":%s,"request":%[1]s,"response":%[1]s,"event":%[1]s,"variable":%[1]s,"id":%[1]s}]}`,
		`{"info":{"_postman_id":1,"_exporter_id":"ferrule"},"item":[{"name":%s,"id":"a","request":{"url":%[1]s,"header":%[1]s}},{"request":{"url":{"host":%[1]s,"path":%[1]s,"query":%[1]s,"variable":%[1]s}}}]}`,
		`{"info":{"_postman_id":1},"item":[{"request":{"url":%s,"method":%[1]s,"header":%[1]s,"body":%[1]s,"auth":%[1]s,"description":%[1]s}}]}`,
		`{"info":{"_postman_id":1},"item":[{"request":{"url":{"raw":%s,"host":%[1]s,"path":%[1]s,"query":%[1]s,"variable":%[1]s,"port":%[1]s,"protocol":%[1]s,"auth":%[1]s}}}]}`,
		`{"info":{"_postman_id":1},"item":[{"request":{"method":"POST","url":"https://example.com/{{a}}","body":{"mode":"raw","raw":%s,"options":%[1]s}}},{"request":{"method":"POST","body":{"mode":"formdata","formdata":%[1]s}}},{"request":{"method":"POST","body":{"mode":"graphql","graphql":%[1]s}}},{"request":{"method":"POST","body":{"mode":%[1]s}}}]}`,
		`{"info":{"_postman_id":1},"item":[{"request":{"auth":{"type":"apikey","apikey":%s}}},{"request":{"auth":{"type":"oauth2","oauth2":%[1]s}}},{"request":{"auth":{"type":%[1]s}}}]}`,
		`{"info":{"_postman_id":1},"item":[{"request":"https://example.com","response":[%s,{"code":%[1]s,"header":%[1]s,"body":%[1]s,"name":%[1]s}]}]}`,
		`{"name":"x","requests":%s,"order":%[1]s}`, `{"name":"x","id":1,"requests":[%s],"order":[%[1]s],"folders":%[1]s,"folders_order":%[1]s,"auth":%[1]s}`,
		`{"name":"x","id":1,"requests":[{"url":%s,"headers":%[1]s,"headerData":%[1]s,"queryParams":%[1]s,"pathVariables":%[1]s,"data":%[1]s,"dataMode":"params","rawModeData":%[1]s,"responses":%[1]s,"helperAttributes":%[1]s,"currentHelper":"basicAuth"}],"folders":[{"id":%[1]s,"order":%[1]s,"folders_order":[%[1]s],"folder":%[1]s}]}`,
	}
	for _, place := range places {
		for _, value := range values {
			document := fmt.Sprintf(place, value)
			src := source(t, file("c.json", document))
			result, err := postman.Importer{}.Import(t.Context(), src)
			if err == nil {
				checkSchemas(t, document, result)
			}
		}
	}
}

func checkSchemas(t *testing.T, document string, result *format.Result) {
	t.Helper()
	if result.Definition.GetInfo().GetTitle() == "" || len(result.Definition.GetParameterSets()) == 0 {
		t.Errorf("%s: the definition is incomplete", document)
	}
	for _, op := range result.Definition.GetOperations() {
		if op.GetOperationId() == "" || op.GetMethod() == "" || !strings.HasPrefix(op.GetPath(), "/") {
			t.Errorf("%s: the operation %v is incomplete", document, op)
		}
		for _, p := range op.GetParameters() {
			if !json.Valid(p.GetSchema()) {
				t.Errorf("%s: the schema of %q is %q", document, p.GetName(), p.GetSchema())
			}
		}
		for _, m := range op.GetRequestBody().GetContents() {
			if len(m.GetSchema()) > 0 && !json.Valid(m.GetSchema()) {
				t.Errorf("%s: the schema of the body is %q", document, m.GetSchema())
			}
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		collection(request("A", `"method":"POST","url":{"raw":"{{b}}/:id?x=1","host":["{{b}}"],"path":[":id"],"query":[{"key":"x","value":"1"}]},"body":{"mode":"raw","raw":"{\"a\":{{b}}}"},"auth":{"type":"bearer","bearer":[]}`), `,"variable":[{"key":"b","value":"https://example.com"}]`),
		`{"id":"1","name":"Old","order":["r"],"folders":[{"id":"f","folders_order":["f"]}],"requests":[{"id":"r","url":"//e.com/{{x}}","headers":"A: b","dataMode":"params","data":[{"key":"a","value":"b"}],"responses":[{"text":"{}"}]}]}`,
		`{"info":{"_postman_id":"1","_exporter_id":"ferrule"},"item":[{"id":"op","request":{"url":{"host":["{{baseUrl}}"],"path":[":a","x-{{b}}"],"variable":[{"key":"a"}]}}}]}`,
		`{"name":"Env","values":[{"key":"a","value":"b"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		src, err := format.NewSource([]format.File{{Path: "c.json", Content: content}})
		if err != nil {
			return
		}
		if !(postman.Importer{}).Detect(src) {
			return
		}
		result, err := postman.Importer{}.Import(t.Context(), src)
		if err != nil {
			return
		}
		checkSchemas(t, string(content), result)
	})
}
