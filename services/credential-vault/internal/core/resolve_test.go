package core_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestTheRuntimeGetsEverythingThatACallNeeds(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann(), func(d *core.Draft) { d.Secrets = texts("token", "t1", "password", "pw-one") })
	values, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"password": "pw-one", "token": "t1"}, values); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(conn, lent.Connection); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"https://api.crm.example"}, lent.Origins); diff != "" {
		t.Error(diff)
	}
	if want := r.clock.Now().Add(time.Minute); !lent.ExpireTime.Equal(want) {
		t.Errorf("the lease ends at %v, want %v", lent.ExpireTime, want)
	}
	if got := r.trail()[0]; got != "RESOLVED crm-1 ann/runtime-proxy [password token] ListItems" {
		t.Errorf("the trail begins with %q", got)
	}
	lent.Clear()
	for _, s := range lent.Secrets {
		if !s.Value.Empty() {
			t.Errorf("%s is still there after it was cleared", s.Name)
		}
	}
}

// Failure mode 8.
func TestForWhomSecretsAreLent(t *testing.T) {
	for title, c := range map[string]struct {
		caller    core.Caller
		principal string // what the request says
		want      fault.Reason
		trail     string
	}{
		"the owner's token": {
			through("runtime-proxy", ann()), "", "", "RESOLVED crm-1 ann/runtime-proxy [password] op",
		},
		"the owner's token, and the request says so": {
			through("runtime-proxy", ann()), "ann", "", "RESOLVED crm-1 ann/runtime-proxy [password] op",
		},
		"an administrator's token": {
			through("runtime-proxy", admin()), "root", "", "RESOLVED crm-1 root/runtime-proxy [password] op",
		},
		"the runtime on its own behalf": {
			itself("runtime-proxy"), "", fault.ReasonConnectionNotFound, "REFUSED crm-1 runtime-proxy/runtime-proxy [] op",
		},
		"the runtime on its own behalf, by name": {
			itself("runtime-proxy"), "runtime-proxy", fault.ReasonConnectionNotFound, "REFUSED crm-1 runtime-proxy/runtime-proxy [] op",
		},
		"the runtime for the trusted service": {
			itself("runtime-proxy"), "trigger", "", "RESOLVED crm-1 trigger/runtime-proxy [password] op",
		},
		"the runtime for another service": {
			itself("runtime-proxy"), "gateway", fault.ReasonConnectionNotFound, "REFUSED crm-1 gateway/runtime-proxy [] op",
		},
		"the runtime for the owner, without a token": {
			itself("runtime-proxy"), "ann", "", "RESOLVED crm-1 ann/runtime-proxy [password] op",
		},
		"somebody else's token": {
			through("runtime-proxy", bob()), "", fault.ReasonConnectionNotFound, "REFUSED crm-1 bob/runtime-proxy [] op",
		},
		"somebody else's token, named as the owner's": {
			through("runtime-proxy", bob()), "ann", fault.ReasonPermissionDenied, "REFUSED crm-1 bob/runtime-proxy [] op",
		},
		"the owner's token, for somebody else": {
			through("runtime-proxy", ann()), "bob", fault.ReasonPermissionDenied, "REFUSED crm-1 ann/runtime-proxy [] op",
		},
		"a user's token, named as a service": {
			through("runtime-proxy", bob()), "trigger", fault.ReasonPermissionDenied, "REFUSED crm-1 bob/runtime-proxy [] op",
		},
		"the runtime for somebody else, without a token": {
			itself("runtime-proxy"), "bob", fault.ReasonConnectionNotFound, "REFUSED crm-1 bob/runtime-proxy [] op",
		},
		"the runtime for an administrator, without his token": {
			itself("runtime-proxy"), "root", fault.ReasonConnectionNotFound, "REFUSED crm-1 root/runtime-proxy [] op",
		},
		"a maker's token": {
			through("runtime-proxy", user("mia", authn.RoleMaker)), "", fault.ReasonConnectionNotFound, "REFUSED crm-1 mia/runtime-proxy [] op",
		},
		"the owner directly": {
			through("", ann()), "", fault.ReasonServiceOnly, "REFUSED crm-1 ann/ [] op",
		},
		"an administrator through the gateway": {
			admin(), "", fault.ReasonServiceOnly, "REFUSED crm-1 root/gateway [] op",
		},
		"another service": {
			itself("trigger"), "ann", fault.ReasonServiceOnly, "REFUSED crm-1 ann/trigger [] op",
		},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			lent, err := r.vault.Resolve(t.Context(), c.caller, core.Request{Name: name("crm-1"), Principal: c.principal, OperationID: "op"})
			if r.trail()[0] != c.trail {
				t.Errorf("the trail begins with %q, want %q", r.trail()[0], c.trail)
			}
			if c.want == "" {
				if err != nil || len(lent.Secrets) != 1 {
					t.Errorf("got %v, %v", lent.Secrets, err)
				}
				return
			}
			wantReason(t, err, c.want)
			if r.sealer.opened != 0 {
				t.Errorf("%d secrets were decrypted for a caller who was refused", r.sealer.opened)
			}
			if len(lent.Secrets) != 0 || lent.Connection.UID != "" {
				t.Errorf("a refusal came with %v", lent)
			}
		})
	}
}

func TestAConnectionThatDoesNotExistLooksLikeSomebodyElses(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	_, _, foreign := r.resolve(through("runtime-proxy", bob()), "crm-1")
	_, _, missing := r.resolve(through("runtime-proxy", bob()), "nope")
	wantReason(t, missing, fault.ReasonConnectionNotFound)
	if fault.CodeOf(foreign) != fault.CodeOf(missing) || fault.ReasonOf(foreign) != fault.ReasonOf(missing) {
		t.Errorf("%v and %v differ", foreign, missing)
	}
}

func TestNothingIsLentThatIsNotRecorded(t *testing.T) {
	for _, at := range []faultkv.Point{faultkv.BeforeCommit, faultkv.AfterCommit} {
		r := newRig(t)
		r.create(ann())
		broken := errors.New("the disk is full")
		r.faults.Fail(at, 1, broken)
		lent, err := r.vault.Resolve(t.Context(), itself("runtime-proxy"), core.Request{Name: name("crm-1"), Principal: "trigger"})
		if !errors.Is(err, broken) || len(lent.Secrets) != 0 {
			t.Errorf("got %v, %v", lent.Secrets, err)
		}
		for _, s := range r.sealer.lent {
			if !s.Empty() {
				t.Error("a secret that was not lent is still in clear")
			}
		}
	}
}

func TestARefusalThatCannotBeRecordedIsOneAllTheSame(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	broken := errors.New("the disk is full")
	r.faults.Fail(faultkv.BeforeCommit, 1, broken)
	if _, _, err := r.resolve(through("runtime-proxy", bob()), "crm-1"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if r.sealer.opened != 0 {
		t.Error("something was decrypted")
	}
}

func TestASecretThatDoesNotOpenSpoilsTheWholeLoan(t *testing.T) {
	r := newRig(t)
	r.create(ann(), func(d *core.Draft) { d.Secrets = texts("token", "t1", "password", "pw-one") })
	r.sealer.failAt = 2
	if _, _, err := r.resolve(itself("runtime-proxy"), "crm-1"); !errors.Is(err, errOpen) {
		t.Fatalf("got %v", err)
	}
	if len(r.sealer.lent) != 1 || !r.sealer.lent[0].Empty() {
		t.Error("the secret before it is still in clear")
	}
	if got := r.trail()[0]; got == "RESOLVED crm-1 trigger/runtime-proxy [password token] ListItems" {
		t.Error("the trail says that secrets were lent")
	}
}

func TestSecretsThatWereMovedInTheStoreDoNotOpen(t *testing.T) {
	for title, move := range map[string]func(tx kv.Tx, of func(string) []byte) error{
		"to another connection": func(tx kv.Tx, of func(string) []byte) error {
			return tx.Put([]byte("s/default/bobs"), of("s/default/crm-1"))
		},
		"with its connection, under another name": func(tx kv.Tx, of func(string) []byte) error {
			if err := tx.Put([]byte("c/default/bobs"), of("c/default/crm-1")); err != nil {
				return err
			}
			return tx.Put([]byte("s/default/bobs"), of("s/default/crm-1"))
		},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			r.create(bob(), func(d *core.Draft) { d.ID = "bobs" })
			stored := r.stored()
			err := r.faults.Update(t.Context(), func(tx kv.Tx) error {
				return move(tx, func(key string) []byte { return []byte(stored[key]) })
			})
			if err != nil {
				t.Fatal(err)
			}
			if values, _, err := r.resolve(itself("runtime-proxy"), "bobs"); !errors.Is(err, errOpen) && fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
				t.Errorf("got %v, %v", values, err)
			}
		})
	}
}

func TestHostsFollowTheConnectorAndTheAdministrator(t *testing.T) {
	r := newRig(t)
	r.connectors.definitions["crm"] = at("https://api.crm.example/v1", "https://new.crm.example", "http://old.crm.example:8080")
	r.create(ann())
	r.create(ann(), func(d *core.Draft) { d.ID, d.ServerURL = "own", "https://api.crm.example/v2" })
	r.create(ann(), func(d *core.Draft) { d.ID, d.ServerURL = "sandbox", "https://eu.sandbox.example:8443" })

	r.connectors.definitions["crm"] = at("https://new.crm.example", "http://old.crm.example:8080", "https://evil.example")
	for id, want := range map[string][]string{
		"crm-1":   {"https://new.crm.example", "http://old.crm.example:8080"},
		"sandbox": {"https://eu.sandbox.example:8443"},
	} {
		_, lent, err := r.resolve(itself("runtime-proxy"), id)
		if err != nil || !cmp.Equal(lent.Origins, want) {
			t.Errorf("%s: got %v, %v, want %v", id, lent.Origins, err, want)
		}
	}
	// The connector does not name this host any more.
	opened := r.sealer.opened
	_, _, err := r.resolve(itself("runtime-proxy"), "own")
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if r.sealer.opened != opened {
		t.Error("secrets were decrypted although they may go nowhere")
	}
}

func TestAConnectionOfADeletedConnectorSaysSo(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	delete(r.connectors.definitions, "crm")
	_, _, err := r.resolve(itself("runtime-proxy"), "crm-1")
	wantReason(t, err, fault.ReasonConnectorNotFound)
	if r.sealer.opened != 0 {
		t.Error("secrets were decrypted")
	}
	if _, err := r.vault.Get(t.Context(), ann(), name("crm-1")); err != nil {
		t.Errorf("the connection is gone: %v", err)
	}
}

func TestARefusalElsewhereIsRecorded(t *testing.T) {
	r := newRig(t)
	if err := r.vault.Refused(t.Context(), ann(), core.Request{Name: name("crm-1"), OperationID: "op"}); err != nil {
		t.Fatal(err)
	}
	if got := r.trail(); len(got) != 1 || got[0] != "REFUSED crm-1 ann/gateway [] op" {
		t.Errorf("the trail is %q", got)
	}
	elsewhere := name("crm-1")
	elsewhere.Environment = "prod"
	if err := r.vault.Refused(t.Context(), ann(), core.Request{Name: elsewhere}); err != nil || len(r.trail()) != 1 {
		t.Errorf("an environment that does not exist got a trail: %v", err)
	}
}

func TestAConnectionThatWaitsForAuthorizationIsNotLent(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	conn.Change, conn.State = 2, core.StateNeedsAuthorization
	if err := r.records.Replace(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.resolve(itself("runtime-proxy"), "crm-1")
	wantReason(t, err, fault.ReasonConnectionNotReady)
	if fault.From(err).Meta()["state"] != "NEEDS_AUTHORIZATION" || r.sealer.opened != 0 {
		t.Errorf("metadata is %v, %d secrets were decrypted", fault.From(err).Meta(), r.sealer.opened)
	}
}
