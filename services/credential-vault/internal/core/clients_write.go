package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// maxClientID is the greatest length of a client id in bytes.
const maxClientID = 2 << 10

// ClientDraft is an OAuth client that somebody wants to have.
type ClientDraft struct {
	// Environment is the id of the environment.
	Environment string
	// ID is the client's id; empty to have one made from the connector's.
	ID string
	// Connector, ParameterSet, ClientID, Method and Settings are as in
	// [OAuthClient].
	Connector    resource.Connector
	ParameterSet string
	ClientID     string
	Method       oauth.Method
	Settings     map[string]string
	// Secrets are "client_secret", "private_key", "certificate" and
	// "certificate_password". They stay the caller's, who clears them.
	Secrets map[string]secret.Text
	// ValidateOnly stores nothing: the answer is what the client would be. Secrets may
	// be missing then.
	ValidateOnly bool
}

// ClientField is a part of an OAuth client that can be changed.
type ClientField string

// The fields, named as in update masks.
const (
	ClientFieldClientID       ClientField = "client_id"
	ClientFieldAuthentication ClientField = "authentication"
	ClientFieldSettings       ClientField = "settings"
)

// ClientFields returns all fields that can be changed.
func ClientFields() []ClientField {
	return []ClientField{ClientFieldClientID, ClientFieldAuthentication, ClientFieldSettings}
}

// ClientEdit is a change of an OAuth client.
type ClientEdit struct {
	// Name is the client.
	Name resource.OAuthClient
	// Etag is the one that it must have; empty for any.
	Etag string
	// Fields are those that get the values below; the others are ignored.
	Fields []ClientField
	// ClientID, Method and Settings are as in [OAuthClient].
	ClientID string
	Method   oauth.Method
	Settings map[string]string
	// Connector and ParameterSet cannot be changed: unless empty they must be what
	// the client has.
	Connector    string
	ParameterSet string
	// Secrets replaces the secrets that are in it and removes those that are empty;
	// the others are kept. They stay the caller's, who clears them.
	Secrets map[string]secret.Text
}

// mayManageClients refuses everybody but makers: not even to read may others have
// what all connections of a connector depend on.
func (c Caller) mayManageClients() error {
	if c.Principal.Is(authn.RoleMaker) {
		return nil
	}
	return fault.Denied(fault.ReasonPermissionDenied, "OAuth clients are managed by makers; ask an administrator for the role %q", authn.RoleMaker).
		With("principal", c.Principal.Name)
}

// CreateClient stores a connector's registration at a provider, for those who may
// change the connector. Its secrets are bound to where the provider's endpoints are
// now.
func (v *Vault) CreateClient(ctx context.Context, caller Caller, d ClientDraft) (OAuthClient, error) {
	if err := caller.mayManageClients(); err != nil {
		return OAuthClient{}, err
	}
	if err := v.environments.Exists(ctx, d.Environment); err != nil {
		return OAuthClient{}, err
	}
	if err := checkClientNames(d); err != nil {
		return OAuthClient{}, err
	}
	if _, err := v.mayEdit(ctx, caller, d.Connector); err != nil {
		return OAuthClient{}, err
	}
	now := v.clock.Now()
	c := OAuthClient{
		UID: v.newID()[:16], Edits: 1, Connector: d.Connector, ParameterSet: d.ParameterSet, ClientID: d.ClientID,
		Method: d.Method, Settings: withoutEmpty(d.Settings), Creator: caller.Principal.Name, CreateTime: now, UpdateTime: now,
	}
	secrets, made, err := v.clientSecrets(d.Secrets)
	defer clearTexts(made)
	if err != nil {
		return OAuthClient{}, err
	}
	if err := checkStrength(c.Method, secrets[ClientSecret]); err != nil {
		return OAuthClient{}, err
	}
	names := namesOf(secrets, nil)
	if d.ValidateOnly {
		names = []string{ClientSecret, ClientKey, ClientCertificate} // nobody knows which it will have
	}
	if err := v.anchor(ctx, &c, names); err != nil {
		return OAuthClient{}, err
	}
	if d.ValidateOnly {
		c.Name = resource.OAuthClient{Environment: d.Environment, ID: cmp.Or(d.ID, d.Connector.ID)}
		return c, nil
	}
	if err := v.mayServe(ctx, caller, c.Connector); err != nil {
		return OAuthClient{}, err
	}
	if c, err = v.insertClient(ctx, caller, c, d.ID, secrets); err != nil {
		return OAuthClient{}, err
	}
	v.retry(ctx, c.Connector)
	return c, nil
}

// clientsPage is how many clients are read at once.
const clientsPage = 100

// mayServe refuses an editor who wants to put a client beside that of somebody else:
// the more specific one serves, so that he would decide to whom sign-ins, secrets and
// tokens of those go who have chosen the first. The owner of the connector decides
// that. Who that is is asked again: providers may have taken their time meanwhile.
func (v *Vault) mayServe(ctx context.Context, caller Caller, connector resource.Connector) error {
	of, err := v.mayEdit(ctx, caller, connector)
	if err != nil || of.owns(caller) {
		return err
	}
	q := ClientQuery{Environment: connector.Environment, Connector: connector.ID, Limit: clientsPage}
	for more := true; more; more = q.After != "" {
		page, next, err := v.store.Clients(ctx, q)
		if err != nil {
			return fmt.Errorf("read the OAuth clients of %s: %w", connector, err)
		}
		for _, c := range page {
			if !c.Registered && !caller.created(c) {
				return fault.Denied(fault.ReasonPermissionDenied,
					"connector %q has an OAuth client of another maker already, %q: only whoever created that one, the owner of the connector or an administrator may add another; a connection may bring a client id of its own",
					connector.ID, c.Name.ID).With("oauth_client", c.Name.String())
			}
		}
		q.After = next
	}
	return nil
}

// checkClientNames refuses what is missing or not well-formed.
func checkClientNames(d ClientDraft) error {
	if d.ID != "" {
		if err := resource.CheckID("oauth_client_id", d.ID); err != nil {
			return err
		}
	}
	if d.Connector.Environment != d.Environment {
		return fault.Invalid(fault.ReasonInvalidArgument,
			"connector %q is not in environment %q; a client and its connector share one", d.Connector.String(), d.Environment).
			Field("oauth_client.connector", "must be a connector of the same environment")
	}
	return checkClientID(d.ClientID)
}

func checkClientID(id string) error {
	wrong := ""
	switch {
	case id == "":
		wrong = "is required"
	case len(id) > maxClientID:
		wrong = tooLong(maxClientID)
	}
	if wrong == "" {
		return nil
	}
	return fault.Invalid(fault.ReasonInvalidArgument, "the client id %s; copy it from the provider", wrong).Field("oauth_client.client_id", wrong)
}

func withoutEmpty(values map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range values {
		if value != "" {
			kept[name] = value
		}
	}
	return kept
}

// insertClient seals and stores a client, under the id that was asked for or the
// first free one.
func (v *Vault) insertClient(ctx context.Context, caller Caller, c OAuthClient, id string, secrets map[string]secret.Text) (OAuthClient, error) {
	attempts := idAttempts
	if id != "" {
		attempts = 1
	}
	for attempt := range attempts {
		conn := v.nameFor(Draft{Environment: c.Connector.Environment, ID: id, Connector: c.Connector}, attempt)
		c.Name = resource.OAuthClient(conn)
		var err error
		if c.Key, err = v.sealer.NewKey(ctx, c.Name.Environment, c.Name.String()); err != nil {
			return OAuthClient{}, fmt.Errorf("make the key of %s: %w", c.Name, err)
		}
		sealed, err := v.sealClient(ctx, c, secrets)
		if err != nil {
			return OAuthClient{}, err
		}
		c.named(sealed)
		err = v.store.InsertClient(ctx, ClientWrite{Client: c, Secrets: sealed, Audit: v.recordClient(caller, c, c.SecretNames)})
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, ErrServed):
			return OAuthClient{}, fault.Exists(fault.ReasonOAuthClientExists,
				"connector %q has an OAuth client for these connections already; change that one, or delete it", c.Connector.ID).
				With("connector", c.Connector.String())
		case !errors.Is(err, ErrExists):
			return OAuthClient{}, fmt.Errorf("store %s: %w", c.Name, err)
		}
	}
	return OAuthClient{}, fault.Exists(fault.ReasonOAuthClientExists, "an OAuth client %q exists already; choose another id", c.Name.ID).
		With("oauth_client", c.Name.String())
}

// recordClient begins an audit record about a client.
func (v *Vault) recordClient(caller Caller, c OAuthClient, names []string) *AuditRecord {
	r := v.record(caller, ActionClientChanged, resource.Connection{Environment: c.Name.Environment}, names)
	r.OAuthClient = c.Name.ID
	return r
}
