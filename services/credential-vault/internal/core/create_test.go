package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestANewConnectionBelongsToItsCreatorAndIsReady(t *testing.T) {
	r := newRig(t)
	got := r.create(ann(), func(d *core.Draft) { d.Secrets = texts("token", "t", "password", "pw-one") })
	now := r.clock.Now()
	want := core.Connection{
		Name: name("crm-1"), UID: got.UID, Change: 1, Edits: 1, Connector: draft().Connector, ParameterSet: "basic",
		Parameters: map[string]string{"user": "ann", "locale": "en"}, SecretNames: []string{"password", "token"}, Key: got.Key,
		DisplayName: "CRM", Origins: []core.Origin{{Scheme: "https", Host: "api.crm.example:443"}}, Owner: "ann", State: core.StateConnected, StateTime: now, CreateTime: now, UpdateTime: now,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stored, err := r.vault.Get(t.Context(), ann(), name("crm-1"))
	if err != nil || !cmp.Equal(stored, want) {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if diff := cmp.Diff([]string{"CREATED crm-1 ann/gateway [password token] "}, r.trail()); diff != "" {
		t.Error(diff)
	}
}

func TestAConnectionWithoutSecretsLeavesNoTrail(t *testing.T) {
	r := newRig(t)
	r.connectors.definitions["open"] = &connectorv1.Definition{
		Servers: crm().GetServers(), ParameterSets: []*connectorv1.ParameterSet{{Name: "anonymous"}},
	}
	got := r.create(ann(), func(d *core.Draft) { d.Connector.ID, d.Parameters, d.Secrets = "open", nil, nil })
	if got.ParameterSet != "anonymous" || len(got.SecretNames) != 0 {
		t.Errorf("got %+v", got)
	}
	if trail := r.trail(); len(trail) != 0 || r.sealer.sealed != 0 {
		t.Errorf("the trail is %v, %d values were sealed", trail, r.sealer.sealed)
	}
}

func TestAnIDIsMadeOfTheConnectorsWhenNoneIsGiven(t *testing.T) {
	r := newRig(t)
	nameless := func(d *core.Draft) { d.ID = "" }
	first, second := r.create(ann(), nameless), r.create(bob(), nameless)
	if first.Name.ID != "crm" || !strings.HasPrefix(second.Name.ID, "crm-") || len(second.Name.ID) != len("crm-")+8 {
		t.Errorf("got %q and %q", first.Name.ID, second.Name.ID)
	}
	// A secret that was sealed for the first attempt would not open.
	if values, _, err := r.resolve(through("runtime-proxy", bob()), second.Name.ID); err != nil || values["password"] != "pw-one" {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestAnIDOfTheLongestConnectorIsValid(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("c", 63)
	r.connectors.definitions[long] = crm()
	for range 2 {
		got := r.create(ann(), func(d *core.Draft) { d.ID, d.Connector.ID = "", long })
		if len(got.Name.ID) > 63 {
			t.Errorf("id %q is too long", got.Name.ID)
		}
	}
}

func TestConnectionsThatAreRefusedChangeNothing(t *testing.T) {
	const revision = "environments/default/connectors/"
	for title, c := range map[string]struct {
		caller core.Caller
		change func(*core.Draft)
		want   fault.Reason
	}{
		"a caller without a role":     {core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "eve"}}, nil, fault.ReasonPermissionDenied},
		"a service":                   {itself("trigger"), nil, fault.ReasonPermissionDenied},
		"another environment":         {ann(), func(d *core.Draft) { d.Environment = "prod" }, fault.ReasonEnvironmentNotFound},
		"a connector elsewhere":       {ann(), func(d *core.Draft) { d.Connector.Environment = "prod" }, fault.ReasonInvalidArgument},
		"an id that is not one":       {ann(), func(d *core.Draft) { d.ID = "My CRM" }, fault.ReasonInvalidName},
		"an id that is taken":         {ann(), func(d *core.Draft) { d.ID = "taken" }, fault.ReasonConnectionExists},
		"an unknown connector":        {ann(), func(d *core.Draft) { d.Connector.ID = "nope" }, fault.ReasonConnectorNotFound},
		"an unknown revision":         {ann(), func(d *core.Draft) { d.PinnedRevision = revision + "crm/revisions/0a" }, fault.ReasonConnectorNotFound},
		"whatever is the latest":      {ann(), func(d *core.Draft) { d.PinnedRevision = revision + "crm/revisions/latest" }, fault.ReasonInvalidArgument},
		"another connector's":         {ann(), func(d *core.Draft) { d.PinnedRevision = revision + "erp/revisions/0a" }, fault.ReasonInvalidArgument},
		"a revision that is no name":  {ann(), func(d *core.Draft) { d.PinnedRevision = "latest" }, fault.ReasonInvalidName},
		"an unknown parameter set":    {ann(), func(d *core.Draft) { d.ParameterSet = "oauth" }, fault.ReasonConnectionParametersInvalid},
		"a value that does not fit":   {ann(), func(d *core.Draft) { d.Parameters = nil }, fault.ReasonConnectionParametersInvalid},
		"a server URL that is none":   {ann(), func(d *core.Draft) { d.ServerURL = "api" }, fault.ReasonConnectionParametersInvalid},
		"a host that nobody allows":   {ann(), func(d *core.Draft) { d.ServerURL = "https://evil.example" }, fault.ReasonHostNotAllowed},
		"the cloud's metadata server": {ann(), func(d *core.Draft) { d.ServerURL = "http://169.254.169.254" }, fault.ReasonHostNotAllowed},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(bob(), func(d *core.Draft) { d.ID = "taken" })
			before := r.stored()
			d := draft()
			if c.change != nil {
				c.change(&d)
			}
			_, err := r.vault.Create(t.Context(), c.caller, d)
			wantReason(t, err, c.want)
			if strings.Contains(err.Error(), "pw-one") {
				t.Errorf("the refusal holds the secret: %v", err)
			}
			if diff := cmp.Diff(before, r.stored()); diff != "" {
				t.Errorf("the refusal left something behind: %s", diff)
			}
		})
	}
}

func TestAnAllowedServerURLIsAccepted(t *testing.T) {
	r := newRig(t)
	if got := r.create(ann(), func(d *core.Draft) { d.ServerURL = "https://eu.sandbox.example/v1" }); got.ServerURL == "" {
		t.Error("the server URL is lost")
	}
}

func TestAPinnedRevisionDecidesWhatIsAskedFor(t *testing.T) {
	r := newRig(t)
	const revision = "environments/default/connectors/crm/revisions/0a"
	old := crm()
	old.ParameterSets[0].Parameters = old.GetParameterSets()[0].GetParameters()[:1]
	r.connectors.definitions[revision] = old
	got := r.create(ann(), func(d *core.Draft) { d.PinnedRevision, d.Secrets = revision, nil })
	if got.PinnedRevision != revision || len(got.SecretNames) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAStoreThatFailsIsAnErrorOfOurs(t *testing.T) {
	r := newRig(t)
	broken := errors.New("the disk is full")
	r.faults.Fail(faultkv.BeforeCommit, 1, broken)
	_, err := r.vault.Create(t.Context(), ann(), draft())
	if !errors.Is(err, broken) || fault.CodeOf(err) != fault.CodeInternal {
		t.Errorf("got %v", err)
	}
}
