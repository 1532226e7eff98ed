package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

const authorization = `"name":"environments/default/connections/mail/authorizations/a1"`

func TestFilesOfSecretsAreText(t *testing.T) {
	for name, row := range map[string]struct{ file, want string }{
		"a key with a line break":  {"s3cret\n", "s3cret"},
		"PEM":                      {"-----BEGIN X-----\nAA==\n-----END X-----\n", "-----BEGIN X-----\nAA==\n-----END X-----"},
		"an archive that is bytes": {"0\x82\xff\x00\n", "MIL/AAo="},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fileText([]byte(row.file)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestCommandsOfTheVault(t *testing.T) {
	const (
		connections = "/v1/environments/default/connections"
		mail        = connections + "/mail"
		succeeded   = `{` + authorization + `,"state":"AUTHORIZATION_STATE_SUCCEEDED","identity":"ann@example.com"}`
		pending     = `{` + authorization + `,"state":"AUTHORIZATION_STATE_PENDING","authorizationUrl":"https://login.example/auth?x=1","expireTime":"2026-01-01T12:00:00Z"}`
		tested      = `{"succeeded":true,"message":"the API accepted the connection","latency":"0.0011s"}`
	)
	for _, row := range []struct {
		name    string
		args    []string
		stdin   string
		answers map[string]string
		code    int
		says    []string
		asked   []string
		sent    string // the last body holds this
		never   string // nothing that is said does
	}{
		{
			name: "a grant without a person is there at once", args: []string{"authorize", "mail", "--no-browser"},
			answers: map[string]string{"POST " + mail + ":authorize": succeeded, "POST " + mail + ":test": tested},
			says:    []string{"the provider gave a token", "tested mail"}, never: "signed in",
		},
		{
			name: "where the token of a sign-in goes is said before anybody signs in", args: []string{"authorize", "mail", "--no-browser"}, code: 2,
			answers: map[string]string{"POST " + mail + ":authorize": strings.TrimSuffix(pending, "}") + `,"apiOrigins":["https://api.mail.example"]}`},
			says:    []string{"mail is for https://api.mail.example: the token goes there and nowhere else"},
		},
		{
			name: "with client credentials nothing is connected before there is a token", args: []string{"connect", "mail"}, code: 1,
			answers: map[string]string{
				"POST " + connections: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail","parameterSet":"p","state":"CONNECTION_STATE_CONNECTED"}`,
				"GET /v1/environments/default/connectors/mail/connectionForm": `{"sets":[{"name":"p","authorization":{"grant":"clientCredentials"}}]}`,
			},
			says: []string{"made mail; asking its provider for a token", "the connection mail stays"}, never: "connected mail",
		},
		{
			name: "with client credentials it is connected with its token", args: []string{"connect", "mail"},
			answers: map[string]string{
				"POST " + connections: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail","parameterSet":"p","state":"CONNECTION_STATE_CONNECTED"}`,
				"GET /v1/environments/default/connectors/mail/connectionForm": `{"sets":[{"name":"p","authorization":{"grant":"clientCredentials"}}]}`,
				"POST " + mail + ":authorize":                                 succeeded, "POST " + mail + ":test": tested,
			},
			says: []string{"the provider gave a token", "connected mail to mail (connected)", "tested mail"},
		},
		{
			name: "without a browser the code is asked for, again if it is wrong", args: []string{"authorize", "mail", "--no-browser", "--no-test"},
			stdin:   "\nABCDE-FGHJK\n",
			answers: map[string]string{"POST " + mail + ":authorize": pending, "POST " + mail + "/authorizations/a1:complete": succeeded},
			says:    []string{"https://login.example/auth?x=1", "confirmation code", "signed in as"},
			sent:    `"confirmation":"ABCDE-FGHJK"`,
		},
		{
			name: "nobody enters a code", args: []string{"authorize", "mail", "--no-browser"}, code: 2,
			answers: map[string]string{"POST " + mail + ":authorize": pending}, says: []string{"no confirmation code was entered"},
		},
		{
			name: "a sign-in that failed says why", args: []string{"authorize", "mail", "--no-browser"}, code: 1,
			answers: map[string]string{"POST " + mail + ":authorize": `{` + authorization + `,"state":"AUTHORIZATION_STATE_FAILED","reason":"access was denied"}`},
			says:    []string{"the sign-in failed: access was denied"},
		},
		{
			name: "a connection that waits for a sign-in says how to get on", args: []string{"connect", "mail", "--no-sign-in"},
			answers: map[string]string{"POST " + connections: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail","state":"CONNECTION_STATE_NEEDS_AUTHORIZATION"}`},
			says:    []string{"connected mail to mail (needs authorization)", "ferrule authorize mail"},
		},
		{
			name: "a client of one's own needs a redirect URL, said without a sign-in, too", args: []string{"connect", "mail", "--no-sign-in"},
			answers: map[string]string{"POST " + connections: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail","state":"CONNECTION_STATE_NEEDS_AUTHORIZATION",` +
				`"redirectUrl":"https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4"}`},
			says: []string{"the provider has to know the redirect URL https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4", "ferrule authorize mail"},
		},
		{
			name: "the redirect URL of a client is printed before there is one", args: []string{"oauth-clients", "redirect-url", "mail", "--client-id", "1234"},
			answers: map[string]string{"POST /v1/environments/default/oauthClients": `{"redirectUrl":"https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4"}`},
			says:    []string{"https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4\n"}, sent: `"validateOnly":true`,
		},
		{
			name: "no redirect URL without a client id", args: []string{"oauth-clients", "redirect-url", "mail"}, code: 2, says: []string{"--client-id"},
		},
		{
			name: "no redirect URL of a server that nobody comes back to", args: []string{"oauth-clients", "redirect-url", "mail", "--client-id", "1234"}, code: 1,
			answers: map[string]string{"POST /v1/environments/default/oauthClients": `{}`}, says: []string{"--public-url"},
		},
		{
			name: "revoke", args: []string{"revoke", "mail"},
			answers: map[string]string{"POST " + mail + ":revoke": `{"name":"environments/default/connections/mail","state":"CONNECTION_STATE_NEEDS_AUTHORIZATION"}`},
			says:    []string{"revoked mail (needs authorization)"},
		},
		{
			name: "revoke where the provider was told nothing", args: []string{"revoke", "mail"},
			answers: map[string]string{"POST " + mail + ":revoke": `{"name":"environments/default/connections/mail","state":"CONNECTION_STATE_NEEDS_AUTHORIZATION","stateReason":"the provider was told nothing"}`},
			says:    []string{"revoked mail (needs authorization)\n  the provider was told nothing"},
		},
		{
			name: "a client of one's own needs a redirect URL of its own", args: []string{"authorize", "mail", "--no-browser", "--no-test"}, code: 2,
			answers: map[string]string{"POST " + mail + ":authorize": strings.TrimSuffix(pending, "}") + `,"redirectUrl":"https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4"}`},
			says:    []string{"the provider has to know the redirect URL https://ferrule.example/v1/oauth/callback/ujm3d2propeobvimswjbkt4wd4"},
		},
		{
			name: "a token by a password is marked", args: []string{"connect", "mail", "--no-test"},
			answers: map[string]string{
				"POST " + connections: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail","parameterSet":"p","state":"CONNECTION_STATE_CONNECTED"}`,
				"GET /v1/environments/default/connectors/mail/connectionForm": `{"sets":[{"name":"p","authorization":{"grant":"password"}}]}`,
			},
			says: []string{"legacy: this grant keeps your password"},
		},
		{
			name: "OAuth clients are listed by that word, too", args: []string{"oauth-clients", "list"},
			answers: map[string]string{"GET /v1/environments/default/oauthClients?page_size=1000&page_token=": `{"oauthClients":[{"name":"environments/default/oauthClients/mail","clientId":"1234"}]}`},
			says:    []string{"CLIENT ID", "1234"},
		},
		{
			name: "the OAuth client of a connector is shown, without a redirect URL where nobody comes back", args: []string{"oauth-clients", "show", "mail"},
			answers: map[string]string{
				"GET /v1/environments/default/oauthClients?connector=environments%2Fdefault%2Fconnectors%2Fmail&page_size=1000&page_token=": `{"oauthClients":[{"name":"environments/default/oauthClients/mail","clientId":"1234",` +
					`"connector":"environments/default/connectors/mail","redirectUrl":"https://ferrule.example/never","tokenOrigins":["https://login.example"]}]}`,
				"GET /v1/environments/default/connectors/mail/connectionForm": `{"sets":[{"name":"p","authorization":{"grant":"clientCredentials"}}]}`,
			},
			says: []string{"client id 1234", "sent to https://login.example and nowhere else"}, never: "https://ferrule.example/never",
		},
		{
			name: "an update keeps what is not given", args: []string{"connections", "update", "mail", "--set", "region=eu", "--secret", "api_key=k"},
			answers: map[string]string{
				"GET " + mail:   `{"name":"environments/default/connections/mail","etag":"e1","parameters":{"tenant":"t"}}`,
				"PATCH " + mail: `{"name":"environments/default/connections/mail","state":"CONNECTION_STATE_CONNECTED"}`,
			},
			says: []string{"changed mail (connected)"}, sent: `"tenant":"t"`,
		},
		{
			name: "an update of nothing", args: []string{"connections", "update", "mail"}, code: 2,
			answers: map[string]string{"GET " + mail: `{}`}, says: []string{"nothing to change"},
		},
		{
			name: "an OAuth client is stored", args: []string{"oauth-clients", "create", "mail", "--client-id", "1234", "--secret", "client_secret=-", "--authentication", "client-secret-basic"},
			stdin: "s3cret\n",
			answers: map[string]string{"POST /v1/environments/default/oauthClients": `{"name":"environments/default/oauthClients/mail","connector":"environments/default/connectors/mail",` +
				`"redirectUrl":"https://ferrule.example/v1/oauth/callback","tokenOrigins":["https://login.example"]}`},
			says: []string{"made OAuth client mail of mail", "https://ferrule.example/v1/oauth/callback", "https://login.example and nowhere else"},
			sent: `"client_secret":"s3cret"`,
		},
		{
			name: "an update of an OAuth client keeps the settings that are not given",
			args: []string{"oauth-clients", "update", "mail", "--set", "Tenant=b.example", "--set", "policy="},
			answers: map[string]string{
				"GET /v1/environments/default/oauthClients/mail":   `{"etag":"e7","settings":{"tenant":"a.example","region":"eu","policy":"strict"}}`,
				"PATCH /v1/environments/default/oauthClients/mail": `{"name":"environments/default/oauthClients/mail","connector":"environments/default/connectors/mail"}`,
			},
			says: []string{"changed OAuth client mail of mail"},
			sent: `"etag":"e7"`,
		},
		{
			name: "an update of an OAuth client that changes nothing", args: []string{"oauth-clients", "update", "mail"}, code: 2,
			says: []string{"nothing to change"},
		},
		{
			name: "connections are listed with what is wrong with them", args: []string{"connections"},
			answers: map[string]string{"GET " + connections: `{"connections":[{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail",` +
				`"state":"CONNECTION_STATE_NEEDS_AUTHORIZATION","stateReason":"the provider takes its refresh token no more"}]}`},
			says: []string{"REASON", "needs authorization", "the provider takes its refresh token no more"},
		},
		{
			name: "a connection is shown with all there is to say", args: []string{"connections", "show", "mail"},
			answers: map[string]string{"GET " + mail: `{"name":"environments/default/connections/mail","connector":"environments/default/connectors/mail-api","owner":"ann",` +
				`"state":"CONNECTION_STATE_NEEDS_AUTHORIZATION","stateReason":"` + strings.Repeat("long ", 30) + `end","secretNames":["token:clientSecret"],"parameters":{"token:tenant":"a.example"}}`},
			says: []string{"mail-api", "needs authorization", "long end", "token:clientSecret", "a.example", "ferrule authorize mail"},
		},
		{
			name: "a connection that is none", args: []string{"connections", "show", "post"}, code: 1, says: []string{"there is nothing"},
		},
		{
			name: "a test of a connection that waits for a sign-in says how to get on", args: []string{"test", "mail"}, code: 1,
			answers: map[string]string{
				"POST " + mail + ":test": `{"message":"it waits for somebody to sign in"}`, "GET " + mail: `{"state":"CONNECTION_STATE_NEEDS_AUTHORIZATION"}`,
			},
			says: []string{"it waits for somebody", "ferrule authorize mail"},
		},
		{
			name: "a way to prove oneself that is none", args: []string{"oauth-clients", "create", "mail", "--authentication", "magic"}, code: 2,
			says: []string{`"magic" is not known`},
		},
		{
			name: "OAuth clients are listed", args: []string{"oauth-clients"},
			answers: map[string]string{"GET /v1/environments/default/oauthClients": `{"oauthClients":[{"name":"environments/default/oauthClients/mail","connector":"environments/default/connectors/mail","clientId":"1234","secretNames":["client_secret"]}]}`},
			says:    []string{"mail", "1234", "1 secret"},
		},
		{
			name: "an OAuth client is removed", args: []string{"oauth-clients", "delete", "mail"},
			answers: map[string]string{"DELETE /v1/environments/default/oauthClients/mail": `{}`}, says: []string{"removed mail"},
		},
		{
			name: "providers by another name", args: []string{"providers", "AzureAD"},
			answers: map[string]string{"GET /v1/providers": `{"providers":[{"name":"providers/entra","title":"Microsoft Entra ID","aliases":["azuread"],"tokenUrl":"https://login.example/{tenant}/token",` +
				`"settings":[{"name":"tenant","description":"directory","defaultValue":"common"}],"notes":["Ask an administrator."]}]}`},
			says: []string{"Microsoft Entra ID (entra, azuread)", "tokens from: https://login.example/{tenant}/token", "setting tenant (default common): directory", "Ask an administrator."},
		},
		{
			name: "a provider that is none", args: []string{"providers", "acme"}, code: 2,
			answers: map[string]string{"GET /v1/providers": `{}`}, says: []string{`no provider "acme"`},
		},
		{
			name: "audit records with filters", args: []string{"audit", "list", "--connection", "mail", "--action", "used", "--since", "2026-01-01T00:00:00Z"},
			answers: map[string]string{"GET /v1/environments/default/auditRecords": `{"auditRecords":[{"name":"environments/default/auditRecords/7","time":"2026-01-02T00:00:00Z","action":"AUDIT_ACTION_USED",` +
				`"connection":"environments/default/connections/mail","principal":"ann","operationId":"Send","host":"api.example:443","count":"12"}]}`},
			says:  []string{"used", "mail", "ann", "Send", "api.example:443", "12"},
			asked: []string{"action=AUDIT_ACTION_USED", "connection=environments%2Fdefault%2Fconnections%2Fmail", "start_time=2026-01-01T00%3A00%3A00Z"},
		},
		{
			name: "audit records of a week, however many", args: []string{"audit", "list", "--since", "7d", "--limit", "0"},
			answers: map[string]string{"GET /v1/environments/default/auditRecords": `{"auditRecords":[{"principal":"ann"},{"principal":"bob"}]}`},
			says:    []string{"ann", "bob"}, asked: []string{"start_time="},
		},
		{
			name: "values that do not fit lead to those that do", args: []string{"connect", "mail"}, code: 1,
			answers: map[string]string{"POST " + connections: `404|{"code":3,"message":"the values do not fit","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONNECTION_PARAMETERS_INVALID","domain":"ferrule.dev"}]}`},
			says:    []string{"error: the values do not fit", "`ferrule describe CONNECTOR` shows what a connection takes"},
		},
		{
			name: "a record that says why a grant was not revoked", args: []string{"audit", "list"},
			answers: map[string]string{"GET /v1/environments/default/auditRecords": `{"auditRecords":[{"action":"AUDIT_ACTION_DELETED","notRevokedReason":"the provider says no"}]}`},
			says:    []string{"deleted", "not revoked: the provider says no"},
		},
		{
			name: "an action that is none", args: []string{"audit", "list", "--action", "stolen"}, code: 2, says: []string{`"stolen" is not known`, "resolved"},
		},
		{
			name: "audit records as lines, page by page", args: []string{"audit", "export"},
			answers: map[string]string{
				"GET /v1/environments/default/auditRecords?page_size=1000&page_token=":  `{"auditRecords":[{"sequence":"2"}],"nextPageToken":"p"}`,
				"GET /v1/environments/default/auditRecords?page_size=1000&page_token=p": `{"nextPageToken":"q"}`,
				"GET /v1/environments/default/auditRecords?page_size=1000&page_token=q": `{"auditRecords":[{"sequence":"1"}]}`,
			},
			says: []string{`{"sequence":"2"}` + "\n" + `{"sequence":"1"}`, "exported 2 records"},
		},
		{
			name: "a chain that is whole", args: []string{"audit", "verify", "--anchor", "3:ab"},
			answers: map[string]string{"GET /v1/environments/default/auditRecords:verify": `{"intact":true,"checked":"9","firstSequence":"1","lastSequence":"9","lastProof":"cd"}`},
			says:    []string{"intact: 9 records, from 1 to 9", "anchor: 9:cd"}, asked: []string{"proof=ab&sequence=3"},
		},
		{
			name: "a chain that is broken", args: []string{"audit", "verify"}, code: 1,
			answers: map[string]string{"GET /v1/environments/default/auditRecords:verify": `{"checked":"4","brokenSequence":"5","reason":"the record was changed"}`},
			says:    []string{"at record 5: the record was changed"},
		},
		{
			name: "an anchor that is none", args: []string{"audit", "verify", "--anchor", "x"}, code: 2, says: []string{"SEQUENCE:PROOF"},
		},
		{
			name: "keys are rotated", args: []string{"keys", "rotate", "--level", "master"},
			answers: map[string]string{"POST /v1/keyRotations": `{"name":"keyRotations/r1","state":"KEY_ROTATION_STATE_SUCCEEDED","done":"3","total":"3","masterKey":"file:1a2b"}`},
			says:    []string{"r1: succeeded (3 of 3 keys, master key file:1a2b)"}, sent: `"level":"KEY_LEVEL_MASTER"`,
		},
		{
			name: "a rotation that stopped", args: []string{"keys", "rotate"}, code: 1,
			answers: map[string]string{"POST /v1/keyRotations": `{"name":"keyRotations/r1","state":"KEY_ROTATION_STATE_FAILED","reason":"the key service is away"}`},
			says:    []string{"the key service is away", "run the command again"},
		},
		{
			name: "how far no rotation is", args: []string{"keys", "status"},
			answers: map[string]string{"GET /v1/keyRotations/latest": `404|{"code":5,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"KEY_ROTATION_NOT_FOUND","domain":"ferrule.dev"}]}`},
			says:    []string{"no keys have been exchanged yet; `ferrule keys rotate` exchanges them"},
		},
		{
			name: "how far a rotation is", args: []string{"keys", "status"},
			answers: map[string]string{"GET /v1/keyRotations/latest": `{"name":"keyRotations/r1","state":"KEY_ROTATION_STATE_RUNNING","done":"1","total":"3"}`},
			says:    []string{"r1: running (1 of 3 keys)"},
		},
		{
			name: "keys of no level", args: []string{"keys", "rotate", "--level", "all"}, code: 2, says: []string{"master or data"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, row.answers)
			got := run(t, s, row.stdin, row.args...)
			if got.code != row.code {
				t.Errorf("exit %d, want %d\n%s%s", got.code, row.code, got.out, got.err)
			}
			for _, text := range row.says {
				if !strings.Contains(got.out+got.err, text) {
					t.Errorf("it does not say %q:\n%s%s", text, got.out, got.err)
				}
			}
			if row.never != "" && strings.Contains(got.out+got.err, row.never) {
				t.Errorf("it says %q:\n%s%s", row.never, got.out, got.err)
			}
			for _, text := range row.asked {
				if !strings.Contains(strings.Join(s.asked, "\n"), text) {
					t.Errorf("it did not ask for %q:\n%s", text, strings.Join(s.asked, "\n"))
				}
			}
			if !strings.Contains(strings.ReplaceAll(string(s.body), `": "`, `":"`), row.sent) {
				t.Errorf("it sent %s, not %s", s.body, row.sent)
			}
		})
	}
}

// TestTheBrowserBringsTheConfirmation plays the server and the browser: the page that
// is opened leads back to the address that the command waits at.
func TestTheBrowserBringsTheConfirmation(t *testing.T) {
	for name, row := range map[string]struct {
		query, reason string
		code          int
		says          string
	}{
		"a sign-in":          {"?confirmation=ABCDE-FGHJK", "", 0, "signed in as ann"},
		"one that was ended": {"?error=access_denied", "access was denied at the provider", 1, "access was denied at the provider"},
	} {
		t.Run(name, func(t *testing.T) {
			var returnURL, confirmed atomic.Value
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				switch {
				case strings.HasSuffix(r.URL.Path, ":authorize"):
					_, rest, _ := strings.Cut(strings.ReplaceAll(string(body), " ", ""), `"returnUrl":"`)
					address, _, _ := strings.Cut(rest, `"`)
					returnURL.Store(address)
					_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_PENDING","authorizationUrl":"https://login.example/auth"}`)
				case strings.HasSuffix(r.URL.Path, ":complete"):
					confirmed.Store(string(body))
					_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_SUCCEEDED","identity":"ann"}`)
				default:
					state := "PENDING"
					if row.reason != "" {
						state = "FAILED"
					}
					_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_`+state+`","reason":"`+row.reason+`"}`)
				}
			}))
			defer server.Close()
			var out, errs bytes.Buffer
			code := Run(t.Context(), []string{"authorize", "mail", "--no-test", "--server", server.URL, "--token", "t"}, Streams{
				In: strings.NewReader(""), Out: &out, Err: &errs,
				Browser: func(page string) error {
					if page != "https://login.example/auth" {
						t.Errorf("opened %q", page)
					}
					address, _ := returnURL.Load().(string)
					res, err := http.Get(address + row.query)
					if err != nil {
						return err
					}
					return res.Body.Close()
				},
			})
			if code != row.code || !strings.Contains(errs.String(), row.says) {
				t.Errorf("exit %d, want %d\n%s%s", code, row.code, out.String(), errs.String())
			}
			if body, _ := confirmed.Load().(string); row.code == 0 && !strings.Contains(body, "ABCDE-FGHJK") {
				t.Errorf("confirmed with %s", body)
			}
		})
	}
}
