package core

import (
	"context"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// Presets learn where providers take tokens back, and connectors change it. That is no
// reason to renew nothing and to lend nothing: nobody is harmed by a token that is not
// given back. So a sign-in whose revocation endpoint is not the one that was agreed to
// goes on with that one, or with none; only a new agreement brings the new one.

// agreement is what a client or a connection says about a sign-in.
type agreement struct {
	before, now []oauth.Facet // how it goes about
	origins     []string      // patterns of where secrets may go
}

// agreements returns those that bind a sign-in.
func (in signIn) agreements(conn Connection, grant oauth.Grant, found *oauth.Profile) []agreement {
	var all []agreement
	if in.client != nil && !in.own {
		now := in.shared
		if in.client.Registered {
			now = in.outline
		}
		for _, p := range in.client.Profiles {
			if p.Set == in.set.GetName() && p.Grant == grant {
				all = append(all, agreement{p.Facets, now, in.client.TokenOrigins})
			}
		}
	}
	if in.boundToConnection(conn, found) {
		all = append(all, agreement{conn.Profile, in.outline, conn.TokenOrigins})
	}
	return all
}

// revocable returns a sign-in with the revocation endpoint that all have agreed to; with
// none if there is no such one, or if it is where secrets must not go.
func (v *Vault) revocable(ctx context.Context, conn Connection, in *signIn, stated, found *oauth.Profile) (with, known *oauth.Profile) {
	all := in.agreements(conn, stated.Grant, found)
	if place, same := agreedRevocation(all); !same {
		stated, found = v.revokedAt(ctx, place, stated, found)
		in.outline = withRevocation(in.outline, place)
	}
	for _, a := range all {
		if _, ok := within(a.origins, onlyRevocation(stated), onlyRevocation(found)); !ok {
			return unrevoked(stated), unrevoked(found)
		}
	}
	return stated, found
}

// agreedRevocation returns the revocation endpoint that was agreed to where it is not
// the present one; empty if there was none, if it depends on values of the connection, or
// if not all have agreed to the same.
func agreedRevocation(all []agreement) (place string, same bool) {
	differ := slices.DeleteFunc(slices.Clone(all), func(a agreement) bool { return revocationIn(a.before) == revocationIn(a.now) })
	if len(differ) == 0 {
		return "", true
	}
	place = revocationIn(differ[0].before)
	other := func(a agreement) bool { return revocationIn(a.before) != place }
	if _, ok := endpointOrigin(place); !ok || strings.Contains(place, "{") || slices.ContainsFunc(all, other) {
		return "", false
	}
	return place, false
}

// revokedAt replaces the revocation endpoint; without one, what the provider's metadata
// say counts, as for a connector that states none.
func (v *Vault) revokedAt(ctx context.Context, place string, stated, found *oauth.Profile) (with, known *oauth.Profile) {
	with, known = unrevoked(stated), unrevoked(found)
	with.Endpoints.Revocation, known.Endpoints.Revocation = place, place
	if place == "" && (with.Endpoints.Metadata != "" || with.Endpoints.Resource != "") {
		if learnt, err := v.tokens.Discover(ctx, with); err == nil {
			known.Endpoints.Revocation = learnt.Endpoints.Revocation
		}
	}
	return with, known
}

// unrevoked returns a profile without its revocation endpoint.
func unrevoked(p *oauth.Profile) *oauth.Profile {
	with := *p
	with.Endpoints.Revocation = ""
	return &with
}

// onlyRevocation returns a profile of which nothing else gets secrets.
func onlyRevocation(p *oauth.Profile) *oauth.Profile {
	e := p.Endpoints
	return &oauth.Profile{Endpoints: oauth.Endpoints{Metadata: e.Metadata, Resource: e.Resource, Revocation: e.Revocation}}
}

// revocationIn returns the revocation endpoint of an outline; empty if it has none.
func revocationIn(facets []oauth.Facet) string {
	for _, f := range facets {
		if f.Name == provider.RevocationEndpoint {
			return f.Value
		}
	}
	return ""
}

// withRevocation returns an outline with another revocation endpoint, where
// [Presets].Outline has it, or with none if it is empty.
func withRevocation(facets []oauth.Facet, place string) []oauth.Facet {
	rest := withoutRevocation(facets)
	if place == "" {
		return rest
	}
	before := []string{"metadata document", provider.AuthorizationEndpoint, "token endpoint", "refresh endpoint", provider.DeviceEndpoint}
	at := slices.IndexFunc(rest, func(f oauth.Facet) bool { return !slices.Contains(before, f.Name) })
	if at < 0 {
		at = len(rest)
	}
	return slices.Insert(rest, at, oauth.Facet{Name: provider.RevocationEndpoint, Value: place})
}

// withoutRevocation returns a copy of facets without the revocation endpoint.
func withoutRevocation(facets []oauth.Facet) []oauth.Facet {
	return slices.DeleteFunc(slices.Clone(facets), func(f oauth.Facet) bool { return f.Name == provider.RevocationEndpoint })
}

// renewedAlike reports whether refresh tokens go the way that they went when a grant was
// given, by its RefreshedBy and that of a profile. One that was written when revocations
// were no part of their own has no dot.
func renewedAlike(before, now string) bool {
	renewal, all, _ := strings.Cut(now, ".")
	was, _, _ := strings.Cut(before, ".")
	return was == renewal || was != "" && was == all
}

// revokedAlike reports whether tokens are given back where they would have been then.
func revokedAlike(before, now string) bool {
	return before == now || before != "" && !strings.Contains(before, ".") && strings.HasSuffix(now, "."+before)
}
