package runtimeproxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

func TestThePlainTransportReachesWhatTheGuardAllows(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.URL.Path) }))
	t.Cleanup(api.Close)
	for _, row := range []struct {
		name    string
		allowed []netip.Prefix
		reason  fault.Reason
	}{
		{"an address that is allowed", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, ""},
		{"an address that is not", nil, fault.ReasonEgressRefused},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard, err := egress.New(egress.Policy{AllowNetworks: row.allowed})
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: runtimeproxy.PlainTransport(guard)}
			t.Cleanup(client.CloseIdleConnections)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/things", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if row.reason != "" {
				if fault.ReasonOf(err) != row.reason {
					t.Errorf("error = %v, want the reason %s", err, row.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "/things" {
				t.Errorf("body = %q, %v", body, err)
			}
		})
	}
}
