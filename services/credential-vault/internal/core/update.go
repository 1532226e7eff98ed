package core

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Field is a part of a connection that can be changed.
type Field string

// The fields, named as in update masks.
const (
	FieldParameters     Field = "parameters"
	FieldDisplayName    Field = "display_name"
	FieldServerURL      Field = "server_url"
	FieldPinnedRevision Field = "pinned_revision"
	FieldTLS            Field = "tls"
)

// Fields returns all fields that can be changed.
func Fields() []Field {
	return []Field{FieldParameters, FieldDisplayName, FieldServerURL, FieldPinnedRevision, FieldTLS}
}

// Edit is a change that somebody wants to make.
type Edit struct {
	// Name is the connection.
	Name resource.Connection
	// Etag is the one that the connection must have; empty for any.
	Etag string
	// Fields are those that get the values below; the others are ignored.
	Fields []Field
	// Parameters replaces all values that are not secret.
	Parameters map[string]string
	// DisplayName, ServerURL, PinnedRevision and TLS are as in [Connection].
	DisplayName    string
	ServerURL      string
	PinnedRevision string
	TLS            TLSSettings
	// Connector and ParameterSet cannot be changed: unless empty they must be
	// what the connection has.
	Connector    string
	ParameterSet string
	// Secrets replaces the secrets that are in it and removes those that are
	// empty; the others are kept. They stay the caller's, who clears them.
	Secrets map[string]secret.Text
}

// touches reports whether values change, not only what people see.
func (e Edit) touches() bool {
	return len(e.Secrets) > 0 || slices.ContainsFunc(e.Fields, func(f Field) bool { return f != FieldDisplayName })
}

// Update changes a connection of the caller and announces it. The result has to
// fit the connector like a new connection.
func (v *Vault) Update(ctx context.Context, caller Caller, e Edit) (Connection, error) {
	return settled(e.Name, func() (Connection, error) { return v.tryUpdate(ctx, caller, e) })
}

// tryUpdate makes the change on what is stored now. It returns [ErrChanged] when
// somebody else was faster.
func (v *Vault) tryUpdate(ctx context.Context, caller Caller, e Edit) (Connection, error) {
	before, sealed, err := v.store.WithSecrets(ctx, e.Name)
	if err := v.found(ctx, e.Name, err); err != nil {
		return Connection{}, err
	}
	if err := mayChange(caller, before, e.Etag); err != nil {
		return Connection{}, err
	}
	if err := checkImmutable(before, e); err != nil {
		return Connection{}, err
	}
	after := before.with(e)
	after.Change++
	after.Edits++
	after.UpdateTime = v.clock.Now()
	held, err := v.heldAs(ctx, before)
	if err != nil {
		return Connection{}, err
	}
	held.Connection = before
	w := Write{Connection: after, Grant: held.Grant.follows(before, after)}
	if e.touches() {
		if w, err = v.refit(ctx, caller, held, sealed, after, e); err != nil {
			return Connection{}, err
		}
	}
	if err := v.store.Replace(ctx, w); err != nil {
		return Connection{}, fmt.Errorf("store %s: %w", e.Name, err)
	}
	if w.Grant != nil && len(w.Grant.Access) == 0 {
		v.revokeLost(ctx, caller, held)
	}
	return w.Connection, nil
}

// mayChange refuses callers who do not see the connection, who only may look at
// it, and who have not seen its present state.
func mayChange(caller Caller, conn Connection, etag string) error {
	if !caller.sees(conn) {
		return notFound(conn.Name)
	}
	if err := caller.mayWrite(); err != nil {
		return err
	}
	if etag != "" && etag != conn.Etag() {
		return etagMismatch(conn)
	}
	return nil
}

// checkImmutable refuses changes of what cannot be changed.
func checkImmutable(before Connection, e Edit) error {
	refuse := func(field string) error {
		return fault.Invalid(fault.ReasonInvalidArgument,
			"the %s of a connection cannot be changed; create another connection", field).
			Field("connection."+field, "cannot be changed")
	}
	if e.Connector != "" && e.Connector != before.Connector.String() {
		return refuse("connector")
	}
	if e.ParameterSet != "" && e.ParameterSet != before.ParameterSet {
		return refuse("parameter_set")
	}
	return nil
}

// with returns the connection with the fields of an edit.
func (c Connection) with(e Edit) Connection {
	for _, field := range e.Fields {
		switch field {
		case FieldParameters:
			c.Parameters = e.Parameters
		case FieldDisplayName:
			c.DisplayName = e.DisplayName
		case FieldServerURL:
			c.ServerURL = e.ServerURL
		case FieldPinnedRevision:
			c.PinnedRevision = e.PinnedRevision
		case FieldTLS:
			c.TLS = e.TLS
		}
	}
	return c
}

// refit checks the changed values against the connector, seals new secrets and
// decides where all of them may go, and whether somebody has to sign in again.
// What a failed test said about the old values is forgotten.
func (v *Vault) refit(ctx context.Context, caller Caller, held Held, sealed []Sealed, after Connection, e Edit) (Write, error) {
	before := held.Connection
	done, err := v.fit(ctx, &after, answers{plain: after.Parameters, secrets: e.Secrets, kept: before.SecretNames, sealed: sealed, tolerate: before.Parameters})
	defer done.clear()
	if err != nil {
		return Write{}, err
	}
	e.Secrets = done.secrets
	if err := v.bind(done.def, before, &after, e); err != nil {
		return Write{}, err
	}
	if err := done.bindSignIn(before, &after, e.Secrets); err != nil {
		return Write{}, err
	}
	w := Write{Connection: after}
	reenter(held, &w, done)
	if len(e.Secrets) == 0 {
		return w, nil
	}
	fresh, err := v.seal(ctx, w.Connection, e.Secrets, lendsOf(done.def, w.Connection))
	if err != nil {
		return Write{}, err
	}
	w.Secrets = merge(sealed, e.Secrets, fresh)
	w.Connection.named(w.Secrets)
	w.Audit = v.record(caller, ActionChanged, after.Name, slices.Sorted(maps.Keys(e.Secrets)))
	return w, nil
}

// reenter decides in which state a changed connection is. One whose sign-in is
// another now, or that leads elsewhere, loses its grant. One that needs nobody to
// sign in keeps its token if the sign-in is the same, and gets another one else.
func reenter(held Held, w *Write, done fitted) {
	before, after := held.Connection, &w.Connection
	interactive := done.grant.Interactive()
	after.Refusals = before.editedRefusals()
	if !interactive || before.State != StateNeedsAuthorization {
		after.enter(StateConnected, "", after.UpdateTime)
		after.TestTime = time.Time{} // nor does what a good one proved hold for the new values
	}
	if !interactive && !held.Grant.Kind.Interactive() {
		if !done.reworks(before, *after) && !done.bringsSignIn(done.secrets) {
			w.Grant = held.Grant.follows(before, *after)
		}
		return
	}
	if !done.resigns(before, *after) {
		return
	}
	if interactive {
		after.enter(StateNeedsAuthorization, awaitsSignIn, after.UpdateTime)
	}
	if held.Grant.Change > 0 {
		g := held.Grant.lost(before.UID)
		if !interactive {
			g.Kind = ""
		}
		w.Grant = &g
	}
}

// merge returns the old secrets that were not sent again, and the new ones, in
// the order of their parameters. It is never nil.
func merge(old []Sealed, sent map[string]secret.Text, fresh []Sealed) []Sealed {
	merged := []Sealed{}
	for _, s := range old {
		if _, again := sent[s.Parameter]; !again {
			merged = append(merged, s)
		}
	}
	merged = append(merged, fresh...)
	slices.SortFunc(merged, func(a, b Sealed) int {
		return cmp.Compare(a.Parameter, b.Parameter)
	})
	return merged
}
