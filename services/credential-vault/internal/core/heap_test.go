package core_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// heapTokens is a provider that gives planted tokens.
type heapTokens struct {
	core.Tokens

	clock  *clocktest.Fake
	seeds  seeds
	serial int
	failed error
}

func (h *heapTokens) token(what string) (oauth.Token, error) {
	h.serial++
	if h.failed != nil {
		return oauth.Token{}, h.failed
	}
	return oauth.Token{
		Access:     h.seeds.plant(fmt.Sprintf("access token %d, %s", h.serial, what)),
		Refresh:    h.seeds.plant(fmt.Sprintf("refresh token %d, %s", h.serial, what)),
		ExpireTime: h.clock.Now().Add(time.Hour), Identity: "ann@crm.example",
	}, nil
}

func (h *heapTokens) AuthorizationURL(p *oauth.Profile, a oauth.Attempt) (string, error) {
	return p.Endpoints.Authorization + "?state=" + a.State, nil
}

func (h *heapTokens) Exchange(context.Context, *oauth.Profile, secret.Text, oauth.Attempt) (oauth.Token, error) {
	return h.token("of a person")
}

func (h *heapTokens) Obtain(context.Context, *oauth.Profile) (oauth.Token, error) {
	return h.token("obtained")
}

func (h *heapTokens) Refresh(context.Context, *oauth.Profile, secret.Text) (oauth.Token, error) {
	return h.token("renewed")
}

func (h *heapTokens) ExchangeSubject(context.Context, *oauth.Profile, secret.Text) (oauth.Token, error) {
	return h.token("exchanged")
}

func (h *heapTokens) Revoke(context.Context, *oauth.Profile, oauth.Token) error { return nil }

func (h *heapTokens) Discover(_ context.Context, p *oauth.Profile) (*oauth.Profile, error) {
	return p, nil
}

// heapDefinition has a set for each way in which a vault gets hold of secrets.
func heapDefinition() *connectorv1.Definition {
	set := func(grant string) *connectorv1.ParameterSet {
		return &connectorv1.ParameterSet{
			Name: grant,
			Parameters: []*connectorv1.ConnectionParameter{{Name: "token", Type: typeOAuth, Required: true, Oauth: &connectorv1.OAuthSettings{
				IdentityProvider: "oauth2", Grant: grant, CustomParameters: map[string]string{
					"authorizationUrl": "https://login.crm.example/authorize", "tokenUrl": "https://login.crm.example/token",
				},
			}}},
			Placements: []*connectorv1.CredentialPlacement{
				{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
			},
		}
	}
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example/v1"}},
		ParameterSets: []*connectorv1.ParameterSet{
			{Name: "key", Parameters: []*connectorv1.ConnectionParameter{{Name: "api_key", Type: typeSecret, Required: true}}},
			set("authorizationCode"), set("password"), set("clientCredentials"), set("tokenExchange"),
		},
	}
}

// heapRig is a vault as it runs, on a file and with its keys, but for the provider
// and the transport.
type heapRig struct {
	t      *testing.T
	vault  *core.Vault
	keys   *seal.Keyring
	clock  *clocktest.Fake
	tokens *heapTokens
	seeds  seeds
}

func newHeapRig(t *testing.T) *heapRig {
	t.Helper()
	dir := t.TempDir()
	engine, err := boltkv.Open(filepath.Join(dir, "vault.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	h := &heapRig{t: t, clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), seeds: seeds{}}
	h.tokens = &heapTokens{clock: h.clock, seeds: h.seeds}
	records := store.New(engine, func() {})
	if h.keys, err = seal.Unlock(t.Context(), filepath.Join(dir, "kek.json"), records, seal.WithClock(h.clock)); err != nil {
		t.Fatal(err)
	}
	records.Prove(chain.New(h.keys, records))
	presets, err := provider.Load()
	if err != nil {
		t.Fatal(err)
	}
	var ids atomic.Int64
	h.vault = core.New(core.Config{
		Lease: time.Minute, Runtime: "runtime-proxy", Gateway: "gateway", PublicURL: "https://ferrule.example.com",
	}, core.Ports{
		Store: records, Sealer: h.keys, Connectors: &connectors{definitions: map[string]*connectorv1.Definition{"crm": heapDefinition()}},
		Owners: miasConnectors(), Environments: onlyEnvironment{}, Tokens: h.tokens, Presets: presets, Clock: h.clock,
		NewID: func() string { n := ids.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	})
	return h
}

// create makes a connection and clears what was sent, as the interface does.
func (h *heapRig) create(id, set string, plain map[string]string, secrets map[string]secret.Text) {
	h.t.Helper()
	defer clearSent(secrets)
	_, err := h.vault.Create(h.t.Context(), ann(), core.Draft{
		Environment: "default", ID: id, Connector: resource.Connector{Environment: "default", ID: "crm"}, ParameterSet: set,
		Parameters: plain, Secrets: secrets,
	})
	if err != nil {
		h.t.Fatalf("create %s: %v", id, err)
	}
}

func clearSent(secrets map[string]secret.Text) {
	for _, s := range secrets {
		s.Clear()
	}
}

// use lends what a connection has, n secrets, and gives it back, as the interface
// does.
func (h *heapRig) use(id string, n int, subject core.Subject) core.Credential {
	h.t.Helper()
	lent, err := h.vault.Resolve(h.t.Context(), through("runtime-proxy", ann()), core.Request{Name: name(id), OperationID: "op", Subject: subject})
	if err != nil {
		h.t.Fatalf("resolve %s: %v", id, err)
	}
	defer lent.Clear()
	if len(lent.Secrets) != n {
		h.t.Fatalf("%s lends %d secrets, want %d", id, len(lent.Secrets), n)
	}
	return lent
}

// ofAKey does everything that is done with a key.
func (h *heapRig) ofAKey() {
	h.create("key", "key", nil, map[string]secret.Text{"api_key": h.seeds.plant("API key")})
	h.use("key", 1, core.Subject{})
	changed := map[string]secret.Text{"api_key": h.seeds.plant("changed API key")}
	defer clearSent(changed)
	if _, err := h.vault.Update(h.t.Context(), ann(), core.Edit{Name: name("key"), Secrets: changed}); err != nil {
		h.t.Fatal(err)
	}
	wrong := map[string]secret.Text{"unknown": h.seeds.plant("secret under a wrong name")}
	defer clearSent(wrong)
	if _, err := h.vault.Update(h.t.Context(), ann(), core.Edit{Name: name("key"), Secrets: wrong}); err == nil {
		h.t.Fatal("a secret under a wrong name is accepted")
	}
	h.use("key", 1, core.Subject{})
}

// ofAPerson signs in, renews ahead, at the end and after a refusal.
func (h *heapRig) ofAPerson() {
	secrets := map[string]secret.Text{"client_secret": h.seeds.plant("client secret of the maker")}
	defer clearSent(secrets)
	_, err := h.vault.CreateClient(h.t.Context(), maker(), core.ClientDraft{
		Environment: "default", ID: "crm", Connector: resource.Connector{Environment: "default", ID: "crm"}, ClientID: "makers",
		ParameterSet: "authorizationCode", Secrets: secrets,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.create("person", "authorizationCode", nil, nil)
	h.signIn("person")
	h.use("person", 1, core.Subject{})
	h.clock.Advance(55 * time.Minute) // renewed ahead, behind the loan's back
	before := h.tokens.serial
	h.use("person", 1, core.Subject{})
	h.vault.Drain()
	h.clock.Advance(2 * time.Hour) // renewed before the loan
	lent := h.use("person", 1, core.Subject{})
	again, err := h.vault.Reject(h.t.Context(), through("runtime-proxy", ann()), core.Rejection{
		Request: core.Request{Name: name("person"), OperationID: "op"}, TokenVersion: lent.TokenVersion, Status: 401,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	again.Clear()
	if h.tokens.serial < before+2 {
		h.t.Fatalf("renewed %d times only", h.tokens.serial-before)
	}
	// A renewal that fails keeps what it has in memory no longer either.
	h.tokens.failed = gone("invalid_grant")
	h.clock.Advance(2 * time.Hour)
	if _, err := h.vault.Resolve(h.t.Context(), through("runtime-proxy", ann()), core.Request{Name: name("person"), OperationID: "op"}); err == nil {
		h.t.Fatal("a grant that is gone is lent")
	}
	h.tokens.failed = nil
	h.signIn("person")
}

func (h *heapRig) signIn(id string) {
	h.t.Helper()
	a, err := h.vault.StartAuthorization(h.t.Context(), ann(), core.SignIn{Connection: name(id)})
	if err != nil {
		h.t.Fatal(err)
	}
	code := h.seeds.plant(fmt.Sprintf("authorization code %d", h.tokens.serial))
	defer code.Clear()
	r, err := h.vault.ReceiveAuthorization(h.t.Context(), itself("gateway"), core.Callback{State: stateOf(h.t, a), Code: code, Path: a.Callback})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.vault.CompleteAuthorization(h.t.Context(), ann(), a.Name, r.Confirmation); err != nil {
		h.t.Fatal(err)
	}
}

// callers begins the names of the tokens of callers.
const callers = "token of a caller "

// ofMachines gets tokens by a password, by a client alone and for a caller's token.
func (h *heapRig) ofMachines() {
	h.create("password", "password", map[string]string{"token:username": "ann", "token:clientId": "own"}, map[string]secret.Text{
		"token:password": h.seeds.plant("password"), "token:clientSecret": h.seeds.plant("client secret of the owner"),
	})
	h.create("client", "clientCredentials", map[string]string{"token:clientId": "own"}, map[string]secret.Text{
		"token:clientSecret": h.seeds.plant("client secret of an owner without a person"),
	})
	h.create("caller", "tokenExchange", map[string]string{"token:clientId": "own"}, map[string]secret.Text{
		"token:clientSecret": h.seeds.plant("client secret for exchanges"),
	})
	for range 2 {
		h.use("password", 1, core.Subject{})
		h.use("client", 1, core.Subject{})
		token := h.seeds.plant(callers + strconv.Itoa(h.tokens.serial))
		sum := [sha256.Size]byte{}
		_ = token.Use(granted, func(b []byte) error { sum = sha256.Sum256(b); return nil })
		h.use("caller", 1, core.Subject{Token: token, Sum: sum})
		h.clock.Advance(2 * time.Hour)
	}
}

// rotate exchanges the keys of both levels.
func (h *heapRig) rotate() {
	if _, err := h.vault.RotateKeys(h.t.Context(), admin(), core.KeyLevelAll, ""); err != nil {
		h.t.Fatal(err)
	}
	for range 20 {
		_ = h.vault.ContinueRotation(h.t.Context())
		r, err := h.vault.GetKeyRotation(h.t.Context(), admin(), core.LatestRotation)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.State == core.RotationSucceeded {
			return
		}
		h.clock.Advance(time.Minute)
	}
	h.t.Fatal("the rotation does not end")
}

// dump writes everything that the garbage collector keeps, and the stacks.
func (h *heapRig) dump() string {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "heap")
	file, err := os.Create(path)
	if err != nil {
		h.t.Fatal(err)
	}
	runtime.GC()
	runtime.GC() // what finalizers have let go of
	debug.WriteHeapDump(file.Fd())
	if err := file.Close(); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// everything uses the vault in every way. The vault still runs afterwards, with all
// of its caches and its stored connections.
func (h *heapRig) everything() {
	h.t.Helper()
	h.ofAKey()
	h.ofAPerson()
	h.ofMachines()
	h.rotate()
	h.use("key", 1, core.Subject{})
	h.use("person", 1, core.Subject{})
	h.create("short", "key", nil, map[string]secret.Text{"api_key": h.seeds.plant("API key of a connection that is deleted")})
	if err := h.vault.Delete(h.t.Context(), ann(), name("short"), ""); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.vault.RevokeAuthorization(h.t.Context(), ann(), name("person")); err != nil {
		h.t.Fatal(err)
	}
	h.vault.Drain()
	if len(h.seeds) < 20 {
		h.t.Errorf("only %d secrets were planted", len(h.seeds))
	}
}

// witness is found by every search that works.
const witness = "what the test itself holds"

// TestNoSecretStaysInTheHeap looks for secrets in a dump of the heap after use: all
// that the garbage collector keeps, and the stacks.
//
// What it does not look at: what gRPC and HTTP make of messages, which are no part
// of this test and whose buffers and strings nobody clears. The data keys are in
// memory while a vault runs and are no secrets of connections.
func TestNoSecretStaysInTheHeap(t *testing.T) {
	h := newHeapRig(t)
	h.everything()
	own := h.seeds.plant(witness)
	if found := h.seeds.found(t, h.dump()); !slices.Equal(found, []string{witness}) {
		t.Errorf("of %d secrets the heap holds %q", len(h.seeds), found)
	}
	own.Clear()
	runtime.KeepAlive(h)
}

// TestNoSecretStaysInMemory looks for secrets in all memory of the process, also
// in what the garbage collector has freed and nobody has used again, as whoever
// gets hold of a core dump could. Only the tokens of callers, which the vault does
// not clear (see core.Subject), may be there until their memory is used again.
func TestNoSecretStaysInMemory(t *testing.T) {
	h := newHeapRig(t)
	h.everything()
	own := h.seeds.plant(witness)
	found := slices.DeleteFunc(h.seeds.found(t, h.memory()), func(what string) bool { return strings.HasPrefix(what, callers) })
	if !slices.Equal(found, []string{witness}) {
		t.Errorf("of %d secrets the memory holds %q", len(h.seeds), found)
	}
	own.Clear()
	runtime.KeepAlive(h)
}

// memory copies what the process can write to into a file.
func (h *heapRig) memory() string {
	h.t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		h.t.Skip("this system does not show the memory of a process")
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		h.t.Skip("this system does not show the memory of a process")
	}
	defer func() { _ = mem.Close() }()
	path := filepath.Join(h.t.TempDir(), "memory")
	file, err := os.Create(path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		if to-from > 1<<30 {
			continue // reserved, and what the race detector keeps
		}
		_, _ = io.Copy(file, io.NewSectionReader(mem, from, to-from)) // some regions cannot be read
	}
	return path
}
