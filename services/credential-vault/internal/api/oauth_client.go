package api

import (
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// clientMessage returns an OAuth client as callers see it.
func (s *Server) clientMessage(c core.OAuthClient) *vaultv1.OAuthClient {
	return &vaultv1.OAuthClient{
		Name:           c.Name.String(),
		Connector:      connectorName(c.Connector),
		ParameterSet:   c.ParameterSet,
		ClientId:       c.ClientID,
		Authentication: authentication(c.Method),
		Settings:       c.Settings,
		SecretNames:    c.SecretNames,
		RedirectUrl:    s.vault.RedirectURL(c),
		TokenOrigins:   c.TokenOrigins,
		ApiOrigins:     c.APIOrigins,
		Registered:     c.Registered,
		CreateTime:     timestamp(c.CreateTime),
		UpdateTime:     timestamp(c.UpdateTime),
		Etag:           c.Etag(),
	}
}

// authentication returns how a client proves itself. A method that has no name
// in the interface is unspecified.
func authentication(m oauth.Method) vaultv1.ClientAuthentication {
	for a := range vaultv1.ClientAuthentication(len(vaultv1.ClientAuthentication_name)) {
		if m != "" && method(a) == m {
			return a
		}
	}
	return vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_UNSPECIFIED
}

func method(a vaultv1.ClientAuthentication) oauth.Method {
	switch a {
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_BASIC:
		return oauth.SecretBasic
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_POST:
		return oauth.SecretPost
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_NONE:
		return oauth.NoSecret
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_PRIVATE_KEY_JWT:
		return oauth.PrivateKeyJWT
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_CLIENT_SECRET_JWT:
		return oauth.SecretJWT
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_TLS_CLIENT_AUTH:
		return oauth.TLSClientAuth
	case vaultv1.ClientAuthentication_CLIENT_AUTHENTICATION_UNSPECIFIED:
	}
	return ""
}
