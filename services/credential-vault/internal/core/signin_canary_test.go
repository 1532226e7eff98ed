package core_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Failure mode 10: no token or secret in a log, an error or an answer.
func TestNoSecretOfASignInIsShown(t *testing.T) {
	l := newLogin(t)
	var shown bytes.Buffer
	v := core.New(core.Config{
		Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: "https://ferrule.example.com",
	}, core.Ports{
		Store: l.records, Sealer: &safeSealer{}, Connectors: l.defs, Owners: l.owners, Environments: &environments{}, Tokens: l.tokens, Presets: l.presets,
		Log: slog.New(slog.NewTextHandler(&shown, &slog.HandlerOptions{Level: slog.LevelDebug})), Clock: l.clock,
		NewID: func() string { n := loginIDs.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	})
	l.vault = v
	note := func(what any, err error) {
		fmt.Fprintf(&shown, "%+v\n", what)
		if err != nil {
			f := fault.From(err)
			fmt.Fprintf(&shown, "%v %v %v %v\n", err, f.Message(), f.Meta(), f.Violations())
		}
	}
	l.presets.revoke = "https://login.crm.example/revoke"
	note(l.client(), nil)
	note(l.connect(func(d *core.Draft) { d.Secrets = texts("token:clientSecret", "canary-unused") }), nil)
	l.tokens.revokeBy = transient() // is logged
	for _, code := range []secret.Text{secret.FromString("canary-code"), {}} {
		a := l.start()
		note(a.State, nil)
		r, err := v.ReceiveAuthorization(t.Context(), itself("gateway"), core.Callback{State: stateOf(t, a), Code: code, Path: a.Callback})
		note(r.Reason, err)
		got, err := v.CompleteAuthorization(t.Context(), ann(), a.Name, "wrong")
		note(got, err)
		got, err = v.CompleteAuthorization(t.Context(), ann(), a.Name, r.Confirmation)
		note(got, err)
	}
	note(v.RevokeAuthorization(t.Context(), ann(), name("crm-1")))
	l.signIn()
	note(v.Get(t.Context(), ann(), name("crm-1")))
	note(nil, v.Delete(t.Context(), ann(), name("crm-1"), ""))
	note(l.audit(), nil)
	text := shown.String()
	if !strings.Contains(text, "not revoked at its provider") {
		t.Error("the test does not look at the log")
	}
	// The double of the sealer shows in blobs what it sealed, so the blobs are
	// printed as numbers, in which no canary is found.
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is shown:\n%s", text)
	}
}
