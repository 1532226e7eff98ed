package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestAnOperationGetsTheProofItAsksFor: a request goes out with everything that
// one of the alternatives asks for and with nothing else, or not at all. The
// connection has a key for the scheme "key" and nothing more.
func TestAnOperationGetsTheProofItAsksFor(t *testing.T) {
	need := func(ids ...string) *connectorv1.SecurityRequirement {
		r := &connectorv1.SecurityRequirement{}
		for _, id := range ids {
			r.Schemes = append(r.Schemes, &connectorv1.SchemeReference{SchemeId: id})
		}
		return r
	}
	undeclared := func(d *connectorv1.Definition) { d.GetParameterSets()[0].GetPlacements()[0].SchemeId = "" }
	byPolicy := func(value string) func(d *connectorv1.Definition) {
		return func(d *connectorv1.Definition) {
			d.GetParameterSets()[0].Placements = nil
			d.Policies = []*connectorv1.Policy{{
				TemplateId: "setheader",
				Parameters: []*connectorv1.PolicyParameter{{Name: "name", Json: []byte(`"X-Api-Key"`)}, {Name: "value", Json: []byte(`"` + value + `"`)}},
			}}
		}
	}
	tests := []struct {
		name     string
		security []*connectorv1.SecurityRequirement
		change   func(*connectorv1.Definition)
		key      bool   // the key arrives
		missing  string // the call is refused for the lack of it
	}{
		{"nothing said", nil, nil, true, ""},
		{"its scheme", []*connectorv1.SecurityRequirement{need("key")}, nil, true, ""},
		{"its scheme among others", []*connectorv1.SecurityRequirement{need("oauth"), need("key")}, nil, true, ""},
		{"no authentication", []*connectorv1.SecurityRequirement{need()}, nil, false, ""},
		{"another scheme", []*connectorv1.SecurityRequirement{need("oauth")}, nil, false, `"oauth"`},
		{"one scheme more", []*connectorv1.SecurityRequirement{need("key", "cert")}, nil, false, `"cert"`},
		{"another scheme, though it is optional", []*connectorv1.SecurityRequirement{need("oauth"), need()}, nil, false, ""},
		{"a key that no scheme declares", []*connectorv1.SecurityRequirement{need("oauth")}, undeclared, true, ""},
		{"a key that a policy sets", []*connectorv1.SecurityRequirement{need("oauth")}, byPolicy("@connectionParameters('api_key')"), true, ""},
		{"a policy that uses nothing of the connection", []*connectorv1.SecurityRequirement{need("oauth")}, byPolicy("none"), false, `"oauth"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent []string
			server := api(t, func(_ http.ResponseWriter, r *http.Request) { sent = append(sent, r.Header.Get("X-Api-Key")) })
			s := start(t, server, func(d *connectorv1.Definition) {
				d.GetOperations()[0].Security = tt.security
				if tt.change != nil {
					tt.change(d)
				}
			})
			_, err := s.invoke("ListItems", "")
			if tt.missing != "" {
				f := fault.From(err)
				if err == nil || len(sent) > 0 || f.Reason() != fault.ReasonConnectionNotReady || f.Code() != fault.CodeFailedPrecondition {
					t.Fatalf("error = %v, sent %d requests", err, len(sent))
				}
				if !strings.Contains(f.Message(), tt.missing) || !strings.Contains(f.Message(), `"default"`) {
					t.Errorf("message = %q", f.Message())
				}
				return
			}
			if err != nil || len(sent) != 1 || (sent[0] != "") != tt.key {
				t.Errorf("error = %v, %d requests, with the key: %v", err, len(sent), len(sent) > 0 && sent[0] != "")
			}
		})
	}
}
