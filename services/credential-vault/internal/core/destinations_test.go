package core_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// at returns the connector crm with servers at these URLs.
func at(urls ...string) *connectorv1.Definition {
	def := crm()
	def.Servers = nil
	for _, url := range urls {
		def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: url})
	}
	return def
}

// regional returns the connector crm with a host that a parameter decides.
func regional() *connectorv1.Definition {
	def := at("https://{region}.crm.example")
	def.Servers[0].Variables = []*connectorv1.ServerVariable{{Name: "region", DefaultValue: "eu"}}
	return def
}

// public returns the connector crm with a parameter set that has no secrets.
func public(url string) *connectorv1.Definition {
	def := at(url)
	def.ParameterSets[0].Parameters = def.GetParameterSets()[0].GetParameters()[:1]
	return def
}

// Failure mode 9: nothing is decrypted for a host outside of the binding.
func TestNoRevisionTakesACredentialElsewhere(t *testing.T) {
	for title, c := range map[string]struct {
		published *connectorv1.Definition
		hosts     []string // to which it is still lent; none if it is refused
		names     string   // what the refusal names
	}{
		"another host": {at("https://evil.example"), nil, "https://evil.example"},
		"a connector of the same id that asks for no secret": {public("https://evil.example"), nil, "https://evil.example"},
		"another host beside the former":                     {at("https://evil.example", "https://api.crm.example/v2"), []string{"https://api.crm.example"}, ""},
		"another path":                                       {at("https://api.crm.example/elsewhere"), []string{"https://api.crm.example"}, ""},
		"another port":                                       {at("https://api.crm.example:8443"), nil, "https://api.crm.example:8443"},
		"in clear":                                           {at("http://api.crm.example"), nil, "http://api.crm.example"},
		"in clear on the encrypted port":                     {at("http://api.crm.example:443"), nil, "http://api.crm.example:443"},
		"in clear on the encrypted port as well":             {at("https://api.crm.example", "http://api.crm.example:443"), []string{"https://api.crm.example"}, ""},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			r.connectors.definitions["crm"] = c.published
			_, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
			if len(c.hosts) > 0 {
				if err != nil || !cmp.Equal(lent.Origins, c.hosts) {
					t.Errorf("got %v, %v, want %v", lent.Origins, err, c.hosts)
				}
				return
			}
			wantReason(t, err, fault.ReasonHostNotAllowed)
			if text := fault.From(err).Message(); !strings.Contains(text, c.names+" ") || !strings.Contains(text, "--secret password=-") || !strings.Contains(text, "ask the maker") {
				t.Errorf("the refusal %q does not name %s and both remedies", text, c.names)
			}
			if host := fault.From(err).Meta()["host"]; !strings.Contains(c.names, host) || host == "" {
				t.Errorf("metadata names host %q", host)
			}
			if r.sealer.opened != 0 {
				t.Error("secrets were decrypted although they may go nowhere")
			}
			if got := r.trail()[0]; got != "REFUSED crm-1 ann/runtime-proxy [] ListItems" {
				t.Errorf("the trail begins with %q", got)
			}
		})
	}
}

func TestSecretsThatAreBoundToNothingAreLentToNobody(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	conn.Change, conn.Origins = 2, nil
	if err := r.records.Replace(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if r.sealer.opened != 0 {
		t.Error("secrets were decrypted")
	}
}

func TestARefusedServerURLIsOnRecord(t *testing.T) {
	r := newRig(t)
	r.create(ann(), func(d *core.Draft) { d.ServerURL = "https://api.crm.example/v2" })
	r.connectors.definitions["crm"] = at("https://evil.example")
	_, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
	wantReason(t, err, fault.ReasonHostNotAllowed)
	if got := r.trail()[0]; got != "REFUSED crm-1 ann/runtime-proxy [] ListItems" || r.sealer.opened != 0 {
		t.Errorf("the trail begins with %q, %d secrets were decrypted", got, r.sealer.opened)
	}
}

func TestAnOwnerWhoNamesTheNewHostAndSendsTheSecretsAgainConfirmsIt(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	r.connectors.definitions["crm"] = at("https://new.crm.example")
	moved := edit(func(e *core.Edit) { e.ServerURL, e.Secrets = "https://new.crm.example", texts("password", "pw-one") }, core.FieldServerURL)
	if _, err := r.vault.Update(t.Context(), ann(), moved); err != nil {
		t.Fatal(err)
	}
	_, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
	if err != nil || !cmp.Equal(lent.Origins, []string{"https://new.crm.example"}) {
		t.Errorf("got %v, %v", lent.Origins, err)
	}
	// The former one is not confirmed any more.
	r.connectors.definitions["crm"] = crm()
	_, _, err = r.resolve(through("runtime-proxy", ann()), "crm-1")
	wantReason(t, err, fault.ReasonHostNotAllowed)
}

func TestNoChangeButThatOfTheDestinationConfirmsANewHost(t *testing.T) {
	for title, change := range map[string]core.Edit{
		"a rename":                  edit(func(e *core.Edit) { e.DisplayName = "renamed" }, core.FieldDisplayName),
		"a parameter":               edit(func(e *core.Edit) { e.Parameters = map[string]string{"user": "ann", "locale": "de"} }, core.FieldParameters),
		"the same server URL again": edit(nil, core.FieldServerURL),
		"a secret that is removed":  edit(func(e *core.Edit) { e.Secrets = texts("token", "") }),
		"the fields as they were":   edit(func(e *core.Edit) { e.Parameters = map[string]string{"user": "ann"} }, core.Fields()...),
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann(), func(d *core.Draft) { d.Secrets = texts("password", "pw-one", "token", "t1") })
			r.connectors.definitions["crm"] = at("https://evil.example")
			if _, err := r.vault.Update(t.Context(), ann(), change); err != nil {
				t.Fatal(err)
			}
			_, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
			wantReason(t, err, fault.ReasonHostNotAllowed)
			if r.sealer.opened != 0 {
				t.Error("secrets were decrypted")
			}
			r.connectors.definitions["crm"] = crm()
			if _, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1"); err != nil || !cmp.Equal(lent.Origins, []string{"https://api.crm.example"}) {
				t.Errorf("with the former host back: got %v, %v", lent.Origins, err)
			}
		})
	}
}

func TestAConnectionWithoutSecretsFollowsItsConnector(t *testing.T) {
	for title, before := range map[string]*connectorv1.Definition{
		"there are none to give": public("https://api.crm.example"),
		"none was given":         optional("https://api.crm.example"),
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.connectors.definitions["crm"] = before
			r.create(ann(), func(d *core.Draft) { d.Secrets = nil })
			after := optional("https://new.crm.example")
			r.connectors.definitions["crm"] = after
			_, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1")
			if err != nil || !cmp.Equal(lent.Origins, []string{"https://new.crm.example"}) {
				t.Errorf("got %v, %v", lent.Origins, err)
			}
			// From its first secret on it does not, and that goes where its owner says.
			_, err = r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = texts("token", "t1") }))
			wantReason(t, err, fault.ReasonHostNotAllowed)
			first := edit(func(e *core.Edit) { e.ServerURL, e.Secrets = "https://new.crm.example", texts("token", "t1") }, core.FieldServerURL)
			if _, err := r.vault.Update(t.Context(), ann(), first); err != nil {
				t.Fatal(err)
			}
			r.connectors.definitions["crm"] = optional("https://evil.example")
			_, _, err = r.resolve(through("runtime-proxy", ann()), "crm-1")
			wantReason(t, err, fault.ReasonHostNotAllowed)
		})
	}
}

// optional returns the connector crm with secrets that nobody has to give.
func optional(url string) *connectorv1.Definition {
	def := at(url)
	for _, p := range def.GetParameterSets()[0].GetParameters() {
		p.Required = false
	}
	return def
}

// pinned is a revision of crm that leads elsewhere.
const pinned = "environments/default/connectors/crm/revisions/0a1b"

func TestAChangeOfTheDestinationNeedsTheSecretsAgain(t *testing.T) {
	toSandbox := func(e *core.Edit) { e.ServerURL = "https://eu.sandbox.example" }
	for title, c := range map[string]struct {
		change  func(*core.Edit)
		field   core.Field
		missing []string // secrets that are named as missing
		hosts   []string // afterwards, if it is accepted
	}{
		"a server URL, without the secrets": {toSandbox, core.FieldServerURL, []string{"password", "token"}, nil},
		"a server URL, with one of the secrets": {func(e *core.Edit) {
			toSandbox(e)
			e.Secrets = texts("password", "pw-one")
		}, core.FieldServerURL, []string{"token"}, nil},
		"a server URL, with all secrets": {func(e *core.Edit) {
			toSandbox(e)
			e.Secrets = texts("password", "pw-one", "token", "t1")
		}, core.FieldServerURL, nil, []string{"https://eu.sandbox.example"}},
		"a server URL, with the other secret removed": {func(e *core.Edit) {
			toSandbox(e)
			e.Secrets = texts("password", "pw-one", "token", "")
		}, core.FieldServerURL, nil, []string{"https://eu.sandbox.example"}},
		"a revision, without the secrets": {func(e *core.Edit) { e.PinnedRevision = pinned }, core.FieldPinnedRevision, []string{"password", "token"}, nil},
		"a region, without the secrets": {func(e *core.Edit) {
			e.Parameters = map[string]string{"user": "ann", "region": "us"}
		}, core.FieldParameters, []string{"password", "token"}, nil},
		"a server URL of the same host": {func(e *core.Edit) { e.ServerURL = "https://eu.crm.example/v2" }, core.FieldServerURL, nil, []string{"https://eu.crm.example"}},
		"a region that is the default": {func(e *core.Edit) {
			e.Parameters = map[string]string{"user": "ann", "region": "eu"}
		}, core.FieldParameters, nil, []string{"https://eu.crm.example"}},
	} {
		for _, caller := range []core.Caller{ann(), user("root", authn.RoleAdmin, authn.RoleUser)} {
			t.Run(title+", by "+caller.Principal.Name, func(t *testing.T) {
				r := newRig(t)
				r.connectors.definitions["crm"] = regional()
				r.connectors.definitions[pinned] = at("https://old.crm.example")
				r.create(ann(), func(d *core.Draft) { d.Secrets = texts("password", "pw-one", "token", "t1") })
				before := r.stored()
				_, err := r.vault.Update(t.Context(), caller, edit(c.change, c.field))
				if len(c.missing) == 0 {
					_, lent, lend := r.resolve(through("runtime-proxy", ann()), "crm-1")
					if err != nil || lend != nil || !cmp.Equal(lent.Origins, c.hosts) {
						t.Errorf("got %v, %v, %v, want %v", lent.Origins, err, lend, c.hosts)
					}
					return
				}
				wantReason(t, err, fault.ReasonConnectionParametersInvalid)
				var named []string
				for _, v := range fault.From(err).Violations() {
					named = append(named, strings.TrimSuffix(strings.TrimPrefix(v.Field, `secrets["`), `"]`))
					if !strings.Contains(v.Description, "must be sent again") {
						t.Errorf("%s: %q does not say what to do", v.Field, v.Description)
					}
				}
				if diff := cmp.Diff(c.missing, named); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(before, r.stored()); diff != "" {
					t.Errorf("the refusal left something behind: %s", diff)
				}
			})
		}
	}
}

func TestANewSecretDoesNotTakeTheOthersToANewHost(t *testing.T) {
	r := newRig(t)
	r.create(ann(), func(d *core.Draft) { d.Secrets = texts("password", "pw-one", "token", "t1") })
	r.connectors.definitions["crm"] = at("https://evil.example")
	_, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = texts("token", "t2") }))
	wantReason(t, err, fault.ReasonHostNotAllowed)
	_, err = r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.ServerURL, e.Secrets = "https://evil.example", texts("token", "t2") }, core.FieldServerURL))
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != `secrets["password"]` {
		t.Errorf("violations are %v", v)
	}
}

func TestAServiceThatNamesAUserGetsWhatIsHisAtThatMoment(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	ask := func() error {
		_, err := r.vault.Resolve(t.Context(), itself("runtime-proxy"), core.Request{Name: name("crm-1"), Principal: "ann", OperationID: "op"})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := r.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
		t.Fatal(err)
	}
	r.create(bob())
	opened := r.sealer.opened
	wantReason(t, ask(), fault.ReasonConnectionNotFound)
	if got := r.trail()[0]; got != "REFUSED crm-1 ann/runtime-proxy [] op" || r.sealer.opened != opened {
		t.Errorf("the trail begins with %q, %d secrets were decrypted", got, r.sealer.opened-opened)
	}
}

func TestAServerURLThatIsRefusedNowIsReplacedOnlyWithTheSecrets(t *testing.T) {
	r := newRig(t)
	r.create(ann(), func(d *core.Draft) { d.ServerURL = "https://api.crm.example/v2" })
	r.connectors.definitions["crm"] = at("https://new.crm.example")
	move := edit(func(e *core.Edit) { e.ServerURL = "https://new.crm.example/v2" }, core.FieldServerURL)
	_, err := r.vault.Update(t.Context(), ann(), move)
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	move.Secrets = texts("password", "pw-one")
	if _, err := r.vault.Update(t.Context(), ann(), move); err != nil {
		t.Fatal(err)
	}
	if _, lent, err := r.resolve(through("runtime-proxy", ann()), "crm-1"); err != nil || !cmp.Equal(lent.Origins, []string{"https://new.crm.example"}) {
		t.Errorf("got %v, %v", lent.Origins, err)
	}
}

func TestWhoNamesNobodyGetsNotEvenWhatIsNobodys(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	conn.Change, conn.Owner = 2, ""
	if err := r.records.Replace(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Fatal(err)
	}
	_, err := r.vault.Resolve(t.Context(), itself("runtime-proxy"), core.Request{Name: name("crm-1")})
	wantReason(t, err, fault.ReasonConnectionNotFound)
}
