package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// idlePerRuntime is how many idle connections to the runtime are kept.
const idlePerRuntime = 256

// Remote returns a handler that passes requests on, streaming both ways, to the
// data plane of a runtime in another process. config proves our identity to it;
// the caller's own token travels with the request.
func Remote(target string, config *tls.Config) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("read the runtime's url: %w", err)
	}
	// The address is the operator's own setting, not a user's: any network will
	// do, and nothing but this one host is ever dialed.
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"),
	}})
	if err != nil {
		return nil, fmt.Errorf("guard the way to the runtime: %w", err)
	}
	transport := guard.Transport(egress.TransportOptions{TLS: config, MaxIdleConnsPerHost: idlePerRuntime, DisableCompression: true})
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return guard.DialContext(ctx, network, u.Host)
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = u.Scheme, u.Host
			r.Out.Host = r.In.Host
			// Exactly as they were sent: the runtime forwards them so.
			r.Out.URL.Opaque, _, _ = strings.Cut(r.In.RequestURI, "?")
			r.Out.URL.RawQuery, r.Out.URL.ForceQuery = r.In.URL.RawQuery, r.In.URL.ForceQuery
			r.Out.Trailer = r.In.Trailer // filled in when the body has been read
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			identified(w, r)
			httperr.Write(w, fault.Unavailable(fault.ReasonServiceUnavailable,
				"the runtime cannot be reached just now; try again").With("service", "runtime-proxy").Because(err))
		},
	}, nil
}
