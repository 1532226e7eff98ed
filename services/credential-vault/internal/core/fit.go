package core

import (
	"context"
	"fmt"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// awaitsSignIn is why a connection without a grant cannot be used.
const awaitsSignIn = "it waits for its owner to sign in"

// fitted is a connection that fits its connector.
type fitted struct {
	def     *connectorv1.Definition
	set     *connectorv1.ParameterSet
	grant   oauth.Grant            // how its token comes about; empty without a sign-in
	secrets map[string]secret.Text // as they are kept
	made    []secret.Text          // those of them that nobody else clears
}

// clear overwrites the secrets that were made on the way.
func (f fitted) clear() {
	for _, s := range f.made {
		s.Clear()
	}
}

// firstState returns the state of a connection that nobody has signed in for.
func (f fitted) firstState() State {
	if f.grant.Interactive() {
		return StateNeedsAuthorization
	}
	return StateConnected
}

// firstReason returns why it is in that state.
func (f fitted) firstReason() string {
	if f.grant.Interactive() {
		return awaitsSignIn
	}
	return ""
}

// fit checks everything that a connection says against its connector, and fills
// in the parameter set, the defaults and where it leads. The result is to be
// cleared, also after an error.
func (v *Vault) fit(ctx context.Context, conn *Connection, a answers) (fitted, error) {
	if err := checkPin(*conn); err != nil {
		return fitted{}, err
	}
	if err := conn.TLS.check(); err != nil {
		return fitted{}, err
	}
	def, err := v.definition(ctx, *conn)
	if err != nil {
		return fitted{}, err
	}
	if conn.Mock {
		return fitMock(def, conn, a)
	}
	set, err := chooseSet(def, conn.ParameterSet)
	if err != nil {
		return fitted{}, err
	}
	f, err := v.formOf(ctx, *conn, def, set)
	if err != nil {
		return fitted{}, err
	}
	a.kept = a.serving(lendsOf(def, *conn))
	a, made := f.takeIn(f.canonical(a), v.clock.Now())
	done := fitted{def: def, set: set, secrets: a.secrets, made: made}
	plain, err := f.complete(a)
	if err != nil {
		return done, err
	}
	if err := checkBasic(set, plain); err != nil {
		return done, err
	}
	origins, err := destinations(def, plain, conn.ServerURL, v.cfg.AllowHosts)
	if err != nil {
		return done, err
	}
	conn.ParameterSet, conn.Parameters, conn.Origins = set.GetName(), plain, origins
	if f.signIn.Parameter == "" {
		conn.TokenOrigins, conn.Profile, conn.Kind, conn.Client = nil, nil, "", ""
		return done, nil
	}
	done.grant, conn.Client = f.signIn.grant(plain), ""
	if f.signIn.client != nil && !f.ownClient(plain, a) {
		conn.Client = f.signIn.client.UID
	}
	err = v.fitSignIn(conn, f, def, a)
	return done, err
}

// outline returns a registration in which a text that is none stands for each
// secret.
func (c OAuthClient) outline() oauth.Registration {
	r := oauth.Registration{ID: c.ClientID, Method: c.Method}
	for _, name := range c.SecretNames {
		hidden := secret.FromString("unknown")
		switch name {
		case ClientSecret:
			r.Secret = hidden
		case ClientKey:
			r.PrivateKey = hidden
		case ClientCertificate:
			r.Certificate = hidden
		}
	}
	return r
}

// fitSignIn works out where the sign-in of a connection leads, as far as that is known
// without asking anybody, and how it goes about. Values that do not make a sign-in are
// refused.
func (v *Vault) fitSignIn(conn *Connection, f form, def *connectorv1.Definition, a answers) error {
	unknown := secret.FromString("unknown") // stands for what is there, and does not matter here
	given := provider.Given{
		Plain: conn.Parameters, Secrets: map[string]secret.Text{}, Client: &provider.Client{},
		RedirectURL: v.redirectUnknown(), ServerURL: apiURL(def, *conn),
	}
	for name := range a.secrets {
		if a.has(name) {
			given.Secrets[name] = unknown
		}
	}
	for _, name := range a.kept {
		if a.has(name) {
			given.Secrets[name] = unknown
		}
	}
	if !bringsClient(f.signIn.Parameter, given.Plain, given.Secrets) {
		given.Client.Registration.ID, given.Client.Withheld = "unknown", true // a maker may still supply it
	}
	if client := f.signIn.client; client != nil {
		given.Client.Settings, given.Client.Registration = client.Settings, client.outline()
		// Where a person signs in, that tells him what is missing; else nobody would.
		given.Client.Withheld = f.signIn.grant(conn.Parameters).Interactive()
	}
	p, err := v.presets.Profile(def, f.set, given)
	if err != nil {
		return fmt.Errorf("work out the sign-in of %s: %w", conn.Connector, err)
	}
	conn.TokenOrigins, conn.Kind = tokenOrigins(p.Endpoints), p.Grant
	conn.Profile, err = v.presets.Outline(def, f.set, given, p.Grant)
	if err != nil {
		return fmt.Errorf("work out the sign-in of %s: %w", conn.Connector, err)
	}
	return nil
}

// serving returns the names of the secrets from before that were given for what the
// connector uses them for now. The others are as good as not given.
func (a answers) serving(l lends) []string {
	return slices.DeleteFunc(slices.Clone(a.kept), func(name string) bool {
		return slices.ContainsFunc(a.sealed, func(s Sealed) bool { return s.Parameter == name && !l.serves(s) })
	})
}
