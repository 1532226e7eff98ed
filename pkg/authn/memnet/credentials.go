package memnet

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"
)

// protocol names the "security protocol" in gRPC's books.
const protocol = "memory"

// AuthInfo is what a memory connection proves about its other end.
type AuthInfo struct {
	credentials.CommonAuthInfo

	// Service is the name of the service at the other end.
	Service string
}

// AuthType returns "memory".
func (AuthInfo) AuthType() string { return protocol }

// ServerCredentials accepts memory connections, with the dialing service as
// the peer, and leaves all others to fallback, so that one server can listen in
// memory and on the network. With a nil fallback all others are refused.
func ServerCredentials(fallback credentials.TransportCredentials) credentials.TransportCredentials {
	return &creds{fallback: fallback}
}

// ClientCredentials accepts the connections of [Listener.Dialer] and no others.
func ClientCredentials() credentials.TransportCredentials { return &creds{} }

// creds implements both sides. A connection of this package needs no
// handshake: its type is the proof, because only this package makes it.
type creds struct {
	fallback credentials.TransportCredentials
}

var errForeign = errors.New("the connection does not come from within this process")

// ServerHandshake returns the dialing service as the peer.
func (c *creds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if own, ok := raw.(*conn); ok {
		return own, infoOf(own), nil
	}
	if c.fallback != nil {
		return c.fallback.ServerHandshake(raw)
	}
	return nil, nil, errForeign
}

// ClientHandshake returns the listening service as the peer. The fallback is
// for servers: a client knows where it dials.
func (c *creds) ClientHandshake(_ context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if own, ok := raw.(*conn); ok {
		return own, infoOf(own), nil
	}
	return nil, nil, errForeign
}

// Info describes the protocol.
func (c *creds) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: protocol}
}

// Clone returns a copy.
func (c *creds) Clone() credentials.TransportCredentials {
	if c.fallback == nil {
		return &creds{}
	}
	return &creds{fallback: c.fallback.Clone()}
}

// OverrideServerName does nothing: there is no name to check.
func (c *creds) OverrideServerName(string) error { return nil }

// infoOf says that the connection is private: its bytes never leave the
// process, so bearer tokens may travel over it.
func infoOf(c *conn) AuthInfo {
	return AuthInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		Service:        c.peer,
	}
}
