package infer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// What is called like a credential is one wherever it stands: its value must not
// be in the result, and the result must say how to give it.
func TestNamesOfCredentials(t *testing.T) {
	const value = "tr0ub4dor"
	for _, name := range []string{
		"api_key", "apikey", "X-API-Key", "access_token", "client_secret", "password", "passwd", "pwd", "sig", "token", "key", "auth",
		"subscription-key", "X-Functions-Key", "X-Auth-Token", "X-Amz-Security-Token", "private_key", "authToken", "refresh_token", "x-secret",
	} {
		for place, s := range map[string]infer.Sample{
			"query":  {URL: "https://api.example.com/items?" + name + "=" + value},
			"header": {URL: "https://api.example.com/items", Headers: []string{name + ": " + value}},
			"cookie": {URL: "https://api.example.com/items", Headers: []string{"Cookie: a=b; " + name + "=" + value}},
			"JSON":   {Method: "POST", URL: "https://api.example.com/items", Body: fmt.Appendf(nil, `{"a":[{%q:%q}],"b":1}`, name, value)},
			"form":   {Curl: "curl https://api.example.com/items -d b=1 -d " + name + "=" + value},
			"parts":  {Curl: "curl https://api.example.com/items -F b=1 -F " + name + "=" + value},
			"answer": {URL: "https://api.example.com/items", Response: &infer.Response{Headers: []string{name + ": " + value}, Body: fmt.Appendf(nil, `{%q:%q}`, name, value)}},
		} {
			out := inferred(t, s)
			text, err := definition.Marshal(whole(out))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text)+fmt.Sprint(out.Findings), value) {
				t.Errorf("%s %s: the value is in %s", place, name, text)
			}
			needed := place == "query" || place == "header" || place == "cookie"
			if needed != (len(out.SecuritySchemes) == 1) || needed != (len(out.Operation.GetSecurity()) == 1) {
				t.Errorf("%s %s: schemes %v", place, name, out.SecuritySchemes)
			}
		}
	}
}

func TestNamesThatOnlySoundLikeCredentials(t *testing.T) {
	for _, name := range []string{
		"page_token", "nextPageToken", "continuation-token", "sort_key", "Idempotency-Key", "max_tokens", "author", "keyword", "monkey", "token_type",
		"public_key", "keyId", "keys", "tokens", "design", "compass", "signal",
	} {
		out := inferred(t, infer.Sample{URL: "https://api.example.com/items?" + name + "=abc"})
		if len(out.SecuritySchemes) > 0 || len(out.Operation.GetParameters()) != 1 || joined(out.Operation.GetParameters()[0].GetExamples()) != `"abc"` {
			t.Errorf("%s: schemes %v, parameters %v", name, out.SecuritySchemes, out.Operation.GetParameters())
		}
	}
}

// Issuers make some credentials recognisable; those are left out under any name.
func TestValuesThatAreCredentials(t *testing.T) {
	for _, row := range []struct {
		name, value string
		secret      bool
	}{
		{"a token of a code host", "ghp_" + strings.Repeat("a1", 18), true},
		{"a live key of payments", "sk_live_" + strings.Repeat("Z9", 12), true},
		{"a key of a cloud", "AKIA" + strings.Repeat("ABCD", 4), true},
		{"a JSON web token", token, true},
		{"a private key", "-----BEGIN PRIVATE KEY-----", true},
		{"forty random letters and digits", strings.Repeat("q7Zt", 10), true},
		{"a UUID", "123e4567-e89b-12d3-a456-426614174000", false},
		{"a short word", "ghp", false},
		{"a sentence", "the quick brown fox jumps over the lazy dog 12345", false},
		{"a long word", strings.Repeat("abcd", 10), false},
		{"a date", "2024-01-31T10:00:00Z", false},
		{"a number", "12345678901234567890", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"a":%q,"b":[%q]}`, row.value, row.value)
			out := inferred(t, infer.Sample{Method: "POST", URL: "https://api.example.com/items", Headers: []string{"X-Some: " + row.value}, Body: []byte(body)})
			text, err := definition.Marshal(whole(out))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), row.value) == row.secret {
				t.Errorf("%q is a credential: %v, and this was inferred: %s", row.value, row.secret, text)
			}
		})
	}
}
