package infer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

func TestARequestThatWasSent(t *testing.T) {
	out := inferred(t, infer.Sample{
		Method: "put", URL: "https://API.example.com/users/7?dry=true",
		Headers: []string{"Content-Type: application/vnd.acme+json", "X-Trace: 5", "broken", "bad name: x", "Authorization: Basic " + secret},
		Body:    []byte(`{"name": "ann"}`),
	})
	want := []string{
		"PUT https://api.example.com/users/{userId}", `path userId {"type":"integer"} 7`, `query dry {"type":"boolean"} true`, `header X-Trace {"type":"integer"} 5`,
		`body application/vnd.acme+json {"type":"object","properties":{"name":{"type":"string"}},"required":["name"]} {"name":"ann"}`, "http basic",
	}
	if diff := cmp.Diff(want, outline(out)); diff != "" {
		t.Errorf("inferred (-want +got):\n%s", diff)
	}
	leaks(t, out)
}

func TestABodyWithoutAType(t *testing.T) {
	for body, want := range map[string]string{
		"":             "",
		`{"a":1}`:      "application/json",
		"hello":        "text/plain",
		"\xff\xfe\x00": "application/octet-stream",
	} {
		out := inferred(t, infer.Sample{URL: "https://api.example.com", Body: []byte(body)})
		got := ""
		for _, m := range out.Operation.GetRequestBody().GetContents() {
			got += m.GetMediaType()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

func TestAMultipartBody(t *testing.T) {
	body := "--b\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n3\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n" +
		"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"
	out := inferred(t, infer.Sample{Method: "POST", URL: "https://api.example.com", Headers: []string{`Content-Type: multipart/form-data; boundary="b"`}, Body: []byte(body)})
	m := out.Operation.GetRequestBody().GetContents()[0]
	if want := `{"type":"object","properties":{"size":{"type":"integer"},"file":{"type":"string","format":"binary"}}}`; string(m.GetSchema()) != want {
		t.Errorf("the schema is %s", m.GetSchema())
	}
	if e := m.GetEncodings(); len(e) != 1 || !e[0].GetFile() || e[0].GetContentType() != "image/png" {
		t.Errorf("encodings %v", e)
	}
	lost := inferred(t, infer.Sample{URL: "https://api.example.com", Headers: []string{"Content-Type: multipart/form-data"}, Body: []byte(body)})
	if got := string(lost.Operation.GetRequestBody().GetContents()[0].GetSchema()); got != `{"type":"object","properties":{}}` {
		t.Errorf("without a boundary the schema is %s", got)
	}
}

func TestAnAnswer(t *testing.T) {
	out := inferred(t, infer.Sample{URL: "https://api.example.com/items", Response: &infer.Response{
		Status:  201,
		Headers: []string{"Content-Type: application/json", "Location: /items/1", "Date: now", "X-RateLimit-Remaining: 5", "X-Auth-Token: " + secret, "Set-Cookie: a=" + secret},
		Body:    []byte(`{"id":1,"access_token":"` + secret + `","expires_in":3600}`),
	}})
	r := out.Operation.GetResponses()[0]
	var headers []string
	for _, h := range r.GetHeaders() {
		headers = append(headers, h.GetName()+" "+string(h.GetSchema()))
	}
	if diff := cmp.Diff([]string{`Location {"type":"string"}`, `X-RateLimit-Remaining {"type":"integer"}`}, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	m := r.GetContents()[0]
	if want := `{"type":"object","properties":{"id":{"type":"integer"},"access_token":{"type":"string"},"expires_in":{"type":"integer"}},"required":["id","access_token","expires_in"]}`; r.GetStatus() != "201" || string(m.GetSchema()) != want {
		t.Errorf("status %s, schema %s", r.GetStatus(), m.GetSchema())
	}
	if joined(m.GetExamples()) != `{"id":1,"expires_in":3600}` {
		t.Errorf("examples %s", m.GetExamples())
	}
	leaks(t, out)
}

func TestAnswersOfOtherKinds(t *testing.T) {
	for _, row := range []struct {
		name     string
		response *infer.Response
		want     string
	}{
		{"no answer", nil, "default"},
		{"an empty answer", &infer.Response{Status: 204}, "204"},
		{"a status that is not given", &infer.Response{}, "200"},
		{"a list", &infer.Response{Body: []byte(`[{"a":1},{"a":2,"b":"x"}]`)}, `200 application/json {"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}}`},
		{"text", &infer.Response{Body: []byte("ok")}, `200 text/plain {"type":"string"}`},
		{"a picture", &infer.Response{Headers: []string{"content-type: image/png"}, Body: []byte("\x89PNG")}, `200 image/png`},
		{"a page", &infer.Response{Status: 500, Headers: []string{"Content-Type: text/html"}, Body: []byte("<p>")}, `500 text/html {"type":"string"}`},
		{"a type that is none", &infer.Response{Headers: []string{"Content-Type: /"}, Body: []byte(`{}`)}, `200 application/json {"type":"object"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := inferred(t, infer.Sample{URL: "https://api.example.com", Response: row.response}).Operation.GetResponses()[0]
			got := r.GetStatus()
			for _, m := range r.GetContents() {
				got = strings.TrimSpace(fmt.Sprintf("%s %s %s", got, m.GetMediaType(), m.GetSchema()))
			}
			if got != row.want {
				t.Errorf("the answer is %s, want %s", got, row.want)
			}
		})
	}
}

func TestIdsSafetyAndSecurity(t *testing.T) {
	for _, row := range []struct{ method, url, id string }{
		{"GET", "https://a.example.com/users/7/posts", "GetUsersByUserIdPosts"},
		{"POST", "https://a.example.com/api/v1/user-groups", "PostApiV1UserGroups"},
		{"DELETE", "https://a.example.com/", "Delete"},
	} {
		if got := inferred(t, infer.Sample{Method: row.method, URL: row.url}).Operation.GetOperationId(); got != row.id {
			t.Errorf("%s %s is %q, want %q", row.method, row.url, got, row.id)
		}
	}
	out := inferred(t, infer.Sample{URL: "https://a.example.com/me", Headers: []string{"X-Api-Key: a", "Authorization: Bearer b"}, OperationID: "Mine"})
	if op := out.Operation; op.GetOperationId() != "Mine" || !op.GetSafety().GetSafe() || op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_ACTION {
		t.Errorf("operation %v", op)
	}
	if s := out.Operation.GetSecurity(); len(s) != 1 || len(s[0].GetSchemes()) != 2 {
		t.Errorf("security %v", s)
	}
	for method, idempotent := range map[string]bool{"GET": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false} {
		if got := inferred(t, infer.Sample{Method: method, URL: "https://a.example.com"}).Operation.GetSafety().GetIdempotent(); got != idempotent {
			t.Errorf("%s is idempotent: %v", method, got)
		}
	}
}

func TestManyPartsAreBounded(t *testing.T) {
	segments, query := strings.Repeat("/1", 1000), strings.Repeat("&a=1", 10)
	for i := range 1000 {
		query += fmt.Sprintf("&p%d=1", i)
	}
	out := inferred(t, infer.Sample{URL: "https://a.example.com" + segments + "?" + query})
	if n := len(out.Operation.GetParameters()); n != 512 {
		t.Errorf("%d parameters", n)
	}
}

func FuzzCurl(f *testing.F) {
	for _, seed := range []string{
		`curl https://api.example.com/items/7?a=1 -H 'X-Api-Key: a' -d '{"a":1}'`,
		"curl ^\"https://a/b^\" ^\n -X POST", `curl -F a=@b;type=c -u a:b --url d`, `curl $'\u00e9\x' "$A/${B}"`,
		"curl a \\\n b", `curl -G x -d @y --data-urlencode z@`, `curl '{{base}}/:id'`, `curl https://{a}{b}/{c}{d}/{e`, "curl -", `curl -b 'a=b; c' x`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, command string) {
		out, err := infer.Operation(t.Context(), infer.Sample{Curl: command})
		if err != nil {
			if fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if err := definition.Validate(whole(out)); err != nil {
			t.Errorf("%q: %v", command, err)
		}
	})
}
