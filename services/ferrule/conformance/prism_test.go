package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// prismVariable names the program of a validating mock server (the npm package
// @stoplight/prism-cli), which judges requests by a description, too.
const prismVariable = "FERRULE_PRISM"

// TestAnotherJudgeAcceptsTheRequests sends what the API would get to a mock server
// that finds what a description does not allow. It fails on a request that is
// refused by a rule that testdata/prism.yaml does not explain.
func TestAnotherJudgeAcceptsTheRequests(t *testing.T) {
	program := os.Getenv(prismVariable)
	if program == "" {
		t.Skip("the variable " + prismVariable + " names no mock server: nobody else judges the requests")
	}
	for _, row := range []struct {
		name string
		list func(*testing.T, string) []string
		read func(root, name string) (subject, error)
		call func(document, endpoint, mode) (call, string)
	}{
		{"openapi3", documents, readOpenAPI3, document.openAPI3Call},
		{"powerplatform", packages, readPackage, document.swaggerCall},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := filepath.Join(corpus, row.name)
			all := sample(row.list(t, root))
			j := &jury{harness: newHarness(t), program: program, verdicts: newVerdicts(t, row.name)}
			defer func() { j.mock.stop() }()
			for _, name := range all {
				s, err := row.read(root, name)
				if err != nil {
					continue // the other tests count it
				}
				s.doc.strict = true
				s.call = func(e endpoint, m mode) (call, string) { return row.call(s.doc, e, m) }
				j.judge(t, s)
			}
			j.verdicts.report(t)
		})
	}
}

// jury is a harness with a second judge.
type jury struct {
	*harness
	program  string
	mock     *mockServer
	verdicts *verdicts
}

// patience is how long the mock server may take for one answer, longest for all of a
// description: some take it seconds for each.
const (
	patience = 10 * time.Second
	longest  = 2 * time.Minute
)

var errSlow = errors.New("it takes the mock server too long; the rest of its requests are not judged")

// serve gives a description to the mock server.
func (j *jury) serve(ctx context.Context, file string) (string, error) {
	if j.mock == nil {
		m, err := startMock(ctx, j.program)
		if err != nil {
			return "", err
		}
		j.mock = m
	}
	url, err := j.mock.serve(file)
	if errors.Is(err, errEnded) { // it ended after its last answer
		j.drop()
		if j.mock, err = startMock(ctx, j.program); err == nil {
			url, err = j.mock.serve(file)
		}
	}
	return url, err
}

// drop ends the mock server.
func (j *jury) drop() {
	j.mock.stop()
	j.mock = nil
}

// judge sends all requests of a description to both judges.
func (j *jury) judge(t *testing.T, s subject) {
	t.Helper()
	api := <-j.recorders
	defer func() { j.recorders <- api }()
	j.next++
	id := fmt.Sprintf("c-%d", j.next)
	operations, err := j.clients.connect(t.Context(), id, s.locate(api.host))
	if err != nil {
		return // the other tests count it
	}
	dir := t.TempDir()
	file, bare := filepath.Join(dir, "description.json"), filepath.Join(dir, "bare.json")
	other, err := newDocument(writeJSON(s.doc.root))
	if err != nil {
		t.Fatal(err)
	}
	other.plainAnswers()
	other.readable()
	plain := writeJSON(other.root)
	if err := errors.Join(os.WriteFile(file, plain, 0o600), os.WriteFile(bare, withoutAnswers(plain), 0o600)); err != nil {
		t.Fatal(err)
	}
	url, err := j.serve(t.Context(), file)
	if err != nil {
		j.verdicts.unjudged(s.name, err)
		return
	}
	j.verdicts.counts["descriptions"]++
	began := time.Now()
	for _, e := range s.doc.endpoints() {
		op := operations[e.key()]
		if op == nil || s.scripted != nil && s.scripted(e) {
			continue
		}
		if strings.ContainsAny(e.path, "#?") {
			j.verdicts.counts["operations whose path has a query or a fragment, which the mock server cannot find"]++
			continue
		}
		if time.Since(began) > longest {
			j.verdicts.unjudged(s.name, errSlow)
			return
		}
		for _, mode := range modes {
			c, problem := s.call(e, mode)
			if problem != "" || j.clients.invoke(t.Context(), id, op.GetOperationId(), writeJSON(c.input)) != nil {
				api.take()
				continue // the other tests report it
			}
			for _, request := range api.take() {
				v, next := j.hear(t, s, url, bare, request)
				url = next
				j.verdicts.note(t, s.name, e, mode, request, v)
			}
		}
	}
}

// hear returns the verdict on a request, and where the mock server is then. Some
// answers that it makes up break it: then it is asked with a description whose
// operations have none.
func (j *jury) hear(t *testing.T, s subject, url, bare string, request received) (verdict, string) {
	t.Helper()
	v, err := ask(t.Context(), url, s, request)
	if err == nil && v.unjudged == "" {
		return v, url
	}
	for range 2 { // it may end a moment after its last answer
		if url, err = j.serve(t.Context(), bare); err == nil {
			if v, err = ask(t.Context(), url, s, request); err == nil {
				v.unanswered = "the mock server breaks down over its own answer"
				return v, url
			}
		}
		j.drop()
	}
	return verdict{unjudged: err.Error()}, url
}

// ask lets the mock server judge one request. It knows paths without that of the
// server.
func ask(ctx context.Context, url string, s subject, r received) (verdict, error) {
	base := basePath
	if _, is := s.doc.root["swagger"]; is {
		base = text(s.doc.root["basePath"])
	}
	target := r.target
	for range segments(base) {
		target = "/" + strings.SplitN(target, "/", 3)[2]
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, url, bytes.NewReader(r.body))
	if err != nil {
		return verdict{}, err
	}
	req.URL.Opaque = "//" + req.URL.Host + target
	req.Header = r.header.Clone()
	for _, name := range []string{"Accept-Encoding", "Content-Length"} {
		req.Header.Del(name)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return verdict{}, fmt.Errorf("the mock server does not answer: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	if err != nil {
		return verdict{}, fmt.Errorf("the mock server breaks off: %w", err)
	}
	return readVerdict(res.Header.Get("Sl-Violations"), answer), nil
}
