package sign_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/sign"
)

// suite is the published test suite of AWS; its file names the source.
type suite struct {
	AccessKey string    `json:"access_key_id"`
	SecretKey string    `json:"secret_access_key"`
	Region    string    `json:"region"`
	Service   string    `json:"service"`
	Time      time.Time `json:"time"`
	Vectors   []struct {
		Name         string      `json:"name"`
		Method       string      `json:"method"`
		Target       string      `json:"target"`
		Headers      [][2]string `json:"headers"`
		Body         string      `json:"body"`
		SessionToken string      `json:"session_token"`
		Signature    string      `json:"signature"`
	} `json:"vectors"`
}

func TestSignaturesOfThePublishedSuite(t *testing.T) {
	raw, err := os.ReadFile("testdata/aws-sig-v4.json")
	if err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Vectors) < 10 {
		t.Fatalf("only %d vectors", len(s.Vectors))
	}
	for _, v := range s.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			req := &request.Request{Method: v.Method, Base: request.Base{Scheme: "https"}, Header: map[string][]string{}, Body: []byte(v.Body)}
			req.Path, req.Query, _ = strings.Cut(v.Target, "?")
			for _, h := range v.Headers {
				if h[0] == "Host" {
					req.Base.Host = h[1]
					continue
				}
				req.AddHeader(h[0], h[1])
			}
			keys := sign.AWSKeys{AccessKey: s.AccessKey, SecretKey: s.SecretKey, SessionToken: v.SessionToken}
			if err := (sign.AWS{Service: s.Service, Region: s.Region}).Sign(t.Context(), req, keys, s.Time, false); err != nil {
				t.Fatal(err)
			}
			if got := req.HeaderValue("Authorization"); !strings.HasSuffix(got, "Signature="+v.Signature) {
				t.Errorf("Authorization = %s\nwant signature %s", got, v.Signature)
			}
		})
	}
}

// TestWhatIsSentIsWhatAWSCompares: AWS decodes path and query and encodes them
// again before it checks a signature; what is sent is in that form already.
func TestWhatIsSentIsWhatAWSCompares(t *testing.T) {
	tests := []struct{ name, base, path, query, wantTarget string }{
		{"nothing to change", "", "/a", "b=1", "/a?b=1"},
		{"sub-delimiters", "/v1", "/a(b)!*'", "", "/v1/a%28b%29%21%2A%27"},
		{"an escaped slash stays one", "", "/a%2fb", "", "/a%2Fb"},
		{"what need not be escaped is not", "", "/%7Ea", "x=%7E", "/~a?x=~"},
		{"the query is sorted by name and value", "", "/", "b=2&a=2&a=1", "/?a=1&a=2&b=2"},
		{"a plus is a space", "", "/", "q=a+b", "/?q=a%20b"},
		{"a name without a value", "", "/", "acl", "/?acl="},
		{"empty pairs go", "", "/", "&a=1&&", "/?a=1"},
		{"what is badly encoded is taken as it stands", "", "/%zz", "q=%zz", "/%25zz?q=%25zz"},
		{"a semicolon is part of a value", "", "/", "q=a;b", "/?q=a%3Bb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := &request.Request{Method: "GET", Base: request.Base{Scheme: "https", Host: "h.example", Path: tt.base}, Path: tt.path, Query: tt.query, Header: map[string][]string{}}
			if err := (sign.AWS{Service: "execute-api", Region: "r"}).Sign(t.Context(), req, sign.AWSKeys{AccessKey: "a", SecretKey: "s"}, time.Unix(0, 0), false); err != nil {
				t.Fatal(err)
			}
			if got := req.Target(); got != tt.wantTarget {
				t.Errorf("target = %s, want %s", got, tt.wantTarget)
			}
		})
	}
}

func TestHeadersOfAWS(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct {
		name, service, host string
		streamed            bool
		wantHash, wantHost  string
	}{
		{"other services get no hash of the body", "execute-api", "h.example", false, "", ""},
		{"S3 gets it", "s3", "h.example", false, empty, ""},
		{"a body that is not known", "s3", "h.example", true, "UNSIGNED-PAYLOAD", ""},
		{"relatives of S3", "s3-outposts", "h.example", false, empty, ""},
		{"the scheme's own port is not sent, as it is not signed", "s3", "h.example:443", false, empty, "h.example"},
		{"another port is", "s3", "h.example:8443", false, empty, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := &request.Request{
				Method: "GET", Base: request.Base{Scheme: "https", Host: tt.host}, Path: "/k",
				Header: map[string][]string{"X-Amz-Security-Token": {"of the caller"}, "Authorization": {"of the caller"}},
			}
			if err := (sign.AWS{Service: tt.service, Region: "r"}).Sign(t.Context(), req, sign.AWSKeys{AccessKey: "a", SecretKey: "s", SessionToken: "ours"}, time.Unix(0, 0), tt.streamed); err != nil {
				t.Fatal(err)
			}
			if got := req.HeaderValue("X-Amz-Content-Sha256"); got != tt.wantHash {
				t.Errorf("hash = %q, want %q", got, tt.wantHash)
			}
			if req.Host != tt.wantHost {
				t.Errorf("host = %q, want %q", req.Host, tt.wantHost)
			}
			if got := req.HeaderValue("X-Amz-Security-Token"); got != "ours" {
				t.Errorf("session token = %q", got)
			}
			if got := req.Header["Authorization"]; len(got) != 1 || !strings.HasPrefix(got[0], "AWS4-HMAC-SHA256 Credential=a/19700101/r/"+tt.service+"/aws4_request, ") {
				t.Errorf("Authorization = %q", got)
			}
		})
	}
}

func TestWhoNeedsTheBody(t *testing.T) {
	for _, tt := range []struct {
		service, scheme string
		want            bool
	}{
		{"s3", "https", false}, {"s3", "http", true}, {"execute-api", "https", true}, {"s3-object-lambda", "https", false}, {"s3express", "https", true},
	} {
		if got := (sign.AWS{Service: tt.service}).NeedsBody(tt.scheme); got != tt.want {
			t.Errorf("%s over %s: %v", tt.service, tt.scheme, got)
		}
	}
}
