package egress

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"time"
)

const (
	// dialTimeout covers name resolution and all connection attempts: past the
	// second retransmission of a lost SYN (3 s), short of a caller's patience.
	dialTimeout = 10 * time.Second

	// keepAlive is the TCP probe interval: below the 60 s after which common
	// load balancers and NAT devices forget a silent connection.
	keepAlive = 30 * time.Second

	// tlsTimeout covers the handshake: two round trips and a slow signature.
	tlsTimeout = 10 * time.Second

	// idleTimeout drops unused connections before most servers close them, so
	// that few requests race with a close.
	idleTimeout = 90 * time.Second

	// continueTimeout is how long a request with Expect: 100-continue holds
	// its body back for a server that ignores the header.
	continueTimeout = time.Second

	// defaultHeaderTimeout is the time for an upstream to start its answer:
	// the 120 s that connector authors know as a call's limit.
	defaultHeaderTimeout = 120 * time.Second

	// maxHeaderBytes bounds an answer's header: eight times what common
	// servers send at most (8 KiB), a sixteenth of Go's default.
	maxHeaderBytes = 64 << 10

	// defaultIdle and defaultIdlePerHost bound the pool of unused connections.
	// Go's own default of two per host makes a busy connector dial for nearly
	// every call.
	defaultIdle        = 1024
	defaultIdlePerHost = 64
)

// TransportOptions tune a transport. The zero value is a good default. None of
// them can take the guard off the path.
type TransportOptions struct {
	// TLS is copied and used for https. A nil value, and a MinVersion of zero,
	// mean at least TLS 1.2 with the system's roots. Relaxing verification
	// changes nothing about which addresses may be reached.
	TLS *tls.Config

	// MaxIdleConns bounds unused connections over all hosts; 0 means 1024.
	MaxIdleConns int

	// MaxIdleConnsPerHost bounds unused connections of one host; 0 means 64.
	MaxIdleConnsPerHost int

	// MaxConnsPerHost bounds all connections of one host, used ones included;
	// calls past it wait. 0 means no bound.
	MaxConnsPerHost int

	// ResponseHeaderTimeout is how long to wait for an answer to begin once
	// the request is written; 0 means 120 s.
	ResponseHeaderTimeout time.Duration

	// DisableCompression hands the body on as the upstream encoded it, and
	// asks for no encoding that the request did not ask for: for callers that
	// only pass bytes through.
	DisableCompression bool
}

// Transport returns a new transport whose every connection is judged by the
// guard. It speaks HTTP/2 where the server does, uses no proxy (a proxy would
// be the only address that the guard gets to see; so HTTP_PROXY and its kin
// have no effect) and follows no redirect. It limits an answer's header to 64
// KiB and its body not at all: see [ReadAll].
//
// The caller owns it: keep it as long as its connections are worth keeping,
// call CloseIdleConnections in the end, and leave its dial fields alone.
func (g *Guard) Transport(options TransportOptions) *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            g.DialContext,
		TLSClientConfig:        clientTLS(options.TLS),
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true, // else a dialer of one's own switches it off
		MaxIdleConns:           cmp.Or(options.MaxIdleConns, defaultIdle),
		MaxIdleConnsPerHost:    cmp.Or(options.MaxIdleConnsPerHost, defaultIdlePerHost),
		MaxConnsPerHost:        options.MaxConnsPerHost,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  cmp.Or(options.ResponseHeaderTimeout, defaultHeaderTimeout),
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     options.DisableCompression,
	}
}

func clientTLS(config *tls.Config) *tls.Config {
	if config == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	config.MinVersion = cmp.Or(config.MinVersion, tls.VersionTLS12)
	return config
}
