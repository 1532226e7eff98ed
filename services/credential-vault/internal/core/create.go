package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

const (
	// idAttempts is how many ids are tried for a connection that names none.
	// After the first they are random, so the second one is free.
	idAttempts = 4
	// idStem is how much of the connector's id a random id begins with.
	idStem = 54
	// idRandom is how many random digits follow.
	idRandom = 8
)

// Draft is a connection that somebody wants to have.
type Draft struct {
	// Environment is the id of the environment.
	Environment string
	// ID is the connection's id; empty to have one made from the connector's.
	ID string
	// Connector is what to connect to.
	Connector resource.Connector
	// PinnedRevision, ParameterSet, Parameters, DisplayName, ServerURL, Mock and
	// TLS are as in [Connection].
	PinnedRevision string
	ParameterSet   string
	Parameters     map[string]string
	DisplayName    string
	ServerURL      string
	Mock           bool
	TLS            TLSSettings
	// Secrets are the values of secret parameters. They stay the caller's, who
	// clears them.
	Secrets map[string]secret.Text
}

// Create stores a connection that belongs to the caller, encrypts its secrets
// and announces it. Values that do not fit the connector are refused together,
// in one fault.
func (v *Vault) Create(ctx context.Context, caller Caller, d Draft) (Connection, error) {
	if err := caller.mayWrite(); err != nil {
		return Connection{}, err
	}
	if err := v.environments.Exists(ctx, d.Environment); err != nil {
		return Connection{}, err
	}
	if err := checkNames(d); err != nil {
		return Connection{}, err
	}
	now := v.clock.Now()
	conn := Connection{
		UID: v.newID()[:16], Change: 1, Edits: 1,
		Connector: d.Connector, PinnedRevision: d.PinnedRevision, ParameterSet: d.ParameterSet,
		Parameters: d.Parameters, DisplayName: d.DisplayName, ServerURL: d.ServerURL, Mock: d.Mock, TLS: d.TLS,
		Owner: caller.Principal.Name, CreateTime: now, UpdateTime: now,
	}
	fitted, err := v.fit(ctx, &conn, answers{plain: d.Parameters, secrets: d.Secrets})
	defer fitted.clear()
	if err != nil {
		return Connection{}, err
	}
	conn.enter(fitted.firstState(), fitted.firstReason(), now)
	d.Secrets = fitted.secrets
	return v.insert(ctx, caller, conn, d, lendsOf(fitted.def, conn))
}

// checkNames refuses ids that are not well-formed, and connections across
// environments.
func checkNames(d Draft) error {
	if d.ID != "" {
		if err := resource.CheckID("connection_id", d.ID); err != nil {
			return err
		}
	}
	if d.Connector.Environment == d.Environment {
		return nil
	}
	return fault.Invalid(fault.ReasonInvalidArgument,
		"connector %q is not in environment %q; a connection and its connector share one", d.Connector.String(), d.Environment).
		Field("connection.connector", "must be a connector of the same environment")
}

// checkPin refuses revisions of other connectors.
func checkPin(conn Connection) error {
	if conn.PinnedRevision == "" {
		return nil
	}
	r, err := resource.ParseRevision(conn.PinnedRevision)
	if err != nil {
		return err
	}
	// A word such as "latest" would mean another revision with each call, and nobody
	// would have agreed to the hosts of that one.
	if strings.Trim(r.ID, "0123456789abcdef") != "" {
		return fault.Invalid(fault.ReasonInvalidArgument,
			"revision %q is no single revision; pin one by the hexadecimal id that the list of revisions shows, or none to follow the published one", conn.PinnedRevision).
			Field("connection.pinned_revision", "must end in hexadecimal digits")
	}
	if r.Environment == conn.Connector.Environment && r.Connector == conn.Connector.ID {
		return nil
	}
	return fault.Invalid(fault.ReasonInvalidArgument,
		"revision %q is not one of connector %q; pin one of that connector's revisions", conn.PinnedRevision, conn.Connector.ID).
		Field("connection.pinned_revision", "must be a revision of the connection's connector")
}

// insert seals and stores a connection, under the id that was asked for or the
// first free one.
func (v *Vault) insert(ctx context.Context, caller Caller, conn Connection, d Draft, l lends) (Connection, error) {
	attempts := idAttempts
	if d.ID != "" {
		attempts = 1
	}
	for attempt := range attempts {
		conn.Name = v.nameFor(d, attempt)
		var err error
		if conn.Key, err = v.sealer.NewKey(ctx, conn.Name.Environment, conn.Name.String()); err != nil {
			return Connection{}, fmt.Errorf("make the key of %s: %w", conn.Name, err)
		}
		// Sealed for each attempt anew: a secret is bound to its connection's name.
		w, err := v.sealedWrite(ctx, caller, conn, d.Secrets, l)
		if err != nil {
			return Connection{}, err
		}
		err = v.store.Insert(ctx, w)
		if err == nil {
			return w.Connection, nil
		}
		if !errors.Is(err, ErrExists) {
			return Connection{}, fmt.Errorf("store %s: %w", conn.Name, err)
		}
	}
	return Connection{}, fault.Exists(fault.ReasonConnectionExists,
		"a connection %q exists already; choose another id", conn.Name.ID).
		With("connection", conn.Name.String())
}

// nameFor returns the name to try.
func (v *Vault) nameFor(d Draft, attempt int) resource.Connection {
	id := d.ID
	if id == "" {
		id = d.Connector.ID
	}
	if attempt > 0 {
		id = id[:min(len(id), idStem)] + "-" + v.newID()[:idRandom]
	}
	return resource.Connection{Environment: d.Environment, ID: id}
}

// sealedWrite encrypts the secrets of a new connection.
func (v *Vault) sealedWrite(ctx context.Context, caller Caller, conn Connection, secrets map[string]secret.Text, l lends) (Write, error) {
	sealed, err := v.seal(ctx, conn, secrets, l)
	if err != nil {
		return Write{}, err
	}
	conn.named(sealed)
	w := Write{Connection: conn, Secrets: sealed}
	if len(sealed) > 0 {
		w.Audit = v.record(caller, ActionCreated, conn.Name, conn.SecretNames)
	}
	return w, nil
}

// seal encrypts the non-empty secrets, in the order of their parameters, for
// the present change of the connection and what they are given for.
func (v *Vault) seal(ctx context.Context, conn Connection, secrets map[string]secret.Text, l lends) ([]Sealed, error) {
	sealed := []Sealed{}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if secrets[name].Empty() {
			continue
		}
		version := conn.Etag() + l.purpose(name)
		blob, err := v.sealer.Seal(ctx, conn.place(name, version), secrets[name])
		if err != nil {
			return nil, fmt.Errorf("encrypt parameter %q of %s: %w", name, conn.Name, err)
		}
		sealed = append(sealed, Sealed{Parameter: name, Version: version, Blob: blob})
	}
	return sealed, nil
}
