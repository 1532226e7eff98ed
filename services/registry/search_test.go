package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// found returns the ids of the connectors that a search finds, and how many there are.
func (r *rig) found(req *registryv1.SearchConnectorsRequest) (ids []string, resp *registryv1.SearchConnectorsResponse) {
	r.t.Helper()
	if req.GetParent() == "" {
		req.Parent = parent
	}
	resp, err := r.SearchConnectors(r.as(authn.RoleUser), req)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range resp.GetConnectors() {
		ids = append(ids, c.GetName()[strings.LastIndexByte(c.GetName(), '/')+1:])
	}
	return ids, resp
}

func TestConnectorsAreFoundAsSoonAsTheyAreThere(t *testing.T) {
	r := newRig(t, memory(t))
	if ids, _ := r.found(&registryv1.SearchConnectorsRequest{}); ids != nil {
		t.Errorf("found %q", ids)
	}
	r.importFiles("weather", file("a.yaml", swagger("Weather of Europe", 1)))
	r.importFiles("sales", file("a.yaml", swagger("Sales", 2)))
	for _, row := range []struct {
		query string
		want  []string
	}{
		{"weather", []string{"weather"}},
		{"EUR wea", []string{"weather"}},
		{"sales", []string{"sales"}},
		{"weather sales", nil},
		{"", []string{"sales", "weather"}},
	} {
		if ids, resp := r.found(&registryv1.SearchConnectorsRequest{Query: row.query}); !cmp.Equal(row.want, ids) || int(resp.GetTotalSize()) != len(row.want) {
			t.Errorf("%q finds %q of %d, want %q", row.query, ids, resp.GetTotalSize(), row.want)
		}
	}
	c, err := r.GetConnector(r.as(), &registryv1.GetConnectorRequest{Name: parent + "/connectors/sales"})
	_, resp := r.found(&registryv1.SearchConnectorsRequest{Query: "sales"})
	if diff := cmp.Diff(c, resp.GetConnectors()[0], protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v (-connector +found):\n%s", err, diff)
	}
	if _, err := r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: c.GetName()}); err != nil {
		t.Fatal(err)
	}
	if ids, _ := r.found(&registryv1.SearchConnectorsRequest{}); !cmp.Equal([]string{"weather"}, ids) {
		t.Errorf("after deleting: %q", ids)
	}
	_, err = r.SearchConnectors(r.as(), &registryv1.SearchConnectorsRequest{Parent: "environments/nowhere"})
	wantReason(t, "nowhere", err, fault.ReasonEnvironmentNotFound)
}

func TestResultsAreNarrowedDown(t *testing.T) {
	r := newRig(t, memory(t))
	r.importFiles("one", file("a.yaml", swagger("One", 1)))
	r.importFiles("two", file("a.json", `{"openapi":"3.0.3","info":{"title":"Two","version":"1"},"servers":[{"url":"https://h.example"}],"paths":{"/a":{"get":{"operationId":"A","responses":{}}}}}`))
	_, resp := r.found(&registryv1.SearchConnectorsRequest{})
	facets := map[string]string{}
	for _, f := range resp.GetFacets() {
		for _, v := range f.GetValues() {
			facets[f.GetName()] += fmt.Sprintf("%s=%d ", v.GetValue(), v.GetCount())
		}
	}
	if facets["format"] != "openapi2=1 openapi3=1 " || facets["authentication"] != "api_key=1 none=1 " {
		t.Errorf("facets %q", facets)
	}
	for _, row := range []struct {
		name string
		req  *registryv1.SearchConnectorsRequest
		want []string
	}{
		{"by format", &registryv1.SearchConnectorsRequest{Formats: []registryv1.SourceFormat{registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI3}}, []string{"two"}},
		{"by several formats", &registryv1.SearchConnectorsRequest{Formats: []registryv1.SourceFormat{registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI3, registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2}}, []string{"one", "two"}},
		{"by authentication", &registryv1.SearchConnectorsRequest{Authentication: []string{"api_key"}}, []string{"one"}},
		{"with triggers", &registryv1.SearchConnectorsRequest{WithTriggers: true}, []string{"one"}},
		{"by publisher", &registryv1.SearchConnectorsRequest{Publishers: []string{"nobody"}}, nil},
		{"by category", &registryv1.SearchConnectorsRequest{Categories: []string{"nothing"}}, nil},
	} {
		if ids, _ := r.found(row.req); !cmp.Equal(row.want, ids) {
			t.Errorf("%s: %q, want %q", row.name, ids, row.want)
		}
	}
}

func TestSearchesArePaged(t *testing.T) {
	r := newRig(t, memory(t))
	for i := range 5 {
		r.importFiles(fmt.Sprintf("c-%d", i), file("a.yaml", swagger("Same", 1)))
	}
	var all []string
	req := &registryv1.SearchConnectorsRequest{Query: "same", PageSize: 2}
	for {
		ids, resp := r.found(req)
		if first := all == nil; first != (resp.GetFacets() != nil) || resp.GetTotalSize() != 5 {
			t.Errorf("after %d: %d facets, %d in all", len(all), len(resp.GetFacets()), resp.GetTotalSize())
		}
		all = append(all, ids...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"c-0", "c-1", "c-2", "c-3", "c-4"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, resp := r.found(&registryv1.SearchConnectorsRequest{Query: "same", PageSize: 2})
	_, err := r.SearchConnectors(r.as(), &registryv1.SearchConnectorsRequest{Parent: parent, Query: "sam", PageToken: resp.GetNextPageToken()})
	wantReason(t, "a token of another query", err, fault.ReasonInvalidPageToken)
	_, err = r.SearchOperations(r.as(), &registryv1.SearchOperationsRequest{Parent: parent, Query: "same", PageToken: resp.GetNextPageToken()})
	wantReason(t, "a token of another search", err, fault.ReasonInvalidPageToken)
}

func TestOperationsOfPublishedRevisionsAreFound(t *testing.T) {
	r := newRig(t, memory(t))
	r.importFiles("api", file("a.json", `{"swagger":"2.0","info":{"title":"Shop","version":"1"},"host":"h.example","paths":{
		"/orders":{"get":{"operationId":"ListOrders","summary":"List orders","tags":["orders"],"description":"`+strings.Repeat("ä", 400)+`","responses":{}},
			"post":{"operationId":"CreateOrder","deprecated":true,"responses":{}}},
		"/items":{"get":{"operationId":"ListItems","x-ms-trigger":"batch","responses":{}}}}}`))
	search := func(req *registryv1.SearchOperationsRequest) []*registryv1.OperationHit {
		t.Helper()
		req.Parent = parent
		resp, err := r.SearchOperations(r.as(), req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetOperations()
	}
	hits := search(&registryv1.SearchOperationsRequest{Query: "list ord"})
	if len(hits) != 1 {
		t.Fatalf("found %v", hits)
	}
	if d := hits[0].GetDescription(); len(d) > 500 || len(d) < 498 || strings.Trim(d, "ä") != "" {
		t.Errorf("the description has %d bytes", len(d))
	}
	hits[0].Description = ""
	want := &registryv1.OperationHit{
		Connector: parent + "/connectors/api", ConnectorTitle: "Shop", OperationId: "ListOrders", Summary: "List orders",
		Kind: "action", Method: "GET", Path: "/orders", Tags: []string{"orders"},
	}
	if diff := cmp.Diff(want, hits[0], protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range []struct {
		name string
		req  *registryv1.SearchOperationsRequest
		want []string
	}{
		{"hidden ones on request", &registryv1.SearchOperationsRequest{Query: "order", IncludeHidden: true}, []string{"CreateOrder", "ListOrders"}},
		{"by kind", &registryv1.SearchOperationsRequest{Kinds: []string{"polling_trigger"}}, []string{"ListItems"}},
		{"by tag", &registryv1.SearchOperationsRequest{Tags: []string{"ORDERS"}}, []string{"ListOrders"}},
		{"by method", &registryv1.SearchOperationsRequest{Methods: []string{"POST"}, IncludeHidden: true}, []string{"CreateOrder"}},
		{"by connector", &registryv1.SearchOperationsRequest{Connectors: []string{"other"}}, nil},
	} {
		var ids []string
		for _, h := range search(row.req) {
			ids = append(ids, h.GetOperationId())
		}
		if !cmp.Equal(row.want, ids) {
			t.Errorf("%s: %q, want %q", row.name, ids, row.want)
		}
	}
	// A draft is not what callers get.
	r.importFiles("api", file("a.yaml", swagger("Other", 1)))
	if hits := search(&registryv1.SearchOperationsRequest{Query: "o0"}); len(hits) != 0 {
		t.Errorf("an operation of a draft: %v", hits)
	}
}

// TestChangesOfOtherProcessesAreFound has two registries on one store, as
// replicas are.
func TestChangesOfOtherProcessesAreFound(t *testing.T) {
	store := memory(t)
	one := newRig(t, store)
	one.importFiles("a", file("a.yaml", swagger("First", 1)))
	two := newRig(t, store)
	if ids, _ := two.found(&registryv1.SearchConnectorsRequest{}); !cmp.Equal([]string{"a"}, ids) {
		t.Fatalf("what was there: %q", ids)
	}
	testkit.Await(t, "the first to be ready", func() bool { return one.env.Health.Report().Ready })
	two.importFiles("b", file("a.yaml", swagger("Second", 1)))
	// What the second announces reaches the first as if they shared a bus; more
	// than once, because it may not be watching yet.
	times := 0
	testkit.Await(t, "the first to find what the second made", func() bool {
		times++
		change := bus.Change{Kind: bus.ChangeConnector, Environment: "default", ID: "b"}
		if err := one.env.Bus.Publish(t.Context(), change.Message(fmt.Sprint("b", times))); err != nil {
			t.Fatal(err)
		}
		ids, _ := one.found(&registryv1.SearchConnectorsRequest{})
		return cmp.Equal([]string{"a", "b"}, ids)
	})
}
