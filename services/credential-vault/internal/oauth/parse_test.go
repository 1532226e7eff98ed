package oauth

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

func TestBodiesAreReadUpToTheLimit(t *testing.T) {
	tests := []struct {
		name  string
		size  int
		fails bool
	}{
		{"nothing", 0, false},
		{"a little", 10, false},
		{"one buffer", firstBuffer, false},
		{"one buffer and a byte", firstBuffer + 1, false},
		{"as much as may be", maxAnswer, false},
		{"a byte more", maxAnswer + 1, true},
		{"much more", 3 * maxAnswer, true},
	}
	for _, tt := range tests {
		for kind, reader := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "with the end": iotest.DataErrReader, "by halves": iotest.HalfReader,
		} {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				want := bytes.Repeat([]byte("x"), tt.size)
				got, err := readBody(reader(bytes.NewReader(want)))
				if tt.fails && kind != "with the end" && !errors.Is(err, errTooLong) {
					t.Fatalf("the error is %v", err)
				}
				if !tt.fails && (err != nil || !bytes.Equal(got, want)) {
					t.Fatalf("read %d bytes, %v", len(got), err)
				}
			})
		}
	}
	broken := errors.New("broken")
	if got, err := readBody(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); !errors.Is(err, broken) || got != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestHugeFormsAndTreesAreBounded(t *testing.T) {
	if got := parse([]byte(strings.Repeat("a=1&", 20_000))); len(got.children) != maxNodes {
		t.Errorf("the form has %d pairs", len(got.children))
	}
	if got := parse([]byte("[" + strings.Repeat("1,", maxNodes) + "1]")); got.kind != 0 {
		t.Errorf("the list has %d items", len(got.children))
	}
	deep := parse([]byte(strings.Repeat(`{"a":`, maxDepth+3) + "1" + strings.Repeat("}", maxDepth+3)))
	depth := 0
	for n := deep; n.kind == '{' && len(n.children) > 0; n = n.children[0].value {
		depth++
	}
	if depth != maxDepth {
		t.Errorf("the tree is %d deep", depth)
	}
}

func TestPlaceholdersAreFound(t *testing.T) {
	tests := []struct{ template, before, name, after string }{
		{"", "", "", ""},
		{"plain", "plain", "", ""},
		{"{a}", "", "a", ""},
		{"x{a}y{b}", "x", "a", "y{b}"},
		{"{", "{", "", ""},
		{"{}", "{}", "", ""},
		{"{a", "{a", "", ""},
		{"{{a}}", "{", "a", "}"},
		{"{a{b}c", "{a", "b", "c"},
		{`{"a":"{b}"}`, `{"a":"`, "b", `"}`},
		{"{token:client id}", "", "token:client id", ""},
		{"{ü}{a}", "{ü}", "a", ""},
	}
	for _, tt := range tests {
		before, name, after := nextPlaceholder(tt.template)
		if before != tt.before || name != tt.name || after != tt.after {
			t.Errorf("%q is %q, %q and %q", tt.template, before, name, after)
		}
	}
}

func TestNamesOfPlaceholdersHaveAnOrder(t *testing.T) {
	e := expansion{
		templates: &Templates{
			Values:  map[string]string{"Region": "one", "region": "two", "ClientId": "never", "both": "plain"},
			Secrets: map[string]secret.Text{"both": secret.FromString("hidden"), "only": secret.FromString("shown")},
		},
		own:  form{{"ClientId", []byte("app")}},
		hide: &redactor{},
	}
	for name, want := range map[string]string{
		"Region": "one", "region": "two", "REGION": "one", "clientid": "app", "Both": "plain", "ONLY": "shown", "nothing": "", "": "",
	} {
		for range 10 { // maps have no order
			if got := string(e.value(name)); got != want {
				t.Fatalf("%s is %q, want %q", name, got, want)
			}
		}
	}
	e.hide = nil
	if got := e.value("only"); got != nil {
		t.Errorf("the secret is %q where it would be shown", got)
	}
}

func TestFurtherParametersJoinABody(t *testing.T) {
	further := form{{"v", []byte(`x"y&`)}}
	tests := []struct {
		body   string
		asJSON bool
		want   string
	}{
		{"a=b", false, "a=b&v=x%22y%26"},
		{`{"a":{"b":1}}`, true, `{"a":{"b":1},"v":"x\"y&"}`},
		{"{ }", true, `{ "v":"x\"y&"}`},
		{"{\n\"a\":1}\n", true, "{\n\"a\":1,\"v\":\"x\\\"y&\"}"},
		{"no JSON", true, "no JSON"},
	}
	for _, tt := range tests {
		if got := string(join([]byte(tt.body), further, tt.asJSON)); got != tt.want {
			t.Errorf("%s became %s, want %s", tt.body, got, tt.want)
		}
		if got := string(join([]byte(tt.body), nil, tt.asJSON)); got != tt.body {
			t.Errorf("%s became %s", tt.body, got)
		}
	}
}

func TestEndpointsAreJudged(t *testing.T) {
	for raw, good := range map[string]bool{
		"https://login.example/token": true, "https://login.example:8443/a?b=c": true, "http://127.0.0.1:8080/token": true, "http://localhost/token": true,
		"http://idp.localhost/token": true, "http://[::1]:9/token": true, "HTTPS://login.example/": true, "http://LOCALHOST/": true, "http://127.9.9.9/": true,
		"": false, "login.example/token": false, "http://login.example/token": false, "http://10.0.0.1/": false, "http://localhost.example/": false,
		"http://127.0.0.1.example/": false, "ftp://login.example/": false, "https://": false, "https:///token": false, "https://u:p@login.example/": false,
		"https://login.example/#f": false, "https://login.example/\n": false, "https://[::1": false, "//login.example/": false, "http://evillocalhost/": false,
	} {
		if _, err := parseEndpoint("token endpoint", raw); (err == nil) != good {
			t.Errorf("%q is judged %v", raw, err)
		}
	}
}

func TestIssuersAreCompared(t *testing.T) {
	tests := []struct {
		expected, found string
		want            bool
	}{
		{"https://a.example", "https://a.example", true},
		{"https://a.example/", "https://a.example", true},
		{"https://a.example", "https://a.example/", true},
		{"https://a.example", "https://b.example", false},
		{"https://a.example", "https://a.example/b", false},
		{"https://a.example", "https://A.example", false},
		{"https://a.example/common/v2.0", "https://a.example/{tenantid}/v2.0", true},
		{"https://a.example/x/y/v2.0", "https://a.example/{tenantid}/v2.0", false},
		{"https://a.example//v2.0", "https://a.example/{tenantid}/v2.0", false},
		{"https://a.example/v2.0", "https://a.example/{tenantid}/v2.0", false},
		{"https://a.example/common", "https://b.example/{tenantid}", false},
		{"https://evil.example", "{tenantid}", false},
		{"https://evil.example", "https://{tenantid}", false},
		{"https://evil.example", "https://{tenantid}.example", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := issuerFits(tt.expected, tt.found); got != tt.want {
			t.Errorf("%q and %q: %v", tt.expected, tt.found, got)
		}
	}
}

func TestGrantsSayWhatTheyNeed(t *testing.T) {
	for grant, want := range map[Grant][2]bool{
		AuthorizationCode: {true, false}, DeviceCode: {true, false}, TokenExchange: {false, true}, OnBehalfOf: {false, true},
		ClientCredentials: {}, Password: {}, RefreshToken: {}, JWTBearer: {},
	} {
		if got := [2]bool{grant.Interactive(), grant.PerCaller()}; got != want {
			t.Errorf("%s is %v", grant, got)
		}
	}
}
