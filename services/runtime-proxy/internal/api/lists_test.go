package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dynamic"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// catalog is a connector with these operations.
type catalog struct {
	source

	def *connectorv1.Definition
}

func (c catalog) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	return c.def, nil
}

// calls binds for real, and answers from a script: "Operation input" or "Operation
// link" → "status body".
type calls struct {
	pipeline  *pipeline.Pipeline
	answers   map[string]string
	constants string // what the last call was told that the definition prescribes
	asked     []string
	deadline  time.Duration
}

func (c *calls) Bound(ctx context.Context, call *pipeline.Call) (*pipeline.Binding, error) {
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return nil, fault.Unauthenticated(fault.ReasonUnauthenticated, "no")
	}
	return c.pipeline.Bind(ctx, binding.Ask{Connection: call.Connection, Principal: principal, Revision: call.Revision})
}

func (c *calls) Invoke(ctx context.Context, call *pipeline.Call) error {
	what := call.OperationID + " " + string(call.Input)
	if call.Follow != "" {
		what = call.OperationID + " " + call.Follow
	}
	call.URL = "https://api.example/v2/items"
	c.asked, c.constants = append(c.asked, what), string(call.Constants)
	if end, ok := ctx.Deadline(); ok {
		c.deadline = time.Until(end).Round(time.Second)
	}
	answer, ok := c.answers[what]
	if !ok {
		return fault.NotFound(fault.ReasonOperationNotFound, "nobody expected %q", what)
	}
	call.Response = &upstream.Response{Header: http.Header{"Content-Type": {"text/json"}, "Etag": {"x"}, "X-Rate": {"9"}}}
	var body string
	_, _ = fmt.Sscanf(answer, "%d", &call.Response.Status)
	_, body, _ = strings.Cut(answer, " ")
	call.Response.Body = []byte(body)
	if call.Response.Status >= 400 {
		call.Problem = &upstream.Problem{Reason: "UPSTREAM_ERROR", Message: "no", RetryAfter: time.Second}
	}
	var err error
	call.Binding, err = c.Bound(ctx, call)
	return err
}

func (c *calls) Linked(ctx context.Context, b *pipeline.Binding, operation, link string) (pipeline.Linked, error) {
	maker, err := c.LinksOf(ctx, b, operation)
	if err != nil {
		return pipeline.Linked{}, err
	}
	url, err := maker.Open(link)
	return pipeline.Linked{URL: url, OperationID: operation, Method: http.MethodGet}, err
}

func (c *calls) LinksOf(_ context.Context, b *pipeline.Binding, _ string) (*links.Maker, error) {
	return &links.Maker{
		PublicURL: "https://ferrule.example", Connection: b.Connection,
		Base: request.Base{Scheme: "https", Host: "api.example", Path: "/v2"},
	}, nil
}

func scripted(t *testing.T, def string, answers map[string]string) *calls {
	t.Helper()
	c := catalog{source{server: "https://api.example/v2"}, &connectorv1.Definition{}}
	if err := protojson.Unmarshal([]byte(def), c.def); err != nil {
		t.Fatal(err)
	}
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{}})
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := usage.New(metricnoop.Meter{})
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(guard, tracenoop.NewTracerProvider().Tracer(""), upstream.Options{})
	t.Cleanup(client.Close)
	p, err := pipeline.New(pipeline.Deps{
		Clock: clock.System(), Source: c, Client: client, Usage: recorder,
		Cache: binding.Config{Connections: 10, RevisionBytes: 1 << 20, MaxAge: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &calls{pipeline: p, answers: answers}
}

// pages collects what is streamed.
type pages struct {
	grpc.ServerStream

	ctx  context.Context
	sent []*runtimev1.InvokePagesResponse
	fail error
}

func (p *pages) Context() context.Context { return p.ctx }

func (p *pages) Send(m *runtimev1.InvokePagesResponse) error {
	p.sent = append(p.sent, m)
	return p.fail
}

const (
	listing = `{"operations":[{"operationId":"List","method":"GET","path":"/items"},
		{"operationId":"Paged","method":"GET","path":"/paged","pagination":{"itemsPath":"rows","offset":{"offsetInput":"skip","limitInput":"top","defaultLimit":2}}}]}`
	second = "https://api.example/v2/items?page=2"
	ours   = "https://ferrule.example/v1/environments/default/connections/crm/proxy/items?page=2"
)

func TestPagesAreStreamed(t *testing.T) {
	twoPages := map[string]string{"List {}": `200 {"value":[{"a":1.10},2],"nextLink":"` + second + `"}`, "List " + second: `200 {"value":[3]}`}
	items := func(all ...string) (out [][]byte) {
		for _, one := range all {
			out = append(out, []byte(one))
		}
		return out
	}
	for _, row := range []struct {
		name    string
		req     *runtimev1.InvokePagesRequest
		answers map[string]string
		want    []*runtimev1.InvokePagesResponse
	}{
		{"all of them", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}")}, twoPages, []*runtimev1.InvokePagesResponse{
			{StatusCode: 200, Items: items(`{"a":1.10}`, "2"), NextLink: ours}, {StatusCode: 200, Items: items("3"), ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE},
		}},
		{"from the second on", &runtimev1.InvokePagesRequest{OperationId: "List", Link: ours}, twoPages, []*runtimev1.InvokePagesResponse{{StatusCode: 200, Items: items("3"), ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE}}},
		{"one page", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}"), Limits: &runtimev1.PageLimits{MaxPages: 1}}, twoPages, []*runtimev1.InvokePagesResponse{
			{StatusCode: 200, Items: items(`{"a":1.10}`, "2"), NextLink: ours, ListEnd: runtimev1.ListEnd_LIST_END_MAX_PAGES},
		}},
		{"one item", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}"), Limits: &runtimev1.PageLimits{MaxItems: 1}}, twoPages, []*runtimev1.InvokePagesResponse{
			{StatusCode: 200, Items: items(`{"a":1.10}`), ListEnd: runtimev1.ListEnd_LIST_END_MAX_ITEMS},
		}},
		{"a link that a policy made ours", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}")}, map[string]string{
			"List {}": `200 {"value":[1],"nextLink":"` + ours + `"}`, "List " + ours: `200 {"value":[3]}`,
		}, []*runtimev1.InvokePagesResponse{{StatusCode: 200, Items: items("1"), NextLink: ours}, {StatusCode: 200, Items: items("3"), ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE}}},
		{"a link elsewhere is tried and not handed out", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}")}, map[string]string{
			"List {}": `200 {"value":[1],"nextLink":"https://other.example/2"}`, "List https://other.example/2": `200 {"value":[3]}`,
		}, []*runtimev1.InvokePagesResponse{{StatusCode: 200, Items: items("1")}, {StatusCode: 200, Items: items("3"), ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE}}},
		{"a failure ends the list", &runtimev1.InvokePagesRequest{OperationId: "List", Input: []byte("{}")}, map[string]string{
			"List {}": `200 {"value":[1],"nextLink":"` + second + `"}`, "List " + second: `429 {"value":[3]}`,
		}, []*runtimev1.InvokePagesResponse{{StatusCode: 200, Items: items("1"), NextLink: ours}, {
			StatusCode: 429, Error: &runtimev1.UpstreamError{Reason: "UPSTREAM_ERROR", Message: "no", RetryAfter: durationpb.New(time.Second)},
			ListEnd: runtimev1.ListEnd_LIST_END_FAILED,
		}}},
		{"pages by offset", &runtimev1.InvokePagesRequest{OperationId: "Paged"}, map[string]string{
			`Paged {"top":2}`: `200 {"rows":[1,2]}`, `Paged {"top":2,"skip":2}`: `200 {"rows":[3]}`,
		}, []*runtimev1.InvokePagesResponse{{StatusCode: 200, Items: items("1", "2"), NextInput: []byte(`{"skip":2}`)}, {StatusCode: 200, Items: items("3"), ListEnd: runtimev1.ListEnd_LIST_END_COMPLETE}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.req.Connection = name
			stream := &pages{ctx: as(t, "ada")}
			if err := NewPages(scripted(t, listing, row.answers)).InvokePages(row.req, stream); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, stream.sent, protocmp.Transform()); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPagesThatCannotBeRead(t *testing.T) {
	for _, row := range []struct {
		name, who string
		req       *runtimev1.InvokePagesRequest
		fail      error
		reason    fault.Reason
	}{
		{"nobody asks", "", &runtimev1.InvokePagesRequest{Connection: name, OperationId: "List"}, nil, fault.ReasonUnauthenticated},
		{"a name that is none", "ada", &runtimev1.InvokePagesRequest{Connection: "crm", OperationId: "List"}, nil, fault.ReasonInvalidName},
		{"an operation that is none", "ada", &runtimev1.InvokePagesRequest{Connection: name, OperationId: "Gone"}, nil, fault.ReasonOperationNotFound},
		{"somebody else's link", "ada", &runtimev1.InvokePagesRequest{Connection: name, OperationId: "List", Link: "https://evil.example/"}, nil, fault.ReasonLinkInvalid},
		{"a caller who went away", "ada", &runtimev1.InvokePagesRequest{Connection: name, OperationId: "List"}, fault.From(context.Canceled), fault.ReasonCanceled},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := scripted(t, listing, map[string]string{"List ": `200 {"value":[1],"nextLink":"` + second + `"}`})
			err := NewPages(c).InvokePages(row.req, &pages{ctx: as(t, row.who), fail: row.fail})
			if fault.ReasonOf(err) != row.reason || len(c.asked) > 1 {
				t.Errorf("error = %v after %q", err, c.asked)
			}
		})
	}
}

func TestAListHasItsTimeAsAWhole(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: time.Minute, 5 * time.Second: 5 * time.Second, time.Hour: 5 * time.Minute} {
		c := scripted(t, listing, map[string]string{"List ": `200 []`})
		req := &runtimev1.InvokePagesRequest{Connection: name, OperationId: "List", Timeout: durationpb.New(given)}
		if err := NewPages(c).InvokePages(req, &pages{ctx: as(t, "ada")}); err != nil || c.deadline != want {
			t.Errorf("%v became %v, %v", given, c.deadline, err)
		}
	}
}

func TestAllPagesAreOneArray(t *testing.T) {
	for _, row := range []struct {
		name         string
		answers      map[string]string
		limits       *runtimev1.PageLimits
		status       int32
		body, media  string
		next, reason string
	}{
		{"everything", map[string]string{"List {}": `200 {"value":[1.10],"nextLink":"` + second + `"}`, "List " + second: `200 {"value":[2]}`}, nil, 200, `[1.10,2]`, "application/json", "", ""},
		{"up to the limits", map[string]string{"List {}": `200 {"value":[1],"nextLink":"` + second + `"}`}, &runtimev1.PageLimits{MaxPages: 1}, 200, `[1]`, "application/json", ours, ""},
		{"nothing", map[string]string{"List {}": `204 `}, nil, 204, `[]`, "application/json", "", ""},
		{"a failure is an answer by itself", map[string]string{"List {}": `200 {"value":[1],"nextLink":"` + second + `"}`, "List " + second: `500 {"oops":1}`}, nil, 500, `{"oops":1}`, "text/json", "", "UPSTREAM_ERROR"},
	} {
		t.Run(row.name, func(t *testing.T) {
			connection, _ := resource.ParseConnection(name)
			call := &pipeline.Call{Connection: connection, OperationID: "List", Input: []byte("{}")}
			got, err := NewPages(scripted(t, listing, row.answers)).All(as(t, "ada"), call, "", row.limits)
			if err != nil {
				t.Fatal(err)
			}
			headers := []*runtimev1.Header{{Name: "Content-Type", Value: row.media}, {Name: "X-Rate", Value: "9"}}
			if row.reason != "" {
				headers = []*runtimev1.Header{headers[0], {Name: "Etag", Value: "x"}, headers[1]}
			}
			if diff := cmp.Diff(headers, got.GetHeaders(), protocmp.Transform()); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if got.GetStatusCode() != row.status || string(got.GetBody().GetData()) != row.body || got.GetBody().GetContentType() != row.media ||
				got.GetNextLink() != row.next || got.GetError().GetReason() != row.reason || got.GetRevision() != "a1" {
				t.Errorf("answer %v", got)
			}
		})
	}
}

const adding = `{"operations":[{"operationId":"Boards","method":"GET","path":"/boards"},{"operationId":"Shape","method":"GET","path":"/shape"},
	{"operationId":"Add","method":"POST","path":"/cards","dynamics":[
		{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/board","values":{"call":{"operationId":"Boards","arguments":[{"pointer":"/team","input":"/team","required":true}]},"valuePath":"id","titlePath":"name"}},
		{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body","schema":{"call":{"operationId":"Shape"},"path":"in"}},
		{"side":"DYNAMIC_SIDE_OUTPUT","pointer":"","schema":{"call":{"operationId":"Shape"},"path":"out"}}]}]}`

func resolving(t *testing.T, answers map[string]string) (*Dynamic, *calls) {
	t.Helper()
	resolver, err := dynamic.New(clock.System())
	if err != nil {
		t.Fatal(err)
	}
	c := scripted(t, adding, answers)
	return NewDynamic(c, resolver), c
}

func TestChoicesAreTranslated(t *testing.T) {
	d, c := resolving(t, map[string]string{
		`Boards {"team":7}`: `200 {"value":[{"id":1,"name":"One"}],"nextLink":"` + second + `"}`, "Boards " + second: "200 [{\"id\":\"2\",\"name\":\"T\xffo\"}]",
	})
	req := &runtimev1.ResolveDynamicValuesRequest{Connection: name, OperationId: "Add", Pointer: "/body/board", Input: []byte(`{"team":7}`)}
	want := &runtimev1.ResolveDynamicValuesResponse{Values: []*runtimev1.DynamicValue{
		{Value: []byte("1"), Title: "One", Selectable: new(true)}, {Value: []byte(`"2"`), Title: "T\uFFFDo", Selectable: new(true)},
	}}
	for _, step := range []struct {
		name, who string
		fresh     bool
		asked     int
	}{{"the first time", "ada", false, 2}, {"from memory", "ada", false, 2}, {"somebody else", "bob", false, 4}, {"fresh", "ada", true, 6}} {
		req.NoCache = step.fresh
		got, err := d.ResolveDynamicValues(as(t, step.who), req)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || len(c.asked) != step.asked {
			t.Errorf("%s: asked %q; choices (-want +got):\n%s", step.name, c.asked, diff)
		}
	}
}

func TestCallsForChoicesKnowTheConstantsOfTheDefinition(t *testing.T) {
	const definition = `{"operations":[{"operationId":"Boards","method":"GET","path":"/boards"},{"operationId":"Add","method":"POST","path":"/cards","dynamics":[
		{"side":"DYNAMIC_SIDE_INPUT","pointer":"/board","values":{"call":{"operationId":"Boards","arguments":[
			{"pointer":"/version","json":"IjIwMTYi"},{"pointer":"/team","input":"/team"}]}}}]}]}`
	resolver, err := dynamic.New(clock.System())
	if err != nil {
		t.Fatal(err)
	}
	c := scripted(t, definition, map[string]string{`Boards {"version":"2016","team":7}`: `200 [1]`})
	_, err = NewDynamic(c, resolver).ResolveDynamicValues(as(t, "ada"), &runtimev1.ResolveDynamicValuesRequest{
		Connection: name, OperationId: "Add", Pointer: "/board", Input: []byte(`{"team":7}`),
	})
	if err != nil || c.constants != `{"version":"2016"}` {
		t.Errorf("constants %s, %v", c.constants, err)
	}
}

func TestSchemasAreOfASide(t *testing.T) {
	for _, row := range []struct {
		side    runtimev1.DynamicSide
		pointer string
		want    string
	}{
		{runtimev1.DynamicSide_DYNAMIC_SIDE_UNSPECIFIED, "/body", `{"a":1}`},
		{runtimev1.DynamicSide_DYNAMIC_SIDE_INPUT, "/body", `{"a":1}`},
		{runtimev1.DynamicSide_DYNAMIC_SIDE_OUTPUT, "", `{"b":2}`},
	} {
		d, _ := resolving(t, map[string]string{`Shape {}`: `200 {"in":{"a":1},"out":{"b":2}}`})
		got, err := d.ResolveDynamicSchema(as(t, "ada"), &runtimev1.ResolveDynamicSchemaRequest{Connection: name, OperationId: "Add", Side: row.side, Pointer: row.pointer})
		if err != nil || string(got.GetSchema()) != row.want {
			t.Errorf("%v: %v, %v", row.side, got, err)
		}
	}
}

func TestWhatCannotBeResolved(t *testing.T) {
	for _, row := range []struct {
		name, who, connection, operation, pointer string
		reason                                    fault.Reason
	}{
		{"nobody asks", "", name, "Add", "/body/board", fault.ReasonUnauthenticated},
		{"a name that is none", "ada", "crm", "Add", "/body/board", fault.ReasonInvalidName},
		{"an operation that is none", "ada", name, "Gone", "/body/board", fault.ReasonOperationNotFound},
		{"nothing dynamic", "ada", name, "Add", "/body/other", fault.ReasonInvalidArgument},
		{"an input that is missing", "ada", name, "Add", "/body/board", fault.ReasonInputInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, _ := resolving(t, nil)
			_, err := d.ResolveDynamicValues(as(t, row.who), &runtimev1.ResolveDynamicValuesRequest{Connection: row.connection, OperationId: row.operation, Pointer: row.pointer})
			if fault.ReasonOf(err) != row.reason {
				t.Errorf("error = %v", err)
			}
		})
	}
}
