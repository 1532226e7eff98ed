package core

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Tokens speaks to providers; package oauth has the real one. Failures are
// [*oauth.Error]s. Implementations are safe for concurrent use.
type Tokens interface {
	// AuthorizationURL returns the page that a person has to open.
	AuthorizationURL(p *oauth.Profile, a oauth.Attempt) (string, error)
	// Exchange swaps an authorization code.
	Exchange(ctx context.Context, p *oauth.Profile, code secret.Text, a oauth.Attempt) (oauth.Token, error)
	// Obtain gets a token by a grant that needs neither a person nor a caller.
	Obtain(ctx context.Context, p *oauth.Profile) (oauth.Token, error)
	// ExchangeSubject swaps a caller's token.
	ExchangeSubject(ctx context.Context, p *oauth.Profile, subject secret.Text) (oauth.Token, error)
	// Refresh renews a token. A Refresh of the result that is empty means that the
	// old one still holds.
	Refresh(ctx context.Context, p *oauth.Profile, refresh secret.Text) (oauth.Token, error)
	// StartDevice begins a device flow.
	StartDevice(ctx context.Context, p *oauth.Profile, a oauth.Attempt) (oauth.Device, error)
	// PollDevice asks whether the person is done: oauth.Pending until then.
	PollDevice(ctx context.Context, p *oauth.Profile, code secret.Text) (oauth.Token, error)
	// Revoke gives tokens back. A provider without an endpoint for that is no
	// failure; [oauth.ErrNothingToRevoke] means that none held any more.
	Revoke(ctx context.Context, p *oauth.Profile, t oauth.Token) error
	// Discover returns the profile with the endpoints that its metadata name; a
	// profile that needs none is returned as it is.
	Discover(ctx context.Context, p *oauth.Profile) (*oauth.Profile, error)
	// Register makes a client at the provider (RFC 7591).
	Register(ctx context.Context, p *oauth.Profile, name string) (oauth.Registration, error)
}
