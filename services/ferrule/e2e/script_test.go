package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCallsRunCustomCode(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	dir := filepath.Join(t.TempDir(), "coded")
	text, err := os.ReadFile(a.describe(t))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "openapi.json"), string(text))
	code := write(t, filepath.Join(dir, "script.js"), `export function before(request) {
  console.warn('asked for', request.operationId)
  request.headers.set('X-Key', 'from code')
}
export function after(response) {
  response.setJson({ wrapped: response.json() })
}
`)
	a.do(t, []string{"published"}, "import", dir)
	a.do(t, nil, "connect", "coded", "--no-test", "--secret", "api_key="+tillKey)
	a.do(t, []string{`"wrapped": {`, "you_said", "warn: asked for Echo"}, "invoke", "coded", "Echo", "-p", "body={}", "--logs")
	if got := a.cli(t, "invoke", "coded", "Echo", "-p", "body={}"); strings.Contains(got.err, "warn") {
		t.Errorf("nobody asked for logs, but it says %s", got.err)
	}

	// What does not compile says where, and is not published.
	write(t, code, "export function before( {\n")
	a.do(t, []string{"draft"}, "import", dir)
	a.fail(t, 1, []string{"SCRIPT_INVALID"}, "publish", "coded", "latest")
}
