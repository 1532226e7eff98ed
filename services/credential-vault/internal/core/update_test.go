package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
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
		"the server URL":   {edit(everything, core.FieldServerURL), func(c *core.Connection) { c.ServerURL = "https://eu.sandbox.example" }},
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
			want.Change, want.UpdateTime = 2, r.clock.Now()
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
				for k, s := range texts(n, v) {
					e.Secrets[k] = s
				}
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

// rival changes the connection before each of the first n transactions that
// write, as another process would.
type rival struct {
	kv.Store
	n    int
	busy bool
	act  func()
}

func (r *rival) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if r.n > 0 && !r.busy {
		r.n--
		r.busy = true
		r.act()
		r.busy = false
	}
	return r.Store.Update(ctx, fn)
}

// contended is a rig whose connection crm-1 is renamed by a rival before each of
// the next n writes.
func contended(t *testing.T, n int) (*core.Vault, *rig) {
	t.Helper()
	r := newRig(t)
	r.create(ann())
	racing := &rival{Store: r.faults, n: n, act: func() {
		_, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.DisplayName = "by the rival" }, core.FieldDisplayName))
		if err != nil {
			t.Error(err)
		}
	}}
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy"}, core.Ports{
		Store: store.New(racing, func() {}), Sealer: r.sealer, Connectors: r.connectors, Clock: r.clock, NewID: func() string { return "0123456789abcdef" },
	}), r
}

func TestAChangeThatMeetsAnotherIsMadeOnTopOfIt(t *testing.T) {
	vault, r := contended(t, 3)
	got, err := vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = texts("password", "second") }))
	if err != nil || got.DisplayName != "by the rival" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if values, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1"); err != nil || values["password"] != "second" {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestAChangeThatNamesAnEtagIsNeverMadeOnTopOfAnother(t *testing.T) {
	vault, r := contended(t, 1)
	seen, err := r.vault.Get(t.Context(), ann(), name("crm-1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Etag = seen.Etag() }, core.FieldDisplayName))
	wantReason(t, err, fault.ReasonEtagMismatch)
}

func TestAnEndlessRaceEndsInAnError(t *testing.T) {
	for title, try := range map[string]func(v *core.Vault) error{
		"update": func(v *core.Vault) error {
			_, err := v.Update(t.Context(), ann(), edit(nil, core.FieldDisplayName))
			return err
		},
		"delete": func(v *core.Vault) error { return v.Delete(t.Context(), ann(), name("crm-1"), "") },
		"report": func(v *core.Vault) error {
			_, err := v.ReportTest(t.Context(), itself("runtime-proxy"), core.TestReport{Name: name("crm-1")})
			return err
		},
	} {
		t.Run(title, func(t *testing.T) {
			vault, _ := contended(t, 1000)
			err := try(vault)
			if fault.CodeOf(err) != fault.CodeAborted || errors.Is(err, core.ErrChanged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDeletion(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		etag   string
		want   fault.Reason
	}{
		"by its owner":          {ann(), "", ""},
		"by an administrator":   {admin(), "", ""},
		"by somebody else":      {bob(), "", fault.ReasonConnectionNotFound},
		"by a service":          {itself("runtime-proxy"), "", fault.ReasonPermissionDenied},
		"by a maker":            {user("mia", authn.RoleMaker), "", fault.ReasonConnectionNotFound},
		"of a state never seen": {ann(), "stale-1", fault.ReasonEtagMismatch},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			before := r.stored()
			err := r.vault.Delete(t.Context(), c.caller, name("crm-1"), c.etag)
			if c.want != "" {
				wantReason(t, err, c.want)
				if diff := cmp.Diff(before, r.stored()); diff != "" {
					t.Error(diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.vault.Get(t.Context(), admin(), name("crm-1"))
			wantReason(t, err, fault.ReasonConnectionNotFound)
			wantReason(t, r.vault.Delete(t.Context(), admin(), name("crm-1"), ""), fault.ReasonConnectionNotFound)
			for key, value := range r.stored() {
				if strings.Contains(value, "pw-one") {
					t.Errorf("%q still holds the sealed secret", key)
				}
			}
			if want := "DELETED crm-1 " + c.caller.Principal.Name + "/gateway [password] "; r.trail()[0] != want {
				t.Errorf("the trail begins with %q", r.trail()[0])
			}
		})
	}
}
