package oauth_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestServersWithoutManners(t *testing.T) {
	hijacked := func(write string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			hijacker, ok := w.(http.Hijacker)
			if !ok {
				return
			}
			conn, _, err := hijacker.Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, write)
			_ = conn.Close()
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"a body without end", func(w http.ResponseWriter, _ *http.Request) {
			chunk := strings.Repeat("x", 64<<10)
			for {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}},
		{"a body that is a bit too long", says(200, `{"access_token":"a","junk":"`+strings.Repeat("x", 1<<20)+`"}`)},
		{"a header without end", says(200, token, "X-Junk", strings.Repeat("x", 1<<20))},
		{"a connection that ends at once", hijacked("")},
		{"a connection that ends within the body", hijacked("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"access_token\":\"a\"")},
		{"something that is not HTTP", hijacked("SSH-2.0-OpenSSH_9.6\r\n")},
		{"a broken compression", says(200, "\x1f\x8b\x08junk", "Content-Encoding", "gzip")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, tt.answer)
			_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
			got := failed(t, err)
			if got.Verdict != oauth.Transient || !got.Sent || got.Cause == nil {
				t.Errorf("the error is %+v", got)
			}
		})
	}
}

func TestAnswersThatAreHardToRead(t *testing.T) {
	for name, body := range map[string]string{
		"deep":         strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		"deep lists":   strings.Repeat("[", 100_000),
		"wide":         "[" + strings.Repeat("1,", 400_000) + "1]",
		"many members": "{" + strings.Repeat(`"a":1,`, 100_000) + `"access_token":"a"}`,
		"many pairs":   strings.Repeat("a=1&", 200_000),
		"zeros":        strings.Repeat("\x00", 1000),
		"half a name":  `{"access_tok`,
		"a colon":      `{:}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := newProvider(t, says(200, body))
			_, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
			failed(t, err)
		})
	}
}

func TestDeepJunkBesidesATokenIsLeftOut(t *testing.T) {
	server := newProvider(t, says(200, `{"junk":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`,"access_token":"a"}`))
	got, err := newClient(t).Refresh(t.Context(), server.profile(), text("refresh-0"))
	if err != nil {
		t.Fatal(err)
	}
	wantSecret(t, "access token", got.Access, "a")
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := newProvider(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	client := clientWith(t, nil, 30*time.Millisecond, clocktest.New(now))
	_, err := client.Refresh(t.Context(), server.profile(), text("refresh-0"))
	got := failed(t, err)
	if got.Verdict != oauth.Transient || !got.Sent || !errors.Is(got.Cause, context.DeadlineExceeded) {
		t.Errorf("the error is %+v", got)
	}
}

func TestABodyThatStopsIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	client := clientWith(t, nil, 30*time.Millisecond, clocktest.New(now))
	_, err := client.Refresh(t.Context(), server.profile(), text("refresh-0"))
	if got := failed(t, err); got.Verdict != oauth.Transient || !got.Sent || got.Status != 200 {
		t.Errorf("the error is %+v", got)
	}
}

func TestCallersMayStopWaiting(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{})
	server := newProvider(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := newClient(t).Refresh(ctx, server.profile(), text("refresh-0"))
	if got := failed(t, err); !errors.Is(got.Cause, context.Canceled) || !got.Sent {
		t.Errorf("the error is %+v", got)
	}
}

func TestWhatWasNeverSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String() + "/token"
	_ = listener.Close()
	untrusted := unstarted(says(200, token))
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)

	tests := []struct {
		name, endpoint string
		verdict        oauth.Verdict
		reason         fault.Reason
	}{
		{"nobody listens", closed, oauth.Transient, fault.ReasonProviderUnavailable},
		{"the address is private", "https://10.1.2.3/token", oauth.Misconfigured, fault.ReasonEgressRefused},
		{"the address is that of cloud metadata", "https://169.254.169.254/token", oauth.Misconfigured, fault.ReasonEgressRefused},
		{"the name does not exist", "https://no-such-host.invalid/token", oauth.Transient, fault.ReasonProviderUnavailable},
		{"the certificate is of nobody we know", untrusted.URL + "/token", oauth.Transient, fault.ReasonProviderUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &oauth.Profile{Client: oauth.Registration{ID: "app"}, Endpoints: oauth.Endpoints{Token: tt.endpoint}}
			_, err := newClient(t).Refresh(t.Context(), p, text("refresh-0"))
			got := failed(t, err)
			if got.Sent || got.Status != 0 || got.Verdict != tt.verdict {
				t.Errorf("the error is %+v", got)
			}
			if reason := fault.ReasonOf(err); reason != tt.reason {
				t.Errorf("the reason is %s", reason)
			}
		})
	}
}

// An answer may come before the request has been read. The body is cleared then,
// while the transport may still be at it.
func TestAnAnswerBeforeTheRequestWasRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\n"+`{"error":"invalid_grant"}`)
			_ = conn.Close()
		}
	}()
	p := &oauth.Profile{Client: oauth.Registration{ID: "app"}, Endpoints: oauth.Endpoints{Token: "http://" + listener.Addr().String()}}
	client := newClient(t)
	for range 20 {
		_, err := client.Refresh(t.Context(), p, text(strings.Repeat("r", 60<<10)))
		failed(t, err)
	}
}

// net/http puts the URL into its errors, and a query may hold anything.
func TestNoErrorHoldsTheQuery(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	_ = listener.Close()
	p := &oauth.Profile{
		Client: oauth.Registration{ID: "app"}, Endpoints: oauth.Endpoints{Token: address + "/token?marker=in-the-endpoint"},
		Templates: &oauth.Templates{RefreshQuery: "marker=in-the-template"},
	}
	_, err = newClient(t).Refresh(t.Context(), p, text("refresh-0"))
	if told := everything(err); strings.Contains(told, "marker") {
		t.Errorf("the query is told:\n%s", told)
	}
}
