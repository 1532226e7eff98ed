package dataplane

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

func TestOutgoingHeaders(t *testing.T) {
	tests := []struct {
		name     string
		in, want http.Header
	}{
		{"nothing is nothing, and no name of ours", http.Header{}, http.Header{"User-Agent": {""}}},
		{"a name of the caller's", http.Header{"User-Agent": {"sdk"}}, http.Header{"User-Agent": {"sdk"}}},
		{"our token", http.Header{"Authorization": {"Bearer x"}, "User-Agent": {"s"}}, http.Header{"User-Agent": {"s"}}},
		{"Connection names fields in any case", http.Header{"Connection": {"x-A ,, X-B", "close"}, "X-A": {"1"}, "X-B": {"2"}, "Close": {"3"}, "User-Agent": {"s"}}, http.Header{"User-Agent": {"s"}}},
		{"TE without trailers", http.Header{"Te": {"gzip;q=1"}, "User-Agent": {"s"}}, http.Header{"User-Agent": {"s"}}},
		{"TE with trailers", http.Header{"Te": {"gzip, TRAILERS"}, "User-Agent": {"s"}}, http.Header{"Te": {"trailers"}, "User-Agent": {"s"}}},
		{"Connection may name TE", http.Header{"Connection": {"TE"}, "Te": {"trailers"}, "User-Agent": {"s"}}, http.Header{"Te": {"trailers"}, "User-Agent": {"s"}}},
		{"Expect is for the API", http.Header{"Expect": {"100-continue"}, "User-Agent": {"s"}}, http.Header{"Expect": {"100-continue"}, "User-Agent": {"s"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(map[string][]string(tt.want), outgoingHeader(tt.in)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the caller's own header is not touched", func(t *testing.T) {
		in := http.Header{"X-A": {"1"}, "Cookie": {"ferrule=1; b=2"}, "User-Agent": {"s"}}
		before := in.Clone()
		out := outgoingHeader(in)
		out["X-A"] = append(out["X-A"], "2")
		out["Cookie"][0] = "changed"
		if diff := cmp.Diff(before, in); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})
}

func TestOurCookiesStayBehind(t *testing.T) {
	for line, want := range map[string]string{
		"a=1": "a=1", "a=1;b=2 ;  c": "a=1; b=2; c", "ferrule=1": "", "Ferrule_x=1; a=2": "a=2", "__Host-ferrule=1": "", "__Secure-FERRULE-s=1; __Host-other=2": "__Host-other=2",
		"__secure-__host-ferrule=1": "__secure-__host-ferrule=1", "xferrule=1": "xferrule=1", "a=ferrule": "a=ferrule", ";;": "", "": "",
	} {
		out := map[string][]string{"Cookie": {line}}
		filterCookies(out, []string{line})
		if got := strings.Join(out["Cookie"], "|"); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// withKey is an exchange whose connection has an API key in a header.
func withKey(r *http.Request) *exchange {
	set := &connectorv1.ParameterSet{Placements: []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_ApiKey{
		ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "k", Name: "x-key"},
	}}}}
	return &exchange{in: r, binding: &binding.Binding[*pipeline.Revision]{
		Credential: newCredential(map[string]secret.Text{"k": secret.FromString("value")}, nil, set),
	}}
}

func TestWhichTrailersGoOn(t *testing.T) {
	tests := []struct {
		name      string
		announced []string
		want      http.Header
	}{
		{"none", nil, nil},
		{"what means nothing to us", []string{"X-Sum", "Grpc-Status", "Server-Timing"}, http.Header{"X-Sum": nil, "Grpc-Status": nil, "Server-Timing": nil}},
		{"what decides where a message ends", []string{"Content-Length", "Transfer-Encoding", "Trailer", "Connection"}, http.Header{}},
		{"whom it is for and from", []string{"Host", "Forwarded", "X-Forwarded-Host", "Via", "Authorization", "Cookie"}, http.Header{}},
		{"what it holds", []string{"Content-Type", "Content-Encoding", "Content-Range"}, http.Header{}},
		{"what Connection names", []string{"X-Hop", "X-Sum"}, http.Header{"X-Sum": nil}},
		{"the place of the credential", []string{"X-Key", "X-Sum"}, http.Header{"X-Sum": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Connection", "x-hop")
			for _, name := range tt.announced {
				if r.Trailer == nil {
					r.Trailer = http.Header{}
				}
				r.Trailer[name] = nil
			}
			if diff := cmp.Diff(tt.want, withKey(r).outgoingTrailer()); diff != "" {
				t.Errorf("trailer (-want +got):\n%s", diff)
			}
		})
	}
}

// steps is a body that says what it has read, one part at a time.
type steps struct {
	parts []string
	end   error
}

func (s *steps) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, s.end
	}
	n := copy(p, s.parts[0])
	s.parts = s.parts[1:]
	return n, nil
}

func (s *steps) Close() error { return nil }

func TestTrailersAreFilledInWhenTheBodyEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		end  error
		want http.Header
	}{
		{"at its end", io.EOF, http.Header{"X-Sum": {"1"}}},
		{"not when it breaks off", io.ErrUnexpectedEOF, http.Header{"X-Sum": nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &http.Request{Trailer: http.Header{"X-Sum": {"1"}, "X-Other": {"2"}}}
			to := http.Header{"X-Sum": nil}
			body := &trailing{&steps{[]string{"a", "b"}, row.end}, r, to}
			if n, err := body.Read(make([]byte, 9)); n != 1 || err != nil || to["X-Sum"] != nil {
				t.Errorf("%d bytes, %v, trailer %v", n, err, to)
			}
			if _, err := io.ReadAll(body); err != nil && !errors.Is(err, row.end) {
				t.Error(err)
			}
			if diff := cmp.Diff(row.want, to); diff != "" {
				t.Errorf("trailer (-want +got):\n%s", diff)
			}
		})
	}
}

// recorder notes writes and flushes in their order.
type recorder struct {
	http.ResponseWriter
	log    bytes.Buffer
	failed error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	return r.log.Write(p)
}

func (r *recorder) Flush() { r.log.WriteString("|") }

func TestWhatHasArrivedIsNotHeldBack(t *testing.T) {
	full := strings.Repeat("x", bufferSize)
	tests := []struct {
		name   string
		parts  []string
		length int64
		end    error
		want   string
		broken bool
	}{
		{"a part at a time", []string{"a", "b"}, -1, io.EOF, "a|b|", false},
		{"the last part of a known length needs no push", []string{"a", "b"}, 2, io.EOF, "a|b", false},
		{"a full buffer means that there is more", []string{full, "a"}, int64(bufferSize) + 1, io.EOF, full + "a", false},
		{"nothing", nil, 0, io.EOF, "", false},
		{"a part and the end of the connection", []string{"a"}, 5, io.ErrUnexpectedEOF, "a|", true},
		{"nothing but a failure", nil, -1, errors.New("reset"), "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := &recorder{}
			err := copyBody(out, http.NewResponseController(out), &http.Response{ContentLength: tt.length, Body: &steps{tt.parts, tt.end}})
			if errors.Is(err, errBroken) != tt.broken || (err != nil) != tt.broken {
				t.Errorf("error = %v", err)
			}
			if diff := cmp.Diff(tt.want, out.log.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a caller that is gone ends it", func(t *testing.T) {
		out := &recorder{failed: io.ErrClosedPipe}
		if err := copyBody(out, http.NewResponseController(out), &http.Response{ContentLength: -1, Body: &steps{[]string{"a"}, io.EOF}}); !errors.Is(err, errBroken) {
			t.Errorf("error = %v", err)
		}
	})
}

func TestWhatCanBeSentAgain(t *testing.T) {
	for method, want := range map[string]bool{
		"GET": true, "HEAD": true, "OPTIONS": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false, "MKCOL": false, "get": false, "": false,
	} {
		if repeatable(method, method) != want {
			t.Errorf("%s: %v", method, !want)
		}
	}
	for _, row := range []struct {
		asked, sent string
		want        bool
	}{
		{"GET", "HEAD", true},
		{"PUT", "GET", true},
		{"PUT", "DELETE", true},
		{"GET", "DELETE", false},
		{"HEAD", "PUT", false},
		{"GET", "POST", false},
		{"POST", "GET", false},
	} {
		if repeatable(row.asked, row.sent) != row.want {
			t.Errorf("%s as %s: %v", row.asked, row.sent, !row.want)
		}
	}
}

// TestInterimAnswersStayInterim: what belongs to a 103 must not be part of the
// answer, nor come after it.
func TestInterimAnswersStayInterim(t *testing.T) {
	var got []string
	out := &interimWriter{header: http.Header{}, wrote: func(status int, h http.Header) {
		got = append(got, http.StatusText(status)+" "+h.Get("Link")+h.Get("Set-Cookie")+h.Get("X-Key"))
	}}
	i := &interim{out: out, credential: redactFunc(func(h map[string][]string) {
		if h["X-Key"] != nil {
			h["X-Key"] = []string{"[redacted]"}
		}
	})}
	i.Informational(http.StatusEarlyHints, http.Header{"Link": {"a"}, "Set-Cookie": {"b"}})
	i.Informational(http.StatusProcessing, http.Header{"X-Key": {"secret"}})
	i.stop()
	i.Informational(http.StatusEarlyHints, http.Header{"Link": {"late"}})
	if diff := cmp.Diff([]string{"Early Hints a", "Processing [redacted]"}, got); diff != "" || len(out.header) != 0 {
		t.Errorf("left over %v, interim answers (-want +got):\n%s", out.header, diff)
	}
}

type redactFunc func(map[string][]string)

func (f redactFunc) RedactAll(header map[string][]string) { f(header) }

type interimWriter struct {
	header http.Header
	wrote  func(int, http.Header)
}

func (w *interimWriter) Header() http.Header         { return w.header }
func (w *interimWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *interimWriter) WriteHeader(status int)      { w.wrote(status, w.header) }

// newCredential makes a credential of a set that is well made.
func newCredential(secrets map[string]secret.Text, parameters map[string]string, set *connectorv1.ParameterSet) *inject.Credential {
	c, err := inject.New(inject.Lent{Secrets: secrets, Parameters: parameters, Set: set})
	if err != nil {
		panic(err)
	}
	return c
}
