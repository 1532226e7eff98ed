package egress

import (
	"net/http"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// What needs ports or chains that a loopback server cannot have.
func TestTheRedirectPolicyByItself(t *testing.T) {
	tests := []struct {
		name    string
		chain   []string // requests made, then the hop to come
		refused bool
		keeps   bool // the credential
	}{
		{"https with its port written out", []string{"https://a.test/", "https://a.test:443/"}, false, true},
		{"https with its port left out", []string{"https://a.test:443/", "https://a.test/"}, false, true},
		{"http with its port written out", []string{"http://a.test/", "http://a.test:80/"}, false, true},
		{"https on the port of http", []string{"https://a.test/", "https://a.test:80/"}, false, false},
		{"http to https", []string{"http://a.test/", "https://a.test/"}, false, false},
		{"http to https on one port", []string{"http://a.test:8080/", "https://a.test:8080/"}, false, false},
		{"with a trailing dot", []string{"https://a.test/", "https://a.test./"}, false, false},
		{"https to http", []string{"https://a.test/", "http://a.test/"}, true, false},
		{"http to https and back", []string{"http://a.test/", "https://a.test/", "http://a.test/"}, true, false},
		{"away to https and on to http", []string{"http://a.test/", "https://b.test/", "http://b.test/"}, true, false},
		{"ftp", []string{"https://a.test/", "ftp://a.test/"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests []*http.Request
			for _, url := range tt.chain {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Api-Key", "k")
				requests = append(requests, request)
			}
			next := requests[len(requests)-1]
			err := checkRedirect(next, requests[:len(requests)-1])
			if refused := fault.ReasonOf(err) == fault.ReasonEgressRefused; refused != tt.refused || refused != (err != nil) {
				t.Fatalf("error %v, want refused %t", err, tt.refused)
			}
			if kept := next.Header.Get("X-Api-Key") != ""; err == nil && kept != tt.keeps {
				t.Errorf("credential kept: %t, want %t", kept, tt.keeps)
			}
		})
	}
}
