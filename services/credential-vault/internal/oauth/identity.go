package oauth

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// identityTimeout bounds the question who signed in: the token is not kept until it
// is answered.
const identityTimeout = 5 * time.Second

// identify returns who signed in; "" if nobody says. It never fails: a connection
// without a name is better than none.
func (c *Client) identify(ctx context.Context, r *request, access secret.Text, tree *node) string {
	identity := r.profile.Identity
	if identity.URL != "" {
		if name := c.askIdentity(ctx, r, access); name != "" {
			return name
		}
	}
	return r.label(tree, identity.Paths)
}

// askIdentity asks the provider with the access token.
func (c *Client) askIdentity(ctx context.Context, r *request, access secret.Text) string {
	identity := r.profile.Identity
	u, failed := parseEndpoint("identity endpoint", identity.URL)
	if failed != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	header := http.Header{}
	header.Set("Accept", jsonType)
	for _, one := range identity.Header {
		header.Set(one.Name, one.Value)
	}
	token := opened(access)
	defer clear(token)
	r.profile.Placement.put(header, token)
	answer, failed := c.send(ctx, call{
		method: cmp.Or(identity.Method, http.MethodGet), endpoint: u, header: header, hide: &r.hide,
	})
	if failed != nil {
		return ""
	}
	defer answer.clear()
	if !succeeded(answer.status) {
		return ""
	}
	person := parse(answer.body)
	defer person.clear()
	return r.label(person, r.claimPaths())
}
