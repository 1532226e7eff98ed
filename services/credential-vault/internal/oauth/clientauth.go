package oauth

import (
	"crypto/tls"
	"encoding/base64"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// clientAssertionType is the client_assertion_type of RFC 7523, section 2.2.
const clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// method returns how the client proves itself.
func (r Registration) method() Method {
	switch {
	case r.Method != "":
		return r.Method
	case !r.Secret.Empty():
		return SecretPost
	case !r.PrivateKey.Empty():
		return PrivateKeyJWT
	default:
		return NoSecret
	}
}

// authenticate adds what proves the client to be itself (RFC 6749, section 2.3).
func (c *Client) authenticate(r *request) *Error {
	client := r.profile.Client
	switch {
	case client.ID == "" && client.method() == NoSecret && !r.profile.Grant.Interactive():
		return nil // passwords and assertions of owners need no client (RFC 7521, section 4.1)
	case client.ID == "":
		return r.unsent("there is no client id")
	}
	switch client.method() {
	case SecretBasic:
		return r.basic(client)
	case SecretPost:
		if client.Secret.Empty() {
			return r.unsent("the client has no secret")
		}
		r.form.add("client_id", client.ID)
		r.secret("client_secret", client.Secret)
		return nil
	case NoSecret:
		r.form.add("client_id", client.ID)
		return nil
	case PrivateKeyJWT, SecretJWT:
		return c.assertClient(r, client)
	case TLSClientAuth:
		r.form.add("client_id", client.ID)
		return r.present(client)
	default:
		return r.unsent("the client authentication " + cut(oneLine(string(client.Method)), 60) + " is not known")
	}
}

// basic puts id and secret into the Authorization header. Both are escaped before
// they are joined (RFC 6749, section 2.3.1), so either may hold a colon.
func (r *request) basic(client Registration) *Error {
	if client.Secret.Empty() {
		return r.unsent("the client has no secret")
	}
	value := opened(client.Secret)
	defer clear(value)
	r.hide.add(value)
	pair := make([]byte, 0, 3*(len(client.ID)+len(value))+1)
	pair = append(appendEscaped(pair, []byte(client.ID)), ':')
	pair = appendEscaped(pair, value)
	defer clear(pair)
	r.hide.add(pair)
	r.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString(pair))
	return nil
}

// assertClient adds a signed assertion of the client (RFC 7523, section 2.2).
func (c *Client) assertClient(r *request, client Registration) *Error {
	key, err := clientKey(client)
	if err != nil {
		return r.unsent("the client's key cannot be used: " + err.Error())
	}
	defer key.clear()
	audience := client.AssertionAudience
	if audience == "" {
		audience = withoutQuery(r.endpoint)
	}
	now := c.config.Clock.Now()
	signed, err := key.sign([]claim{
		text("iss", client.ID), text("sub", client.ID), text("aud", audience), text("jti", NewState()),
		number("iat", now), number("nbf", now), number("exp", now.Add(assertionLifetime)),
	})
	if err != nil {
		return r.unsent("the client's assertion cannot be signed: " + err.Error())
	}
	r.form.add("client_id", client.ID)
	r.form.add("client_assertion_type", clientAssertionType)
	r.own("client_assertion", signed)
	return nil
}

// clientKey returns what the client signs with.
func clientKey(client Registration) (*signer, error) {
	if client.method() == SecretJWT {
		return sharedSigner(client.Secret, client.Algorithm)
	}
	key, err := newSigner(client.PrivateKey, client.KeyID, client.Algorithm)
	if err != nil || !client.Thumbprint {
		return key, err
	}
	if err := key.thumbprint(client.Certificate); err != nil {
		return nil, err
	}
	return key, nil
}

// present shows the client's certificate in the TLS handshake (RFC 8705, section
// 2.1).
func (r *request) present(client Registration) *Error {
	err := client.Certificate.Use(reveal.Grant(), func(pem []byte) error {
		pair, err := tls.X509KeyPair(pem, pem)
		r.certificate = &pair
		return err
	})
	if err != nil {
		r.certificate = nil
		return r.unsent("the client's certificate cannot be read: it must be PEM, with its key and its chain")
	}
	return nil
}

// assertionLifetime is how long an assertion holds: enough for clocks that differ
// by minutes.
const assertionLifetime = 5 * time.Minute
