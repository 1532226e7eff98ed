package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// parrot is a provider whose tokens are canaries, and that shows in its refusals
// everything that it was sent, as careless providers do.
type parrot struct {
	url string

	mu     sync.Mutex
	serial int
	says   string            // how it refuses; see refuse; "" for not at all
	seen   map[string]string // what it gave and what it was sent, by what it is
	calls  map[string]int    // by grant
}

// The ways in which a provider can refuse.
var refusals = []string{
	"as the standard says", "in an unknown error", "as a page", "with a success", "as a form", "with a redirect", "with a broken answer", "with a failure of its own",
}

func newParrot(t *testing.T) *parrot {
	t.Helper()
	p := &parrot{seen: map[string]string{}, calls: map[string]int{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// say changes how it refuses.
func (p *parrot) say(how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says = how
}

// asked returns how often a grant was asked for.
func (p *parrot) asked(grant string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[grant]
}

// secrets returns what it gave and what it was sent.
func (p *parrot) secrets() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.seen)
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	p.calls[r.PostForm.Get("grant_type")]++
	p.serial++
	for _, name := range []string{"code_verifier", "client_assertion", "assertion"} {
		if value := r.PostForm.Get(name); value != "" {
			p.seen[fmt.Sprintf("%s %d", name, p.serial)] = value
		}
	}
	if p.says != "" {
		p.refuse(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{}
	switch r.URL.Path {
	case "/token":
		answer["token_type"], answer["expires_in"] = "Bearer", 3600
		for _, name := range []string{"access_token", "refresh_token"} {
			answer[name] = p.give(name)
		}
	case "/device":
		answer["device_code"] = p.give("device_code")
		answer["user_code"], answer["verification_uri"], answer["expires_in"], answer["interval"] = "WDJB-MJHT", p.url+"/activate", 600, 1
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// give returns a canary that nobody has got yet.
func (p *parrot) give(name string) string {
	value := fmt.Sprintf("c4nary-%s-%s-%06d", name, strings.Repeat("t", 24), p.serial)
	p.seen[fmt.Sprintf("%s %d", name, p.serial)] = value
	return value
}

// refuse shows all that was sent.
func (p *parrot) refuse(w http.ResponseWriter, r *http.Request) {
	var sent strings.Builder
	for name, values := range r.Form {
		fmt.Fprintf(&sent, "%s=%s ", name, strings.Join(values, ","))
	}
	header := r.Header.Get("Authorization")
	if coded, ok := strings.CutPrefix(header, "Basic "); ok {
		plain, _ := base64.StdEncoding.DecodeString(coded)
		client, secret, _ := bytes.Cut(plain, []byte(":"))
		password, _ := url.QueryUnescape(string(secret))
		fmt.Fprintf(&sent, "%s %s:%s %s ", coded, client, secret, password)
	}
	echo := sent.String() + header
	reply := func(status int, kind, body string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
	object := func(code string) string {
		text, _ := json.Marshal(map[string]string{"error": code, "error_description": "I got " + echo, "error_uri": "https://crm.example/?" + r.Form.Encode()})
		return string(text)
	}
	switch p.says {
	case "as the standard says":
		reply(http.StatusBadRequest, "application/json", object("invalid_grant"))
	case "in an unknown error":
		reply(http.StatusUnauthorized, "application/json", object(echo))
	case "as a page":
		reply(http.StatusForbidden, "text/html", "<html><title>"+html.EscapeString(echo)+"</title>"+echo)
	case "with a success":
		reply(http.StatusOK, "application/json", object("invalid_client"))
	case "as a form":
		reply(http.StatusBadRequest, "application/x-www-form-urlencoded", url.Values{"error": {"invalid_request"}, "error_description": {echo}}.Encode())
	case "with a redirect":
		w.Header().Set("Location", p.url+"/elsewhere?"+r.Form.Encode())
		reply(http.StatusFound, "text/plain", echo)
	case "with a broken answer":
		reply(http.StatusOK, "application/json", `{"error_description": "`+echo)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer error="`+strings.NewReplacer("\n", " ", `"`, "'").Replace(echo)+`"`)
		reply(http.StatusInternalServerError, "text/plain", echo)
	}
}
