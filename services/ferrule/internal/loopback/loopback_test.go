package loopback_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/loopback"
)

func TestABrowserThatComesBackIsHeardOnce(t *testing.T) {
	tests := []struct {
		name, path, query string
		status            int
		says              string
		want              loopback.Answer
	}{
		{"a confirmation", "", "?authorization=x&confirmation=ABCDE-FGHJK", 200, "You are signed in", loopback.Answer{Confirmation: "ABCDE-FGHJK"}},
		{"a failure", "", "?error=access_denied", 200, "You are not signed in", loopback.Answer{Error: "access_denied"}},
		{"nothing", "", "", 404, "", loopback.Answer{}},
		{"somebody who guesses", "/guess", "?confirmation=EVIL", 404, "", loopback.Answer{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := loopback.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			target := l.URL() + tt.path + tt.query
			for range 2 { // a page that is loaded again
				status, body := get(t, target)
				if status != tt.status || !strings.Contains(body, tt.says) {
					t.Errorf("answered %d %q", status, body)
				}
			}
			select {
			case got := <-l.Answers():
				if got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			default:
				if tt.want != (loopback.Answer{}) {
					t.Error("the answer was not heard")
				}
			}
			if len(l.Answers()) != 0 {
				t.Error("the answer was heard twice")
			}
		})
	}
}

func get(t *testing.T, target string) (int, string) {
	t.Helper()
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := guard.Client(egress.ClientOptions{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
