package oauth

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// defaultTimeout bounds one request to a provider, from dialling to the last byte.
// A renewal that others wait for is given up after twice this time.
const defaultTimeout = 30 * time.Second

// Config is what a client needs.
type Config struct {
	// HTTP makes the client that requests go through; with a certificate, one that
	// presents it, which is used for one request and whose idle connections are
	// closed then. It is called once without a certificate. Make it from package
	// egress:
	//
	//	func(certificate *tls.Certificate) *http.Client {
	//		options := egress.ClientOptions{Timeout: 30 * time.Second, MaxBody: 1 << 20}
	//		if certificate != nil {
	//			options.Transport.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
	//		}
	//		return guard.Client(options)
	//	}
	HTTP func(certificate *tls.Certificate) *http.Client
	// Clock tells when tokens end and assertions begin.
	Clock clock.Clock
	// Timeout bounds one request; 0 means 30 s. The shorter one of this and the
	// HTTP client's own counts.
	Timeout time.Duration
}

// Client makes requests to providers. It is safe for concurrent use, starts
// nothing, and remembers nothing but metadata documents: at most 1,000, for an
// hour.
type Client struct {
	config Config
	plain  *http.Client
	known  *documents
}

// New returns a client.
func New(config Config) *Client {
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	return &Client{config: config, plain: config.HTTP(nil), known: newDocuments()}
}
