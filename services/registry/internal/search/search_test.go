package search_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/search"
)

// catalogue are the connectors of most tests.
var catalogue = []search.Entry{
	{
		Connector: "billing", Revision: "b1", Title: "Contoso Billing", Description: "Invoices and payments, also for café owners.",
		Publisher: "Contoso", Format: "openapi3", Categories: []string{"Finance"}, Keywords: []string{"ledger"}, Authentication: []string{"oauth2"},
		Operations: []search.Operation{
			{Position: 0, ID: "createInvoice", Title: "Create an invoice", Kind: "action", Method: "POST", Path: "/invoices", Tags: []string{"Invoices"}},
			{Position: 1, ID: "listInvoices", Title: "List invoices", Description: "Newest first.", Kind: "action", Method: "GET", Path: "/invoices", Tags: []string{"Invoices"}},
			{Position: 2, ID: "voidInvoice", Title: "Void an invoice", Kind: "action", Method: "DELETE", Path: "/invoices/{id}", Tags: []string{"Invoices"}, Hidden: true},
		},
	},
	{
		Connector: "crm", Revision: "c1", Title: "Fabrikam CRM", Description: "Customers and the invoices that they owe.", Triggers: true,
		Publisher: "Fabrikam", Format: "connector-package", Categories: []string{"Sales", "finance"}, Authentication: []string{"api_key", "oauth2"},
		Operations: []search.Operation{
			{Position: 0, ID: "GetHTTPLog", Title: "Get the log", Kind: "action", Method: "GET", Path: "/log", Tags: []string{"Audit"}},
			{Position: 1, ID: "OnNewCustomer", Title: "When a customer is added", Kind: "webhook_trigger", Method: "POST", Path: "/hooks", Tags: []string{"Customers"}},
			{Position: 2, ID: "get_customer", Title: "Get a customer", Description: "With invoices.", Kind: "action", Method: "GET", Path: "/customers/{customer_id}", Tags: []string{"Customers"}},
		},
	},
	{Connector: "invoice", Title: "Invoice", Format: "postman", Authentication: []string{"none"}},
}

// load returns an index of the environment "default" with some entries.
func load(t *testing.T, entries ...search.Entry) *search.Index {
	t.Helper()
	x := search.New()
	err := x.Load(t.Context(), "default", func(_ context.Context, put func(search.Entry)) error {
		for _, e := range entries {
			e.Environment = "default"
			put(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func connectors(t *testing.T, x *search.Index, q search.ConnectorQuery) (search.Page[search.ConnectorHit], string) {
	t.Helper()
	q.Environment = "default"
	q.Size = max(q.Size, 50)
	p, err := x.Connectors(q)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, hit := range p.Hits {
		ids = append(ids, hit.Connector)
	}
	return p, strings.Join(ids, " ")
}

func operations(t *testing.T, x *search.Index, q search.OperationQuery) (search.Page[search.OperationHit], string) {
	t.Helper()
	q.Environment = "default"
	if q.Size == 0 {
		q.Size = 50
	}
	p, err := x.Operations(q)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, hit := range p.Hits {
		ids = append(ids, hit.ID)
	}
	return p, strings.Join(ids, " ")
}

func TestConnectorsAreFoundByWordsAndFacets(t *testing.T) {
	x := load(t, catalogue...)
	for _, row := range []struct {
		name string
		q    search.ConnectorQuery
		want string
	}{
		{"nothing asked finds everything, by name", search.ConnectorQuery{}, "billing crm invoice"},
		{"punctuation asks for nothing", search.ConnectorQuery{Words: " ... "}, "billing crm invoice"},
		{"a title before descriptions", search.ConnectorQuery{Words: "invoice"}, "invoice billing crm"},
		{"the beginning of a word", search.ConnectorQuery{Words: "inv"}, "invoice billing crm"},
		{"the middle of a word is not enough", search.ConnectorQuery{Words: "voice"}, ""},
		{"all words must occur", search.ConnectorQuery{Words: "invoices customers"}, "crm"},
		{"in any place", search.ConnectorQuery{Words: "contoso ledger owners"}, "billing"},
		{"case does not matter", search.ConnectorQuery{Words: "FABRIKAM"}, "crm"},
		{"diacritics do not matter", search.ConnectorQuery{Words: "cafe"}, "billing"},
		{"also in the query", search.ConnectorQuery{Words: "Ínvoice"}, "invoice billing crm"},
		{"a word twice is a word once", search.ConnectorQuery{Words: "crm CRM"}, "crm"},
		{"a format", search.ConnectorQuery{Formats: []string{"postman"}}, "invoice"},
		{"one of several formats", search.ConnectorQuery{Formats: []string{"postman", "openapi3"}}, "billing invoice"},
		{"a category, whatever its case", search.ConnectorQuery{Categories: []string{"FINANCE"}}, "billing crm"},
		{"a publisher", search.ConnectorQuery{Publishers: []string{"contoso"}}, "billing"},
		{"an authentication", search.ConnectorQuery{Authentication: []string{"api_key"}}, "crm"},
		{"what has both of two values is found once", search.ConnectorQuery{Authentication: []string{"api_key", "oauth2"}}, "billing crm"},
		{"triggers", search.ConnectorQuery{Triggers: true}, "crm"},
		{"conditions that exclude each other", search.ConnectorQuery{Triggers: true, Formats: []string{"postman"}}, ""},
		{"words and facets", search.ConnectorQuery{Words: "invoice", Categories: []string{"sales"}}, "crm"},
		{"a value that nothing has", search.ConnectorQuery{Publishers: []string{"nobody"}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, got := connectors(t, x, row.q)
			if got != row.want || p.Total != len(p.Hits) {
				t.Errorf("found %q, %d in all; want %q", got, p.Total, row.want)
			}
		})
	}
}

func TestOperationsAreFoundByWordsAndFacets(t *testing.T) {
	x := load(t, catalogue...)
	for _, row := range []struct {
		name string
		q    search.OperationQuery
		want string
	}{
		{"nothing asked finds all that is shown, by connector and id", search.OperationQuery{}, "createInvoice listInvoices GetHTTPLog OnNewCustomer get_customer"},
		{"hidden ones on request", search.OperationQuery{Words: "invoice", Hidden: true}, "createInvoice voidInvoice listInvoices get_customer"},
		{"a whole word before a beginning, a title before a description", search.OperationQuery{Words: "invoice"}, "createInvoice listInvoices get_customer"},
		{"an id as it is written", search.OperationQuery{Words: "createInvoice"}, "createInvoice"},
		{"parts of an id", search.OperationQuery{Words: "http"}, "GetHTTPLog"},
		{"a title that is exactly what was asked for comes first", search.OperationQuery{Words: "get a customer"}, "get_customer"},
		{"a path", search.OperationQuery{Words: "/customers/{customer_id}"}, "get_customer"},
		{"the title of the connector", search.OperationQuery{Words: "fabrikam customer"}, "OnNewCustomer get_customer"},
		{"a connector", search.OperationQuery{Connectors: []string{"billing"}}, "createInvoice listInvoices"},
		{"connectors, some of them unknown or named twice", search.OperationQuery{Connectors: []string{"crm", "crm", "none"}, Words: "get"}, "GetHTTPLog get_customer"},
		{"a kind", search.OperationQuery{Kinds: []string{"webhook_trigger", "polling_trigger"}}, "OnNewCustomer"},
		{"a tag", search.OperationQuery{Tags: []string{"customers"}}, "OnNewCustomer get_customer"},
		{"a method, in lower case", search.OperationQuery{Methods: []string{"get"}}, "listInvoices GetHTTPLog get_customer"},
		{"all conditions together", search.OperationQuery{Words: "c", Connectors: []string{"crm"}, Kinds: []string{"action"}, Tags: []string{"Customers"}, Methods: []string{"GET"}}, "get_customer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, got := operations(t, x, row.q)
			if got != row.want || p.Total != len(p.Hits) {
				t.Errorf("found %q, %d in all; want %q", got, p.Total, row.want)
			}
		})
	}
}

func TestHitsSayWhereTheOperationIsStored(t *testing.T) {
	p, _ := operations(t, load(t, catalogue...), search.OperationQuery{Words: "get_customer"})
	want := []search.OperationHit{{Connector: "crm", Title: "Fabrikam CRM", Revision: "c1", Position: 2, ID: "get_customer"}}
	if diff := cmp.Diff(want, p.Hits); diff != "" {
		t.Errorf("hits (-want +got):\n%s", diff)
	}
}

func TestFacetsCountResults(t *testing.T) {
	x := load(t, catalogue...)
	facet := func(name string, values ...search.FacetValue) search.Facet {
		return search.Facet{Name: name, Values: values}
	}
	one := func(value string, count int) search.FacetValue { return search.FacetValue{Value: value, Count: count} }
	all, _ := connectors(t, x, search.ConnectorQuery{})
	want := []search.Facet{
		facet("format", one("connector-package", 1), one("openapi3", 1), one("postman", 1)),
		facet("category", one("Finance", 2), one("Sales", 1)),
		facet("publisher", one("Contoso", 1), one("Fabrikam", 1)),
		facet("authentication", one("oauth2", 2), one("api_key", 1), one("none", 1)),
		facet("triggers", one("false", 2), one("true", 1)),
	}
	if diff := cmp.Diff(want, all.Facets); diff != "" {
		t.Errorf("facets of all connectors (-want +got):\n%s", diff)
	}
	some, _ := operations(t, x, search.OperationQuery{Words: "customer"})
	want = []search.Facet{
		facet("connector", one("crm", 2)),
		facet("kind", one("action", 1), one("webhook_trigger", 1)),
		facet("tag", one("Customers", 2)),
		facet("method", one("GET", 1), one("POST", 1)),
	}
	if diff := cmp.Diff(want, some.Facets); diff != "" {
		t.Errorf("facets of some operations (-want +got):\n%s", diff)
	}
	shown, _ := operations(t, x, search.OperationQuery{})
	hidden, _ := operations(t, x, search.OperationQuery{Hidden: true})
	if diff := cmp.Diff(facet("connector", one("crm", 3), one("billing", 2)), shown.Facets[0]); diff != "" {
		t.Errorf("connectors of all that is shown (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(facet("connector", one("billing", 3), one("crm", 3)), hidden.Facets[0]); diff != "" {
		t.Errorf("connectors of everything (-want +got):\n%s", diff)
	}
}

func TestFacetsTellTheMostFrequentValues(t *testing.T) {
	var list []search.Entry
	for i := range 30 {
		for n := range i + 1 {
			list = append(list, search.Entry{Connector: fmt.Sprintf("c%d-%d", i, n), Publisher: fmt.Sprintf("P%02d", i), Title: "x"})
		}
	}
	x := load(t, list...)
	for _, words := range []string{"", "x"} {
		p, _ := connectors(t, x, search.ConnectorQuery{Words: words})
		got := p.Facets[0].Values
		if len(got) != search.MaxFacetValues || got[0] != (search.FacetValue{Value: "P29", Count: 30}) || got[19] != (search.FacetValue{Value: "P10", Count: 11}) {
			t.Errorf("publishers for %q: %v", words, got)
		}
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	x := load(t, catalogue...)
	for _, words := range []string{"", "c", "invoice"} {
		_, want := operations(t, x, search.OperationQuery{Words: words, Hidden: true})
		var got []string
		after := ""
		for {
			p, id := operations(t, x, search.OperationQuery{Words: words, Hidden: true, Size: 1, After: after})
			if (len(p.Facets) > 0) != (after == "") {
				t.Errorf("%d facets after %q", len(p.Facets), after)
			}
			got = append(got, id)
			if after = p.Next; after == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("pages of one for %q: %v, want %s", words, got, want)
		}
	}
}

func TestPagesSkipNothingThatStays(t *testing.T) {
	for _, words := range []string{"", "shared"} {
		x := load(t)
		put := func(ids ...string) {
			for _, id := range ids {
				x.Put(search.Entry{Environment: "default", Connector: id, Title: "Shared"})
			}
		}
		put("b", "d", "f", "h", "j")
		first, _ := connectorsPage(t, x, words, "", 2) // b d
		x.Delete("default", "d")                       // where the next page begins
		put("a", "c", "e")
		second, got := connectorsPage(t, x, words, first, 2)
		if got != "e f" {
			t.Errorf("for %q, the second page has %q", words, got)
		}
		x.Delete("default", "f")
		x.Delete("default", "h")
		x.Delete("default", "j")
		if next, got := connectorsPage(t, x, words, second, 2); got != "" || next != "" {
			t.Errorf("for %q, the third page has %q, then %q", words, got, next)
		}
	}
}

func connectorsPage(t *testing.T, x *search.Index, words, after string, size int) (next, got string) {
	t.Helper()
	p, err := x.Connectors(search.ConnectorQuery{Environment: "default", Words: words, After: after, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, hit := range p.Hits {
		ids = append(ids, hit.Connector)
	}
	return p.Next, strings.Join(ids, " ")
}

func TestOperationsWithVeryLongIDsHavePages(t *testing.T) {
	e := search.Entry{Connector: "long"}
	for i := range 5 {
		e.Operations = append(e.Operations, search.Operation{Position: i, ID: strings.Repeat("é", 5000) + string(rune('a'+i))})
	}
	x := load(t, e)
	seen := map[int]bool{}
	for after := ""; ; {
		p, _ := operations(t, x, search.OperationQuery{Size: 1, After: after})
		if len(p.Hits) != 1 || seen[p.Hits[0].Position] || len(p.Next) > 600 {
			t.Fatalf("a page with %d results, then a token of %d bytes", len(p.Hits), len(p.Next))
		}
		seen[p.Hits[0].Position] = true
		if after = p.Next; after == "" {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 operations", len(seen))
	}
}

func TestTokensThatAreNoneOfOurs(t *testing.T) {
	x := load(t, catalogue...)
	for _, after := range []string{"x", "1", "1/a", "-1/a/b", "99999/a/b", "/a/b", "1/a/" + strings.Repeat("x", 1000)} {
		_, err := x.Operations(search.OperationQuery{Environment: "default", After: after})
		if fault.ReasonOf(err) != fault.ReasonInvalidPageToken {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func TestSizesAreBounded(t *testing.T) {
	e := search.Entry{Connector: "c"}
	for i := range 1500 {
		e.Operations = append(e.Operations, search.Operation{Position: i, ID: fmt.Sprintf("op%04d", i)})
	}
	x := load(t, e)
	for size, want := range map[int]int{-1: 1, 0: 1, 1: 1, 1000: 1000, 5000: 1000} {
		p, err := x.Operations(search.OperationQuery{Environment: "default", Size: size})
		if err != nil || len(p.Hits) != want || p.Total != 1500 {
			t.Errorf("size %d: %d of %d results, %v", size, len(p.Hits), p.Total, err)
		}
	}
}

func TestWhatIsReplacedOrDeletedIsFoundNoMore(t *testing.T) {
	x := load(t, catalogue...)
	e := catalogue[0]
	e.Environment, e.Revision, e.Title = "default", "b2", "Books"
	e.Operations = []search.Operation{{ID: "payInvoice", Title: "Pay"}}
	x.Put(e)
	if _, got := operations(t, x, search.OperationQuery{Words: "invoice", Hidden: true}); got != "payInvoice get_customer" {
		t.Errorf("operations after replacing: %s", got)
	}
	if _, got := connectors(t, x, search.ConnectorQuery{Words: "billing"}); got != "billing" {
		t.Errorf("by id after replacing: %s", got)
	}
	if _, got := operations(t, x, search.OperationQuery{Words: "contoso"}); got != "" {
		t.Errorf("by its former title: %s", got)
	}
	x.Delete("default", "billing")
	x.Delete("default", "billing")
	x.Delete("default", "never")
	if p, got := connectors(t, x, search.ConnectorQuery{}); got != "crm invoice" || p.Total != 2 {
		t.Errorf("connectors after deleting: %s", got)
	}
	if p, _ := operations(t, x, search.OperationQuery{Hidden: true}); p.Total != 3 || len(p.Facets[0].Values) != 1 {
		t.Errorf("operations after deleting: %+v", p)
	}
	e = catalogue[1]
	e.Environment, e.Operations = "default", nil // not published any more
	x.Put(e)
	if p, _ := operations(t, x, search.OperationQuery{Hidden: true}); p.Total != 0 || len(p.Facets) != 0 {
		t.Errorf("operations of nothing: %+v", p)
	}
}

func TestEnvironmentsAreSeparate(t *testing.T) {
	x := load(t, catalogue...)
	x.Put(search.Entry{Environment: "other", Connector: "early"}) // not loaded: filling it will read this
	err := x.Load(t.Context(), "other", func(_ context.Context, put func(search.Entry)) error {
		put(search.Entry{Environment: "other", Connector: "only"})
		put(search.Entry{Environment: "default", Connector: "stray"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for environment, want := range map[string]int{"default": 3, "other": 1} {
		p, err := x.Connectors(search.ConnectorQuery{Environment: environment, Size: 50})
		if err != nil || p.Total != want {
			t.Errorf("%s: %d connectors, %v; want %d", environment, p.Total, err, want)
		}
	}
	if _, err := x.Connectors(search.ConnectorQuery{Environment: "unknown"}); !errors.Is(err, search.ErrNotLoaded) {
		t.Errorf("an environment that nobody loaded: %v", err)
	}
	x.Drop("other")
	if p, _ := x.Connectors(search.ConnectorQuery{Environment: "other"}); p.Total != 0 {
		t.Errorf("%d connectors of a dropped environment", p.Total)
	}
}

func TestNewsWhileFillingWins(t *testing.T) {
	x := search.New()
	err := x.Load(t.Context(), "default", func(_ context.Context, put func(search.Entry)) error {
		put(search.Entry{Environment: "default", Connector: "a", Title: "old"})
		x.Put(search.Entry{Environment: "default", Connector: "a", Title: "new"})
		x.Put(search.Entry{Environment: "default", Connector: "b", Title: "new"})
		x.Delete("default", "c")
		for _, id := range []string{"a", "b", "c", "d"} {
			put(search.Entry{Environment: "default", Connector: id, Title: "old"})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{"new": "a b", "old": "d", "": "a b d"} {
		if _, got := connectors(t, x, search.ConnectorQuery{Words: words}); got != want {
			t.Errorf("%q finds %q, want %q", words, got, want)
		}
	}
}

func TestFillingIsDoneOnce(t *testing.T) {
	x := search.New()
	broken := errors.New("the disk is gone")
	fill := func(err error) error {
		return x.Load(t.Context(), "default", func(_ context.Context, put func(search.Entry)) error {
			put(search.Entry{Environment: "default", Connector: "half"})
			return err
		})
	}
	if err := fill(broken); !errors.Is(err, broken) {
		t.Errorf("the error of filling: %v", err)
	}
	if p, _ := x.Connectors(search.ConnectorQuery{Environment: "default"}); p.Total != 0 {
		t.Error("what was filled in part is found")
	}
	if err := fill(nil); err != nil {
		t.Errorf("filling again: %v", err)
	}
	if err := fill(broken); err != nil {
		t.Errorf("filling what is filled: %v", err)
	}
}

func TestOthersWaitForFilling(t *testing.T) {
	x := search.New()
	begun, finish := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- x.Load(t.Context(), "default", func(context.Context, func(search.Entry)) error {
			close(begun)
			<-finish
			return nil
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(context.Context, func(search.Entry)) error { return errors.New("filled twice") }
	if err := x.Load(ctx, "default", never); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting without patience: %v", err)
	}
	second := make(chan error, 1)
	go func() { second <- x.Load(t.Context(), "default", never) }()
	close(finish)
	for _, done := range []chan error{first, second} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
