package core_test

import (
	"net/http"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// idIs gives the id of a registration a schema.
func idIs(schema string) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		for _, o := range d.GetOperations() {
			if o.GetOperationId() == inventorytest.Unhook {
				o.Parameters[0].Schema = []byte(schema)
			}
		}
	}
}

func TestHowTheRegistrationIsRemovedDependsOnTheAnswer(t *testing.T) {
	named := func(op string) func(*connectorv1.Definition) {
		return func(d *connectorv1.Definition) {
			for _, o := range d.GetOperations() {
				if o.GetOperationId() == inventorytest.Webhook {
					o.GetTrigger().GetWebhook().UnsubscribeOperationId = op
				}
			}
		}
	}
	for _, tc := range []struct {
		name     string
		location string
		change   func(*connectorv1.Definition)
		server   string
		want     string // input of the removal; empty for none
	}{
		{name: "a path below the server", location: "/webhooks/7", want: `{"id":"7"}`},
		{name: "a path with the server's base path", location: "/v1/webhooks/7", want: `{"id":"7"}`},
		{name: "a path relative to the collection", location: "7", want: `{"id":"7"}`},
		{name: "a path relative to the collection's parent", location: "webhooks/7", want: `{"id":"7"}`},
		{name: "an absolute URL", location: inventorytest.Server + "/webhooks/7", want: `{"id":"7"}`},
		{name: "an absolute URL in capitals", location: "HTTPS://Inventory.Example.COM/v1/webhooks/7", want: `{"id":"7"}`},
		{name: "an id with escapes", location: "/webhooks/a%2Fb%20c", want: `{"id":"a/b c"}`},
		{name: "a trailing slash", location: "/webhooks/7/", want: `{"id":"7"}`},
		{name: "another host", location: "https://evil.example.com/v1/webhooks/7"},
		{name: "another scheme", location: "http://inventory.example.com/v1/webhooks/7"},
		{name: "another port", location: "https://inventory.example.com:8443/v1/webhooks/7"},
		{name: "a host without a scheme", location: "//evil.example.com/v1/webhooks/7"},
		{name: "something that no operation removes", location: "/elsewhere/7"},
		{name: "no URL", location: "%zz"},
		{name: "the server that the connection chose", location: "https://sandbox.example.com/webhooks/7", server: "https://sandbox.example.com", want: `{"id":"7"}`},
		{name: "the operation that the trigger names", location: "-", change: named(inventorytest.Unhook), want: `{"id":"1"}`},
		{name: "a trigger that names nothing", location: "-", change: named("Nothing")},
		{name: "the trigger's operation when the location is of no use", location: "https://evil.example.com/1", change: named(inventorytest.Unhook), want: `{"id":"1"}`},
		{name: "an id that is a number", location: "/webhooks/7", change: idIs(`{"type":"integer"}`), want: `{"id":7}`},
		{name: "an id that may be a number or nothing", location: "/webhooks/7", change: idIs(`{"type":["number","null"]}`), want: `{"id":7}`},
		{name: "an id that may be a text", location: "/webhooks/7", change: idIs(`{"type":["integer","string"]}`), want: `{"id":"7"}`},
		{name: "an id that should be a number", location: "/webhooks/x7", change: idIs(`{"type":"integer"}`), want: `{"id":"x7"}`},
		{name: "an id that is true", location: "/webhooks/true", change: idIs(`{"type":"boolean"}`), want: `{"id":true}`},
		{name: "an id of any kind", location: "/webhooks/7", change: idIs(`{}`), want: `{"id":"7"}`},
		{
			name: "a server of the trigger's own", location: "https://hooks.example.com/v9/webhooks/7",
			change: func(d *connectorv1.Definition) {
				for _, o := range d.GetOperations() {
					if o.GetOperationId() == inventorytest.Webhook {
						o.Servers = []*connectorv1.Server{{UrlTemplate: "https://hooks.example.com/v9"}}
					}
				}
			},
			want: `{"id":"7"}`,
		},
		{
			name: "a server with variables", location: "https://eu.example.com/webhooks/7",
			change: func(d *connectorv1.Definition) {
				d.Servers = []*connectorv1.Server{{
					UrlTemplate: "https://{region}.{domain}", Variables: []*connectorv1.ServerVariable{
						{Name: "region", DefaultValue: "us"}, {Name: "domain", DefaultValue: "example.com"},
					},
				}}
			},
			want: `{"id":"7"}`,
		},
		{
			name: "other parameters that the operations share", location: "/webhooks/7",
			change: func(d *connectorv1.Definition) {
				last := d.GetOperations()[len(d.GetOperations())-1]
				last.Parameters = append(last.Parameters,
					&connectorv1.Parameter{Name: "tenant", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY},
					&connectorv1.Parameter{Name: "other", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY},
					&connectorv1.Parameter{Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER})
			},
			want: `{"path.id":"7","tenant":12345678901234567890}`,
		},
		{
			name: "the more literal of two paths", location: "/webhooks/7",
			change: func(d *connectorv1.Definition) {
				wide := &connectorv1.Operation{OperationId: "Wide", Method: "DELETE", Path: "/{kind}/{id}"}
				d.Operations = append([]*connectorv1.Operation{wide}, d.GetOperations()...)
			},
			want: `{"id":"7"}`,
		},
		{
			name: "an identifier that is escaped twice", location: "/webhooks/a%252Fb",
			change: func(d *connectorv1.Definition) {
				last := d.GetOperations()[len(d.GetOperations())-1]
				last.Parameters[0].UrlEncoding = connectorv1.UrlEncoding_URL_ENCODING_DOUBLE
			},
			want: `{"id":"a/b"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			if tc.change != nil {
				tc.change(r.definition)
			}
			r.connection.ServerURL = tc.server
			r.connection.Parameters = map[string]string{"region": "eu"}
			r.api.Location = func(string) string { return tc.location }
			d := draft("hook", inventorytest.Webhook)
			d.Input = `{"tenant":12345678901234567890}`
			s, err := r.Create(t.Context(), ann, d)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if u := s.Webhook.Unsubscribe; u != nil {
				got = u.Input
				if u.Operation != inventorytest.Unhook {
					t.Errorf("removed by %s", u.Operation)
				}
			}
			if got != tc.want {
				t.Errorf("input %s, want %s", got, tc.want)
			}
		})
	}
}

// removedBy changes the operation that removes registrations.
func removedBy(path string, parameters ...*connectorv1.Parameter) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		for _, o := range d.GetOperations() {
			switch o.GetOperationId() {
			case inventorytest.Unhook:
				o.Path, o.Parameters = path, parameters
			case inventorytest.Webhook:
				o.GetTrigger().GetWebhook().UnsubscribeOperationId = inventorytest.Unhook
			}
		}
	}
}

func inPath(name string) *connectorv1.Parameter {
	return &connectorv1.Parameter{Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true}
}

func inQuery(name string, required bool) *connectorv1.Parameter {
	return &connectorv1.Parameter{Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Required: required}
}

func TestWhatIsRemovedIsTakenFromLocationAndAnswerAsTheyAreWritten(t *testing.T) {
	key := inPath("key")
	key.Schema = []byte(`{"type":"integer"}`)
	version := inQuery("version", true)
	version.Schema = []byte(`{"type":"string","default":"2"}`)
	for _, tc := range []struct {
		name     string
		change   func(*connectorv1.Definition)
		location string
		answer   string
		want     string // input of the removal; empty for none
	}{
		{"a location with a query", removedBy("/webhooks/remove", inQuery("hook", true)), "/webhooks/remove?hook=7", `{}`, `{"hook":"7"}`},
		{"what the query leaves out is left out", removedBy("/webhooks/remove", inQuery("hook", true), inQuery("tenant", false)), "/webhooks/remove?hook=7&more=1", `{}`, `{"hook":"7"}`},
		{"unless it is required", removedBy("/webhooks/remove", inQuery("hook", true), inQuery("tenant", true)), "/webhooks/remove?hook=7", `{}`, `{"hook":"7","tenant":"t1"}`},
		{"a location of OData", removedBy("/webhooks({key})", key), "/webhooks(7)", `{}`, `{"key":7}`},
		{"a location of OData with escapes", removedBy("/webhooks({key})", key), "/webhooks%287%29", `{}`, `{"key":7}`},
		{"an id that is spelled another way", removedBy("/gone/{webhook_id}", inPath("webhook_id")), "", `{"WebhookId":"7","id":"8"}`, `{"webhook_id":"7"}`},
		{"an id in capitals", removedBy("/gone/{hook}", inPath("hook")), "", `{"Id":7}`, `{"hook":"7"}`},
		{"an id in the object that the answer wraps", removedBy("/gone/{hook}", inPath("hook")), "", `{"status":"ok","data":{"id":"7"}}`, `{"hook":"7"}`},
		{"an id in a list of one object", removedBy("/gone/{hook}", inPath("hook")), "", `{"data":[{"id":"7"}]}`, `{"hook":"7"}`},
		{"an id in a list of two objects", removedBy("/gone/{hook}", inPath("hook")), "", `{"data":[{"id":"7"},{"id":"8"}]}`, ""},
		{"an object with an id beside one without", removedBy("/gone/{hook}", inPath("hook")), "", `{"meta":{"code":1},"response":{"id":"7"}}`, `{"hook":"7"}`},
		{"an id by the end of the parameter's name", removedBy("/gone/{webhook_uuid}", inPath("webhook_uuid")), "", `{"uuid":"7","name":"x"}`, `{"webhook_uuid":"7"}`},
		{"a parameter by the end of the id's name", removedBy("/gone/{hookid}", inPath("hookid")), "", `{"succeeded":true,"webhookId":"7"}`, `{"hookid":"7"}`},
		{"two names that end alike", removedBy("/gone/{id}", inPath("id")), "", `{"hookId":"7","ownerId":"8"}`, ""},
		{"ids of a required query", removedBy("/gone", inQuery("webHookIds", true)), "", `{"webhookId":"7"}`, `{"webHookIds":"7"}`},
		{"an id of an optional query", removedBy("/gone", inQuery("id", false), inQuery("module", false)), "", `{"id":"7"}`, `{"id":"7"}`},
		{"optional ids of a query, where the path has told which", removedBy("/gone/{id}", inPath("id"), inQuery("requestId", false)), "", `{"id":"7"}`, `{"id":"7"}`},
		{"no optional query for something that is no id", removedBy("/gone", inQuery("module", false)), "", `{"id":"7"}`, `{}`},
		{"two objects in the answer", removedBy("/gone/{hook}", inPath("hook")), "", `{"data":{"id":"7"},"user":{"id":"8"}}`, ""},
		{"two names that are spelled alike", removedBy("/gone/{hook_id}", inPath("hook_id")), "", `{"hookId":"7","HookID":"8"}`, ""},
		{"a value for a query that is required", removedBy("/gone/{id}", inPath("id"), inQuery("secretToken", true)), "", `{"id":"7","secret_token":"x"}`, `{"id":"7","secretToken":"x"}`},
		{"no value for a query that is required", removedBy("/gone/{id}", inPath("id"), inQuery("secretToken", true)), "", `{"id":"7"}`, ""},
		{"a query that has a default", removedBy("/gone/{id}", inPath("id"), version), "", `{"id":"7"}`, `{"id":"7"}`},
		{"a header that is required", removedBy("/gone/{id}", inPath("id"), &connectorv1.Parameter{Name: "X-A", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER, Required: true}), "", `{"id":"7","X-A":"x"}`, ""},
		{"an answer that is no object", removedBy("/gone/{id}", inPath("id")), "", `["7"]`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			tc.change(r.definition)
			r.api.Refuse = func(core.Call) *core.Answer {
				answer := core.Answer{Status: http.StatusCreated, Header: http.Header{}, Body: []byte(tc.answer)}
				if tc.location != "" {
					answer.Header.Set("Location", tc.location)
				}
				return &answer
			}
			d := draft("hook", inventorytest.Webhook)
			d.Input = `{"tenant":"t1"}`
			s, err := r.Create(t.Context(), ann, d)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if u := s.Webhook.Unsubscribe; u != nil {
				got = u.Input
			}
			if got != tc.want {
				t.Errorf("input %s, want %s", got, tc.want)
			}
		})
	}
}

func TestOnlyOneAtATimeRemovesARegistration(t *testing.T) {
	r := newRig(t)
	s, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	r.api.Before = func(c core.Call) error {
		if c.Operation != inventorytest.Unhook {
			return nil
		}
		if calls++; calls == 1 {
			_, err := r.Settle(t.Context()) // as the background does while the caller's deletion is under way
			return err
		}
		return nil
	}
	if err := r.Delete(t.Context(), ann, s.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Settle(t.Context()); err != nil || calls != 1 {
		t.Errorf("the API was told %d times, %v; want once", calls, err)
	}
}

func TestARegistrationThatIsConfirmedAfterItsSubscriptionIsGoneIsRemoved(t *testing.T) {
	for _, tc := range []struct {
		name     string
		location func(string) string
		lost     error // instead of the confirmation
		broken   bool
		left     int
	}{
		{name: "where the API says where it is"},
		{name: "where it has to be looked for", location: func(string) string { return "-" }},
		{name: "where the confirmation is lost besides", lost: fault.Deadline(fault.ReasonOutcomeUnknown, "the answer was lost")},
		{name: "or the operator is told", broken: true, left: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.api.Location = tc.location
			// Another process gives it up while the answer is on its way.
			other := &rig{}
			*other = *r
			other.api = inventorytest.New()
			other.restart(r.kv)
			r.api.Before = func(c core.Call) error {
				if tc.broken && c.Operation == inventorytest.Unhook {
					return errBroken
				}
				return nil
			}
			r.api.After = func(c core.Call) error {
				if c.Operation != inventorytest.Webhook {
					return nil
				}
				r.clock.Advance(core.DefaultSetupTime)
				if _, err := other.Settle(t.Context()); err != nil {
					return err
				}
				return tc.lost
			}
			_, err := r.Create(t.Context(), ann, draft("hook", inventorytest.Webhook))
			wantReason(t, err, fault.ReasonTriggerSubscribeFailed)
			if hooks := r.api.Hooks(); len(hooks) != tc.left {
				t.Errorf("left at the API: %v", hooks)
			}
			if told := len(other.troubles)+len(r.troubles) > 0; tc.broken && !told {
				t.Error("nobody was told of the registration that remains")
			}
			for _, c := range r.api.Calls(inventorytest.Unhook) {
				if c.Behalf != core.BehalfOfService || c.Owner != "ann" {
					t.Errorf("removed by %+v", c)
				}
			}
		})
	}
}
