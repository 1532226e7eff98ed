package plan_test

import (
	"net/url"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestBrackets: what is written is what PHP, Rack and qs read back as it was.
func TestBrackets(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"a list of texts", `["a","b c"]`, "p[]=a&p[]=b c"},
		{"a list of one", `[1]`, "p[]=1"},
		{"an empty list", `[]`, ""},
		{"an object", `{"a":1,"b":{"c":true}}`, "p[a]=1&p[b][c]=true"},
		{"a list in an object", `{"tags":["a","b"],"n":1}`, "p[tags][]=a&p[tags][]=b&p[n]=1"},
		{"a list of objects", `[{"n":1,"v":2},{"n":3}]`, "p[0][n]=1&p[0][v]=2&p[1][n]=3"},
		{"a list of objects in a list of objects", `{"l":[{"m":[{"x":1},{"x":[2,3]}]}]}`, "p[l][0][m][0][x]=1&p[l][0][m][1][x][]=2&p[l][0][m][1][x][]=3"},
		{"a list of lists", `[["a","b"],["c"]]`, "p[0][]=a&p[0][]=b&p[1][]=c"},
		{"a list of both", `["a",{"b":1}]`, "p[0]=a&p[1][b]=1"},
		{"names that need escapes", `{"a b":{"c&d":"e=f"}}`, "p[a b][c&d]=e=f"},
	}
	def := func(name string, form bool) *connectorv1.Definition {
		if !form {
			return operation("/", &parameter{Name: name, Location: inQuery, Style: deep, Explode: true})
		}
		d := operation("/")
		d.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
			MediaType: "application/x-www-form-urlencoded", Kind: connectorv1.BodyKind_BODY_KIND_FORM,
			Encodings: []*connectorv1.PropertyEncoding{{Property: name, Style: deep, Explode: true}},
		}}}
		return d
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := build(t, def("p", false), `{"p":`+tt.value+`}`)
			if err != nil || plainPairs(t, req.Query) != tt.want {
				t.Errorf("query %q, %v, want %q", req.Query, err, tt.want)
			}
			req, err = build(t, def("p", true), `{"body":{"p":`+tt.value+`}}`)
			if err != nil || plainPairs(t, string(req.Body)) != tt.want {
				t.Errorf("form %q, %v, want %q", req.Body, err, tt.want)
			}
		})
	}
	t.Run("a name that has its brackets already", func(t *testing.T) {
		req, err := build(t, def("p[]", false), `{"p[]":["a","b"]}`)
		if err != nil || plainPairs(t, req.Query) != "p[]=a&p[]=b" {
			t.Errorf("query %q, %v", req.Query, err)
		}
	})
}

// plainPairs decodes names and values and leaves the order.
func plainPairs(t *testing.T, encoded string) string {
	t.Helper()
	if encoded == "" {
		return ""
	}
	var out []string
	for pair := range strings.SplitSeq(encoded, "&") {
		plain, err := url.QueryUnescape(pair)
		if err != nil || strings.ContainsAny(pair, "[] ") {
			t.Errorf("pair %q: %v", pair, err)
		}
		out = append(out, plain)
	}
	return strings.Join(out, "&")
}

// TestBracketsThatMultiply: a long name is repeated for every value below it.
func TestBracketsThatMultiply(t *testing.T) {
	long := strings.Repeat("n", 100_000)
	value := `{"` + long + `":[` + strings.Repeat("1,", 10_000) + `1]}`
	_, err := build(t, operation("/", &parameter{Name: "p", Location: inQuery, Style: deep, Explode: true}), `{"p":`+value+`}`)
	if f := fault.From(err); err == nil || f.Reason() != fault.ReasonInputInvalid || f.Violations()[0].Field != "p" {
		t.Errorf("error = %v", err)
	}
	deepest := strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)
	if _, err := build(t, operation("/", &parameter{Name: "p", Location: inQuery, Style: deep, Explode: true}), `{"p":`+deepest+`}`); err == nil {
		t.Error("thousands of levels are written")
	}
}
