package e2e_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// pets is an API that nobody serves.
const pets = `openapi: 3.0.3
info: {title: Pets, version: "1"}
servers: [{url: "https://pets.invalid"}]
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
security: [{key: []}]
paths:
  /pets/{id}:
    get:
      operationId: GetPet
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200": {description: A pet, content: {application/json: {example: {name: Rex}, schema: {type: object, properties: {name: {type: string}}}}}}
  /pets:
    get:
      operationId: ListPets
      responses:
        "200":
          description: Pets
          content: {application/json: {schema: {type: object, required: [size], properties: {size: {type: integer, minimum: 7, maximum: 7}}}}}
`

func TestCallsOfAMockAreAnsweredByTheDefinition(t *testing.T) {
	t.Parallel()
	s := up(t, suiteOptions{data: t.TempDir()})
	s.do(t, nil, "import", write(t, filepath.Join(t.TempDir(), "pets.yaml"), pets), "--id", "pets")
	s.do(t, []string{"connected try to pets (connected)"}, "connect", "pets", "--id", "try", "--mock")
	s.do(t, []string{`"name": "Rex"`}, "invoke", "try", "GetPet", "-p", "id=1")
	s.do(t, []string{`"size": 7`}, "invoke", "try", "ListPets", "--validate=strict")
	s.do(t, []string{"mock", "calls nobody"}, "connections", "show", "try")
	s.fail(t, 1, []string{"INPUT_INVALID"}, "invoke", "try", "GetPet")
	s.fail(t, 2, []string{"--mock calls nobody"}, "connect", "pets", "--mock", "--secret", "api_key=1")
}

func TestCallsCanBeTriedRightAfterTheStart(t *testing.T) {
	t.Parallel()
	data, file := t.TempDir(), write(t, filepath.Join(t.TempDir(), "pets.yaml"), pets)
	s := up(t, suiteOptions{data: data, flags: []string{"--mock", file}})
	say := "mock   pets: ferrule invoke pets ListPets --server " + s.rest
	testkit.Await(t, "the mock to be made", func() bool { return strings.Contains(s.out.String(), say) || s.gone() })
	s.do(t, []string{`"size": 7`}, "invoke", "pets", "ListPets")
	s.terminate(t)

	// The next time, it is there already, and named by its id.
	s = up(t, suiteOptions{data: data, flags: []string{"--mock", "pets"}})
	testkit.Await(t, "the mock to be found", func() bool { return strings.Contains(s.out.String(), "ferrule invoke pets ListPets") || s.gone() })
	if got := s.do(t, nil, "connections", "-o", "json"); strings.Count(got, "\n") != 1 {
		t.Errorf("the connections are\n%s", got)
	}
	s.terminate(t)

	// What cannot be mocked ends the start with an error.
	p := begin(t, suiteOptions{data: data, flags: []string{"--mock", "unheard-of"}})
	if code := p.exit(t); code != 1 || !strings.Contains(p.out.String(), "no mock of unheard-of") {
		t.Errorf("it ended with %d:\n%s", code, p.out)
	}
	p = begin(t, suiteOptions{data: data, flags: []string{"--mock", "./nowhere.yaml"}})
	if code := p.exit(t); code != 2 || !strings.Contains(p.out.String(), "neither the id of a connector nor a file") {
		t.Errorf("it ended with %d:\n%s", code, p.out)
	}
}

func TestCallsTrustAnAuthorityOfTheConnectionsOwn(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"size":7}`))
	}))
	api.TLS = &tls.Config{Certificates: []tls.Certificate{authority.issue(t, "127.0.0.1").pair(t)}}
	api.StartTLS()
	t.Cleanup(api.Close)

	s, dir := up(t, suiteOptions{data: t.TempDir()}), t.TempDir()
	s.do(t, nil, "import", write(t, filepath.Join(dir, "pets.yaml"), strings.ReplaceAll(pets, "https://pets.invalid", api.URL)), "--id", "pets")
	ca := write(t, filepath.Join(dir, "ca.pem"), string(authority.certificatePEM()))
	s.do(t, nil, "connect", "pets", "--id", "public", "--no-test", "--secret", "api_key=1")
	s.fail(t, 1, []string{"UPSTREAM_UNREACHABLE"}, "invoke", "public", "ListPets")

	s.do(t, nil, "connect", "pets", "--id", "private", "--no-test", "--secret", "api_key=1", "--ca-file", ca, "--tls-min", "1.3")
	s.do(t, []string{`"size": 7`}, "invoke", "private", "ListPets")
	s.do(t, []string{"trusts only CN=authority of a test", "at least version 1.3"}, "connections", "show", "private")

	// Settings can be changed and taken back.
	s.do(t, nil, "connections", "update", "private", "--tls-min", "", "--secret", "api_key=1")
	if got := s.do(t, []string{"trusts only"}, "connections", "show", "private"); strings.Contains(got, "version") {
		t.Errorf("the version is still there:\n%s", got)
	}
	s.do(t, nil, "connections", "update", "private", "--ca-file", "", "--secret", "api_key=1")
	testkit.Await(t, "the authority to be trusted no more", func() bool {
		return strings.Contains(s.cli(t, "invoke", "private", "ListPets").err, "UPSTREAM_UNREACHABLE")
	})
	s.fail(t, 2, []string{"no certificate"}, "connect", "pets", "--ca-file", write(t, filepath.Join(dir, "none.pem"), "hello"), "--secret", "api_key=1")
}
