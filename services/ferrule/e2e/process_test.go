package e2e_test

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// output keeps what a process prints. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	out    *output // standard output and error
	began  time.Time
	exited chan struct{}
}

// launch starts a program and kills it when the test ends, if it still runs.
func launch(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), out: &output{}, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = append(cleanEnv(), env...)
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code stays in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// cleanEnv is the environment without settings of the suite: a developer's own
// must not decide what is tested.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "FERRULE_") && !strings.HasPrefix(pair, "INVENTORY_") {
			env = append(env, pair)
		}
	}
	return env
}

// gone tells whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// kill ends the process at once, as a power failure would, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// exit waits for the end of the process and returns its exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	testkit.Await(t, "the process to end", p.gone)
	return p.cmd.ProcessState.ExitCode()
}

// terminate asks the process to stop and returns its exit code.
func (p *process) terminate(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	return p.exit(t)
}

// suiteOptions say how "ferrule up" is started; zero values are replaced by what
// most tests want.
type suiteOptions struct {
	data, http, grpc string
	logLevel         string
	private          bool // refuses connections to loopback
	flags            []string
	env              []string // beside the usual environment
}

// suite is a running "ferrule up".
type suite struct {
	*process
	data    string
	rest    string // URL of the REST edge
	grpc    string // address of the gRPC methods
	token   string
	startup time.Duration // until it said that it is ready
}

// up starts the suite and waits until it is ready.
func up(t *testing.T, o suiteOptions) *suite {
	t.Helper()
	var s *suite
	testkit.Await(t, "an address that is free", func() bool {
		s = begin(t, o)
		testkit.Await(t, "the suite to be ready", func() bool { return s.ready() || s.gone() })
		// Somebody else's outgoing connection may hold the port for a moment.
		return !s.gone() || !strings.Contains(s.out.String(), "address already in use")
	})
	if s.gone() {
		t.Fatalf("the suite did not start:\n%s", s.out)
	}
	s.startup = time.Since(s.began)
	s.learn(t)
	return s
}

// begin starts the suite and does not wait.
func begin(t *testing.T, o suiteOptions) *suite {
	t.Helper()
	args := []string{"up", "--data", o.data, "--http", o.http, "--grpc", o.grpc, "--log-level", o.logLevel}
	for flag, fallback := range map[int]string{4: "127.0.0.1:0", 6: "127.0.0.1:0", 8: "warn"} {
		if args[flag] == "" {
			args[flag] = fallback
		}
	}
	if !o.private {
		args = append(args, "--allow-network", "127.0.0.0/8")
	}
	return &suite{process: launch(t, o.env, programs(t).ferrule, append(args, o.flags...)...), data: o.data}
}

var (
	restLine = regexp.MustCompile(`(?m)^\s*REST\s+(http://\S+)`)
	grpcLine = regexp.MustCompile(`(?m)^\s*gRPC\s+(\S+)$`)
	lastLine = regexp.MustCompile(`(?m)^\s*token\s+\S+\n`)
)

// ready tells whether the suite has said where it is.
func (s *suite) ready() bool { return lastLine.MatchString(s.out.String()) }

// learn reads what the suite said, and the token that it left.
func (s *suite) learn(t *testing.T) {
	t.Helper()
	text := s.out.String()
	rest, rpc := restLine.FindStringSubmatch(text), grpcLine.FindStringSubmatch(text)
	if rest == nil || rpc == nil {
		t.Fatalf("the suite does not say where it is:\n%s", text)
	}
	token, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	s.rest, s.grpc, s.token = rest[1], rpc[1], strings.TrimSpace(string(token))
}

// again returns the options that start the suite in the same place.
func (s *suite) again(t *testing.T, o suiteOptions) suiteOptions {
	t.Helper()
	u, err := url.Parse(s.rest)
	if err != nil {
		t.Fatal(err)
	}
	o.data, o.http, o.grpc = s.data, u.Host, s.grpc
	return o
}
