package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/lend"
)

// message returns a connection as callers see it.
func message(c core.Connection) *vaultv1.Connection {
	return &vaultv1.Connection{
		Name:            c.Name.String(),
		Connector:       connectorName(c.Connector),
		PinnedRevision:  c.PinnedRevision,
		ParameterSet:    c.ParameterSet,
		Parameters:      c.Parameters,
		SecretNames:     c.SecretNames,
		DisplayName:     c.DisplayName,
		ServerUrl:       c.ServerURL,
		Owner:           c.Owner,
		State:           state(c.State),
		StateReason:     c.StateReason,
		StateTime:       timestamp(c.StateTime),
		TestTime:        timestamp(c.TestTime),
		CreateTime:      timestamp(c.CreateTime),
		UpdateTime:      timestamp(c.UpdateTime),
		Etag:            c.Etag(),
		Identity:        c.Identity,
		GrantedScopes:   c.GrantedScopes,
		TokenExpireTime: timestamp(c.TokenExpireTime),
		Mock:            c.Mock,
		Tls:             lend.TLS(c.TLS),
		ApiOrigins:      originTexts(c.Origins),
	}
}

// connectorName returns the name of a connector; empty for none, which is what is
// known of a connection that cannot be read.
func connectorName(c resource.Connector) string {
	if c.ID == "" {
		return ""
	}
	return c.String()
}

func tlsOf(in *vaultv1.TlsSettings) core.TLSSettings {
	return core.TLSSettings{CACertificates: in.GetCaCertificates(), MinVersion: in.GetMinVersion()}
}

func state(s core.State) vaultv1.ConnectionState {
	switch s {
	case core.StateConnected:
		return vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED
	case core.StateNeedsAuthorization:
		return vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION
	case core.StateError:
		return vaultv1.ConnectionState_CONNECTION_STATE_ERROR
	case core.StateUnspecified:
	}
	return vaultv1.ConnectionState_CONNECTION_STATE_UNSPECIFIED
}

// timestamp returns nil for a time that never was.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
