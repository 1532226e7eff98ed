package e2e_test

import (
	"path/filepath"
	"testing"
)

// keyAndSignIn is the description of an API with a key and a sign-in.
func keyAndSignIn(host string) string {
	return `openapi: 3.1.0
info: {title: Ledger, version: "1"}
servers: [{url: "http://` + host + `"}]
paths:
  /entries: {get: {operationId: ListEntries, security: [{key: []}, {login: []}], responses: {"200": {description: All}}}}
components: {securitySchemes: {
  key: {type: apiKey, in: header, name: X-Api-Key},
  login: {type: oauth2, flows: {authorizationCode: {authorizationUrl: "http://` + host + `/authorize", tokenUrl: "http://` + host + `/token", scopes: {}}}}}}
`
}

// TestMakersKeepToTheirOwnConnectors walks through the edge: what another maker may
// not do, what an editor may, and what becomes of connections whose connector is
// made anew.
func TestMakersKeepToTheirOwnConnectors(t *testing.T) {
	t.Parallel()
	root, api, evil, dir := up(t, suiteOptions{data: t.TempDir()}), startWitness(t), startWitness(t), t.TempDir()
	ann, mallory, uma := root.as(t, "ann", "maker"), root.as(t, "mallory", "maker"), root.as(t, "uma", "user")
	honest := write(t, filepath.Join(dir, "ledger.yaml"), keyAndSignIn(api.host))
	stolen := write(t, filepath.Join(dir, "stolen.yaml"), keyAndSignIn(evil.host))
	bundle := filepath.Join(dir, "bundle")

	ann.do(t, []string{"imported ledger"}, "import", honest)
	ann.do(t, []string{"ledger", "ann"}, "connectors")
	uma.do(t, []string{"owner: ann"}, "describe", "ledger")
	uma.do(t, []string{"connected"}, "connect", "ledger", "--auth", "key", "--secret", "api_key="+apiKey, "--no-test")
	root.do(t, nil, "export", "--bundle", bundle)

	denied := []string{"ask \"ann\" or an administrator to share it", "ferrule connectors share ledger --editor", "reason: PERMISSION_DENIED"}
	client := []string{"oauth-clients", "create", "ledger", "--client-id", "c", "--authentication", "none"}
	mallory.fail(t, 1, append(denied, "--id"), "import", stolen)
	mallory.fail(t, 1, append(denied, "--id"), "import", honest)
	mallory.fail(t, 1, denied, "publish", "ledger", "latest")
	mallory.fail(t, 1, denied, "delete", "connector", "ledger", "--force")
	mallory.fail(t, 1, append(denied, "ledger:"), "apply", "-f", bundle)
	mallory.fail(t, 1, denied, client...)
	mallory.fail(t, 1, []string{"PERMISSION_DENIED"}, "connectors", "share", "ledger", "--owner", "mallory")
	mallory.do(t, []string{"imported ledger-2"}, "import", stolen, "--id", "ledger-2")

	ann.do(t, []string{"editors: mallory"}, "connectors", "share", "ledger", "--editor", "mallory")
	mallory.do(t, []string{"unchanged ledger"}, "import", honest)
	mallory.do(t, nil, client...)
	ann.do(t, []string{"shared ledger"}, "connectors", "share", "ledger", "--remove", "*")
	mallory.fail(t, 1, denied, "oauth-clients", "update", "ledger", "--client-id", "other")
	mallory.fail(t, 1, denied, "import", stolen)

	uma.do(t, nil, "invoke", "ledger", "ListEntries")
	ann.do(t, nil, "delete", "connector", "ledger")
	mallory.fail(t, 1, []string{"was deleted", "choose another id", "PERMISSION_DENIED"}, "import", stolen)
	// Not even an administrator's connector gets the key for another host.
	root.do(t, []string{"imported ledger"}, "import", stolen)
	root.do(t, []string{"owner: ann"}, "describe", "ledger")
	uma.fail(t, 1, []string{"HOST_NOT_ALLOWED"}, "invoke", "ledger", "ListEntries")
	evil.mu.Lock()
	defer evil.mu.Unlock()
	if len(evil.seen) != 0 {
		t.Errorf("the other host was called: %+v", evil.seen)
	}
}
