package core_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// edit changes crm-1.
func edit(change func(*core.Edit), fields ...core.Field) core.Edit {
	e := core.Edit{Name: name("crm-1"), Fields: fields}
	if change != nil {
		change(&e)
	}
	return e
}

func TestAnUpdateChangesTheNamedFieldsAndKeepsTheRest(t *testing.T) {
	everything := func(e *core.Edit) {
		e.Parameters = map[string]string{"user": "ann2", "locale": "de"}
		e.DisplayName, e.ServerURL = "renamed", "https://eu.sandbox.example"
	}
	for title, c := range map[string]struct {
		edit core.Edit
		want func(*core.Connection)
	}{
		"the display name": {edit(everything, core.FieldDisplayName), func(c *core.Connection) { c.DisplayName = "renamed" }},
		"the parameters": {edit(everything, core.FieldParameters), func(c *core.Connection) {
			c.Parameters = map[string]string{"user": "ann2", "locale": "de"}
		}},
		"the server URL, with the secret again": {edit(func(e *core.Edit) {
			everything(e)
			e.Secrets = texts("password", "pw-one")
		}, core.FieldServerURL), func(c *core.Connection) {
			c.ServerURL, c.Origins = "https://eu.sandbox.example", []core.Origin{{Scheme: "https", Host: "eu.sandbox.example:443"}}
		}},
		"an emptied field": {edit(nil, core.FieldDisplayName), func(c *core.Connection) { c.DisplayName = "" }},
		"parameters that get their default again": {
			edit(func(e *core.Edit) { e.Parameters = map[string]string{"user": "ann"} }, core.FieldParameters), func(*core.Connection) {},
		},
		"a secret": {edit(func(e *core.Edit) { e.Secrets = texts("token", "t") }), func(c *core.Connection) {
			c.SecretNames = []string{"password", "token"}
		}},
		"nothing": {edit(everything), func(*core.Connection) {}},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			want := r.create(ann())
			r.clock.Advance(time.Minute)
			got, err := r.vault.Update(t.Context(), ann(), c.edit)
			if err != nil {
				t.Fatal(err)
			}
			want.Change, want.Edits, want.UpdateTime = 2, 2, r.clock.Now()
			c.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			stored, err := r.vault.Get(t.Context(), ann(), name("crm-1"))
			if err != nil || !cmp.Equal(got, stored) {
				t.Errorf("stored is %+v, %v", stored, err)
			}
		})
	}
}

func TestSecretsThatAreNotSentAgainAreKept(t *testing.T) {
	for title, c := range map[string]struct {
		sent  map[string]string
		want  map[string]string
		trail string
	}{
		"nothing is sent":                  {nil, map[string]string{"password": "pw-one", "token": "t1"}, ""},
		"one is replaced":                  {map[string]string{"password": "second"}, map[string]string{"password": "second", "token": "t1"}, "[password]"},
		"one is removed":                   {map[string]string{"token": ""}, map[string]string{"password": "pw-one"}, "[token]"},
		"both at once":                     {map[string]string{"password": "second", "token": ""}, map[string]string{"password": "second"}, "[password token]"},
		"one that is not there is removed": {map[string]string{"token": "", "password": "pw-one"}, map[string]string{"password": "pw-one"}, "[password token]"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann(), func(d *core.Draft) { d.Secrets = texts("password", "pw-one", "token", "t1") })
			e := edit(func(e *core.Edit) { e.DisplayName = "renamed" }, core.FieldDisplayName)
			e.Secrets = texts()
			for n, v := range c.sent {
				maps.Copy(e.Secrets, texts(n, v))
			}
			if _, err := r.vault.Update(t.Context(), ann(), e); err != nil {
				t.Fatal(err)
			}
			got, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			changed := ""
			for _, line := range r.trail() {
				if rest, ok := strings.CutPrefix(line, "CHANGED crm-1 ann/gateway "); ok {
					changed = strings.TrimSpace(rest)
				}
			}
			if changed != c.trail {
				t.Errorf("the trail says %q, want %q", changed, c.trail)
			}
		})
	}
}

func TestUpdatesThatAreRefusedChangeNothing(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		edit   core.Edit
		want   fault.Reason
	}{
		"somebody else":                {bob(), edit(nil, core.FieldDisplayName), fault.ReasonConnectionNotFound},
		"a service that may look":      {itself("trigger"), edit(nil, core.FieldDisplayName), fault.ReasonPermissionDenied},
		"an owner who lost his role":   {user("ann", "none"), edit(nil, core.FieldDisplayName), fault.ReasonPermissionDenied},
		"an old etag":                  {ann(), edit(func(e *core.Edit) { e.Etag = "stale-1" }, core.FieldDisplayName), fault.ReasonEtagMismatch},
		"another connector":            {ann(), edit(func(e *core.Edit) { e.Connector = "environments/default/connectors/erp" }), fault.ReasonInvalidArgument},
		"another parameter set":        {ann(), edit(func(e *core.Edit) { e.ParameterSet = "oauth" }), fault.ReasonInvalidArgument},
		"a missing parameter":          {ann(), edit(nil, core.FieldParameters), fault.ReasonConnectionParametersInvalid},
		"a required secret is removed": {ann(), edit(func(e *core.Edit) { e.Secrets = texts("password", "") }), fault.ReasonConnectionParametersInvalid},
		"an unknown secret":            {ann(), edit(func(e *core.Edit) { e.Secrets = texts("pass", "hunter2") }), fault.ReasonConnectionParametersInvalid},
		"a host that nobody allows":    {ann(), edit(func(e *core.Edit) { e.ServerURL = "https://evil.example" }, core.FieldServerURL), fault.ReasonHostNotAllowed},
		"a revision of another connector": {ann(), edit(func(e *core.Edit) {
			e.PinnedRevision = "environments/default/connectors/erp/revisions/0a"
		}, core.FieldPinnedRevision), fault.ReasonInvalidArgument},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			before := r.stored()
			_, err := r.vault.Update(t.Context(), c.caller, c.edit)
			wantReason(t, err, c.want)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the refusal holds the secret: %v", err)
			}
			if diff := cmp.Diff(before, r.stored()); diff != "" {
				t.Errorf("the refusal left something behind: %s", diff)
			}
		})
	}
}

func TestAnAdministratorMayChangeWhatIsNotHis(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	got, err := r.vault.Update(t.Context(), admin(), edit(func(e *core.Edit) { e.DisplayName = "fixed" }, core.FieldDisplayName))
	if err != nil || got.DisplayName != "fixed" || got.Owner != "ann" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTheFieldsThatCannotChangeMayBeRepeated(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	_, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) {
		e.Connector, e.ParameterSet = "environments/default/connectors/crm", "basic"
	}))
	if err != nil {
		t.Error(err)
	}
}

func TestAnEtagHoldsUntilTheNextChange(t *testing.T) {
	r := newRig(t)
	first := r.create(ann())
	change := func(etag string) (core.Connection, error) {
		return r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Etag, e.Secrets = etag, texts("password", "next") }))
	}
	second, err := change(first.Etag())
	if err != nil {
		t.Fatal(err)
	}
	if first.Etag() == second.Etag() {
		t.Error("a new secret does not change the etag")
	}
	_, err = change(first.Etag())
	wantReason(t, err, fault.ReasonEtagMismatch)
	if fault.From(err).Meta()["etag"] != second.Etag() {
		t.Errorf("metadata is %v, want the present etag", fault.From(err).Meta())
	}
}

func TestANameThatIsUsedAgainHasNewEtags(t *testing.T) {
	r := newRig(t)
	old := r.create(ann())
	if err := r.vault.Delete(t.Context(), ann(), name("crm-1"), old.Etag()); err != nil {
		t.Fatal(err)
	}
	if again := r.create(ann()); again.Etag() == old.Etag() {
		t.Error("an etag of the deleted connection fits the new one")
	}
}

func TestARenameNeedsNoConnector(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	delete(r.connectors.definitions, "crm")
	if _, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.DisplayName = "left over" }, core.FieldDisplayName)); err != nil {
		t.Errorf("a connection of a deleted connector cannot be renamed: %v", err)
	}
	_, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = texts("password", "x") }))
	wantReason(t, err, fault.ReasonConnectorNotFound)
}

func TestANewSecretEndsTheErrorOfTheOldOneAndARenameDoesNot(t *testing.T) {
	for title, c := range map[string]struct {
		edit core.Edit
		want core.State
	}{
		"a new secret": {edit(func(e *core.Edit) { e.Secrets = texts("password", "right") }), core.StateConnected},
		"a rename":     {edit(nil, core.FieldDisplayName), core.StateError},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			if _, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), core.TestReport{Name: name("crm-1"), Failure: "401"}); err != nil {
				t.Fatal(err)
			}
			got, err := r.vault.Update(t.Context(), ann(), c.edit)
			if err != nil || got.State != c.want || (got.StateReason == "") != (c.want == core.StateConnected) {
				t.Errorf("got %v %q, %v", got.State, got.StateReason, err)
			}
		})
	}
}

func TestALaterRevisionMayAskForMore(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	next := crm()
	next.ParameterSets[0].Parameters = append(next.GetParameterSets()[0].GetParameters(),
		&connectorv1.ConnectionParameter{Name: "tenant", Type: typeString, Required: true})
	r.connectors.definitions["crm"] = next
	_, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = texts("password", "x") }))
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != `connection.parameters["tenant"]` {
		t.Errorf("violations are %v", v)
	}
}
