package runtimeproxy_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestRawBodiesThatPoliciesCannotWorkOn are refused, as calls refuse them: what goes
// to the API has passed its policies.
func TestRawBodiesThatPoliciesCannotWorkOn(t *testing.T) {
	const bom = "\xef\xbb\xbf"
	tests := []struct {
		name, path, kind, body string
		sent                   string // "-" if it is refused
		says                   string
	}{
		{"a byte order mark is taken off", "/items", "application/json", bom + `{"a":1}`, `{"a":1,"added":"v1"}`, ""},
		{"no json", "/items", "application/json", `{bad`, "-", "valid JSON"},
		{"text behind it", "/items", "application/json", `{"a":1} x`, "-", "valid JSON"},
		{"two documents", "/items", "application/json", `{"a":1}{"a":2}`, "-", "valid JSON"},
		{"a name twice", "/items", "application/json", `{"added":"evil1","added":"evil2"}`, "-", "twice"},
		{"a name twice further in", "/items", "application/json", `{"a":[{"b":1,"b":2}]}`, "-", "twice"},
		{"a name twice, in text", "/items", "text/plain", `{"added":"evil1","added":"evil2"}`, "-", "twice"},
		{"a name twice, spelled differently", "/items", "application/json", `{"added":1,"\u0061dded":2}`, "-", "twice"},
		{"no media type, and no json", "/items", "", `{bad`, "-", "valid JSON"},
		{"json that is called text", "/items", "text/plain", `{"a":1}`, `{"a":1,"added":"v1"}`, ""},
		{"text", "/items", "text/plain", `plain`, `plain`, ""},
		{"a kind of json", "/items", "application/vnd.x+json", `{"a":1}`, `{"a":1,"added":"v1"}`, ""},
		{"a media type that the operation does not take", "/items", "application/octet-stream", `{"a":1}`, "-", "application/octet-stream"},
		{"another one", "/items", "application/x-www-form-urlencoded", `a=1`, "-", "application/json"},
		{"one that it takes", "/files", "application/octet-stream", `{"a":1}`, `{"a":1}`, ""},
		{"bytes to a path that no operation describes", "/other", "application/octet-stream", "\x00\x01", "\x00\x01", ""},
		{"json as bytes to such a path", "/other", "application/octet-stream", bom + ` {"a":1}`, "-", "application/octet-stream"},
		{"an empty body", "/items", "application/json", " ", " ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, always(200, `{"ok":true}`))
			s := start(t, rec.url, func(d *connectorv1.Definition) {
				d.Operations = append(d.Operations, &connectorv1.Operation{OperationId: "Upload", Method: "POST", Path: "/files", RequestBody: &connectorv1.RequestBody{
					Contents: []*connectorv1.MediaType{{MediaType: "application/octet-stream", Kind: connectorv1.BodyKind_BODY_KIND_BINARY}},
				}})
				d.Policies = []*connectorv1.Policy{property(requestSection, "added", "v1")}
			})
			got := s.pass("POST", tt.path, tt.body, "Content-Type", tt.kind)
			if tt.sent == "-" {
				if got.status != 400 || !strings.Contains(got.body, "INPUT_INVALID") || !strings.Contains(got.body, tt.says) || len(rec.all()) > 0 {
					t.Errorf("status %d, %s; sent %v", got.status, got.body, rec.lines())
				}
				return
			}
			if all := rec.all(); got.status != 200 || len(all) != 1 || all[0].body != tt.sent {
				t.Errorf("status %d, %s; sent %v", got.status, got.body, all)
			}
		})
	}
}

// TestABodyThatBreaksOffIsItsSendersFault, not the API's.
func TestABodyThatBreaksOffIsItsSendersFault(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Definition)
	}{
		{"as it streams", nil},
		{"where policies work on it", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{property(requestSection, "added", "v1")}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, record(t, always(200, `{}`)).url, row.change)
			answer := s.raw(head("POST", "/items", "Content-Type: application/json", "Transfer-Encoding: chunked") + "2\r\n{}\r\nzz\r\nhello\r\n0\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, "INVALID_ARGUMENT") || !strings.Contains(answer, "body of the request") {
				t.Errorf("answer = %s", answer)
			}
		})
	}
}

// TestAHeaderOfAnAnswerThatIsTooLongIsCalledThat.
func TestAHeaderOfAnAnswerThatIsTooLongIsCalledThat(t *testing.T) {
	s := start(t, record(t, always(200, `{}`, "X-Long", strings.Repeat("a", 70<<10))).url, nil)
	_, err := s.call("ListItems", "")
	if f := reasonIs(t, err, fault.ReasonUpstreamInvalidResponse); !strings.Contains(f.Message(), "64 KiB") {
		t.Errorf("message = %s", f.Message())
	}
	if got := s.pass("GET", "/items", ""); got.status != 502 && got.status != 503 || !strings.Contains(got.body, "64 KiB") {
		t.Errorf("through the data plane: %d %s", got.status, got.body)
	}
}

// TestFieldsThatServersTakeForOurs do not go beside them.
func TestFieldsThatServersTakeForOurs(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Definition)
	}{
		{"as the request streams", policies(policyOf("setheader", requestSection, "name", "X-Tenant", "value", "enforced"))},
		{"where policies work on its body", policies(policyOf("setheader", requestSection, "name", "X-Tenant", "value", "enforced"), property(requestSection, "added", "v1"))},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, always(200, `{}`))
			s := start(t, rec.url, row.change)
			s.pass("POST", "/items", `{}`, "X_Tenant", "mine", "X_Api-Key", "mine", "X-Tenant", "enforced", "X_Other", "1")
			s.pass("POST", "/items", `{}`, "X_Tenant", "mine")
			for _, r := range rec.all() {
				var alike []string
				for name := range r.Header {
					if strings.Contains(name, "_") {
						alike = append(alike, name)
					}
				}
				if r.Header.Get("X-Tenant") != "enforced" || len(alike) > 1 || (len(alike) == 1 && alike[0] != "X_other") {
					t.Errorf("tenant %q, beside it %v", r.Header.Get("X-Tenant"), alike)
				}
			}
			if len(rec.all()) != 2 {
				t.Errorf("sent %v", rec.lines())
			}
		})
	}
}
