package upstream

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestAPrivateAuthorityIsTrustedByThoseWhoNameIt(t *testing.T) {
	srv := tlsServer(t, 1, func(http.ResponseWriter, *http.Request) {})
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	key, certificate := pair(t, 1)
	presented, err := NewIdentity([]byte(key + certificate))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name     string
		identity *Identity
		trust    Trust
		reason   fault.Reason
	}{
		{"nobody says so", nil, Trust{}, fault.ReasonUpstreamUnreachable},
		{"the connection names it", nil, Trust{CACertificates: ca}, ""},
		{"and presents a certificate of its own", presented, Trust{CACertificates: ca, MinVersion: "1.3"}, ""},
		{"another authority is named", nil, Trust{CACertificates: certificate}, fault.ReasonUpstreamUnreachable},
	} {
		t.Run(row.name, func(t *testing.T) {
			identity, err := row.identity.Trusting(row.trust)
			if err != nil {
				t.Fatal(err)
			}
			req := to(t, srv.URL, http.MethodGet, "/", "")
			_, err = newClient(t, nil).Send(t.Context(), req, &Attempt{Host: req.Base.Host, Identity: identity})
			if fault.ReasonOf(err) != row.reason {
				t.Errorf("error = %v, want %q", err, row.reason)
			}
		})
	}
}

func TestTheOldestVersionIsTheConnections(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	for version, reason := range map[string]fault.Reason{"": "", "1.2": "", "1.3": fault.ReasonUpstreamUnreachable} {
		identity, err := (*Identity)(nil).Trusting(Trust{CACertificates: ca, MinVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		req := to(t, srv.URL, http.MethodGet, "/", "")
		if _, err := newClient(t, nil).Send(t.Context(), req, &Attempt{Host: req.Base.Host, Identity: identity}); fault.ReasonOf(err) != reason {
			t.Errorf("at least %q: %v, want %q", version, err, reason)
		}
	}
}

// Whoever trusts an authority of his own must not get past the guard with it.
func TestTrustKeepsTheGuard(t *testing.T) {
	reached := false
	srv := tlsServer(t, 1, func(http.ResponseWriter, *http.Request) { reached = true })
	guard, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	c := New(guard, tracenoop.NewTracerProvider().Tracer(""), Options{})
	t.Cleanup(c.Close)
	identity, err := (*Identity)(nil).Trusting(Trust{
		CACertificates: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})),
	})
	if err != nil {
		t.Fatal(err)
	}
	req := to(t, srv.URL, http.MethodGet, "/", "")
	if _, err := c.Send(t.Context(), req, &Attempt{Host: req.Base.Host, Identity: identity}); fault.ReasonOf(err) != fault.ReasonEgressRefused || reached {
		t.Errorf("error = %v, reached = %v", err, reached)
	}
}

func TestTrustThatCannotBe(t *testing.T) {
	for name, trust := range map[string]Trust{"no certificates": {CACertificates: "trust me"}, "an old version": {MinVersion: "1.1"}} {
		if identity, err := (*Identity)(nil).Trusting(trust); err == nil {
			t.Errorf("%s: %v", name, identity)
		}
	}
	if same, err := (*Identity)(nil).Trusting(Trust{}); same != nil || err != nil {
		t.Errorf("nothing special is %v, %v", same, err)
	}
}

func TestIdentitiesThatTrustOthersShareNoConnections(t *testing.T) {
	key, certificate := pair(t, 1)
	one, err := NewIdentity([]byte(key + certificate))
	if err != nil {
		t.Fatal(err)
	}
	two, err := one.Trusting(Trust{MinVersion: "1.3"})
	if err != nil {
		t.Fatal(err)
	}
	three, err := one.Trusting(Trust{CACertificates: certificate})
	if err != nil {
		t.Fatal(err)
	}
	if one.hash == two.hash || one.hash == three.hash || two.hash == three.hash {
		t.Error("they are taken for the same")
	}
}
