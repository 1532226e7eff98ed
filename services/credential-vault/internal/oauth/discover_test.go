package oauth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// documents answers by path; "{url}" in an answer is the server's own.
func documents(t *testing.T, byPath map[string]string) *provider {
	t.Helper()
	var server *provider
	server = newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		body, ok := byPath[r.URL.Path]
		switch {
		case !ok:
			says(404, "<html>not found</html>")(w, r)
		case strings.HasPrefix(body, "401 "):
			says(401, "", "WWW-Authenticate", strings.ReplaceAll(body[4:], "{url}", server.URL))(w, r)
		default:
			says(200, strings.ReplaceAll(body, "{url}", server.URL))(w, r)
		}
	})
	return server
}

// paths returns what was asked for, in order.
func (p *provider) paths() string {
	var all []string
	for _, one := range p.requests() {
		all = append(all, one.Path)
	}
	return strings.Join(all, " ")
}

const (
	openID   = "/.well-known/openid-configuration"
	server   = "/.well-known/oauth-authorization-server"
	resource = "/.well-known/oauth-protected-resource"
)

// about returns metadata of an issuer.
func about(issuer string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"{url}/auth","token_endpoint":"{url}/tok",
		"device_authorization_endpoint":"{url}/dev","revocation_endpoint":"{url}/rev","registration_endpoint":"{url}/reg",
		"token_endpoint_auth_methods_supported":["client_secret_post","client_secret_basic"]}`, issuer)
}

func TestMetadataAreFound(t *testing.T) {
	tests := []struct {
		name      string
		documents map[string]string
		set       func(p *oauth.Profile, url string)
		asked     string
		issuer    string
	}{
		{"a discovery document", map[string]string{openID: about("{url}")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, openID, ""},
		{"one below a path", map[string]string{"/realms/a" + openID: about("{url}/realms/a")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + "/realms/a" + openID }, "/realms/a" + openID, "/realms/a"},
		{"a slash more", map[string]string{openID: about("{url}/")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, openID, "/"},
		{"RFC 8414 before a path", map[string]string{server + "/a": about("{url}/a")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + server + "/a" }, server + "/a", "/a"},
		{"a place of its own", map[string]string{"/meta.json": about("{url}/x")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + "/meta.json" }, "/meta.json", "/x"},
		{"a tenant left open, as Entra has it", map[string]string{"/common/v2.0" + openID: about("{url}/{tenantid}/v2.0")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + "/common/v2.0" + openID }, "/common/v2.0" + openID, "/{tenantid}/v2.0"},
		{"an issuer", map[string]string{server: about("{url}")}, func(p *oauth.Profile, url string) { p.Issuer = url }, server, ""},
		{"an issuer that writes itself with a slash", map[string]string{server: about("{url}/")}, func(p *oauth.Profile, url string) { p.Issuer = url }, server, "/"},
		{"an issuer that writes itself without one", map[string]string{server: about("{url}")}, func(p *oauth.Profile, url string) { p.Issuer = url + "/" }, server, ""},
		{"an issuer for any tenant", map[string]string{server + "/common/v2.0": about("{url}/{tenantid}/v2.0")}, func(p *oauth.Profile, url string) { p.Issuer = url + "/common/v2.0" }, server + "/common/v2.0", "/{tenantid}/v2.0"},
		{"an issuer for one tenant, and metadata for any", map[string]string{server + "/1f3e/v2.0": about("{url}/{tenantid}/v2.0")}, func(p *oauth.Profile, url string) { p.Issuer = url + "/1f3e/v2.0" }, server + "/1f3e/v2.0", "/1f3e/v2.0"},
		{"an issuer with OpenID only", map[string]string{openID: about("{url}")}, func(p *oauth.Profile, url string) { p.Issuer = url }, server + " " + openID, ""},
		{"an issuer with a path", map[string]string{server + "/t/1": about("{url}/t/1")}, func(p *oauth.Profile, url string) { p.Issuer = url + "/t/1" }, server + "/t/1", "/t/1"},
		{
			"an issuer with a path and OpenID behind it",
			map[string]string{"/t/1" + openID: about("{url}/t/1")},
			func(p *oauth.Profile, url string) { p.Issuer = url + "/t/1" },
			server + "/t/1 " + openID + "/t/1 /t/1" + openID, "/t/1",
		},
		{
			"a resource with a path",
			map[string]string{resource + "/mcp": `{"resource":"{url}/mcp","authorization_servers":["{url}/as"]}`, server + "/as": about("{url}/as")},
			func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp" }, resource + "/mcp " + server + "/as", "/as",
		},
		{
			"a resource that says where in its challenge",
			map[string]string{"/mcp": `401 Bearer error="invalid_token", resource_metadata="{url}/where"`, "/where": `{"resource":"{url}/mcp","authorization_servers":["{url}/as"]}`, server + "/as": about("{url}/as")},
			func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp" }, resource + "/mcp /mcp /where " + server + "/as", "/as",
		},
		{
			"a resource whose host has them",
			map[string]string{resource: `{"resource":"{url}","authorization_servers":["{url}"]}`, server: about("{url}")},
			func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp/" }, resource + "/mcp /mcp/ " + resource + " " + server, "",
		},
		{
			"a resource that is its own server",
			map[string]string{server: about("{url}")},
			func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp" }, resource + "/mcp /mcp " + resource + " " + server, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := documents(t, tt.documents)
			p := &oauth.Profile{Grant: oauth.AuthorizationCode}
			tt.set(p, s.URL)
			before := *p
			got, err := newClient(t).Discover(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			want := oauth.Endpoints{
				Metadata: p.Endpoints.Metadata, Resource: p.Endpoints.Resource, Authorization: s.URL + "/auth", Token: s.URL + "/tok",
				Device: s.URL + "/dev", Revocation: s.URL + "/rev", Registration: s.URL + "/reg",
			}
			if diff := cmp.Diff(want, got.Endpoints); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if s.paths() != tt.asked {
				t.Errorf("asked for %s, want %s", s.paths(), tt.asked)
			}
			if got.Issuer != s.URL+tt.issuer {
				t.Errorf("the issuer is %s", got.Issuer)
			}
			if before.Endpoints != p.Endpoints {
				t.Error("the profile was changed")
			}
		})
	}
}

func TestMetadataThatCannotBeBelieved(t *testing.T) {
	tests := []struct {
		name      string
		documents map[string]string
		set       func(p *oauth.Profile, url string)
		want      string
	}{
		{"another issuer", map[string]string{openID: about("https://evil.example")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "another issuer"},
		{"no issuer", map[string]string{openID: `{"token_endpoint":"{url}/tok"}`}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "another issuer"},
		{"an issuer below another path", map[string]string{"/a" + openID: about("{url}/b")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + "/a" + openID }, "another issuer"},
		{"a place of its own with an issuer elsewhere", map[string]string{"/meta": about("https://evil.example")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + "/meta" }, "another issuer"},
		{"an issuer that is all placeholder", map[string]string{openID: about("{tenantid}")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "another issuer"},
		{"not the issuer of the profile", map[string]string{openID: about("{url}")}, func(p *oauth.Profile, url string) {
			p.Endpoints.Metadata, p.Issuer = url+openID, "https://login.example"
		}, "another issuer"},
		{"an issuer whose metadata are of another", map[string]string{server: about("https://evil.example")}, func(p *oauth.Profile, url string) { p.Issuer = url }, "another issuer"},
		{"a token endpoint in the clear", map[string]string{openID: strings.ReplaceAll(about("{url}"), "{url}/tok", "http://evil.example/tok")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "token endpoint is not https"},
		{"a page that is a script", map[string]string{openID: strings.ReplaceAll(about("{url}"), "{url}/auth", "javascript:alert(1)")}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "authorization endpoint is not a URL"},
		{"a page in their place", map[string]string{openID: "<html>"}, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "no metadata"},
		{"none", nil, func(p *oauth.Profile, url string) { p.Endpoints.Metadata = url + openID }, "no metadata"},
		{"no issuer's", nil, func(p *oauth.Profile, url string) { p.Issuer = url + "/a" }, "no metadata"},
		{"another resource", map[string]string{resource + "/mcp": `{"resource":"https://other.example/mcp","authorization_servers":["{url}"]}`}, func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp" }, "another resource"},
		{"another path", map[string]string{resource + "/mcp": `{"resource":"{url}/mc","authorization_servers":["{url}"]}`}, func(p *oauth.Profile, url string) { p.Endpoints.Resource = url + "/mcp" }, "another resource"},
		{"a resource without a server", map[string]string{resource: `{"resource":"{url}"}`}, func(p *oauth.Profile, url string) { p.Endpoints.Resource = url }, "names no authorization server"},
		{"a resource whose server is in the clear", map[string]string{resource: `{"resource":"{url}","authorization_servers":["http://evil.example"]}`}, func(p *oauth.Profile, url string) { p.Endpoints.Resource = url }, "issuer is not https"},
		{"a document in the clear", nil, func(p *oauth.Profile, _ string) { p.Endpoints.Metadata = "http://login.example" + openID }, "metadata document is not https"},
		{"a resource in the clear", nil, func(p *oauth.Profile, _ string) { p.Endpoints.Resource = "http://api.example" }, "resource is not https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := documents(t, tt.documents)
			p := &oauth.Profile{Grant: oauth.AuthorizationCode}
			tt.set(p, s.URL)
			_, err := newClient(t).Discover(t.Context(), p)
			got := failed(t, err)
			if got.Verdict != oauth.Misconfigured {
				t.Errorf("the error is %+v", got)
			}
			contains(t, "the description", got.Description, tt.want)
		})
	}
}

func TestServersThatAreDownAreAskedAgainLater(t *testing.T) {
	s := newProvider(t, says(503, "", "Retry-After", "30"))
	for _, p := range []*oauth.Profile{
		{Endpoints: oauth.Endpoints{Metadata: s.URL + openID}}, {Issuer: s.URL}, {Endpoints: oauth.Endpoints{Resource: s.URL + "/mcp"}},
	} {
		_, err := newClient(t).Discover(t.Context(), p)
		if got := failed(t, err); got.Verdict != oauth.Transient || got.RetryAfter != 30*time.Second {
			t.Errorf("the error is %+v", got)
		}
	}
}

func TestWhatIsKnownIsNotAskedFor(t *testing.T) {
	s := newProvider(t, says(500, ""))
	for _, p := range []*oauth.Profile{
		{},
		{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Authorization: s.URL, Token: s.URL}},
		{Grant: oauth.DeviceCode, Issuer: s.URL, Endpoints: oauth.Endpoints{Metadata: s.URL, Device: s.URL, Token: s.URL, Revocation: s.URL}},
		{Grant: oauth.DeviceCode, Issuer: s.URL, Endpoints: oauth.Endpoints{Device: s.URL, Token: s.URL}},
		{Grant: oauth.ClientCredentials, Endpoints: oauth.Endpoints{Resource: s.URL, Token: s.URL}},
	} {
		got, err := newClient(t).Discover(t.Context(), p)
		if err != nil || got != p {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
	}
	if s.paths() != "" {
		t.Errorf("asked for %s", s.paths())
	}
}

func TestWhatMetadataSayBesideIsTaken(t *testing.T) {
	complete := func(url string) *oauth.Profile {
		return &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{
			Metadata: url + openID, Authorization: url + "/own/auth", Token: url + "/own/tok",
		}}
	}
	t.Run("the issuer, and where tokens are given back", func(t *testing.T) {
		s := documents(t, map[string]string{openID: about("{url}")})
		got, err := newClient(t).Discover(t.Context(), complete(s.URL))
		if err != nil || got.Issuer != s.URL || got.Endpoints.Revocation != s.URL+"/rev" || got.Endpoints.Token != s.URL+"/own/tok" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("that answers name the issuer", func(t *testing.T) {
		for says, want := range map[string]bool{"true": true, "false": false, `"true"`: false} {
			s := documents(t, map[string]string{openID: `{"authorization_response_iss_parameter_supported":` + says + "," + about("{url}")[1:]})
			bare := complete(s.URL)
			bare.Endpoints = oauth.Endpoints{Metadata: bare.Endpoints.Metadata}
			known := complete(s.URL)
			known.Issuer, known.Endpoints.Revocation = s.URL, s.URL+"/rev"
			for _, p := range []*oauth.Profile{complete(s.URL), bare, known} {
				if got, err := newClient(t).Discover(t.Context(), p); err != nil || got.IssuerNamed != want {
					t.Errorf("%s: got %v, %v", says, got.IssuerNamed, err)
				}
			}
		}
	})
	t.Run("tokens are not given to another host", func(t *testing.T) {
		s := documents(t, map[string]string{openID: strings.ReplaceAll(about("{url}"), "{url}/rev", "https://elsewhere.example/rev")})
		got, err := newClient(t).Discover(t.Context(), complete(s.URL))
		if err != nil || got.Issuer != s.URL || got.Endpoints.Revocation != "" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a document that cannot be had is no loss, and not asked for again", func(t *testing.T) {
		s, c := documents(t, nil), newClient(t)
		for range 3 {
			p := complete(s.URL)
			if got, err := c.Discover(t.Context(), p); err != nil || got != p {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		if s.paths() != openID {
			t.Errorf("asked for %s", s.paths())
		}
	})
}

func TestWhatTheProfileSaysComesFirst(t *testing.T) {
	s := documents(t, map[string]string{openID: about("{url}")})
	p := &oauth.Profile{
		Grant:     oauth.AuthorizationCode,
		Endpoints: oauth.Endpoints{Metadata: s.URL + openID, Token: "https://own.example/token", Revocation: "https://own.example/revoke"},
		Client:    oauth.Registration{ID: "app", Secret: text("hush-hush"), Method: oauth.SecretJWT},
	}
	got, err := newClient(t).Discover(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if e := got.Endpoints; e.Token != "https://own.example/token" || e.Revocation != "https://own.example/revoke" || e.Authorization != s.URL+"/auth" {
		t.Errorf("the endpoints are %+v", e)
	}
	if got.Client.Method != oauth.SecretJWT {
		t.Errorf("the method is %s", got.Client.Method)
	}
}

func TestMetadataSayHowTheClientProvesItself(t *testing.T) {
	withMethods := func(list string) string {
		return `{"issuer":"{url}","authorization_endpoint":"{url}/a","token_endpoint":"{url}/t"` + list + `,"mtls_endpoint_aliases":{"token_endpoint":"{url}/mtls"}}`
	}
	post := `,"token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt"]`
	tests := []struct {
		name, list string
		client     oauth.Registration
		want       oauth.Method
		token      string
	}{
		{"nothing said means basic", "", oauth.Registration{ID: "a", Secret: text("s")}, oauth.SecretBasic, "/t"},
		{"post only", post, oauth.Registration{ID: "a", Secret: text("s")}, oauth.SecretPost, "/t"},
		{"both", `,"token_endpoint_auth_methods_supported":["client_secret_post","client_secret_basic"]`, oauth.Registration{ID: "a", Secret: text("s")}, oauth.SecretBasic, "/t"},
		{"assertions only", `,"token_endpoint_auth_methods_supported":["client_secret_jwt"]`, oauth.Registration{ID: "a", Secret: text("s")}, oauth.SecretJWT, "/t"},
		{"a key", post, oauth.Registration{ID: "a", PrivateKey: text("k")}, oauth.PrivateKeyJWT, "/t"},
		{"a certificate", post, oauth.Registration{ID: "a", Certificate: text("c")}, oauth.TLSClientAuth, "/mtls"},
		{"neither", post, oauth.Registration{ID: "a"}, oauth.NoSecret, "/t"},
		{"not registered yet, nothing said", "", oauth.Registration{}, oauth.NoSecret, "/t"},
		{"not registered yet, only with a secret", post, oauth.Registration{}, oauth.SecretPost, "/t"},
		{"a list of the wrong kind", `,"token_endpoint_auth_methods_supported":"none"`, oauth.Registration{ID: "a", Secret: text("s")}, oauth.SecretBasic, "/t"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := documents(t, map[string]string{openID: withMethods(tt.list)})
			got, err := newClient(t).Discover(t.Context(), &oauth.Profile{Grant: oauth.AuthorizationCode, Client: tt.client, Endpoints: oauth.Endpoints{Metadata: s.URL + openID}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Client.Method != tt.want || got.Endpoints.Token != s.URL+tt.token {
				t.Errorf("the method is %s at %s", got.Client.Method, got.Endpoints.Token)
			}
		})
	}
}

func TestResourcesAreNamedInRequests(t *testing.T) {
	s := documents(t, map[string]string{
		resource + "/mcp": `{"resource":"{url}/mcp","authorization_servers":["{url}"],"scopes_supported":["tools"]}`, server: about("{url}"),
	})
	client := newClient(t)
	got, err := client.Discover(t.Context(), &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Resource: s.URL + "/mcp"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []oauth.Parameter{{Name: "resource", Value: s.URL + "/mcp"}}
	if !cmp.Equal(got.Authorize, want) || !cmp.Equal(got.Token, want) || !cmp.Equal(got.Scopes, []string{"tools"}) {
		t.Errorf("the profile is %+v", got)
	}
	own := []oauth.Parameter{{Name: "resource", Value: "own"}}
	got, err = client.Discover(t.Context(), &oauth.Profile{
		Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Resource: s.URL + "/mcp"}, Authorize: own, Token: own, Scopes: []string{"mine"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(got.Authorize, own) || !cmp.Equal(got.Token, own) || !cmp.Equal(got.Scopes, []string{"mine"}) {
		t.Errorf("the profile is %+v", got)
	}
}

func TestMetadataAreRememberedForAnHour(t *testing.T) {
	s := documents(t, map[string]string{openID: about("{url}")})
	clock := clocktest.New(now)
	client := clientWith(t, nil, 0, clock)
	p := &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Metadata: s.URL + openID}}
	ask := func(want int) {
		t.Helper()
		if _, err := client.Discover(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := len(s.requests()); got != want {
			t.Errorf("asked %d times, want %d", got, want)
		}
	}
	ask(1)
	clock.Advance(59 * time.Minute)
	ask(1)
	clock.Advance(time.Minute)
	ask(2)
	ask(2)
}

func TestFailuresAreNotRemembered(t *testing.T) {
	s := newProvider(t, says(503, ""))
	client := newClient(t)
	p := &oauth.Profile{Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Metadata: s.URL + openID}}
	for range 2 {
		_, err := client.Discover(t.Context(), p)
		failed(t, err)
	}
	if len(s.requests()) != 2 {
		t.Errorf("asked %d times", len(s.requests()))
	}
}

func TestRegistration(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		set    func(p *oauth.Profile)
		sent   string
		want   oauth.Registration
		secret string
	}{
		{
			name: "a public client", status: 201, body: `{"client_id":"new-1","token_endpoint_auth_method":"none"}`,
			sent: `{"client_name":"Ferrule","token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"redirect_uris":["https://ferrule.example/v1/oauth/callback"],"response_types":["code"],"scope":"read write"}`,
			want: oauth.Registration{ID: "new-1", Method: oauth.NoSecret},
		},
		{
			name: "a secret that nobody asked for", status: 200, body: `{"client_id":"new-1","client_secret":"given-secret"}`,
			sent: `{"client_name":"Ferrule","token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"redirect_uris":["https://ferrule.example/v1/oauth/callback"],"response_types":["code"],"scope":"read write"}`,
			want: oauth.Registration{ID: "new-1", Method: oauth.SecretBasic}, secret: "given-secret",
		},
		{
			name: "a client with a secret", status: 201, body: `{"client_id":"new-1","client_secret":"given-secret"}`,
			set:  func(p *oauth.Profile) { p.Client.Method, p.Scopes = oauth.SecretPost, nil },
			sent: `{"client_name":"Ferrule","token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","refresh_token"],"redirect_uris":["https://ferrule.example/v1/oauth/callback"],"response_types":["code"]}`,
			want: oauth.Registration{ID: "new-1", Method: oauth.SecretPost}, secret: "given-secret",
		},
		{
			name: "a device", status: 201, body: `{"client_id":"new-1"}`,
			set:  func(p *oauth.Profile) { p.Grant, p.Scopes = oauth.DeviceCode, nil },
			sent: `{"client_name":"Ferrule","token_endpoint_auth_method":"none","grant_types":["urn:ietf:params:oauth:grant-type:device_code","refresh_token"]}`,
			want: oauth.Registration{ID: "new-1", Method: oauth.NoSecret},
		},
		{
			name: "a client by itself", status: 201, body: `{"client_id":"new-1","client_secret":"given-secret","token_endpoint_auth_method":"client_secret_basic"}`,
			set: func(p *oauth.Profile) {
				p.Grant, p.Scopes, p.Client.Method = oauth.ClientCredentials, nil, oauth.SecretBasic
			},
			sent: `{"client_name":"Ferrule","token_endpoint_auth_method":"client_secret_basic","grant_types":["client_credentials"]}`,
			want: oauth.Registration{ID: "new-1", Method: oauth.SecretBasic}, secret: "given-secret",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newProvider(t, says(tt.status, tt.body))
			p := signIn()
			p.Client, p.Endpoints.Registration = oauth.Registration{}, s.URL+"/reg"
			if tt.set != nil {
				tt.set(p)
			}
			got, err := newClient(t).Register(t.Context(), p, "Ferrule")
			if err != nil {
				t.Fatal(err)
			}
			wantSecret(t, "client secret", got.Secret, tt.secret)
			got.Secret = secret.Text{}
			if got != tt.want {
				t.Errorf("the registration is %+v, want %+v", got, tt.want)
			}
			request := s.last(t)
			if request.Body != tt.sent || request.Header.Get("Content-Type") != "application/json" || request.Path != "/reg" {
				t.Errorf("sent %s %s, want %s", request.Path, request.Body, tt.sent)
			}
		})
	}
}

func TestRegistrationsThatFail(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   oauth.Verdict
	}{
		{"the redirect URL is not taken", 400, `{"error":"invalid_redirect_uri"}`, oauth.Misconfigured},
		{"the metadata are not taken", 400, `{"error":"invalid_client_metadata","error_description":"no"}`, oauth.Misconfigured},
		{"it is not open to all", 401, ``, oauth.Misconfigured},
		{"the server is down", 503, ``, oauth.Transient},
		{"there is no id", 201, `{}`, oauth.Misconfigured},
		{"the id has a line break", 201, `{"client_id":"a\nb"}`, oauth.Misconfigured},
		{"the id has no end", 201, `{"client_id":"` + strings.Repeat("a", 3000) + `"}`, oauth.Misconfigured},
		{"a page", 200, `<html>`, oauth.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newProvider(t, says(tt.status, tt.body))
			p := signIn()
			p.Endpoints.Registration = s.URL
			_, err := newClient(t).Register(t.Context(), p, "Ferrule")
			if got := failed(t, err); got.Verdict != tt.want {
				t.Errorf("the error is %+v", got)
			}
		})
	}
	_, err := newClient(t).Register(t.Context(), signIn(), "Ferrule")
	contains(t, "the description", failed(t, err).Description, "no registration endpoint")
}
