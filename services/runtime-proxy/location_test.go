package runtimeproxy_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A client that follows a redirect by itself must get to the API through us, or
// somewhere that it carries no token of ours to.
func TestWhereARedirectLeads(t *testing.T) {
	location := ""
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/there") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Location", location)
		w.Header().Set("Refresh", "0; url=/v1/environments/default/connections/mine:revoke")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(api.Close)
	s := start(t, api.URL, nil)
	ours := strings.TrimPrefix(s.data.URL, "http://")
	for _, row := range []struct{ name, said, want string }{
		{"below the request", "there?a=1", proxyPath + "/sub/there?a=1"},
		{"below the API", "/api/there", proxyPath + "/there"},
		{"the API's own address", api.URL + "/api/there", proxyPath + "/there"},
		{"another host", "https://elsewhere.example/x", "https://elsewhere.example/x"},
		{"a path of ours", "/v1/environments/default/connections/mine:revoke", ""},
		{"our own address", s.data.URL + "/v1/environments/default/connections/mine:revoke", ""},
		{"our own host on another port", "http://127.0.0.1:1/v1", ""},
		{"our own address without a scheme", "//" + ours + "/v1", ""},
		{"nothing that can be read", "http://[", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			location = row.said
			req := s.request(http.MethodGet, "/sub/here", nil)
			req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
			resp, err := http.DefaultTransport.RoundTrip(req)
			must(t, err)
			defer func() { _ = resp.Body.Close() }()
			if got := resp.Header.Get("Location"); got != row.want || resp.Header.Get("Refresh") != "" {
				t.Errorf("status %d leads to %q (refresh %q), want %q", resp.StatusCode, got, resp.Header.Get("Refresh"), row.want)
			}
		})
	}
}
