package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// idp is a real identity provider in a process of its own: see
// scripts/tools/idp/provider.mjs. It stands for all providers that follow the
// standards.
type idp struct {
	t      *testing.T
	issuer string
}

// startIDP starts the identity provider with some settings, or skips the test
// where it is not installed.
func startIDP(t *testing.T, settings map[string]any) *idp {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "tools", "idp"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		t.Skip("the identity provider is not installed: scripts/test installs it where there are node and npm")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node, which the identity provider needs")
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "provider.mjs", string(text))
	cmd.Dir = dir
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	stdin, err := cmd.StdinPipe() // it ends with its input, also if the test is killed
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	ready := regexp.MustCompile(`(?m)^\{"issuer":"([^"]+)"\}$`)
	testkit.Await(t, "the identity provider", func() bool { return ready.MatchString(out.String()) })
	return &idp{t: t, issuer: ready.FindStringSubmatch(out.String())[1]}
}

// control asks the provider for something that providers do not do on request.
func (p *idp) control(what string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+"/control/"+what, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := plain.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// register tells the provider one more redirect URL of a client, as a maker does at the
// provider's site once he knows it.
func (p *idp) register(client, redirect string) {
	p.t.Helper()
	if !callback.MatchString(redirect + "?") {
		p.t.Errorf("%q is no redirect URL", redirect)
	}
	p.control("redirect?" + url.Values{"client": {client}, "uri": {redirect}}.Encode())
}

// notYet is what clients have registered before their redirect URL is known.
const notYet = "http://127.0.0.1:9/not-yet"

// asked returns how often the token endpoint was asked, by grant type and outcome.
func (p *idp) asked(what string) int {
	p.t.Helper()
	counts := map[string]int{}
	if err := json.Unmarshal([]byte(p.control("counts")), &counts); err != nil {
		p.t.Fatal(err)
	}
	return counts[what]
}

// browser is a person with a browser, who does what pages ask for.
type browser struct {
	t      *testing.T
	client *http.Client
	last   *http.Response
	body   string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{
		Transport: plain.Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// visit opens a page and follows where it leads, until a URL that stop matches,
// which is returned and not opened; "" if there is none.
func (b *browser) visit(method, target string, form url.Values, stop *regexp.Regexp) string {
	b.t.Helper()
	for range 20 {
		var body io.Reader = http.NoBody
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		req, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
		if err != nil {
			b.t.Fatal(err)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if b.last, err = b.client.Do(req); err != nil {
			b.t.Fatal(err)
		}
		data, err := io.ReadAll(b.last.Body)
		_ = b.last.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		b.body = string(data)
		location, err := b.last.Location()
		if err != nil {
			return ""
		}
		method, target, form = http.MethodGet, location.String(), nil
		if stop != nil && stop.MatchString(target) {
			return target
		}
	}
	b.t.Fatalf("the browser is sent around without end, last to %s", target)
	return ""
}

var (
	formAction = regexp.MustCompile(`<form[^>]*action="([^"]+)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	cancelLink = regexp.MustCompile(`href="([^"]+/abort)"`)
	userCode   = regexp.MustCompile(`<code>([^<]+)</code>`)
)

// callback is where the browser comes back to us.
var callback = regexp.MustCompile(`/v1/oauth/callback/[a-z2-7]{26}\?`)

// signIn opens a sign-in page, logs in as who, agrees, and follows everything that
// comes then. It stops before stop, if that is given.
func (b *browser) signIn(page, who string, stop *regexp.Regexp) string {
	b.t.Helper()
	at := b.visit(http.MethodGet, page, nil, stop)
	for range 5 {
		action := formAction.FindStringSubmatch(b.body)
		if at != "" || action == nil {
			return at
		}
		form := url.Values{"login": {who}, "password": {"whatever"}}
		for _, field := range hidden.FindAllStringSubmatch(b.body, -1) {
			form.Set(field[1], field[2])
		}
		at = b.visit(http.MethodPost, b.resolve(action[1]), form, stop)
	}
	b.t.Fatalf("the provider asks again and again:\n%s", b.body)
	return ""
}

// refuse opens a sign-in page and presses Cancel.
func (b *browser) refuse(page string) {
	b.t.Helper()
	b.visit(http.MethodGet, page, nil, nil)
	link := cancelLink.FindStringSubmatch(b.body)
	if link == nil {
		b.t.Fatalf("there is no way to cancel:\n%s", b.body)
	}
	b.visit(http.MethodGet, b.resolve(link[1]), nil, nil)
}

func (b *browser) resolve(ref string) string {
	b.t.Helper()
	u, err := b.last.Request.URL.Parse(ref)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// confirmation is the code that the last page shows.
func (b *browser) confirmation() string {
	b.t.Helper()
	found := userCode.FindStringSubmatch(b.body)
	if found == nil {
		b.t.Fatalf("the page (status %d) shows no code:\n%s", b.last.StatusCode, b.body)
	}
	return found[1]
}

// accounts is the description of an API behind the provider, with these flows of
// OAuth 2.0.
func (p *idp) accounts(flows string) string {
	flows = strings.NewReplacer(
		"CODE", fmt.Sprintf(`authorizationCode: {authorizationUrl: "%s/auth", tokenUrl: "%s/token", scopes: {openid: Who you are, offline_access: While you are away, api: The API}}`, p.issuer, p.issuer),
		"DEVICE", fmt.Sprintf(`deviceAuthorization: {deviceAuthorizationUrl: "%s/device/auth", tokenUrl: "%s/token", scopes: {openid: Who you are, offline_access: While you are away, api: The API}}`, p.issuer, p.issuer),
		"CLIENT", fmt.Sprintf(`clientCredentials: {tokenUrl: "%s/token", scopes: {api: The API}}`, p.issuer),
	).Replace(flows)
	return `openapi: 3.2.0
info: {title: Accounts, version: "1"}
servers: [{url: "` + p.issuer + `/api"}]
security: [{login: [api]}]
x-ms-capabilities: {testConnection: {operationId: GetMe}}
paths:
  /me:
    get:
      operationId: GetMe
      responses: {"200": {description: Who you are}}
components:
  securitySchemes:
    login: {type: oauth2, oauth2MetadataUrl: "` + p.issuer + `/.well-known/openid-configuration", flows: {` + flows + `}}
`
}
