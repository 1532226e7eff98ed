package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func following(link string) func(*runtimev1.InvokeRequest) {
	return func(r *runtimev1.InvokeRequest) { r.Input, r.Link = nil, link }
}

// sealing lets the connection have a key for links.
func (s *suite) sealing() {
	s.vault.change(func(c *vaultv1.Credential) { c.LinkKey = []byte(strings.Repeat("k", 32)) })
}

// restricted has an operation with a policy of its own, one that only C# can handle,
// and one that removes.
func restricted(d *connectorv1.Definition) {
	d.Operations = append(d.Operations,
		&connectorv1.Operation{OperationId: "Guarded", Method: "GET", Path: "/guarded"},
		&connectorv1.Operation{OperationId: "Coded", Method: "GET", Path: "/coded", RequiresScript: true},
		&connectorv1.Operation{OperationId: "RemoveItem", Method: "DELETE", Path: "/items/{id}", Parameters: operationOf(d, "GetItem").GetParameters()},
		&connectorv1.Operation{OperationId: "Purge", Method: "POST", Path: "/purge"},
	)
	d.Policies = append(d.Policies, only(policyOf("setheader", requestSection, "name", "X-Tenant", "value", "enforced"), "Guarded"))
}

// TestALinkIsNoWayAroundAnOperation: what a caller writes as a link is called as the
// operation that has its path, or not at all.
func TestALinkIsNoWayAroundAnOperation(t *testing.T) {
	tests := []struct {
		name, operation, link string // HOST is the API
		reason                fault.Reason
		sent, tenant          string
	}{
		{"a path with a policy of its own has it", "ListItems", "HOST/api/guarded", "", "GET /api/guarded", "enforced"},
		{"also as a link of ours", "ListItems", "/v1/" + connection + "/proxy/guarded?a=1", "", "GET /api/guarded?a=1", "enforced"},
		{"in other letters", "ListItems", "HOST/api/GUARDED", "", "GET /api/GUARDED", "enforced"},
		{"a path that only custom code may call", "ListItems", "HOST/api/coded", fault.ReasonCustomCodeRequired, "", ""},
		{"a path of no operation", "ListItems", "HOST/api/items/next/abc", fault.ReasonLinkInvalid, "", ""},
		{"a path of another method", "ListItems", "HOST/api/purge", fault.ReasonLinkInvalid, "", ""},
		{"a path that can be read in two ways", "ListItems", "HOST/api/items/x;y/z", fault.ReasonLinkInvalid, "", ""},
		{"a path with an empty segment", "ListItems", "HOST/api//guarded", fault.ReasonLinkInvalid, "", ""},
		{"a link is asked for, whatever the operation's method", "RemoveItem", "HOST/api/items/7", "", "GET /api/items/7", ""},
		{"the next page of the operation itself", "ListItems", "HOST/api/items?page=2", "", "GET /api/items?page=2", ""},
		{"a page of an operation that is no GET", "Purge", "HOST/api/purge?page=2", "", "GET /api/purge?page=2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, always(200, `[]`))
			s := start(t, rec.url, restricted)
			s.sealing()
			link := strings.ReplaceAll(tt.link, "HOST", rec.url)
			_, err := s.call(tt.operation, "", following(link))
			pages, listed := s.runtime.Invoke(s.as("ada"), ask(tt.operation, "", following(link), func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{} }))
			if tt.reason != "" {
				reasonIs(t, err, tt.reason)
				reasonIs(t, listed, tt.reason)
				if len(rec.all()) > 0 {
					t.Errorf("sent %v", rec.lines())
				}
				return
			}
			must(t, err)
			must(t, listed)
			if len(rec.all()) != 2 || pages.GetStatusCode() != 200 {
				t.Fatalf("sent %v", rec.lines())
			}
			for _, r := range rec.all() {
				if got := r.Method + " " + r.RequestURI; got != tt.sent || r.Header.Get("X-Tenant") != tt.tenant {
					t.Errorf("sent %s with tenant %q, want %s with %q", got, r.Header.Get("X-Tenant"), tt.sent, tt.tenant)
				}
			}
		})
	}
}

// TestPagesAtPathsOfNoOperation: what an answer held can be followed as the operation
// that was answered, by a call and through the data plane, and as no other.
func TestPagesAtPathsOfNoOperation(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if strings.HasPrefix(r.URL.Path, "/api/next/") {
			say(w, 200, `{"value":["second"]}`)
			return
		}
		say(w, 200, `{"value":["first"],"@odata.nextLink":"http://`+r.Host+`/api/next/abc?x=1"}`)
	})
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		restricted(d)
		d.Policies = append(d.Policies, only(policyOf("setheader", requestSection, "name", "X-List", "value", "yes"), "ListItems"))
	})
	s.sealing()
	first, err := s.call("ListItems", "")
	must(t, err)
	link := first.GetNextLink()
	if !strings.HasPrefix(link, "/v1/"+connection+"/proxy/~/") {
		t.Fatalf("link = %q", link)
	}
	next, err := s.call("ListItems", "", following(link))
	must(t, err)
	if string(next.GetBody().GetData()) != `{"value":["second"]}` {
		t.Errorf("it leads to %s", next.GetBody().GetData())
	}
	if got := s.pass("GET", strings.TrimPrefix(link, proxyPath), ""); got.status != 200 || got.body != `{"value":["second"]}` {
		t.Errorf("through the data plane: %d %s", got.status, got.body)
	}
	for _, r := range rec.all() {
		if r.Header.Get("X-List") != "yes" {
			t.Errorf("%s came without the policy of its operation", r.RequestURI)
		}
	}
	sent := len(rec.all())
	f := reasonIs(t, second(s.call("Guarded", "", following(link))), fault.ReasonLinkInvalid)
	if !strings.Contains(f.Message(), `"ListItems"`) {
		t.Errorf("the message does not say whose link it is: %s", f.Message())
	}
	if got := s.pass("DELETE", strings.TrimPrefix(link, proxyPath), ""); got.status != 400 || !strings.Contains(got.body, "LINK_INVALID") {
		t.Errorf("with another method: %d %s", got.status, got.body)
	}
	if len(rec.all()) != sent {
		t.Errorf("sent %v", rec.lines()[sent:])
	}
	all, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{} })
	must(t, err)
	if string(all.GetBody().GetData()) != `["first","second"]` {
		t.Errorf("all pages: %s", all.GetBody().GetData())
	}
}

// TestRawAnswersLeadOnThroughUs: a client of the API that only knows another address
// follows its pages with the connection's credential.
func TestRawAnswersLeadOnThroughUs(t *testing.T) {
	paged := func(d *connectorv1.Definition) {
		operationOf(d, "ListItems").Pagination = &connectorv1.Pagination{NextLinkProperty: "paging.next"}
	}
	tests := []struct {
		name           string
		change         func(*connectorv1.Definition)
		body, link     string // of the answer; HOST is the API
		want, wantLink string
		next           string
	}{
		{
			"the pages of a Link header", nil, `[1]`, `<HOST/api/items?page=2>; rel="next", <HOST/api/items>; rel=first; title="a, b", <HOST/api/items?page=9>; rel="last"`,
			`[1]`, `<P/items?page=2>; rel="next", <P/items>; rel=first; title="a, b", <P/items?page=9>; rel="last"`, "P/items?page=2",
		},
		{"relative ones", nil, `[1]`, `</api/items?page=2>; rel="prev next", <?page=1>; rel=previous`, `[1]`, `<P/items?page=2>; rel="prev next", <P/items?page=1>; rel=previous`, "P/items?page=2"},
		{"not those of other hosts", nil, `[1]`, `<https://elsewhere.example/x>; rel="next"`, `[1]`, `<https://elsewhere.example/x>; rel="next"`, ""},
		{"nor what would lead to us", nil, `[1]`, `<http://127.0.0.1:1/v1/environments>; rel="next", </style>; rel=preload`, `[1]`, `</style>; rel=preload`, ""},
		{"a body stays where nobody named the property", nil, `{"paging":{"next":"HOST/api/items?page=2"}}`, "", `{"paging":{"next":"HOST/api/items?page=2"}}`, "", ""},
		{"a property that the description of the pages names", paged, `{"n":1.50, "paging":{"next":"HOST/api/items?page=2"}}`, "", `{"n":1.50, "paging":{"next":"P/items?page=2"}}`, "", "P/items?page=2"},
		{"a relative one", paged, `{"paging":{"next":"/api/items?page=2"}}`, "", `{"paging":{"next":"P/items?page=2"}}`, "", "P/items?page=2"},
		{"a path of no operation", paged, `{"paging":{"next":"HOST/api/pages/abc"}}`, "", `{"paging":{"next":"P/~/`, "", "P/~/"},
		{"never another host", paged, `{"paging":{"next":"https://elsewhere.example/x"}}`, "", `{"paging":{"next":"https://elsewhere.example/x"}}`, "", ""},
		{"one that is relative to the request", paged, `{"paging":{"next":"items?page=2"}}`, "", `{"paging":{"next":"P/items?page=2"}}`, "", "P/items?page=2"},
		{"the last page", paged, `{"paging":{"next":""}}`, "", `{"paging":{"next":""}}`, "", ""},
		{"a property that a policy names", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{only(policyOf("updatenextlink", answerSection, "nextLinkPropertyName", "next"), "ListItems")}
		}, `{"next":"HOST/api/items?page=2"}`, "", `{"next":"P/items?page=2"}`, "", "P/items?page=2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host := ""
			here := func(text string) string {
				return strings.NewReplacer("HOST", host, "P/", "https://ferrule.example"+proxyPath+"/").Replace(text)
			}
			rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
				if tt.link != "" {
					w.Header().Set("Link", here(tt.link))
				}
				w.Header().Set("Ferrule-Next-Link", "https://evil.example/")
				say(w, 200, here(tt.body))
			})
			host = rec.url
			change := func(d *connectorv1.Definition) {
				if tt.change != nil {
					tt.change(d)
				}
			}
			s := startWith(t, rec.url, change, func(c *settings) { c.PublicURL = "https://ferrule.example" })
			s.sealing()
			got := s.pass("GET", "/items", "")
			if !strings.HasPrefix(got.body, here(tt.want)) || (len(got.body) != len(here(tt.want)) && !strings.Contains(tt.want, "~")) {
				t.Errorf("body = %s, want %s", got.body, here(tt.want))
			}
			if link := got.header.Get("Link"); link != here(tt.wantLink) {
				t.Errorf("link = %s, want %s", link, here(tt.wantLink))
			}
			next := got.header.Get("Ferrule-Next-Link")
			if !strings.HasPrefix(next, here(tt.next)) || (next != "") != (tt.next != "") || len(got.header.Values("Ferrule-Next-Link")) > 1 {
				t.Errorf("next link = %q, want %q", next, here(tt.next))
			}
			if next == "" {
				return
			}
			if again := s.pass("GET", strings.TrimPrefix(next, "https://ferrule.example"+proxyPath), ""); again.status != 200 {
				t.Errorf("it leads to %d %s", again.status, again.body)
			}
			if all := rec.all(); all[len(all)-1].Header.Get("X-Api-Key") != canary {
				t.Error("it was followed without the credential")
			}
			_, err := s.call("ListItems", "", following(next))
			must(t, err)
		})
	}
}
