package runtimeproxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

const proxyPath = "/v1/environments/default/connections/crm/proxy"

// raw sends text as it is to the data plane and returns all that comes back
// until the server closes.
func (s *suite) raw(text string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.data.Listener.Addr().String())
	must(s.t, err)
	defer c.Close()
	_, err = io.WriteString(c, strings.ReplaceAll(text, "TOKEN", s.tokens["ada"]))
	must(s.t, err)
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// do sends a request as ada.
func (s *suite) do(req *http.Request) *http.Response {
	s.t.Helper()
	if req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
	}
	resp, err := s.data.Client().Do(req)
	must(s.t, err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (s *suite) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.data.URL+proxyPath+path, body)
	must(s.t, err)
	return req
}

func TestPassThroughKeepsTheRequestAsItIs(t *testing.T) {
	type sent struct{ line, body, key, auth, hop, forwarded, cookie, agent string }
	requests := make(chan sent, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- sent{
			r.Method + " " + r.RequestURI, string(body), strings.Join(r.Header["X-Api-Key"], "|"), r.Header.Get("Authorization"),
			r.Header.Get("X-Hop") + r.Header.Get("Keep-Alive"), r.Header.Get("X-Forwarded-For") + r.Header.Get("Forwarded"), r.Header.Get("Cookie"), r.Header.Get("User-Agent"),
		}
	}), nil)
	head := " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close"
	tests := []struct {
		name, text string
		want       sent
	}{
		{
			"path and query are not decoded, encoded or cleaned",
			"GET " + proxyPath + "/a%2Fb//c%20d/%7Bx%7D/{y}/é?q=%41+b&&=x;y" + head + "\r\n\r\n",
			sent{line: "GET /api/a%2Fb//c%20d/%7Bx%7D/{y}/é?q=%41+b&&=x;y", key: canary},
		},
		{"nothing after the prefix is the base path", "GET " + proxyPath + head + "\r\n\r\n", sent{line: "GET /api", key: canary}},
		{"odd methods go through", "MKCOL " + proxyPath + "/x" + head + "\r\n\r\n", sent{line: "MKCOL /api/x", key: canary}},
		{"a body with a length", "PUT " + proxyPath + "/x" + head + "\r\nContent-Length: 5\r\n\r\nhello", sent{line: "PUT /api/x", body: "hello", key: canary}},
		{"a chunked body", "PUT " + proxyPath + "/x" + head + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", sent{line: "PUT /api/x", body: "hello", key: canary}},
		{
			"what is between the caller and us stays behind, and the caller's own key too",
			"GET " + proxyPath + "/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close, X-Hop, X-Api-Key\r\nX-Hop: 1\r\nKeep-Alive: 3\r\n" +
				"X-Forwarded-For: 10.0.0.1\r\nForwarded: for=1\r\nX-Api-Key: mine\r\nUser-Agent: sdk/1\r\nCookie: a=1; ferrule_session=2; __Host-ferrule=3; b=4\r\n\r\n",
			sent{line: "GET /api/x", key: canary, cookie: "a=1; b=4", agent: "sdk/1"},
		},
		{"an absolute request target", "GET http://ignored.example" + proxyPath + "/x?y" + head + "\r\n\r\n", sent{line: "GET /api/x?y", key: canary}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := s.raw(tt.text)
			if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
				t.Fatalf("answer = %q", answer)
			}
			if diff := cmp.Diff(tt.want, testkit.Receive(t, "the request", requests), cmp.AllowUnexported(sent{})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPassThroughRefusesClearly(t *testing.T) {
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request was sent: %s", r.RequestURI) }), nil)
	auth := "Authorization: Bearer TOKEN\r\n"
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n"
	}
	tests := []struct {
		name, text string
		status     int
		reason     string
	}{
		{"without a token", get(proxyPath+"/x", ""), 401, "UNAUTHENTICATED"},
		{"with a wrong token", get(proxyPath+"/x", "Authorization: Bearer TOKENx\r\n"), 401, "UNAUTHENTICATED"},
		{"with two tokens", get(proxyPath+"/x", auth+auth), 401, "UNAUTHENTICATED"},
		{"with another scheme", get(proxyPath+"/x", "Authorization: Basic abc\r\n"), 401, "UNAUTHENTICATED"},
		{"a path that is none of ours", get("/v1/environments/default/connections/crm", auth), 404, "INVALID_ARGUMENT"},
		{"a name that is none", get("/v1/environments/default/connections/C_R/proxy/x", auth), 400, "INVALID_NAME"},
		{"an unknown environment", get("/v1/environments/prod/connections/crm/proxy/x", auth), 404, "ENVIRONMENT_NOT_FOUND"},
		{"an unknown connection", get("/v1/environments/default/connections/nope/proxy/x", auth), 404, "CONNECTION_NOT_FOUND"},
		{"a path that climbs", get(proxyPath+"/../admin", auth), 400, "INVALID_ARGUMENT"},
		{"a path that climbs, encoded", get(proxyPath+"/a/%2e%2e/%2E./admin", auth), 400, "INVALID_ARGUMENT"},
		{"a path that climbs, encoded twice", get(proxyPath+"/%252e%252e%252fadmin", auth), 400, "INVALID_ARGUMENT"},
		{"a path that climbs behind an encoded slash", get(proxyPath+"/a%2f..%2fadmin", auth), 400, "INVALID_ARGUMENT"},
		{"a path that climbs with backslashes", get(proxyPath+"/a%5c..%5cadmin", auth), 400, "INVALID_ARGUMENT"},
		{"a path that climbs with a parameter", get(proxyPath+"/..;x=1/admin", auth), 400, "INVALID_ARGUMENT"},
		{"a fragment in the target", get(proxyPath+"/x#y", auth), 400, "INVALID_ARGUMENT"},
		{"a web socket", get(proxyPath+"/x", auth+"Upgrade: websocket\r\n"), 501, "OPERATION_NOT_SUPPORTED"},
		{"TRACE, which would show the credential", "TRACE " + get(proxyPath+"/x", auth)[4:], 501, "OPERATION_NOT_SUPPORTED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := s.raw(tt.text)
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
			must(t, err)
			defer resp.Body.Close()
			var body struct {
				Code    int
				Message string
				Details []struct{ Reason string }
			}
			must(t, json.NewDecoder(resp.Body).Decode(&body))
			if resp.StatusCode != tt.status || len(body.Details) == 0 || body.Details[0].Reason != tt.reason || body.Message == "" || body.Code == 0 {
				t.Errorf("status %d, body %+v; want %d %s", resp.StatusCode, body, tt.status, tt.reason)
			}
		})
	}
	t.Run("two contradicting lengths never get through", func(t *testing.T) {
		answer := s.raw("POST " + proxyPath + "/x HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("answer = %q", answer)
		}
	})
	t.Run("somebody else's connection looks like an unknown one", func(t *testing.T) {
		req := s.request("GET", "/x", nil)
		req.Header.Set("Authorization", "Bearer "+s.tokens["bob"])
		if resp := s.do(req); resp.StatusCode != 404 {
			t.Errorf("status = %d", resp.StatusCode)
		}
	})
}

func TestALengthAndChunksTogetherBecomeOneRequest(t *testing.T) {
	requests := make(chan string, 4)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) { requests <- seen(r) }), nil)
	s.raw("POST " + proxyPath + "/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := testkit.Receive(t, "the request", requests); !strings.HasSuffix(got, "body=hello") {
		t.Errorf("request = %s", got)
	}
	select {
	case got := <-requests:
		t.Errorf("a second request got through: %s", got)
	default:
	}
}

func TestPassThroughReplacesTheKeyInTheQuery(t *testing.T) {
	requests := make(chan string, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) { requests <- r.RequestURI }), func(d *connectorv1.Definition) {
		key := d.GetParameterSets()[0].GetPlacements()[0].GetApiKey()
		key.Name, key.Location = "api key", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	})
	s.do(s.request("GET", "/x?a=1&api+key=mine&b=2&api%20key=too", nil))
	want := "/api/x?a=1&b=2&api%20key=canary-7f3a%2B%2F%3D%209c1e"
	if got := testkit.Receive(t, "the request", requests); got != want {
		t.Errorf("target = %s, want %s", got, want)
	}
}

func TestPassThroughKeepsTheAnswerAsItIs(t *testing.T) {
	s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Link", "</style>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		h.Del("Link")
		h.Set("Content-Encoding", "gzip")
		h.Set("Set-Cookie", "session=1")
		h.Set("Location", "https://elsewhere.example/?k="+canary)
		h.Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "not really gzip")
		h.Set("X-Sum", "9")
		h.Set(http.TrailerPrefix+"X-Late", "1")
	}), nil)
	var hints []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, " ", header.Get("Link")))
		return nil
	}})
	req := s.request("GET", "/x", nil).WithContext(ctx)
	req.Header.Set("Accept-Encoding", "gzip")
	resp := s.do(req)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	got := []string{
		fmt.Sprint(resp.StatusCode), string(body), resp.Header.Get("Content-Encoding"), resp.Header.Get("Set-Cookie"), resp.Header.Get("Link"),
		resp.Header.Get("Location"), resp.Trailer.Get("X-Sum"), resp.Trailer.Get("X-Late"), strings.Join(hints, ","),
	}
	want := []string{"418", "not really gzip", "gzip", "", "", "https://elsewhere.example/?k=[redacted]", "9", "1", "103 </style>; rel=preload"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestBothDirectionsStream(t *testing.T) {
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = io.WriteString(w, "echo "+lines.Text()+"\n")
			_ = control.Flush()
		}
	}), nil)
	in, out := io.Pipe()
	req := s.request("POST", "/echo", in)
	first := make(chan struct{})
	go func() { _, _ = io.WriteString(out, "one\n"); close(first) }()
	resp := s.do(req)
	answers := bufio.NewReader(resp.Body)
	for _, line := range []string{"one", "two", "three"} {
		if line != "one" {
			<-first
			_, err := io.WriteString(out, line+"\n")
			must(t, err)
		}
		got, err := answers.ReadString('\n')
		if err != nil || got != "echo "+line+"\n" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	_ = out.Close()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) != 0 {
		t.Errorf("rest = %q, %v", rest, err)
	}
}

func TestTrailersOfARequestGoThrough(t *testing.T) {
	got := make(chan string, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer.Get("X-Sum")
	}), nil)
	s.raw("POST " + proxyPath + "/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")
	if sum := testkit.Receive(t, "the trailer", got); sum != "7" {
		t.Errorf("trailer = %q", sum)
	}
}

func TestABodyWaitsForTheAPIToWantIt(t *testing.T) {
	s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusExpectationFailed) // without reading the body
	}), nil)
	c, err := net.Dial("tcp", s.data.Listener.Addr().String())
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST "+proxyPath+"/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.tokens["ada"]+"\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
	must(t, err)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 417") {
		t.Errorf("first line = %q, %v: the API's refusal has to come before the body", line, err)
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForAWholeOne(t *testing.T) {
	s := start(t, tcp(t, func(c net.Conn) {
		defer c.Close()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	}), nil)
	resp := s.do(s.request("GET", "/x", nil))
	body, err := io.ReadAll(resp.Body)
	if string(body) != "hello" || err == nil {
		t.Errorf("body = %q, err = %v", body, err)
	}
}

func TestPassThroughFailuresAreErrorsOfOurs(t *testing.T) {
	tests := []struct {
		name, method, api string
		status            int
		reason            string
	}{
		{"garbage", "GET", tcp(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, canary+"\r\n\r\n")
			_ = c.Close()
		}), 502, "UPSTREAM_INVALID_RESPONSE"},
		{"a POST whose answer was lost", "POST", tcp(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_ = c.Close()
		}), 504, "OUTCOME_UNKNOWN"},
		{"a network that is not open", "GET", "http://127.0.0.2:9", 403, "EGRESS_REFUSED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tt.api, nil)
			resp := s.do(s.request(tt.method, "/x", nil))
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			if resp.StatusCode != tt.status || !bytes.Contains(body, []byte(tt.reason)) || leaks(string(body)) {
				t.Errorf("status %d, body %s", resp.StatusCode, body)
			}
		})
	}
	t.Run("a host that the credential is not bound to", func(t *testing.T) {
		s := start(t, api(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }), nil)
		s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = nil })
		body, _ := io.ReadAll(s.do(s.request("GET", "/x", nil)).Body)
		if !bytes.Contains(body, []byte("HOST_NOT_ALLOWED")) {
			t.Errorf("body = %s", body)
		}
	})
}

func TestPoliciesApplyToPassThroughCalls(t *testing.T) {
	requests := make(chan string, 1)
	definition := func(d *connectorv1.Definition) {
		parameter := func(name, value string) *connectorv1.PolicyParameter {
			return &connectorv1.PolicyParameter{Name: name, Json: []byte(value)}
		}
		d.Policies = []*connectorv1.Policy{
			{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{parameter("name", `"Authorization"`), parameter("value", `"Token @headers('X-Api-Key')"`)}},
			{TemplateId: "setheader", OperationIds: []string{"GetItem"}, Parameters: []*connectorv1.PolicyParameter{parameter("name", `"X-Region"`), parameter("value", `"@connectionParameters('region')"`)}},
			{TemplateId: "setproperty", OperationIds: []string{"CreateItem"}},
		}
	}
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.RequestURI + " " + r.Header.Get("Authorization") + " " + r.Header.Get("X-Region")
	}), definition)
	for path, want := range map[string]string{
		"/other":   "GET /api/other Token " + canary + " ",
		"/items/7": "GET /api/items/7 Token " + canary + " eu",
	} {
		s.do(s.request("GET", path, nil))
		if got := testkit.Receive(t, "the request", requests); got != want {
			t.Errorf("request = %q, want %q", got, want)
		}
	}
	body, _ := io.ReadAll(s.do(s.request("POST", "/items", strings.NewReader("{}"))).Body)
	if !bytes.Contains(body, []byte("OPERATION_NOT_SUPPORTED")) {
		t.Errorf("an operation whose policies cannot be applied was sent: %s", body)
	}
}

func TestAClientThatLeavesEndsTheRequest(t *testing.T) {
	ended := make(chan struct{})
	started := make(chan struct{})
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(ended)
	}), nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	req := s.request("GET", "/x", nil).WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
	if resp, err := s.data.Client().Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("the request succeeded")
	}
	testkit.Receive(t, "the API to notice", closed(ended))
}

// closed turns the closing of a channel into a value.
func closed(ch <-chan struct{}) <-chan bool {
	out := make(chan bool, 1)
	go func() { <-ch; out <- true }()
	return out
}
