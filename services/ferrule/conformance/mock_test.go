package conformance_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

var errEnded = errors.New("the mock server ended")

// mockServer is a running mock server, which serves one description at a time.
type mockServer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startMock starts the mock server. Its caller stops it.
func startMock(ctx context.Context, program string) (*mockServer, error) {
	m := &mockServer{cmd: exec.CommandContext(ctx, "node", "testdata/prism.js", program)}
	in, err := m.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.in, m.out = in, bufio.NewReader(out)
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	return m, nil
}

// serve serves another description instead of the last, and returns where.
func (m *mockServer) serve(file string) (string, error) {
	if _, err := io.WriteString(m.in, file+"\n"); err != nil {
		return "", fmt.Errorf("%w: %w", errEnded, err)
	}
	line, err := m.out.ReadBytes('\n')
	if err != nil {
		return "", fmt.Errorf("%w: %w", errEnded, err)
	}
	var answer struct {
		URL   string `json:"url"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return "", fmt.Errorf("read what the mock server says: %w", err)
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.URL, nil
}

// stop ends it; nil has ended already.
func (m *mockServer) stop() {
	if m == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait() // it was killed
}
