package signature_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// asked are the presets that must be there.
var asked = []string{
	"asana", "box", "calendly", "discord", "docusign", "dropbox", "github", "gitlab", "gitlab-token", "hubspot", "hubspot-v1",
	"hubspot-v2", "intercom", "linear", "meta", "microsoft-graph", "notion", "pagerduty", "sendgrid", "sentry", "shopify", "slack",
	"standard-webhooks", "stripe", "svix", "twilio", "typeform", "xero", "zoom",
}

func presets(t *testing.T) []signature.Preset {
	t.Helper()
	all, err := signature.Presets()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestThePresetsThatWereAskedForAreThere(t *testing.T) {
	for _, name := range asked {
		if _, ok := signature.Lookup(name); !ok {
			t.Errorf("there is no preset %q", name)
		}
	}
}

func TestEveryPresetIsWhole(t *testing.T) {
	for _, p := range presets(t) {
		t.Run(p.Name, func(t *testing.T) {
			if p.Title == "" || p.Secret == "" || !strings.HasPrefix(p.Docs, "https://") || len(p.Vectors) == 0 {
				t.Errorf("title %q, docs %q, secret %q, %d vectors: none may be empty", p.Title, p.Docs, p.Secret, len(p.Vectors))
			}
			if _, preset, err := signature.Resolve(signature.Rule{Scheme: p.Name}); err != nil || preset.Name != p.Name {
				t.Errorf("it resolves to %q, %v", preset.Name, err)
			}
			if _, ok := signature.Lookup(p.Rule.Scheme); ok {
				t.Errorf("its scheme %q is a preset, not a scheme", p.Rule.Scheme)
			}
			if p.Rule.SecretPointer != "" {
				t.Error("where the secret goes is the connector's business")
			}
			for _, v := range p.Vectors {
				if !slices.Contains([]string{"published", "library", "computed"}, v.Source) || (v.Source != "computed") != strings.HasPrefix(v.From, "https://") {
					t.Errorf("a vector is %q from %q", v.Source, v.From)
				}
			}
		})
	}
}

// verifierOf returns the verifier of a preset with the secret of a vector.
func verifierOf(t *testing.T, p signature.Preset, secret string) *signature.Verifier {
	t.Helper()
	v, err := signature.New(signature.Rule{Scheme: p.Name}, signature.Keys{Secrets: [][]byte{[]byte(secret)}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// messageOf returns the notification of a vector.
func messageOf(v signature.Vector) signature.Message {
	m := signature.Message{Method: v.Method, URL: v.URL, Header: http.Header{}, Body: []byte(v.Body)}
	if m.Method == "" {
		m.Method = http.MethodPost
	}
	for name, value := range v.Headers {
		m.Header.Set(name, value)
	}
	return m
}

func TestEveryVectorIsAccepted(t *testing.T) {
	for _, p := range presets(t) {
		for _, v := range p.Vectors {
			t.Run(p.Name+" "+v.Source, func(t *testing.T) {
				proof, err := verifierOf(t, p, v.Secret).Verify(t.Context(), messageOf(v), v.At)
				if err != nil {
					t.Fatal(err)
				}
				if id := idOf(p, v, proof); id != v.ID {
					t.Errorf("id %q, want %q", id, v.ID)
				}
				if !v.At.IsZero() && p.Rule.Scheme != "jwt" && proof.Time.Sub(v.At).Abs() > time.Second {
					t.Errorf("signed at %v, want %v", proof.Time, v.At)
				}
			})
		}
	}
}

// idOf is the id of a notification: what it proves, or a member of its body.
func idOf(p signature.Preset, v signature.Vector, proof signature.Proof) string {
	if proof.ID != "" || p.IDPath == "" {
		return proof.ID
	}
	var value any
	if json.Unmarshal([]byte(v.Body), &value) != nil {
		return ""
	}
	for name := range strings.SplitSeq(p.IDPath, ".") {
		members, _ := value.(map[string]any)
		value = members[name]
	}
	id, _ := value.(string)
	return id
}

// coversBody reports whether the body is protected.
func coversBody(p signature.Preset) bool {
	return p.Rule.Scheme != "token" && p.Rule.Scheme != "basic" && p.Name != "monday"
}

func TestNothingElseThanTheVectorIsAccepted(t *testing.T) {
	for _, p := range presets(t) {
		for _, v := range p.Vectors {
			for _, tc := range []struct {
				name   string
				skip   bool
				secret string
				change func(*signature.Message)
				at     time.Time
			}{
				{name: "a byte more", skip: !coversBody(p), secret: v.Secret, change: func(m *signature.Message) { m.Body = append(m.Body, ' ') }, at: v.At},
				{name: "no body", skip: !coversBody(p) || v.Body == "", secret: v.Secret, change: func(m *signature.Message) { m.Body = nil }, at: v.At},
				{name: "letters in another case", skip: !coversBody(p) || v.Body == "", secret: v.Secret, change: func(m *signature.Message) { m.Body = bytes.ToUpper(m.Body) }, at: v.At},
				{name: "no header", skip: p.Rule.Header == "", secret: v.Secret, change: func(m *signature.Message) { m.Header = http.Header{"Content-Type": m.Header["Content-Type"]} }, at: v.At},
				{name: "every header twice", skip: p.Rule.Header == "", secret: v.Secret, change: twice, at: v.At},
				{name: "another URL", skip: !strings.Contains(p.Rule.Content, "{url}"), secret: v.Secret, change: func(m *signature.Message) { m.URL += "&x=1" }, at: v.At},
				{name: "another secret", skip: p.Rule.Public() || p.Rule.Scheme == "ecdsa-p256", secret: other(v.Secret), change: func(*signature.Message) {}, at: v.At},
				{name: "a day later", skip: v.At.IsZero(), secret: v.Secret, change: func(*signature.Message) {}, at: v.At.Add(25 * time.Hour)},
				{name: "a day before", skip: v.At.IsZero() || p.Name == "monday", secret: v.Secret, change: func(*signature.Message) {}, at: v.At.Add(-25 * time.Hour)},
			} {
				if tc.skip {
					continue
				}
				t.Run(p.Name+" with "+tc.name, func(t *testing.T) {
					m := messageOf(v)
					tc.change(&m)
					if _, err := verifierOf(t, p, tc.secret).Verify(t.Context(), m, tc.at); !isRefusal(err) {
						t.Errorf("err = %v", err)
					}
				})
			}
		}
	}
}

func isRefusal(err error) bool {
	return errors.Is(err, signature.ErrMismatch) || errors.Is(err, signature.ErrMissing) || errors.Is(err, signature.ErrExpired)
}

func twice(m *signature.Message) {
	for name, values := range m.Header {
		if name != "Content-Type" {
			m.Header[name] = append(values, values...)
		}
	}
}

// other is another secret of the same kind: the first letter that can be changed
// without the encoding being broken is.
func other(secret string) string {
	i := strings.LastIndexByte(secret, '_') + 1
	if secret[i] == '0' {
		return secret[:i] + "1" + secret[i+1:]
	}
	return secret[:i] + "0" + secret[i+1:]
}

func TestWithoutItsSecretNoPresetIsAVerifier(t *testing.T) {
	for _, p := range presets(t) {
		for name, secrets := range map[string][][]byte{"none": nil, "an empty one": {{}}} {
			if _, err := signature.New(signature.Rule{Scheme: p.Name}, signature.Keys{Secrets: secrets}); !errors.Is(err, signature.ErrSecret) {
				t.Errorf("%s with %s: %v", p.Name, name, err)
			}
		}
	}
}

func TestAPresetsValuesAreReplacedWhereTheRuleHasItsOwn(t *testing.T) {
	full, preset, err := signature.Resolve(signature.Rule{
		Scheme: "stripe", Header: "X-Mine", Tolerance: time.Hour, SecretPointer: "/body/secret", SignatureKey: "v2",
	})
	if err != nil {
		t.Fatal(err)
	}
	if preset.Name != "stripe" || full.Scheme != "hmac" || full.Header != "X-Mine" || full.Tolerance != time.Hour ||
		full.SecretPointer != "/body/secret" || full.SignatureKey != "v2" || full.TimestampKey != "t" || full.Content != "{timestamp}.{body}" {
		t.Errorf("%+v", full)
	}
}

func TestARuleSurvivesTheInterface(t *testing.T) {
	for _, p := range presets(t) {
		if got := signature.RuleOf(p.Rule.Proto()); !equalRules(*got, p.Rule) {
			t.Errorf("%s: %+v, want %+v", p.Name, *got, p.Rule)
		}
	}
	if signature.RuleOf(nil) != nil || (*signature.Rule)(nil).Proto() != nil {
		t.Error("no rule is no rule")
	}
}

func equalRules(a, b signature.Rule) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func TestThePathOfAURLIsSignedAsItIsWritten(t *testing.T) {
	if _, err := url.Parse("https://ferrule.example.com/hooks/a%2Fb?x=%20"); err != nil {
		t.Fatal(err)
	}
	m := signature.Message{URL: "https://ferrule.example.com/hooks/a%2Fb?x=%20", Header: http.Header{}, Body: []byte("b")}
	m.Header.Set("X-Sig", hmacHex("k", "/hooks/a%2Fb|x=%20|b"))
	v, err := signature.New(signature.Rule{Scheme: "hmac", Header: "X-Sig", Content: "{path}|{query}|{body}"}, signature.Keys{Secrets: [][]byte{[]byte("k")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), m, time.Time{}); err != nil {
		t.Error(err)
	}
}
