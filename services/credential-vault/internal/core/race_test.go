package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

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
		Store: proved(racing), Sealer: r.sealer, Connectors: r.connectors, Environments: &r.environments, Clock: r.clock, NewID: func() string { return "0123456789abcdef" },
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
