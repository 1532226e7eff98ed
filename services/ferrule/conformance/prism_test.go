package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// prismVariable names the program of a validating mock server (the npm package
// @stoplight/prism-cli), which judges requests by a description, too.
const prismVariable = "FERRULE_PRISM"

// TestAnotherJudgeAcceptsTheRequests sends what the API would get to a mock server
// that refuses requests which its description does not allow. It reports shares: the
// mock has its own opinion of descriptions that are wrong.
func TestAnotherJudgeAcceptsTheRequests(t *testing.T) {
	program := os.Getenv(prismVariable)
	if program == "" {
		t.Skip("the variable " + prismVariable + " names no mock server: nobody else judges the requests")
	}
	for _, row := range []struct {
		name string
		list func(*testing.T, string) []string
		read func(root, name string) (subject, error)
	}{
		{"openapi3", documents, readOpenAPI3},
		{"powerplatform", packages, readPackage},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := filepath.Join(corpus, row.name)
			all := sample(row.list(t, root))
			j := &jury{harness: newHarness(t), program: program, answers: map[string]int{}}
			for _, name := range all {
				s, err := row.read(root, name)
				if err == nil {
					j.judge(t, s)
				}
			}
			j.report(t)
		})
	}
}

// jury is a harness with a second judge.
type jury struct {
	*harness
	program string
	answers map[string]int
	refused []string
}

// mock is a running mock server.
type mock struct {
	url string
	cmd *exec.Cmd
}

// startMock serves a description until it is stopped.
func startMock(ctx context.Context, program, file string) (*mock, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the program cannot choose a free port itself
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	_ = l.Close()
	m := &mock{url: "http://127.0.0.1:" + port, cmd: exec.CommandContext(ctx, program, "mock", "--errors", "-h", "127.0.0.1", "-p", port, file)}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, "listening on") {
			go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the process
			return m, nil
		}
		if err != nil {
			m.stop()
			return nil, fmt.Errorf("the mock server does not take the description")
		}
	}
}

func (m *mock) stop() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait() // it was killed
}

// judge sends all requests of a description to both judges.
func (j *jury) judge(t *testing.T, s subject) {
	t.Helper()
	api := <-j.recorders
	defer func() { j.recorders <- api }()
	j.next++
	id := fmt.Sprintf("c-%d", j.next)
	files := s.locate(api.host)
	operations, err := j.clients.connect(t.Context(), id, files)
	if err != nil {
		return
	}
	dir := t.TempDir()
	var file string
	for _, name := range []string{"openapi.json", "apiDefinition.swagger.json"} {
		if content, there := files[name]; there {
			file = filepath.Join(dir, name)
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	m, err := startMock(t.Context(), j.program, file)
	if err != nil {
		j.answers["descriptions that the mock server does not take"]++
		return
	}
	defer m.stop()
	j.answers["descriptions"]++
	for _, e := range s.doc.endpoints() {
		op := operations[e.key()]
		if op == nil || strings.Contains(e.path, "#") {
			continue
		}
		for _, mode := range modes {
			c, problem := s.call(e, mode)
			if problem != "" || j.clients.invoke(t.Context(), id, op.GetOperationId(), writeJSON(c.input)) != nil {
				api.take()
				continue
			}
			for _, request := range api.take() {
				j.ask(t.Context(), m, s, e, mode, request)
			}
		}
	}
}

// ask lets the mock server judge one request. It knows paths without that of the
// server.
func (j *jury) ask(ctx context.Context, m *mock, s subject, e endpoint, mode mode, r received) {
	base := basePath
	if _, is := s.doc.root["swagger"]; is {
		base = strings.TrimSuffix("/"+strings.Trim(text(s.doc.root["basePath"]), "/ "), "/")
	}
	req, err := http.NewRequestWithContext(ctx, r.method, m.url, bytes.NewReader(r.body))
	if err != nil {
		j.answers["requests that could not be repeated"]++
		return
	}
	req.URL.Opaque = "//" + req.URL.Host + strings.TrimPrefix(r.target, base)
	req.Header = r.header.Clone()
	for _, name := range []string{"Accept-Encoding", "Content-Length"} {
		req.Header.Del(name)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		j.answers["requests that could not be repeated"]++
		return
	}
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	_ = res.Body.Close()
	verdict := "accepted"
	if bytes.Contains(answer, []byte("stoplight.io/prism/errors#")) {
		_, kind, _ := bytes.Cut(answer, []byte("prism/errors#"))
		kind, _, _ = bytes.Cut(kind, []byte(`"`))
		verdict = "answered with " + string(kind)
		j.refused = append(j.refused, fmt.Sprintf("%s, %s (%s): %.700s\n      %s %s\n      %.300q", s.name, e.key(), mode, answer, r.method, r.target, r.body))
	}
	j.answers["requests"]++
	j.answers["requests "+verdict]++
}

func (j *jury) report(t *testing.T) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(j.answers)) {
		t.Logf("%6d %s", j.answers[what], what)
	}
	for _, one := range j.refused {
		t.Log(one)
	}
	if j.answers["requests"] > 0 && j.answers["requests accepted"] == 0 {
		t.Error("the mock server accepted nothing")
	}
}
