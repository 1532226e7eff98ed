package runtimeproxy_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// pages calls InvokePages and returns what came.
func (s *suite) pages(t *testing.T, operation, input string, limits *runtimev1.PageLimits) (out []*runtimev1.InvokePagesResponse, err error) {
	t.Helper()
	stream, err := s.runtime.InvokePages(s.as("ada"), &runtimev1.InvokePagesRequest{Connection: connection, OperationId: operation, Input: []byte(input), Limits: limits})
	must(t, err)
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, page)
	}
}

// itemsOf joins the items of pages: "1 2|3".
func itemsOf(pages []*runtimev1.InvokePagesResponse) string {
	var all []string
	for _, p := range pages {
		var items []string
		for _, i := range p.GetItems() {
			items = append(items, string(i))
		}
		all = append(all, strings.Join(items, " "))
	}
	return strings.Join(all, "|")
}

func queryInput(name, schema string) *connectorv1.Parameter {
	return &connectorv1.Parameter{Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(schema)}
}

// TestListsAreFollowed, in each style, with the credential on every page.
func TestListsAreFollowed(t *testing.T) {
	tests := []struct {
		name   string
		style  *connectorv1.Pagination
		inputs []*connectorv1.Parameter
		answer func(w http.ResponseWriter, r got, host string)
		items  string
		asked  []string
	}{
		{
			name: "by a link in the body", style: &connectorv1.Pagination{NextLinkProperty: "next", ItemsPath: "items"},
			answer: func(w http.ResponseWriter, r got, host string) {
				if r.URL.Query().Get("page") == "2" {
					say(w, 200, `{"items":[3]}`)
					return
				}
				say(w, 200, `{"items":[1,2],"next":"`+host+`/api/items?page=2"}`)
			},
			items: "1 2|3", asked: []string{"GET /api/items?limit=20", "GET /api/items?page=2"},
		},
		{
			name: "by OData's link, unasked",
			answer: func(w http.ResponseWriter, r got, host string) {
				if r.URL.Query().Get("$skip") == "2" {
					say(w, 200, `{"value":[3]}`)
					return
				}
				say(w, 200, `{"value":[1,2],"@odata.nextLink":"`+host+`/api/items?$skip=2"}`)
			},
			items: "1 2|3", asked: []string{"GET /api/items?limit=20", "GET /api/items?$skip=2"},
		},
		{
			name: "by the header Link",
			answer: func(w http.ResponseWriter, r got, host string) {
				if r.URL.Query().Get("page") == "2" {
					say(w, 200, `[3]`)
					return
				}
				say(w, 200, `[1,2]`, "Link", `<`+host+`/api/items?page=2>; rel="next", <`+host+`/api/items>; rel="first"`)
			},
			items: "1 2|3", asked: []string{"GET /api/items?limit=20", "GET /api/items?page=2"},
		},
		{
			name: "by a relative link", style: &connectorv1.Pagination{NextLinkProperty: "next", ItemsPath: "items"},
			answer: func(w http.ResponseWriter, r got, _ string) {
				if r.URL.Query().Get("page") == "2" {
					say(w, 200, `{"items":[3],"next":""}`)
					return
				}
				say(w, 200, `{"items":[1,2],"next":"?page=2"}`)
			},
			items: "1 2|3", asked: []string{"GET /api/items?limit=20", "GET /api/items?page=2"},
		},
		{
			name: "by offset", style: &connectorv1.Pagination{ItemsPath: "items", Style: &connectorv1.Pagination_Offset{Offset: &connectorv1.OffsetPagination{OffsetInput: "skip", LimitInput: "limit", DefaultLimit: 2}}},
			inputs: []*connectorv1.Parameter{queryInput("skip", `{"type":"integer"}`)},
			answer: func(w http.ResponseWriter, r got, _ string) {
				switch r.URL.Query().Get("skip") {
				case "1":
					say(w, 200, `{"items":[2,3]}`)
				case "2":
					say(w, 200, `{"items":[3]}`)
				case "3":
					say(w, 200, `{"items":[]}`)
				default:
					say(w, 200, `{"items":[1,2]}`)
				}
			},
			items: "1 2|3",
		},
		{
			name: "by page number", style: &connectorv1.Pagination{ItemsPath: "items", Style: &connectorv1.Pagination_PageNumber{PageNumber: &connectorv1.PageNumberPagination{PageInput: "page", FirstPage: 1, TotalPagesPath: "pages"}}},
			inputs: []*connectorv1.Parameter{queryInput("page", `{"type":"integer"}`)},
			answer: func(w http.ResponseWriter, r got, _ string) {
				if r.URL.Query().Get("page") == "2" {
					say(w, 200, `{"items":[3],"pages":2}`)
					return
				}
				say(w, 200, `{"items":[1,2],"pages":2}`)
			},
			items: "1 2|3",
		},
		{
			name: "by cursor", style: &connectorv1.Pagination{ItemsPath: "items", Style: &connectorv1.Pagination_Cursor{Cursor: &connectorv1.CursorPagination{CursorInput: "after", CursorPath: "meta.next"}}},
			inputs: []*connectorv1.Parameter{queryInput("after", `{"type":"string"}`)},
			answer: func(w http.ResponseWriter, r got, _ string) {
				if r.URL.Query().Get("after") == "c/2" {
					say(w, 200, `{"items":[3],"meta":{"next":null}}`)
					return
				}
				say(w, 200, `{"items":[1,2],"meta":{"next":"c/2"}}`)
			},
			items: "1 2|3",
		},
		{
			name: "no list that goes on", answer: func(w http.ResponseWriter, _ got, _ string) { say(w, 200, `[1,2]`) },
			items: "1 2", asked: []string{"GET /api/items?limit=20"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, r got, _ int) { tt.answer(w, r, "http://"+r.Host) })
			s := start(t, rec.url, func(d *connectorv1.Definition) {
				op := operationOf(d, "ListItems")
				op.Pagination, op.Parameters = tt.style, append(op.Parameters, tt.inputs...)
			})
			pages, err := s.pages(t, "ListItems", "", nil)
			must(t, err)
			if got := itemsOf(pages); got != tt.items {
				t.Errorf("items = %q, want %q", got, tt.items)
			}
			if tt.asked != nil {
				if diff := cmp.Diff(tt.asked, rec.lines()); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			}
			for _, r := range rec.all() {
				if r.Header.Get("X-Api-Key") != canary {
					t.Errorf("%s came without the credential", r.RequestURI)
				}
			}
			all, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{} })
			must(t, err)
			want := "[" + strings.NewReplacer(" ", ",", "|", ",").Replace(tt.items) + "]"
			if string(all.GetBody().GetData()) != want || all.GetListEnd() != runtimev1.ListEnd_LIST_END_COMPLETE || len(all.GetNextInput()) > 0 {
				t.Errorf("all pages: %s, end %v, goes on with %s; want %s", all.GetBody().GetData(), all.GetListEnd(), all.GetNextInput(), want)
			}
			if strings.Contains(tt.items, "|") {
				goesOn(t, s, want)
			}
		})
	}
}

// goesOn cuts a list after its first page, which has two items, and in it: the answer
// says so, and the rest comes with what it says.
func goesOn(t *testing.T, s *suite, whole string) {
	t.Helper()
	for _, cut := range []struct {
		limits *runtimev1.PageLimits
		end    runtimev1.ListEnd
	}{
		{&runtimev1.PageLimits{MaxPages: 1}, runtimev1.ListEnd_LIST_END_MAX_PAGES},
		{&runtimev1.PageLimits{MaxItems: 2}, runtimev1.ListEnd_LIST_END_MAX_ITEMS},
		{&runtimev1.PageLimits{MaxItems: 1}, runtimev1.ListEnd_LIST_END_MAX_ITEMS},
	} {
		all := func(input []byte, link string, limits *runtimev1.PageLimits) *runtimev1.InvokeResponse {
			answer, err := s.call("ListItems", string(input), func(r *runtimev1.InvokeRequest) { r.Link, r.AllPages = link, limits })
			must(t, err)
			return answer
		}
		first := all(nil, "", cut.limits)
		if first.GetListEnd() != cut.end {
			t.Errorf("%v: the list ends with %v", cut.limits, first.GetListEnd())
		}
		if first.GetNextLink() == "" && len(first.GetNextInput()) == 0 {
			if cut.limits.GetMaxItems() != 1 { // inside of a page, which most styles cannot ask for
				t.Errorf("%v: nothing says how to go on", cut.limits)
			}
			continue
		}
		rest := all(first.GetNextInput(), first.GetNextLink(), &runtimev1.PageLimits{})
		together := strings.TrimSuffix(string(first.GetBody().GetData()), "]") + "," + strings.TrimPrefix(string(rest.GetBody().GetData()), "[")
		if together != whole || rest.GetListEnd() != runtimev1.ListEnd_LIST_END_COMPLETE {
			t.Errorf("%v: together %s, end %v", cut.limits, together, rest.GetListEnd())
		}
	}
}

// TestListsEndWhereTheCallerSays, and can be gone on with.
func TestListsEndWhereTheCallerSays(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		page := 1
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		if page == 4 {
			say(w, 500, `{"message":"out of order"}`)
			return
		}
		say(w, 200, fmt.Sprintf(`[%d]`, page), "Link", fmt.Sprintf(`<http://%s/api/items?page=%d>; rel="next"`, r.Host, page+1))
	})
	s := start(t, rec.url, nil)
	pages, err := s.pages(t, "ListItems", "", &runtimev1.PageLimits{MaxPages: 2})
	must(t, err)
	if itemsOf(pages) != "1|2" || pages[1].GetNextLink() == "" {
		t.Fatalf("pages = %v", pages)
	}
	next, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.Input, r.Link = nil, pages[1].GetNextLink() })
	must(t, err)
	if string(next.GetBody().GetData()) != "[3]" {
		t.Errorf("the third page: %s", next.GetBody().GetData())
	}
	t.Run("a page that fails ends the list", func(t *testing.T) {
		pages, err := s.pages(t, "ListItems", "", nil)
		must(t, err)
		if last := pages[len(pages)-1]; len(pages) != 4 || last.GetStatusCode() != 500 || last.GetError() == nil {
			t.Errorf("%d pages, the last: %v", len(pages), last)
		}
	})
}

// TestPoliciesSayWhereTheNextPageIs, in a member of any name and anywhere.
func TestPoliciesSayWhereTheNextPageIs(t *testing.T) {
	for _, row := range []struct{ name, member, parent, body string }{
		{"an unusual name", "odd", "", `{"value":[1],"next":"/api/items?page=9","odd":"LINK"}`},
		{"inside of another", "nextLink", "@body().d", `{"value":[1],"d":{"nextLink":"LINK"}}`},
		{"with dots", "@odata.nextLink", "@body().d", `{"value":[1],"d":{"@odata.nextLink":"LINK"}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, r got, _ int) {
				if r.URL.Query().Get("page") != "" {
					say(w, 200, `{"value":["`+r.URL.Query().Get("page")+`"]}`)
					return
				}
				say(w, 200, strings.ReplaceAll(row.body, "LINK", "http://"+r.Host+"/api/items?page=2"))
			})
			s := startWith(t, rec.url, func(d *connectorv1.Definition) {
				d.Policies = []*connectorv1.Policy{only(policyOf("updatenextlink", answerSection, "nextLinkPropertyName", row.member, "nextLinkParentPropertyPath", row.parent), "ListItems")}
			}, func(c *settings) { c.PublicURL = "https://ferrule.example.com" })
			answer, err := s.call("ListItems", "")
			must(t, err)
			if want := "https://ferrule.example.com/v1/" + connection + "/proxy/items?page=2"; answer.GetNextLink() != want {
				t.Errorf("next link %q", answer.GetNextLink())
			}
			pages, err := s.pages(t, "ListItems", "", nil)
			must(t, err)
			if got := itemsOf(pages); got != `1|"2"` {
				t.Errorf("items %s", got)
			}
		})
	}
}

// TestLinksLeadBackToUs: what an answer holds can be followed by another call and
// through the data plane, by those of the connection only, and holds no secret.
func TestLinksLeadBackToUs(t *testing.T) {
	elsewhere := record(t, always(200, `["elsewhere"]`))
	var next string
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if r.URL.Query().Get("page") == "2" {
			say(w, 200, `{"value":["second"]}`)
			return
		}
		say(w, 200, `{"value":[],"@odata.nextLink":"`+strings.ReplaceAll(next, "HOST", "http://"+r.Host)+`"}`)
	})
	policy := func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{only(policyOf("updatenextlink", answerSection, "nextLinkPropertyName", "@odata.nextLink"), "ListItems")}
		d.Operations = append(d.Operations, &connectorv1.Operation{OperationId: "ListPlain", Method: "GET", Path: "/plain"})
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{key("api_key", inQuery, "key", "")}
	}
	s := startWith(t, rec.url, policy, func(c *settings) { c.PublicURL = "https://ferrule.example.com/x" })
	s.lendOther()
	s.vault.change(func(c *vaultv1.Credential) {
		c.AllowedHosts = append(c.AllowedHosts, elsewhere.url)
		c.LinkKey = []byte(strings.Repeat("k", 32))
	})
	for _, tt := range []struct {
		name, link string
		begins     string // of the link; empty: there is none
		body       string // of what it leads to
	}{
		{"at its own path", "HOST/api/items?page=2&key=" + strings.ReplaceAll(canary, " ", "%20"), "https://ferrule.example.com/x/v1/" + connection + "/proxy/items?page=2", `{"value":["second"]}`},
		{"at the path of another operation", "HOST/api/plain?page=2&key=" + strings.ReplaceAll(canary, " ", "%20"), "https://ferrule.example.com/x/v1/" + connection + "/proxy/~/", `{"value":["second"]}`},
		{"on another host of the connection", elsewhere.url + "/list?x=1", "https://ferrule.example.com/x/v1/" + connection + "/proxy/~/", `["elsewhere"]`},
		{"on a host that is not the connection's", "http://attacker.example/list", "", ""},
		{"no url of the web", "javascript:alert(1)", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next = tt.link
			first, err := s.call("ListItems", "", noCache)
			must(t, err)
			if tt.begins == "" {
				if first.GetNextLink() != "" {
					t.Errorf("link = %q", first.GetNextLink())
				}
				return
			}
			if !strings.HasPrefix(first.GetNextLink(), tt.begins) || leaks(first.GetNextLink()) || leaks(string(first.GetBody().GetData())) {
				t.Fatalf("link = %q, body %s", first.GetNextLink(), first.GetBody().GetData())
			}
			if !strings.Contains(string(first.GetBody().GetData()), `"@odata.nextLink":"`+first.GetNextLink()+`"`) {
				t.Errorf("the body holds another link: %s", first.GetBody().GetData())
			}
			follow := func(r *runtimev1.InvokeRequest) { r.Input, r.Link = nil, first.GetNextLink() }
			answer, err := s.call("ListItems", "", follow)
			must(t, err)
			if string(answer.GetBody().GetData()) != tt.body {
				t.Errorf("it leads to %s", answer.GetBody().GetData())
			}
			reasonIs(t, second(s.call("ListItems", "", follow, onOther)), fault.ReasonLinkInvalid)
			reasonIs(t, second(s.call("ListItems", "", follow, func(r *runtimev1.InvokeRequest) {
				r.Link = strings.Replace(r.GetLink(), "/proxy/~/", "/proxy/~/A", 1) + strings.Repeat("#x", 1)
			})), fault.ReasonLinkInvalid)
			path := strings.TrimPrefix(first.GetNextLink(), "https://ferrule.example.com/x/v1/"+connection+"/proxy")
			resp := s.do(s.request("GET", path, nil))
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != 200 || string(body) != tt.body {
				t.Errorf("through the data plane: status %d, %s", resp.StatusCode, body)
			}
		})
	}
	for _, r := range append(rec.all(), elsewhere.all()...) {
		if r.URL.Query().Get("key") != canary || len(r.URL.Query()["key"]) != 1 {
			t.Errorf("%s: keys %q", r.RequestURI, r.URL.Query()["key"])
		}
	}
	for _, link := range []string{"http://attacker.example/x", "https://ferrule.example.com/x/v1/" + otherConnection + "/proxy/items", "file:///etc/passwd", "/v1/" + connection + "/proxy/../admin", "nonsense"} {
		err := second(s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.Input, r.Link = nil, link }))
		if err == nil {
			t.Errorf("%q was followed", link)
		}
	}
}
