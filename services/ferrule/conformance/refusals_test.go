package conformance_test

import (
	"io"
	"net/http"
	"os"
	"testing"
)

// refusalsVariable names a file that refused requests are written to, whole, for
// somebody who judges the rules.
const refusalsVariable = "FERRULE_CONFORMANCE_REFUSALS"

// openRefusals opens that file until the test ends; nil if none is named.
func openRefusals(t *testing.T) io.Writer {
	t.Helper()
	path := os.Getenv(refusalsVariable)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// write writes a refused request for a person, with the class of the rule that
// explains each violation.
func (a *verdicts) write(t *testing.T, name string, e endpoint, m mode, r received, v verdict, classes []string) {
	t.Helper()
	if a.dump == nil {
		return
	}
	type line struct {
		Package, Operation, Mode, Request, Accept, ContentType, Body string
		Header                                                       http.Header
		Violations                                                   []violation
		Classes                                                      []string
	}
	_, err := a.dump.Write(append(writeJSON(line{
		name, e.key(), m.String(), r.method + " " + r.target, r.header.Get("Accept"), r.header.Get("Content-Type"), string(r.body),
		r.header, v.request, classes,
	}), '\n'))
	if err != nil {
		t.Fatal(err)
	}
}
