package e2e_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// printed finds the command in a refusal.
var printed = regexp.MustCompile("`ferrule (connections update [^`]*)`")

// keyedAt is a connector whose calls carry a key.
func keyedAt(host string) string {
	return `openapi: 3.0.3
info: {title: Keyed, version: "1"}
servers: [{url: "http://` + host + `"}]
security: [{key: []}]
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
paths:
  /items: {get: {operationId: List, responses: {"200": {description: ok}}}}
`
}

// TestTheOwnerOfAConnectionFollowsItsConnector by what the refusal says, and nobody's
// key follows by itself.
func TestTheOwnerOfAConnectionFollowsItsConnector(t *testing.T) {
	t.Parallel()
	s, old, moved, dir := up(t, suiteOptions{data: t.TempDir()}), startWitness(t), startWitness(t), t.TempDir()
	s.do(t, nil, "import", write(t, filepath.Join(dir, "v1.yaml"), keyedAt(old.host)), "--id", "keyed")
	s.do(t, []string{"keyed is for " + old.url + ": its secrets for the API go there and nowhere else"}, "connect", "keyed", "--no-test", "--secret", "api_key=first")
	s.do(t, nil, "import", write(t, filepath.Join(dir, "v2.yaml"), keyedAt(moved.host)), "--id", "keyed", "--publish", "--allow-breaking")

	s.fail(t, 1, []string{"HOST_NOT_ALLOWED", moved.host}, "connections", "update", "keyed", "--secret", "api_key=second")
	refused := s.cli(t, "invoke", "keyed", "List")
	found := printed.FindStringSubmatch(refused.err)
	if refused.code != 1 || found == nil {
		t.Fatalf("exit code %d, and no command in %s", refused.code, refused.err)
	}
	command := strings.Fields(found[1])
	if last := len(command) - 1; command[last] != "api_key=-" {
		t.Fatalf("the command does not ask for the key: %q", command)
	} else {
		command[last] = "api_key=second"
	}
	s.do(t, []string{"changed keyed", "keyed is for " + moved.url}, command...)
	s.do(t, []string{`"id": 1`}, "invoke", "keyed", "List")
	if got := moved.last(t).header.Get("X-Key"); got != "second" {
		t.Errorf("the API saw the key %q", got)
	}
}
