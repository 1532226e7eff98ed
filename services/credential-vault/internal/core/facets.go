package core

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// A publication of the connector may change everything about a sign-in: the page that
// people are sent to, the path that codes are sent to, what stands in the body beside
// the client secret. So clients, connections, sign-ins and grants remember how their
// sign-in goes about, as facets, and none of them is used for another one.

// SignInProfile is how the sign-in of one parameter set goes about, for one grant.
type SignInProfile struct {
	// Set is the parameter set.
	Set string
	// Grant is how the token comes about.
	Grant oauth.Grant
	// Facets are as [Presets] outline them.
	Facets []oauth.Facet
}

// facets returns those of all sign-ins that a client serves.
func (c OAuthClient) facets() []oauth.Facet {
	var all []oauth.Facet
	for _, p := range c.Profiles {
		all = append(all, oauth.Facet{Name: "parameter set", Value: p.Set}, oauth.Facet{Name: "grant", Value: string(p.Grant)})
		all = append(all, p.Facets...)
	}
	return all
}

// differsFrom returns in what a sign-in differs from the one that the client is for,
// but for its revocation endpoint; "" if it is that one.
func (c OAuthClient) differsFrom(set string, grant oauth.Grant, facets []oauth.Facet) string {
	for _, p := range c.Profiles {
		if p.Set == set && p.Grant == grant {
			return differing(withoutRevocation(p.Facets), withoutRevocation(facets))
		}
	}
	return "parameter set " + quoted(set)
}

// facets returns how a sign-in without a maker's client goes about. Origins that
// variables make are resolved. What metadata name is known by its origin: their
// address is a facet, and they speak for themselves.
func (in signIn) facets(stated, found *oauth.Profile) []oauth.Facet {
	all := append([]oauth.Facet{{Name: "grant", Value: string(stated.Grant)}}, in.outline...)
	for _, e := range []struct{ name, url string }{
		{provider.AuthorizationEndpoint, found.Endpoints.Authorization},
		{"token endpoint", found.Endpoints.Token},
		{"refresh endpoint", found.Endpoints.Refresh},
		{provider.DeviceEndpoint, found.Endpoints.Device},
		{provider.RevocationEndpoint, stated.Endpoints.Revocation},
		{provider.RegistrationEndpoint, stated.Endpoints.Registration},
	} {
		if o, ok := endpointOrigin(e.url); ok {
			all = append(all, oauth.Facet{Name: "origin of the " + e.name, Value: o})
		}
	}
	return all
}

// refreshedBy stands for where, and in which words, refresh tokens, access tokens that
// are given back and the secrets that come along are sent: a grant that remembers it
// is renewed, and given back, in the same way only. In front of the dot it stands for
// renewals alone, behind it for revocations, too (see [renewedAlike]).
func refreshedBy(outline []oauth.Facet, stated, found *oauth.Profile) string {
	return sentBy(withoutRevocation(outline), unrevoked(stated), unrevoked(found)) + "." + sentBy(outline, stated, found)
}

// sentBy is one half of refreshedBy. The client id is a part of it: a provider that is
// asked by another client says that the grant is gone, which would end it.
func sentBy(outline []oauth.Facet, stated, found *oauth.Profile) string {
	facets := slices.DeleteFunc(slices.Clone(outline), func(f oauth.Facet) bool {
		return slices.Contains([]string{provider.AuthorizationEndpoint, provider.AuthorizationQuery, provider.DeviceEndpoint, provider.RegistrationEndpoint}, f.Name)
	})
	facets = append(facets,
		oauth.Facet{Name: "token", Value: stated.Endpoints.Token}, oauth.Facet{Name: "refresh", Value: stated.Endpoints.Refresh},
		oauth.Facet{Name: "revocation", Value: stated.Endpoints.Revocation}, oauth.Facet{Name: "metadata", Value: stated.Endpoints.Metadata},
		oauth.Facet{Name: "resource", Value: stated.Endpoints.Resource}, oauth.Facet{Name: "json", Value: strconv.FormatBool(stated.JSONBody)},
		oauth.Facet{Name: "client id", Value: found.Client.ID},
	)
	// With their paths: where the API and the provider share a host, another path is
	// another recipient, whoever's metadata name it.
	for _, raw := range []string{found.Endpoints.Token, found.Endpoints.Refresh, found.Endpoints.Revocation} {
		facets = append(facets, oauth.Facet{Name: "found", Value: raw})
	}
	sum := digestOf(facetTexts(facets))
	return hex.EncodeToString(sum[:])
}

// facetTexts returns facets as texts of a digest. Their order counts.
func facetTexts(facets []oauth.Facet) []string {
	texts := []string{strconv.Itoa(len(facets))}
	for _, f := range facets {
		texts = append(texts, f.Name, f.Value)
	}
	return texts
}

// digestOf returns the SHA-256 of texts, with a length before each: no two lists are
// written alike.
func digestOf(texts []string) [sha256.Size]byte {
	var framed []byte
	for _, text := range texts {
		framed = binary.BigEndian.AppendUint64(framed, uint64(len(text)))
		framed = append(framed, text...)
	}
	return sha256.Sum256(framed)
}

// differing returns the name of the first facet in which two sign-ins differ, "" if
// they are the same.
func differing(before, now []oauth.Facet) string {
	for i := range max(len(before), len(now)) {
		switch {
		case i >= len(now):
			return before[i].Name
		case i >= len(before) || now[i].Name != before[i].Name && !named(before, now[i].Name):
			return now[i].Name
		case before[i] != now[i]:
			return before[i].Name
		}
	}
	return ""
}

func named(facets []oauth.Facet, name string) bool {
	return slices.ContainsFunc(facets, func(f oauth.Facet) bool { return f.Name == name })
}

// snapshot returns everything that a sign-in must find unchanged at its end: the page
// that people are sent to, where codes, secrets and tokens go, and the API.
func snapshot(conn Connection, leads []Origin, p *oauth.Profile) []oauth.Facet {
	e := p.Endpoints
	return append(slices.Clone(p.Facets),
		oauth.Facet{Name: "connection", Value: conn.UID},
		oauth.Facet{Name: "parameter set", Value: conn.ParameterSet},
		oauth.Facet{Name: "revision", Value: conn.PinnedRevision},
		oauth.Facet{Name: "address of the API", Value: strings.Join(originTexts(conn.Origins), " ")},
		oauth.Facet{Name: "address of the API", Value: strings.Join(originTexts(leads), " ")},
		oauth.Facet{Name: "grant", Value: string(p.Grant)},
		oauth.Facet{Name: "OAuth client", Value: p.ClientUID},
		oauth.Facet{Name: "client id", Value: p.Client.ID},
		oauth.Facet{Name: "client authentication", Value: string(p.Client.Method)},
		oauth.Facet{Name: provider.AuthorizationEndpoint, Value: e.Authorization},
		oauth.Facet{Name: "token endpoint", Value: e.Token},
		oauth.Facet{Name: "refresh endpoint", Value: e.Refresh},
		oauth.Facet{Name: provider.DeviceEndpoint, Value: e.Device},
		oauth.Facet{Name: "metadata document", Value: e.Metadata},
		oauth.Facet{Name: "redirect URL", Value: p.RedirectURL},
	)
}

// changedSince is why a sign-in does not fit its connection any more.
func changedSince(what string) string {
	return "the connection, its connector or its OAuth client has changed since the sign-in began (" + what + "); nothing more was sent, begin it again"
}

// originTexts returns origins as patterns of token endpoints have them.
func originTexts(origins []Origin) []string {
	texts := make([]string, 0, len(origins))
	for _, o := range origins {
		texts = append(texts, o.Scheme+"://"+o.Host)
	}
	return texts
}
