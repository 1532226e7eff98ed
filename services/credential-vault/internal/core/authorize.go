package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// SignIn is a sign-in that somebody wants to begin.
type SignIn struct {
	// Connection is what it is for.
	Connection resource.Connection
	// ReturnURL is where the browser goes afterwards; empty to have the confirmation
	// shown. See [Config.ReturnOrigins].
	ReturnURL string
	// LoginHint is the account that the provider should suggest; may be empty.
	LoginHint string
	// ExtraScopes are asked for besides those of the connector.
	ExtraScopes []string
}

// StartAuthorization begins a sign-in for a connection of the caller. A grant
// that needs no person is obtained at once. Only the answer has the pages that
// the person opens; they are kept nowhere.
func (v *Vault) StartAuthorization(ctx context.Context, caller Caller, s SignIn) (Authorization, error) {
	held, err := v.ownHeld(ctx, caller, s.Connection)
	if err != nil {
		return Authorization{}, err
	}
	if held.Connection.Mock {
		return Authorization{}, noSignIn(held.Connection, "it is a mock, which needs none")
	}
	if err := v.checkSignIn(s); err != nil {
		return Authorization{}, err
	}
	leads, err := v.consented(ctx, held.Connection)
	if err != nil {
		return Authorization{}, err
	}
	p, secrets, err := v.signInProfile(ctx, caller, held)
	if err != nil {
		return Authorization{}, err
	}
	defer Credential{Secrets: secrets}.Clear()
	defer clearProfile(p)
	now := v.clock.Now()
	conn := held.Connection
	a := Authorization{
		Name:   resource.Authorization{Environment: conn.Name.Environment, Connection: conn.Name.ID, ID: v.newID()},
		Change: 1, ConnectionUID: conn.UID, Principal: caller.Principal.Name, State: AuthorizationPending, Kind: p.Grant,
		Seal: conn.UID + "-" + v.newID(), Profile: snapshot(conn, leads, p), IssuerNamed: p.IssuerNamed, ReturnURL: s.ReturnURL, ExtraScopes: s.ExtraScopes,
		ExpireTime: now.Add(signInTime), CreateTime: now, APIOrigins: conn.Origins,
	}
	switch {
	case p.Grant == oauth.DeviceCode:
		return v.startDevice(ctx, conn, p, s, a)
	case p.Grant.Interactive():
		return v.startCode(ctx, conn, p, s, a)
	}
	a.State = AuthorizationSucceeded
	switch conn, err := v.agree(ctx, caller, held, p); {
	case err != nil:
		return Authorization{}, err
	case !p.Grant.PerCaller():
		if conn, err = v.obtain(ctx, conn); err != nil {
			return Authorization{}, err
		}
		a.Identity = conn.Identity
	case conn.Edits == held.Connection.Edits:
		return Authorization{}, noSignIn(conn, "its token is made of the token of whoever calls")
	}
	return v.begin(ctx, a)
}

// ownHeld returns a connection of the caller with everything that belongs to it.
// Nobody signs in for the connection of somebody else, not even an
// administrator: it would act as him from then on.
func (v *Vault) ownHeld(ctx context.Context, caller Caller, name resource.Connection) (Held, error) {
	held, err := v.store.Held(ctx, name)
	if err := v.found(ctx, name, err); err != nil {
		return Held{}, err
	}
	if err := mayChange(caller, held.Connection, ""); err != nil {
		return Held{}, err
	}
	if !caller.owns(held.Connection) {
		return Held{}, fault.Denied(fault.ReasonPermissionDenied,
			"connection %q belongs to %q; only its owner can sign in for it", name.ID, held.Connection.Owner).With("connection", name.String())
	}
	return held, nil
}

// signInProfile returns the profile of a connection that has a sign-in, with a
// client at the provider.
func (v *Vault) signInProfile(ctx context.Context, caller Caller, held Held) (*oauth.Profile, []NamedSecret, error) {
	def, err := v.definition(ctx, held.Connection)
	if err != nil {
		return nil, nil, err
	}
	set, err := chooseSet(def, held.Connection.ParameterSet)
	if err != nil {
		return nil, nil, err
	}
	if oauthParameter(set) == "" {
		return nil, nil, noSignIn(held.Connection, "its parameter set "+quoted(set.GetName())+" needs no sign-in")
	}
	p, secrets, err := v.profileWith(ctx, held)
	if err != nil || p.Client.ID != "" {
		return p, secrets, err
	}
	defer Credential{Secrets: secrets}.Clear()
	if p.Endpoints.Registration == "" {
		return nil, nil, clientMissing(held.Connection)
	}
	if err := v.register(ctx, caller, held.Connection, p); err != nil {
		return nil, nil, err
	}
	p, secrets, err = v.profileWith(ctx, held)
	if err == nil && p.Client.ID == "" { // somebody else has registered elsewhere at the same moment
		Credential{Secrets: secrets}.Clear()
		return nil, nil, clientMissing(held.Connection)
	}
	return p, secrets, err
}

// noSignIn is for connections that nobody can sign in for.
func noSignIn(conn Connection, why string) error {
	return fault.Precondition(fault.ReasonAuthorizationFailed, "nobody has to sign in for connection %q: %s", conn.Name.ID, why).
		With("connection", conn.Name.String())
}

// clientMissing is for connectors that are not registered at their provider.
func clientMissing(conn Connection) error {
	return fault.Precondition(fault.ReasonOAuthClientMissing,
		"connector %q has no OAuth client: a maker registers the connector at the provider and creates one, or the connection brings a client id and secret of its own",
		conn.Connector.ID).
		With("connector", conn.Connector.String())
}

// codesElsewhere is for providers whose metadata lead away from where an OAuth client
// is known to be.
func codesElsewhere(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"codes for connection %q would go to %s, which the OAuth client of its connector is not for: whoever created the client updates it with all its secrets and the settings that say which tenant it is for, or the connection brings a client id of its own",
		conn.Name.ID, origin).
		With("host", origin).With("connection", conn.Name.String())
}

// startCode sends the person to the provider (RFC 6749, section 4.1).
func (v *Vault) startCode(ctx context.Context, conn Connection, p *oauth.Profile, s SignIn, a Authorization) (Authorization, error) {
	if v.cfg.PublicURL == "" {
		return Authorization{}, fault.Precondition(fault.ReasonAuthorizationFailed,
			"nobody can sign in with a browser: the operator has not set --public-url, under which providers find the gateway")
	}
	if o, stray := codesStray(p); stray {
		return Authorization{}, codesElsewhere(conn, o)
	}
	state, verifier := oauth.NewState(), oauth.NewVerifier()
	defer verifier.Clear()
	var err error
	a.URL, err = v.tokens.AuthorizationURL(p, oauth.Attempt{
		State: state, Verifier: verifier, Nonce: nonceOf(state), LoginHint: s.LoginHint, ExtraScopes: s.ExtraScopes,
	})
	if err != nil {
		return Authorization{}, fmt.Errorf("make the address to sign in for %s: %w", conn.Name, err)
	}
	a.StateHash, a.Callback, a.RedirectURL = hashOf(state), callbackOf(p.RedirectURL), ownersToRegister(p)
	if a.Secrets, err = v.sealPart(ctx, conn, a, nil, sealedVerifier, verifier); err != nil {
		return Authorization{}, err
	}
	return v.begin(ctx, a)
}

// startDevice gets a code that the person types in (RFC 8628).
func (v *Vault) startDevice(ctx context.Context, conn Connection, p *oauth.Profile, s SignIn, a Authorization) (Authorization, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	d, err := v.tokens.StartDevice(ctx, p, oauth.Attempt{LoginHint: s.LoginHint, ExtraScopes: s.ExtraScopes})
	if err != nil {
		return Authorization{}, fmt.Errorf("ask for a code to sign in for %s: %w", conn.Name, err)
	}
	defer d.Code.Clear()
	a.ReturnURL = ""
	a.URL, a.UserCode, a.CompleteURL = d.VerificationURL, d.UserCode, d.CompleteURL
	a.PollInterval = max(d.Interval, leastPoll)
	a.PollTime = a.CreateTime.Add(a.PollInterval)
	a.ExpireTime = a.CreateTime.Add(deviceTime)
	if !d.ExpireTime.IsZero() && d.ExpireTime.Before(a.ExpireTime) {
		a.ExpireTime = d.ExpireTime
	}
	if a.Secrets, err = v.sealPart(ctx, conn, a, nil, sealedDevice, d.Code); err != nil {
		return Authorization{}, err
	}
	return v.begin(ctx, a)
}

// begin stores a new sign-in. Those that make room for it are given up.
func (v *Vault) begin(ctx context.Context, a Authorization) (Authorization, error) {
	dropped, err := v.store.InsertAuthorization(ctx, a, SignInLimits{
		OfConnection: maxSignIns, OfPrincipal: maxSignInsOf,
		Drop: func(old Authorization) Authorization {
			old.Change++
			old.fail("newer sign-ins for the same connection took its place")
			return old
		},
	})
	switch {
	case errors.Is(err, ErrLimit):
		return Authorization{}, fault.Exhausted(fault.ReasonLimitReached,
			"%d sign-ins of yours wait already; complete them, or wait until they expire", maxSignInsOf)
	case errors.Is(err, ErrChanged):
		return Authorization{}, notFound(a.Name.Parent())
	case err != nil:
		return Authorization{}, fmt.Errorf("store %s: %w", a.Name, err)
	}
	for _, old := range dropped {
		v.discard(ctx, old)
	}
	return a, nil
}

// sealPart adds a sealed secret of a sign-in to others. An empty one is left out.
func (v *Vault) sealPart(ctx context.Context, conn Connection, a Authorization, to []Sealed, name string, value secret.Text) ([]Sealed, error) {
	if value.Empty() {
		return to, nil
	}
	blob, err := v.sealer.Seal(ctx, a.place(conn, name), value)
	if err != nil {
		return nil, fmt.Errorf("encrypt a secret of %s: %w", a.Name, err)
	}
	return append(to, Sealed{Parameter: name, Version: a.Seal, Blob: blob}), nil
}

// openSignIn decrypts a secret of a sign-in, empty if there is none. Whoever gets
// it clears it.
func (v *Vault) openSignIn(ctx context.Context, conn Connection, a Authorization, name string) (secret.Text, error) {
	s, ok := a.sealedPart(name)
	if !ok {
		return secret.Text{}, nil
	}
	value, err := v.sealer.Open(ctx, a.place(conn, name), s.Blob)
	if err != nil {
		return secret.Text{}, fmt.Errorf("decrypt a secret of %s: %w", a.Name, err)
	}
	return value, nil
}

// nonceOf returns the nonce that belongs to a state. It says nothing about the
// state, which nobody else knows, and so needs not be kept.
func nonceOf(state string) string { return hashOf("nonce of " + state) }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checkSignIn refuses what must not become part of an address.
func (v *Vault) checkSignIn(s SignIn) error {
	if wrong := v.judgeReturn(s.ReturnURL); wrong != "" {
		return fault.Invalid(fault.ReasonInvalidArgument, "the browser cannot be sent back to the return URL: it %s", wrong).Field("return_url", wrong)
	}
	if strings.ContainsFunc(s.LoginHint, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return fault.Invalid(fault.ReasonInvalidArgument, "the login hint holds control characters; send an account name").
			Field("login_hint", "must not hold control characters")
	}
	if slices.ContainsFunc(s.ExtraScopes, func(scope string) bool { return !scopeToken(scope) }) {
		return fault.Invalid(fault.ReasonInvalidArgument, "a scope holds spaces or other characters that no scope has; send each scope by itself").
			Field("extra_scopes", `must be visible ASCII characters without " and \`)
	}
	return nil
}

// scopeToken reports whether a text is a scope (RFC 6749, section 3.3).
func scopeToken(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(r rune) bool { return r <= 0x20 || r >= 0x7f || r == '"' || r == '\\' })
}
