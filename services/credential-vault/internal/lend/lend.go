// Package lend turns a credential into the message that carries it to the
// runtime. It and package seal are the only ones of the vault that see a secret
// in clear, which is why it is a package of its own: the list of those who
// import package reveal is the list of places where plaintext can appear.
//
//	lent, err := vault.Resolve(ctx, caller, request)
//	…
//	defer lent.Clear()
//	return lend.Message(lent)
package lend

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Message returns the message for a credential. It holds copies of the secrets,
// which live until the message has been sent and collected as garbage; the
// caller clears the credential itself.
func Message(c core.Credential) (*vaultv1.Credential, error) {
	m := &vaultv1.Credential{
		Connection:     c.Connection.Name.String(),
		Connector:      c.Connection.Connector.String(),
		PinnedRevision: c.Connection.PinnedRevision,
		ParameterSet:   c.Connection.ParameterSet,
		Parameters:     c.Connection.Parameters,
		ServerUrl:      c.Connection.ServerURL,
		AllowedHosts:   c.Origins,
		Owner:          c.Connection.Owner,
		Etag:           c.Connection.Etag(),
		ExpireTime:     timestamppb.New(c.ExpireTime),
		TokenVersion:   c.TokenVersion,
		Mock:           c.Connection.Mock,
		LinkKey:        c.LinkKey,
		Tls:            TLS(c.Connection.TLS),
		Refused:        c.Connection.Refused(),
	}
	if c.Placement != (oauth.Placement{}) {
		m.TokenPlacement = &vaultv1.TokenPlacement{Header: c.Placement.Header, Prefix: c.Placement.Prefix}
	}
	for _, s := range c.Secrets {
		value := &vaultv1.SecretValue{Name: s.Name}
		err := s.Value.Use(reveal.Grant(), func(plain []byte) error {
			value.Value = bytes.Clone(plain)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("lend parameter %q: %w", s.Name, err)
		}
		m.Secrets = append(m.Secrets, value)
	}
	return m, nil
}

// TLS returns the message for TLS settings, nil for the defaults.
func TLS(s core.TLSSettings) *vaultv1.TlsSettings {
	if s == (core.TLSSettings{}) {
		return nil
	}
	return &vaultv1.TlsSettings{CaCertificates: s.CACertificates, MinVersion: s.MinVersion}
}
