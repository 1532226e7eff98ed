package sign_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/sign"
)

// now is the time of all signatures here.
var now = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

func fields(pairs ...string) (out []*connectorv1.HmacField) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &connectorv1.HmacField{Name: pairs[i], Template: pairs[i+1]})
	}
	return out
}

func parameters(out []byte, name string) []byte {
	return append(out, map[string]string{"id": "client-7", "account": "store"}[name]...)
}

func signed(t *testing.T, scheme *connectorv1.HmacScheme, key string, req *request.Request) error {
	t.Helper()
	compiled, err := sign.CompileHMAC(scheme)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Sign(req, sign.Moment{Key: []byte(key), Now: now, Parameter: parameters})
}

func post(target, body string) *request.Request {
	req := &request.Request{
		Method: "POST", Base: request.Base{Scheme: "https", Host: "api.example.com:8443", Path: "/v2"},
		Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(body),
	}
	req.Path, req.Query, _ = strings.Cut(target, "?")
	return req
}

func mac(h func() hash.Hash, key, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// TestEachPlaceholder: what is signed is told by the signature alone, so each
// expectation is worked out by hand.
func TestEachPlaceholder(t *testing.T) {
	const body = `{"a":1}`
	bodySHA, bodyMD5 := sha256.Sum256([]byte(body)), md5.Sum([]byte(body))
	tests := []struct{ template, want string }{
		{"{method}", "POST"},
		{"{path}", "/v2/orders/a%20b"},
		{"{query}", "b=2&a=%2F&a=1"},
		{"{sorted_query}", "a=%2F&a=1&b=2"},
		{"{host}", "api.example.com:8443"},
		{"{header:host}", "api.example.com:8443"},
		{"{body}", body},
		{"{body_sha256}", hex.EncodeToString(bodySHA[:])},
		{"{body_sha256_base64}", base64.StdEncoding.EncodeToString(bodySHA[:])},
		{"{body_md5}", hex.EncodeToString(bodyMD5[:])},
		{"{body_md5_base64}", base64.StdEncoding.EncodeToString(bodyMD5[:])},
		{"{timestamp}", "1772600767"},
		{"{header:content-type}", "application/json"},
		{"{header:X-None}", ""},
		{"{header:Content-Length}", "7"},
		{"{parameter:id}", "client-7"},
		{`a\nb`, "a\nb"},
		{"{{x}}", "{x}"},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			req := post("/orders/a%20b?b=2&a=%2F&a=1", body)
			scheme := &connectorv1.HmacScheme{StringToSign: "[" + tt.template + "]", Headers: fields("X-Sig", "{signature}")}
			if err := signed(t, scheme, "k", req); err != nil {
				t.Fatal(err)
			}
			if got, want := req.HeaderValue("X-Sig"), hex.EncodeToString(mac(sha256.New, "k", "["+tt.want+"]")); got != want {
				t.Errorf("the signature is not over %q", tt.want)
			}
		})
	}
}

func TestAlgorithmsEncodingsAndTimes(t *testing.T) {
	key := []byte{0, 1, 0xfe, 0xff, 0x7e}
	tests := []struct {
		name, algorithm, keyEncoding, key, encoding string
		want                                        string
	}{
		{"as it is", "", "", "text key", "", hex.EncodeToString(mac(sha256.New, "text key", "m"))},
		{"sha1 and base64", "sha1", "text", "text key", "base64", base64.StdEncoding.EncodeToString(mac(sha1.New, "text key", "m"))},
		{"sha384 and base64url", "sha384", "text", "text key", "base64url", base64.RawURLEncoding.EncodeToString(mac(sha512.New384, "text key", "m"))},
		{"sha512 and hex", "sha512", "text", "text key", "hex", hex.EncodeToString(mac(sha512.New, "text key", "m"))},
		{"a key in hex", "sha256", "hex", hex.EncodeToString(key), "hex", hex.EncodeToString(mac(sha256.New, string(key), "m"))},
		{"a key in base64", "sha256", "base64", base64.StdEncoding.EncodeToString(key), "hex", hex.EncodeToString(mac(sha256.New, string(key), "m"))},
		{"a key in base64 for URLs, without padding", "sha256", "base64", base64.RawURLEncoding.EncodeToString(key), "hex", hex.EncodeToString(mac(sha256.New, string(key), "m"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := post("/", "")
			scheme := &connectorv1.HmacScheme{
				Algorithm: tt.algorithm, KeyEncoding: tt.keyEncoding, SignatureEncoding: tt.encoding,
				StringToSign: "m", Headers: fields("X-Sig", "{signature}"),
			}
			if err := signed(t, scheme, tt.key, req); err != nil {
				t.Fatal(err)
			}
			if got := req.HeaderValue("X-Sig"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for format, want := range map[string]string{
		"": "1772600767", "unix": "1772600767", "unix_ms": "1772600767089", "rfc3339": "2026-03-04T05:06:07Z",
		"http": "Wed, 04 Mar 2026 05:06:07 GMT", "iso8601_basic": "20260304T050607Z",
	} {
		t.Run("time as "+format, func(t *testing.T) {
			req := post("/", "")
			scheme := &connectorv1.HmacScheme{TimestampFormat: format, StringToSign: "{timestamp}", Headers: fields("X-Time", "{timestamp}", "X-Sig", "{signature}")}
			if err := signed(t, scheme, "k", req); err != nil {
				t.Fatal(err)
			}
			if got := req.HeaderValue("X-Time"); got != want || req.HeaderValue("X-Sig") != hex.EncodeToString(mac(sha256.New, "k", want)) {
				t.Errorf("time = %q, want %q", got, want)
			}
		})
	}
}

// TestSchemesOfRealAPIs writes signatures that APIs document as templates.
func TestSchemesOfRealAPIs(t *testing.T) {
	t.Run("the documented example of an exchange: a signed query", func(t *testing.T) {
		// The numbers are those of the API's public documentation (Binance, "SIGNED
		// endpoint examples").
		const secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
		req := post("/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559", "")
		scheme := &connectorv1.HmacScheme{StringToSign: "{query}", Query: fields("signature", "{signature}")}
		if err := signed(t, scheme, secret, req); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(req.Query, "&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71") {
			t.Errorf("query = %s", req.Query)
		}
	})
	t.Run("the same with a time of ours, which is signed", func(t *testing.T) {
		req := post("/order?symbol=B&timestamp=of-the-caller&a=1", "")
		scheme := &connectorv1.HmacScheme{TimestampFormat: "unix_ms", StringToSign: "{sorted_query}", Query: fields("signature", "{signature}", "timestamp", "{timestamp}")}
		if err := signed(t, scheme, "k", req); err != nil {
			t.Fatal(err)
		}
		want := "symbol=B&a=1&timestamp=1772600767089&signature=" + hex.EncodeToString(mac(sha256.New, "k", "a=1&symbol=B&timestamp=1772600767089"))
		if req.Query != want {
			t.Errorf("query = %s\nwant    %s", req.Query, want)
		}
	})
	t.Run("a storage service: date, type and resource", func(t *testing.T) {
		key := []byte("storage key bytes")
		req := post("/table", "{}")
		scheme := &connectorv1.HmacScheme{
			KeyEncoding: "base64", SignatureEncoding: "base64", TimestampFormat: "http",
			StringToSign: `{method}\n{body_md5_base64}\n{header:Content-Type}\n{header:x-ms-date}\n/{parameter:account}{path}`,
			Headers:      fields("Authorization", "SharedKeyLite {parameter:account}:{signature}", "x-ms-date", "{timestamp}"),
		}
		if err := signed(t, scheme, base64.StdEncoding.EncodeToString(key), req); err != nil {
			t.Fatal(err)
		}
		sum := md5.Sum([]byte("{}"))
		text := "POST\n" + base64.StdEncoding.EncodeToString(sum[:]) + "\napplication/json\nWed, 04 Mar 2026 05:06:07 GMT\n/store/v2/table"
		want := "SharedKeyLite store:" + base64.StdEncoding.EncodeToString(mac(sha256.New, string(key), text))
		if got := req.HeaderValue("Authorization"); got != want || req.HeaderValue("X-Ms-Date") != "Wed, 04 Mar 2026 05:06:07 GMT" {
			t.Errorf("Authorization = %q\nwant            %q", got, want)
		}
	})
	t.Run("a nonce, the same everywhere", func(t *testing.T) {
		scheme := &connectorv1.HmacScheme{
			Algorithm: "sha512", SignatureEncoding: "base64url", StringToSign: `{timestamp}\n{nonce}\n{method}\n{path}\n{host}\n`,
			Headers: fields("Authorization", `MAC id="{parameter:id}", nonce="{nonce}", mac="{signature}"`, "X-Nonce", "{nonce}"),
		}
		req, other := post("/x", ""), post("/x", "")
		for _, r := range []*request.Request{req, other} {
			if err := signed(t, scheme, "k", r); err != nil {
				t.Fatal(err)
			}
		}
		nonce := req.HeaderValue("X-Nonce")
		text := "1772600767\n" + nonce + "\nPOST\n/v2/x\napi.example.com:8443\n"
		want := `MAC id="client-7", nonce="` + nonce + `", mac="` + base64.RawURLEncoding.EncodeToString(mac(sha512.New, "k", text)) + `"`
		if got := req.HeaderValue("Authorization"); got != want || len(nonce) != 32 {
			t.Errorf("Authorization = %q\nwant            %q", got, want)
		}
		if other.HeaderValue("X-Nonce") == nonce {
			t.Error("two requests have the same nonce")
		}
	})
	t.Run("URL and body, as telephone companies do", func(t *testing.T) {
		req := post("/calls?a=1", "From=1&To=2")
		scheme := &connectorv1.HmacScheme{Algorithm: "sha1", SignatureEncoding: "base64", StringToSign: "https://{host}{path}?{query}{body}", Headers: fields("X-Signature", "{signature}")}
		if err := signed(t, scheme, "k", req); err != nil {
			t.Fatal(err)
		}
		if got, want := req.HeaderValue("X-Signature"), base64.StdEncoding.EncodeToString(mac(sha1.New, "k", "https://api.example.com:8443/v2/calls?a=1From=1&To=2")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestSchemesThatCannotBeUsed(t *testing.T) {
	good := func() *connectorv1.HmacScheme {
		return &connectorv1.HmacScheme{StringToSign: "{method}", Headers: fields("X-Sig", "{signature}")}
	}
	tests := []struct {
		name   string
		change func(*connectorv1.HmacScheme)
		want   string
	}{
		{"an algorithm that nobody knows", func(s *connectorv1.HmacScheme) { s.Algorithm = "crc32" }, `algorithm "crc32"`},
		{"a key encoding", func(s *connectorv1.HmacScheme) { s.KeyEncoding = "rot13" }, `key encoding "rot13"`},
		{"a signature encoding", func(s *connectorv1.HmacScheme) { s.SignatureEncoding = "x" }, `signature encoding "x"`},
		{"a time", func(s *connectorv1.HmacScheme) { s.TimestampFormat = "x" }, `timestamp format "x"`},
		{"nothing to sign", func(s *connectorv1.HmacScheme) { s.StringToSign = "" }, "nothing to sign"},
		{"the signature of itself", func(s *connectorv1.HmacScheme) { s.StringToSign = "{signature}" }, "cannot sign itself"},
		{"a placeholder that does not exist", func(s *connectorv1.HmacScheme) { s.StringToSign = "{verb}" }, "no placeholder {verb}"},
		{"a header with a name that is none", func(s *connectorv1.HmacScheme) { s.StringToSign = "{header:a b}" }, "no placeholder {header:a b}"},
		{"a parameter without a name", func(s *connectorv1.HmacScheme) { s.StringToSign = "{parameter:}" }, "no placeholder {parameter:}"},
		{"a brace", func(s *connectorv1.HmacScheme) { s.Headers[0].Template = "{signature" }, "X-Sig: an opening brace"},
		{"a signature that goes nowhere", func(s *connectorv1.HmacScheme) { s.Headers = nil }, "no header and no query parameter"},
		{"a header of the transport", func(s *connectorv1.HmacScheme) { s.Headers[0].Name = "content-length" }, `"content-length" is no header`},
		{"the host", func(s *connectorv1.HmacScheme) { s.Headers[0].Name = "HOST" }, `"HOST" is no header`},
		{"a header with a line break", func(s *connectorv1.HmacScheme) { s.Headers[0].Name = "a\nb" }, "is no header"},
		{"a query parameter without a name", func(s *connectorv1.HmacScheme) { s.Query = fields("", "x") }, "has no name"},
		{"more headers than any API has", func(s *connectorv1.HmacScheme) { s.Headers = make([]*connectorv1.HmacField, 17) }, "at most 16"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scheme := good()
			tt.change(scheme)
			if _, err := sign.CompileHMAC(scheme); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestKeysAndValuesThatCannotBeUsed(t *testing.T) {
	tests := []struct {
		name   string
		scheme *connectorv1.HmacScheme
		key    string
	}{
		{"a key that is not hex", &connectorv1.HmacScheme{KeyEncoding: "hex", StringToSign: "m", Headers: fields("X", "{signature}")}, "obviously-not-hex"},
		{"a key that is not base64", &connectorv1.HmacScheme{KeyEncoding: "base64", StringToSign: "m", Headers: fields("X", "{signature}")}, "obviously not base64!"},
		{"a key that is empty", &connectorv1.HmacScheme{KeyEncoding: "base64", StringToSign: "m", Headers: fields("X", "{signature}")}, "=="},
		{"a header with a line break", &connectorv1.HmacScheme{StringToSign: "m", Headers: fields("X", `{signature}\nX-Admin: 1`)}, "obviously-k"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := signed(t, tt.scheme, tt.key, post("/", ""))
			if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid || strings.Contains(err.Error(), "obviously") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestWhatASchemeTellsAboutItself(t *testing.T) {
	compiled, err := sign.CompileHMAC(&connectorv1.HmacScheme{
		StringToSign: "{parameter:id}{parameter:id}{body_sha256}", Headers: fields("x-sig", "{signature}", "X-Time", "{timestamp}"),
		Query: fields("account", "{parameter:account}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(compiled.Parameters(), " ") + "|" + strings.Join(compiled.Headers(), " "); got != "id account|X-Time X-Sig" || !compiled.NeedsBody() {
		t.Errorf("got %s, needs body %v", got, compiled.NeedsBody())
	}
	compiled, err = sign.CompileHMAC(&connectorv1.HmacScheme{StringToSign: "{path}", Headers: fields("x-sig", "{signature}")})
	if err != nil || compiled.NeedsBody() {
		t.Errorf("a signature over the path needs the body (%v)", err)
	}
}
