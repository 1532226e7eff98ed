package egress_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/egress"
)

func TestRedirectsAreFollowedUpToTheLimit(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if left := r.URL.Path[1:]; left != "" {
			http.Redirect(w, r, server.URL+"/"+left[1:], http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	client := newClient(t, egress.ClientOptions{})

	if err := fetch(client, server.URL+"/"+strings.Repeat("x", 5)); err != nil {
		t.Errorf("five redirects: %v", err)
	}
	err := fetch(client, server.URL+"/"+strings.Repeat("x", 6))
	wantRefusal(t, err, map[string]string{"host": "127.0.0.1"})
	if !strings.Contains(err.Error(), "more than 5") {
		t.Errorf("the message does not name the limit: %v", err)
	}
}

func TestEachHopIsJudged(t *testing.T) {
	tests := []struct {
		name, location string
		want           map[string]string
	}{
		{"to a private address", "http://10.0.0.1/", map[string]string{"host": "10.0.0.1", "address": "10.0.0.1"}},
		{"to the metadata service", "http://169.254.169.254/latest/", map[string]string{"host": "169.254.169.254", "address": "169.254.169.254"}},
		{"to a mapped address", "http://[::ffff:10.0.0.1]/", map[string]string{"host": "::ffff:10.0.0.1", "address": "10.0.0.1"}},
		{"to a decimal address", "http://2130706433/", map[string]string{"host": "2130706433"}},
		{"to a file", "file:///etc/passwd", map[string]string{"host": ""}},
		{"to another scheme", "gopher://127.0.0.1/", map[string]string{"host": "127.0.0.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := httptest.NewServer(http.RedirectHandler("/next", http.StatusFound))
			start.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/" {
					http.Redirect(w, r, "/next", http.StatusFound)
					return
				}
				w.Header().Set("Location", tt.location)
				w.WriteHeader(http.StatusFound)
			})
			t.Cleanup(start.Close)
			wantRefusal(t, fetch(newClient(t, egress.ClientOptions{}), start.URL+"/"), tt.want)
		})
	}
}

func TestARedirectFromHTTPSToHTTPIsRefused(t *testing.T) {
	plain := newServer(t)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(secure.Close)

	err := fetch(newClient(t, trusting(secure)), secure.URL)
	wantRefusal(t, err, map[string]string{"host": "127.0.0.1"})
	if hits := plain.hits.Load(); hits != 0 {
		t.Errorf("the plain server was reached %d times", hits)
	}
}

func TestARedirectFromHTTPToHTTPSIsFollowedWithoutCredentials(t *testing.T) {
	var got http.Header
	secure := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.RedirectHandler(secure.URL, http.StatusFound))
	t.Cleanup(plain.Close)

	if err := fetch(newClient(t, trusting(secure)), plain.URL); err != nil {
		t.Fatal(err)
	}
	checkHeaders(t, got, travelling())
}

func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	tests := []struct {
		name string
		// hosts of the hops; each has a port of its own if it holds "other"
		hops []string
		want map[string]string
	}{
		{"the same origin", []string{"a.test.", "a.test."}, everything()},
		{"the same host in other letters", []string{"a.test.", "A.TEST."}, travelling()},
		{"another host", []string{"a.test.", "b.test."}, travelling()},
		{"a subdomain", []string{"a.test.", "sub.a.test."}, travelling()},
		{"another port of the same host", []string{"a.test.", "a.test. other"}, travelling()},
		{"away and back home", []string{"a.test.", "b.test.", "a.test."}, travelling()},
		{"away and further within the other host", []string{"a.test.", "b.test.", "b.test."}, travelling()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkHeaders(t, walk(t, tt.hops), tt.want)
		})
	}
}

// walk follows the hops and returns the header that arrived at the last one.
func walk(t *testing.T, hops []string) http.Header {
	t.Helper()
	var last http.Header
	urls := make([]string, len(hops))
	step := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var index int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &index); err != nil {
			t.Errorf("path %q: %v", r.URL.Path, err)
		}
		last = r.Header.Clone()
		if index+1 < len(urls) {
			w.Header().Set("Location", urls[index+1])
			w.WriteHeader(http.StatusFound)
		}
	})
	main, other := httptest.NewServer(step), httptest.NewServer(step)
	t.Cleanup(main.Close)
	t.Cleanup(other.Close)
	for i, hop := range hops {
		host, elsewhere := strings.CutSuffix(hop, " other")
		server := main
		if elsewhere {
			server = other
		}
		port := server.URL[strings.LastIndexByte(server.URL, ':'):]
		urls[i] = fmt.Sprintf("http://%s%s/%d", host, port, i)
	}
	guard := newGuard(t, newNames(t, "127.0.0.1"), "127.0.0.1/32")
	if err := fetch(guard.Client(egress.ClientOptions{}), urls[0]); err != nil {
		t.Fatal(err)
	}
	return last
}

func TestARedirectBringsNoCredentialsOfItsOwn(t *testing.T) {
	var got http.Header
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(target.Close)
	location := strings.Replace(target.URL, "http://", "http://user:password@", 1)
	start := httptest.NewServer(http.RedirectHandler(location, http.StatusFound))
	t.Cleanup(start.Close)

	if err := fetch(newClient(t, egress.ClientOptions{}), start.URL); err != nil {
		t.Fatal(err)
	}
	checkHeaders(t, got, travelling())
}

func TestABodyStaysWithItsOrigin(t *testing.T) {
	target := newServer(t)
	away := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	t.Cleanup(away.Close)
	var received string
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
			return
		}
		body, _ := io.ReadAll(r.Body)
		received = string(body)
	}))
	t.Cleanup(home.Close)
	client := newClient(t, egress.ClientOptions{})
	post := func(url string) error {
		resp, err := client.Post(url, "application/x-www-form-urlencoded", strings.NewReader("client_secret=s"))
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}

	wantRefusal(t, post(away.URL), map[string]string{"host": "127.0.0.1"})
	if hits := target.hits.Load(); hits != 0 {
		t.Errorf("the other origin was reached %d times", hits)
	}
	if err := post(home.URL); err != nil || received != "client_secret=s" {
		t.Errorf("within the origin: %v, received %q", err, received)
	}
}

// everything is what a request of fetch carries that could tell who we are, or
// what we want; travelling is what may go to another origin.
func everything() map[string]string {
	all := travelling()
	maps.Copy(all, map[string]string{
		"Authorization": "Bearer t", "Cookie": "session=c", "X-Api-Key": "k", "Ocp-Apim-Subscription-Key": "s",
		"X-Vendor-Secret": "v", "Proxy-Authorization": "Basic p",
	})
	return all
}

func travelling() map[string]string {
	return map[string]string{"Accept": "application/json", "Accept-Language": "en", "User-Agent": "ferrule"}
}

func checkHeaders(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	arrived := map[string]string{}
	for name := range got {
		// Accept-Encoding comes from the transport; Referer only matters away
		// from home, where it must not be.
		if name == "Accept-Encoding" || name == "Referer" && want["Authorization"] != "" {
			continue
		}
		arrived[name] = got.Get(name)
	}
	if diff := cmp.Diff(want, arrived); diff != "" {
		t.Errorf("headers at the last hop (-want +got):\n%s", diff)
	}
}

func newClient(t *testing.T, options egress.ClientOptions) *http.Client {
	t.Helper()
	client := newGuard(t, nil, "127.0.0.1/32").Client(options)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// trusting returns the options of a client that knows the server's issuer.
func trusting(server *httptest.Server) egress.ClientOptions {
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return egress.ClientOptions{Transport: egress.TransportOptions{TLS: &tls.Config{RootCAs: roots}}}
}

func fetch(client *http.Client, url string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	headers := everything()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		request.Header.Set(name, headers[name])
	}
	resp, err := client.Do(request)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
