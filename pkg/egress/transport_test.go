package egress_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/egress"
)

func TestRelaxedTLSKeepsTheGuard(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	relaxed := egress.ClientOptions{Transport: egress.TransportOptions{TLS: &tls.Config{InsecureSkipVerify: true}}}

	err := fetch(newGuard(t, nil).Client(relaxed), secure.URL)
	wantRefusal(t, err, map[string]string{"host": "127.0.0.1", "address": "127.0.0.1"})
	if err := fetch(newClient(t, relaxed), secure.URL); err != nil {
		t.Errorf("with the network allowed: %v", err)
	}
	if err := fetch(newClient(t, egress.ClientOptions{}), secure.URL); err == nil {
		t.Error("a certificate of an unknown issuer was accepted by default")
	}
}

func TestTransportSettings(t *testing.T) {
	config := &tls.Config{ServerName: "upstream"}
	guard := newGuard(t, nil)
	transport := guard.Transport(egress.TransportOptions{
		TLS: config, MaxIdleConns: 7, MaxIdleConnsPerHost: 3, MaxConnsPerHost: 5,
		ResponseHeaderTimeout: time.Second, DisableCompression: true,
	})
	got := []any{
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost, transport.ResponseHeaderTimeout,
		transport.DisableCompression, transport.TLSClientConfig.ServerName, transport.TLSClientConfig.MinVersion,
	}
	want := []any{7, 3, 5, time.Second, true, "upstream", uint16(tls.VersionTLS12)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if config.MinVersion != 0 {
		t.Error("the caller's TLS settings were changed")
	}
	plain := guard.Transport(egress.TransportOptions{})
	if plain.TLSClientConfig.MinVersion != tls.VersionTLS12 || plain.MaxIdleConnsPerHost == 0 || plain.ResponseHeaderTimeout == 0 {
		t.Errorf("defaults are missing: %+v", plain)
	}
}

func TestHTTP2IsSpokenWhereTheServerDoes(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)

	resp, err := newClient(t, trusting(secure)).Get(secure.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := egress.ReadAll(resp.Body, 100); err != nil || string(body) != "HTTP/2.0" {
		t.Errorf("spoken: %q, %v", body, err)
	}
}

func TestAnEndlessHeaderIsCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Endless", strings.Repeat("x", 65<<10))
	}))
	t.Cleanup(server.Close)
	if err := fetch(newClient(t, egress.ClientOptions{}), server.URL); err == nil {
		t.Error("a header of 65 KiB was accepted")
	}
}
