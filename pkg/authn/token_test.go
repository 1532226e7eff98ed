package authn_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKey(t *testing.T) *authn.Key {
	t.Helper()
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTokensNameTheirUser(t *testing.T) {
	key, clk := newKey(t), clocktest.New(start)
	tests := []struct {
		name string
		p    authn.Principal
	}{
		{"an admin", authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: []authn.Role{authn.RoleAdmin}}},
		{"all roles", authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: []authn.Role{authn.RoleAdmin, authn.RoleMaker, authn.RoleUser}}},
		{"no roles", authn.Principal{Kind: authn.KindUser, Name: "guest"}},
		{"an address as the name", authn.Principal{Kind: authn.KindUser, Name: "müller@example.com"}},
		{"the longest name", authn.Principal{Kind: authn.KindUser, Name: strings.Repeat("a", authn.MaxNameSize)}},
		{"a name like a service's", authn.Principal{Kind: authn.KindUser, Name: "credential-vault"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, err := authn.NewIssuer(key, clk).Issue(tt.p, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got, err := authn.NewVerifier(clk, key.Public()).Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.p, got); diff != "" {
				t.Errorf("(-issued +verified):\n%s", diff)
			}
		})
	}
}

func TestIssueRefuses(t *testing.T) {
	user := func(name string, roles ...authn.Role) authn.Principal {
		return authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}
	}
	tests := []struct {
		name  string
		p     authn.Principal
		ttl   time.Duration
		field string
	}{
		{"a service", authn.Principal{Kind: authn.KindService, Name: "trigger"}, time.Hour, "principal.kind"},
		{"nobody", authn.Principal{Name: "x"}, time.Hour, "principal.kind"},
		{"no name", user(""), time.Hour, "principal.name"},
		{"a name over the limit", user(strings.Repeat("a", authn.MaxNameSize+1)), time.Hour, "principal.name"},
		{"a name with a line break", user("a\nb"), time.Hour, "principal.name"},
		{"a name that hides its direction", user("a\u202eb"), time.Hour, "principal.name"},
		{"a name with a space around", user(" a"), time.Hour, "principal.name"},
		{"a name that is not text", user("a\xff"), time.Hour, "principal.name"},
		{"a role that does not exist", user("a", authn.RoleUser, "owner"), time.Hour, "principal.roles[1]"},
		{"no time", user("a"), 0, "ttl"},
		{"less than a second", user("a"), time.Second - 1, "ttl"},
		{"more than the longest life", user("a"), authn.MaxTokenLife + 1, "ttl"},
	}
	issuer := authn.NewIssuer(newKey(t), clocktest.New(start))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, err := issuer.Issue(tt.p, tt.ttl)
			f := fault.From(err)
			if f == nil {
				t.Fatalf("issued %s", token)
			}
			if v := f.Violations(); f.Code() != fault.CodeInvalidArgument || len(v) != 1 || v[0].Field != tt.field {
				t.Errorf("err = %v %v", err, v)
			}
		})
	}
	if _, err := issuer.Issue(user("a"), authn.MaxTokenLife); err != nil {
		t.Errorf("the longest life: %v", err)
	}
}

// forge makes a token of any content, signed as its header's algorithm says.
func forge(t *testing.T, header, payload map[string]any, sign func(string) []byte) string {
	t.Helper()
	part := func(v map[string]any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(header) + "." + part(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(text))
}

func with(m map[string]any, key string, value any) map[string]any {
	c := maps.Clone(m)
	if value == nil {
		delete(c, key)
	} else {
		c[key] = value
	}
	return c
}

// forgery is a key whose private part the test knows, and a header and payload
// that it would sign.
func forgery(t *testing.T) (public authn.PublicKey, raw ed25519.PublicKey, sign func(string) []byte) {
	t.Helper()
	raw, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public = publicKeyOf(t, raw)
	return public, raw, func(s string) []byte { return ed25519.Sign(private, []byte(s)) }
}

func TestVerifyRefuses(t *testing.T) {
	clk := clocktest.New(start)
	public, raw, sign := forgery(t)
	otherPublic, _, otherSign := forgery(t)
	verifier := authn.NewVerifier(clk, public)

	header := map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": public.ID()}
	payload := map[string]any{"iss": "ferrule", "sub": "ada", "exp": start.Add(time.Hour).Unix(), "roles": []string{"admin"}}
	good := forge(t, header, payload, sign)
	if p, err := verifier.Verify(t.Context(), good); err != nil || !p.Is(authn.RoleAdmin) {
		t.Fatalf("the good token is refused: %v %v", p, err)
	}
	none := func(string) []byte { return nil }
	mac := func(key []byte) func(string) []byte {
		return func(s string) []byte {
			m := hmac.New(sha256.New, key)
			m.Write([]byte(s))
			return m.Sum(nil)
		}
	}
	publicPEM, err := public.PEM()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	tests := []struct {
		name  string
		token string
	}{
		{"nothing", ""},
		{"no token at all", "hello"},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"algorithm none", forge(t, with(header, "alg", "none"), payload, none)},
		{"algorithm None, in another case", forge(t, with(header, "alg", "nOnE"), payload, none)},
		{"HMAC with the public key as the secret", forge(t, with(header, "alg", "HS256"), payload, mac(raw))},
		{"HMAC with the public PEM as the secret", forge(t, with(header, "alg", "HS256"), payload, mac(publicPEM))},
		{"another algorithm's name over a good signature", forge(t, with(header, "alg", "ES256"), payload, sign)},
		{"the algorithm's name in lower case", forge(t, with(header, "alg", "eddsa"), payload, sign)},
		{"no algorithm", forge(t, with(header, "alg", nil), payload, sign)},
		{"another key's signature under our id", forge(t, header, payload, otherSign)},
		{"another key", forge(t, with(header, "kid", otherPublic.ID()), payload, otherSign)},
		{"no key id", forge(t, with(header, "kid", nil), payload, sign)},
		{"a key id that is no string", forge(t, with(header, "kid", 7), payload, sign)},
		{"critical headers that we do not understand", forge(t, with(header, "crit", []string{"exp"}), payload, sign)},
		{"a changed payload", parts[0] + "." + strings.Split(forge(t, header, with(payload, "sub", "eve"), sign), ".")[1] + "." + parts[2]},
		{"another issuer", forge(t, header, with(payload, "iss", "elsewhere"), sign)},
		{"no issuer", forge(t, header, with(payload, "iss", nil), sign)},
		{"no end", forge(t, header, with(payload, "exp", nil), sign)},
		{"the end is now", forge(t, header, with(payload, "exp", start.Unix()), sign)},
		{"not valid yet", forge(t, header, with(payload, "nbf", start.Add(time.Minute).Unix()), sign)},
		{"no subject", forge(t, header, with(payload, "sub", nil), sign)},
		{"a subject with a line break", forge(t, header, with(payload, "sub", "a\nb"), sign)},
		{"roles that are no list", forge(t, header, with(payload, "roles", "admin"), sign)},
		{"padding", good + "="},
		{"a stray bit in the last character of the signature", good[:len(good)-1] + string(next(good[len(good)-1]))},
		{"a space", good + " "},
		{"over the size limit", forge(t, header, with(payload, "x", strings.Repeat("x", authn.MaxTokenSize)), sign)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := verifier.Verify(t.Context(), tt.token)
			f := fault.From(err)
			if f == nil {
				t.Fatalf("accepted as %v", p)
			}
			if f.Code() != fault.CodeUnauthenticated || f.Reason() != fault.ReasonUnauthenticated {
				t.Errorf("err = %v/%v", f.Code(), f.Reason())
			}
			if !cmp.Equal(p, authn.Principal{}) {
				t.Errorf("a principal came with the error: %v", p)
			}
			if len(tt.token) > 20 && strings.Contains(f.Error(), tt.token[:20]) {
				t.Errorf("the error shows the token: %v", f)
			}
		})
	}
}

// next returns the base64 character after c: it differs in the lowest bit,
// which is unused in the last character of a signature.
func next(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestTokensEnd(t *testing.T) {
	key, clk := newKey(t), clocktest.New(start)
	token, err := authn.NewIssuer(key, clk).Issue(authn.Principal{Kind: authn.KindUser, Name: "ada"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	verifier := authn.NewVerifier(clk, key.Public())
	clk.Advance(time.Minute - time.Second)
	if _, err := verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("refused a second before its end: %v", err)
	}
	clk.Advance(time.Second)
	_, err = verifier.Verify(t.Context(), token)
	if f := fault.From(err); f == nil || !strings.Contains(f.Message(), "expired") {
		t.Errorf("at its end: %v", err)
	}
}

func TestKeysCanBeReplacedOneAfterTheOther(t *testing.T) {
	clk, older, newer := clocktest.New(start), newKey(t), newKey(t)
	tokens := map[string]string{}
	for name, key := range map[string]*authn.Key{"older": older, "newer": newer} {
		token, err := authn.NewIssuer(key, clk).Issue(authn.Principal{Kind: authn.KindUser, Name: "ada"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
	}
	tests := []struct {
		name  string
		keys  []authn.PublicKey
		older bool
		newer bool
	}{
		{"before", []authn.PublicKey{older.Public()}, true, false},
		{"during", []authn.PublicKey{newer.Public(), older.Public()}, true, true},
		{"after", []authn.PublicKey{newer.Public()}, false, true},
		{"without keys nobody comes in", nil, false, false},
		{"nor with an empty one", []authn.PublicKey{{}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := authn.NewVerifier(clk, tt.keys...)
			for name, want := range map[string]bool{"older": tt.older, "newer": tt.newer} {
				if _, err := v.Verify(t.Context(), tokens[name]); (err == nil) != want {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestUnknownRolesAreLeftOut(t *testing.T) {
	clk := clocktest.New(start)
	public, _, sign := forgery(t)
	token := forge(t, map[string]any{"alg": "EdDSA", "kid": public.ID()},
		map[string]any{"iss": "ferrule", "sub": "ada", "exp": start.Add(time.Hour).Unix(), "roles": []string{"owner", "user", ""}}, sign)
	p, err := authn.NewVerifier(clk, public).Verify(t.Context(), token)
	if err != nil || fmt.Sprint(p.Roles) != "[user]" {
		t.Errorf("principal = %v, %v", p, err)
	}
}

func FuzzVerify(f *testing.F) {
	clk := clocktest.New(start)
	key, err := authn.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good, err := authn.NewIssuer(key, clk).Issue(authn.Principal{Kind: authn.KindUser, Name: "ada"}, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	verifier := authn.NewVerifier(clk, key.Public())
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := verifier.Verify(t.Context(), token); err == nil && token != good {
			t.Errorf("accepted %q as %v", token, p)
		}
	})
}

func TestATokenThatIsRememberedStillEndsOnTime(t *testing.T) {
	clk := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	token, err := authn.NewIssuer(key, clk).Issue(authn.Principal{Kind: authn.KindUser, Name: "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v := authn.NewVerifier(clk, key.Public())
	for _, step := range []struct {
		name    string
		advance time.Duration
		good    bool
	}{
		{"the first time", 0, true},
		{"remembered", 0, true},
		{"remembered in its last second", time.Hour - time.Second, true},
		{"at its end", time.Second, false},
		{"after its end", time.Hour, false},
	} {
		clk.Advance(step.advance)
		if p, err := v.Verify(t.Context(), token); (err == nil) != step.good || step.good && p.Name != "ann" {
			t.Errorf("%s: Verify() = %v, %v", step.name, p, err)
		}
	}
	if _, err := v.Verify(t.Context(), token+"x"); err == nil {
		t.Error("a token like one that is remembered was accepted")
	}
}
