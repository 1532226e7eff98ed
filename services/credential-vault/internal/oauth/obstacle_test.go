package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestWhyAProviderGaveNoAnswerIsSaid(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = nil
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	firewall := newProvider(t, says(403, "<html><title>Forbidden</title>blocked</html>", "Content-Type", "text/html"))
	for title, c := range map[string]struct{ url, want string }{
		"a certificate that nobody here trusts": {untrusted.URL, "authority that this server does not trust"},
		"a port where nothing listens":          {closed.URL, "nothing listens there"},
		"a port without TLS":                    {strings.Replace(plain.URL, "http://", "https://", 1), "does not speak TLS"},
		"a page of a firewall":                  {firewall.URL, "status 403 and a web page"},
	} {
		t.Run(title, func(t *testing.T) {
			p := &oauth.Profile{
				Grant: oauth.ClientCredentials, Endpoints: oauth.Endpoints{Token: c.url + "/token"},
				Client: oauth.Registration{ID: "app", Secret: text("hush-hush")},
			}
			_, err := newClient(t).Obtain(t.Context(), p)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v", err)
			}
		})
	}
}
