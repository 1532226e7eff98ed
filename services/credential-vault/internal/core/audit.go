package core

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// AuditAction is what was done with secrets.
type AuditAction int

// The numbers are stored: none is ever used for something else.
const (
	// ActionUnspecified is no action.
	ActionUnspecified AuditAction = iota
	// ActionCreated means that secrets were stored with a new connection.
	ActionCreated
	// ActionChanged means that secrets were replaced or removed.
	ActionChanged
	// ActionDeleted means that secrets were destroyed with their connection.
	ActionDeleted
	// ActionResolved means that secrets were lent to the runtime.
	ActionResolved
	// ActionRefused means that somebody asked for secrets and was refused.
	ActionRefused
	// ActionUsed means that lent secrets were sent to an API.
	ActionUsed
	// ActionAuthorized means that somebody signed in, or that a token was obtained
	// without a person.
	ActionAuthorized
	// ActionRefreshed means that the access token was renewed.
	ActionRefreshed
	// ActionRevoked means that the provider withdrew its grant, or that it was
	// revoked here.
	ActionRevoked
	// ActionKeysRotated means that keys were rotated. There is no connection.
	ActionKeysRotated
	// ActionPruned means that older records were removed because of their age.
	// There is no connection.
	ActionPruned
	// ActionClientChanged means that an OAuth client was created, changed or
	// deleted. There is no connection.
	ActionClientChanged
	// ActionRejected means that an API refused secrets that are no tokens.
	ActionRejected
	// ActionAccepted means that it accepted them again.
	ActionAccepted
)

// String returns the name of the action as interfaces show it.
func (a AuditAction) String() string {
	names := [...]string{
		"ACTION_UNSPECIFIED", "CREATED", "CHANGED", "DELETED", "RESOLVED", "REFUSED", "USED", "AUTHORIZED",
		"REFRESHED", "REVOKED", "KEYS_ROTATED", "PRUNED", "CLIENT_CHANGED", "REJECTED", "ACCEPTED",
	}
	if a < 0 || int(a) >= len(names) {
		return names[ActionUnspecified]
	}
	return names[a]
}

// AuditRecord says who did what with secrets. It never holds a value.
type AuditRecord struct {
	// Sequence is its position in the chain of its environment, from 1, without
	// gaps. The store gives it.
	Sequence uint64
	// Proof is an HMAC over the proof of its predecessor and this record, 64
	// hexadecimal digits. The store gives it.
	Proof string
	// Time is when it happened.
	Time time.Time
	// Action is what was done.
	Action AuditAction
	// Connection is whose secrets they are. A record that is about none has the
	// environment alone.
	Connection resource.Connection
	// OAuthClient is the id of the OAuth client in that environment that the record
	// is about; empty if none.
	OAuthClient string
	// Principal is on whose behalf it was done.
	Principal string
	// Service is the process that asked; empty if it proved no identity.
	Service string
	// OperationID is what the secrets were needed for; empty if nothing.
	OperationID string
	// Host is where the secrets were sent, "host:port"; empty if nowhere.
	Host string
	// Count is how many uses, or removed records, the record stands for; 0 means
	// one.
	Count int64
	// FirstTime is when the first of several uses was, and Time when the last; zero
	// if there was only one.
	FirstTime time.Time
	// NotRevokedReason is why a grant that was destroyed here was not revoked at its
	// provider, of [ActionDeleted] and [ActionRevoked]; empty if it was, or if there was
	// none.
	NotRevokedReason string
	// SecretNames are the names of the secrets, sorted.
	SecretNames []string
}

// AuditListing asks for a page of audit records.
type AuditListing struct {
	// AuditFilter says which records are wanted.
	AuditFilter
	// PageSize and PageToken are as the caller sent them.
	PageSize  int32
	PageToken string
}

// ListAudit returns audit records, newest first, and the token of the next page.
// A page can have fewer records than asked for, or none, while there are more:
// only an empty token is the end. Only administrators may read them.
func (v *Vault) ListAudit(ctx context.Context, caller Caller, l AuditListing) ([]AuditRecord, string, error) {
	if err := v.mayAudit(ctx, caller, l.Environment); err != nil {
		return nil, "", err
	}
	if !l.From.IsZero() && !l.To.IsZero() && !l.From.Before(l.To) {
		return nil, "", fault.Invalid(fault.ReasonInvalidArgument, "the end of the time range must be after its start").
			Field("end_time", "must be after start_time")
	}
	scope := page.Scope("audit", l.Environment, l.Connection, l.Principal, l.Action.String(), moment(l.From), moment(l.To))
	position, err := page.Decode(scope, l.PageToken)
	if err != nil {
		return nil, "", err
	}
	q := AuditQuery{AuditFilter: l.AuditFilter, Limit: page.Size(l.PageSize, defaultPage, maxPage)}
	if position != "" {
		if q.Before, err = strconv.ParseUint(position, 10, 64); err != nil || q.Before == 0 {
			return nil, "", fault.Invalid(fault.ReasonInvalidPageToken, "the page token cannot be used; start again without a token").
				Field("page_token", "names no record")
		}
	}
	records, next, err := v.store.AuditRecords(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list audit records: %w", err)
	}
	if next == 0 {
		return records, "", nil
	}
	return records, page.Encode(scope, strconv.FormatUint(next, 10)), nil
}

// mayAudit refuses everybody but administrators, and environments that do not
// exist.
func (v *Vault) mayAudit(ctx context.Context, caller Caller, environment string) error {
	if !caller.Principal.Is(authn.RoleAdmin) {
		return fault.Denied(fault.ReasonPermissionDenied,
			"only administrators may read the audit trail; ask one of them").With("principal", caller.Principal.Name)
	}
	return v.environments.Exists(ctx, environment)
}

// moment is a time as a part of a page's scope.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
