package inject_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// toBase64 joins what it gets with colons and encodes it.
func toBase64(plain [][]byte) ([]byte, error) {
	return []byte(base64.StdEncoding.EncodeToString(bytes.Join(plain, []byte(":")))), nil
}

func TestWhatIsWorkedOutOfASecretIsOne(t *testing.T) {
	handles := credential().Handles()
	password, _ := handles.Parameter("password")
	out, hidden, err := handles.Compute([][]byte{[]byte("ann"), []byte("<" + password + ">")}, toBase64)
	if err != nil || !hidden {
		t.Fatalf("hidden = %v, %v", hidden, err)
	}
	want := base64.StdEncoding.EncodeToString([]byte("ann:<pa:ss>"))
	if strings.Contains(string(out), want) || string(out) == password {
		t.Errorf("the code gets %q", out)
	}
	req := &request.Request{Header: map[string][]string{"Authorization": {"Basic " + string(out)}}}
	if err := handles.Reveal(req); err != nil || req.HeaderValue("Authorization") != "Basic "+want {
		t.Errorf("sent is %q, %v", req.HeaderValue("Authorization"), err)
	}
	if told := handles.Conceal("you sent " + want + " and pa:ss"); told != "you sent [redacted] and [redacted]" {
		t.Errorf("the code is told %q", told)
	}
}

func TestSecretsCanBeWorkedOutOfWorkedOutOnes(t *testing.T) {
	handles := credential().Handles()
	password, _ := handles.Parameter("password")
	once, _, err := handles.Compute([][]byte{[]byte(password)}, toBase64)
	if err != nil {
		t.Fatal(err)
	}
	twice, hidden, err := handles.Compute([][]byte{once}, toBase64)
	if err != nil || !hidden {
		t.Fatal(hidden, err)
	}
	req := &request.Request{Query: "a=" + string(twice)}
	want := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("pa:ss"))))
	if err := handles.Reveal(req); err != nil || req.Query != "a="+request.Escape(want) {
		t.Errorf("query = %q, %v", req.Query, err)
	}
}

func TestWhatHoldsNoSecretIsWorkedOutInTheOpen(t *testing.T) {
	handles := credential().Handles()
	_, _ = handles.Parameter("password")
	for title, input := range map[string]string{"plain text": "abc", "another call's handle": "fh00112233445566778899aabbccddeeff00"} {
		out, hidden, err := handles.Compute([][]byte{[]byte(input)}, toBase64)
		if err != nil || hidden || string(out) != base64.StdEncoding.EncodeToString([]byte(input)) {
			t.Errorf("%s: %q, %v, %v", title, out, hidden, err)
		}
	}
	failed := errors.New("cannot")
	if _, _, err := handles.Compute(nil, func([][]byte) ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("error = %v", err)
	}
}

func TestACallHasRoomForSoManySecrets(t *testing.T) {
	handles := credential().Handles()
	password, _ := handles.Parameter("password")
	for count := range 300 {
		_, _, err := handles.Compute([][]byte{[]byte(password)}, toBase64)
		if err == nil {
			continue
		}
		if fault.ReasonOf(err) != fault.ReasonScriptLimitExceeded || count < 200 {
			t.Errorf("after %d values: %v", count, err)
		}
		return
	}
	t.Error("there is no limit")
}

func TestATokenIsCarriedByWhatWasMadeOfIt(t *testing.T) {
	set := &connectorv1.ParameterSet{Parameters: []*connectorv1.ConnectionParameter{
		{Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH},
	}}
	handles := newCredential(map[string]secret.Text{"token": secret.FromString("access")}, nil, set).Handles()
	token, _ := handles.Parameter("token")
	out, _, err := handles.Compute([][]byte{[]byte(token)}, toBase64)
	if err != nil || handles.CarriesToken() {
		t.Fatalf("carried before it was sent: %v, %v", handles.CarriesToken(), err)
	}
	if err := handles.Reveal(&request.Request{Query: "t=" + string(out)}); err != nil || !handles.CarriesToken() {
		t.Errorf("carried = %v, %v", handles.CarriesToken(), err)
	}
}

func TestEachRequestOfACallCarriesWhatIsInIt(t *testing.T) {
	set := &connectorv1.ParameterSet{Parameters: []*connectorv1.ConnectionParameter{
		{Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH},
	}}
	handles := newCredential(map[string]secret.Text{"token": secret.FromString("access"), "key": secret.FromString("k")}, nil, set).Handles()
	token, _ := handles.Parameter("token")
	key, _ := handles.Parameter("key")
	made, _, err := handles.Compute([][]byte{[]byte(key)}, toBase64)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name, query      string
		key, anyHadToken bool
	}{
		{"nothing", "a=b", false, false},
		{"the key", "k=" + key, true, false},
		{"nothing after the key", "a=b", false, false},
		{"what was made of the key", "k=" + string(made), true, false},
		{"the token", "t=" + token, false, true},
		{"both", "t=" + token + "&k=" + key, false, true},
		{"nothing after the token", "a=b", false, true},
		{"the key after the token", "k=" + key, true, true},
	} {
		if err := handles.Reveal(&request.Request{Query: step.query}); err != nil {
			t.Fatal(err)
		}
		if handles.CarriesKey() != step.key || handles.CarriesToken() != step.anyHadToken {
			t.Errorf("%s: key %v, token %v", step.name, handles.CarriesKey(), handles.CarriesToken())
		}
	}
}

func TestHandlesInBodies(t *testing.T) {
	for _, row := range []struct{ name, contentType, before, after, want string }{
		{"JSON is escaped", "application/json; charset=utf-8", `{"k":"`, `"}`, `{"k":"k3y \"ü\"+/&"}`},
		{"a JSON dialect too", "application/problem+json", `"`, `"`, `"k3y \"ü\"+/&"`},
		{"a form is percent-encoded", "application/x-www-form-urlencoded", "a=1&k=", "&b=2", "a=1&k=k3y%20%22%C3%BC%22%2B%2F%26&b=2"},
		{"XML is escaped", "text/xml", "<k>", "</k>", "<k>k3y &#34;ü&#34;+/&amp;</k>"},
		{"text is as it is", "text/plain", "key ", ".", `key k3y "ü"+/&.`},
		{"what nobody knows is as it is", "", "", "", value},
	} {
		t.Run(row.name, func(t *testing.T) {
			handles := credential().Handles()
			handle, _ := handles.Parameter("api_key")
			req := &request.Request{Header: map[string][]string{"Content-Type": {row.contentType}}, Body: []byte(row.before + handle + row.after)}
			if err := handles.Reveal(req); err != nil || string(req.Body) != row.before+handle+row.after {
				t.Fatalf("a body that nobody could write a handle into is %q, %v", req.Body, err)
			}
			handles.Spread()
			if err := handles.Reveal(req); err != nil || string(req.Body) != row.want {
				t.Errorf("body = %q, want %q, %v", req.Body, row.want, err)
			}
		})
	}
}
