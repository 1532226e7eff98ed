package runtimeproxy_test

import (
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	perConnection = connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION
	perConnector  = connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR
)

// limitOf gives a definition a limit, and one of its operations a cost.
func limitOf(scope connectorv1.RateLimitScope, calls, seconds int32) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		d.RateLimits = []*connectorv1.RateLimit{{Scope: scope, Calls: calls, PeriodSeconds: seconds}}
		operationOf(d, "CreateItem").Cost = 3
	}
}

// TestLimitsOfCalls: what is over one is told, and the API gets nothing of it.
func TestLimitsOfCalls(t *testing.T) {
	type step struct {
		operation, input string
		other            bool
		refused          bool
	}
	list, create := step{operation: "ListItems"}, step{operation: "CreateItem", input: item}
	onTheOther := step{operation: "ListItems", other: true}
	no := func(s step) step { s.refused = true; return s }
	tests := []struct {
		name   string
		change func(*connectorv1.Definition)
		adjust func(*settings)
		steps  []step
	}{
		{"of a connection, by the connector", limitOf(perConnection, 2, 60), nil, []step{list, list, no(list), onTheOther, onTheOther, no(onTheOther)}},
		{"of a connector, for all of its connections", limitOf(perConnector, 2, 60), nil, []step{list, onTheOther, no(list), no(onTheOther)}},
		{"weighed by what calls cost", limitOf(perConnection, 4, 60), nil, []step{create, no(create), list, no(list)}},
		{"of a connection, by the operator", nil, func(c *settings) { c.RateConnection = "2/1m" }, []step{list, list, no(list), onTheOther}},
		{"of a connector, by the operator", nil, func(c *settings) { c.RateConnector = "2/1m" }, []step{list, onTheOther, no(list)}},
		{"of an environment, by the operator", nil, func(c *settings) { c.RateEnvironment = "2/1m" }, []step{list, onTheOther, no(onTheOther)}},
		{"the narrower of two", limitOf(perConnection, 5, 60), func(c *settings) { c.RateConnection = "1/1m" }, []step{list, no(list)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, always(200, `[]`))
			s := startWith(t, rec.url, tt.change, tt.adjust)
			s.lendOther()
			want := 0
			for i, st := range tt.steps {
				var change []func(*runtimev1.InvokeRequest)
				if st.other {
					change = append(change, onOther)
				}
				_, err := s.call(st.operation, st.input, change...)
				if !st.refused {
					want++
					if err != nil {
						t.Fatalf("call %d: %v", i+1, err)
					}
					continue
				}
				f := reasonIs(t, err, fault.ReasonRateLimited)
				if wait, ok := f.Retry(); !ok || wait <= 0 || wait > time.Minute {
					t.Errorf("call %d: retry after %v, %v", i+1, wait, ok)
				}
				if f.Code() != fault.CodeResourceExhausted {
					t.Errorf("code = %v", f.Code())
				}
			}
			if n := len(rec.all()); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			s.clock.Advance(time.Minute)
			must(t, second(s.call("ListItems", "")))
		})
	}
}

// TestProcessesShareABudget: however calls are spread, the API gets no more than
// the limit, weighed by cost, and no fewer.
func TestProcessesShareABudget(t *testing.T) {
	rec := record(t, always(200, `[]`))
	s := start(t, rec.url, limitOf(perConnector, 60, 60))
	other := s.another()
	spent, refused := 0, 0
	for i := range 60 {
		runtime, operation, input, cost := s.runtime, "ListItems", "", 1
		if i%2 == 1 {
			runtime = other
		}
		if i%3 == 0 {
			operation, input, cost = "CreateItem", item, 3
		}
		_, err := runtime.Invoke(s.as("ada"), ask(operation, input))
		if err == nil {
			spent += cost
			continue
		}
		refused++
		reasonIs(t, err, fault.ReasonRateLimited)
	}
	if spent > 60 || refused == 0 {
		t.Errorf("%d of 60 were spent, %d calls refused", spent, refused)
	}
	if spent < 50 { // what a process holds and does not use is lost to the other
		t.Errorf("only %d of 60 were spent", spent)
	}
}

// TestPassThroughCallsPayToo.
func TestPassThroughCallsPayToo(t *testing.T) {
	rec := record(t, always(200, `[]`))
	s := start(t, rec.url, limitOf(perConnection, 4, 60))
	must(t, s.through(s.request("POST", "/items", nil))) // costs 3
	must(t, s.through(s.request("GET", "/items", nil)))
	err := s.through(s.request("GET", "/items", nil))
	if err == nil || fault.ReasonOf(err) != fault.ReasonRateLimited {
		t.Fatalf("error = %v", err)
	}
	resp := s.do(s.request("GET", "/items", nil))
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	reasonIs(t, second(s.call("ListItems", "")), fault.ReasonRateLimited)
	if len(rec.all()) != 2 {
		t.Errorf("%d requests", len(rec.all()))
	}
}
