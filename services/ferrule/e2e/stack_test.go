package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The processes of a stack.
const (
	natsProcess    = "nats"
	triggerProcess = "trigger"
	runtimeProcess = "runtime-proxy"
	gatewayProcess = "gateway"
)

// stackServices are the services in the order in which they are started, and the
// folders of their modules.
var stackServices = []string{"registry", "credential-vault", runtimeProcess, triggerProcess, gatewayProcess}

var buildStack = sync.OnceValues(func() (string, error) {
	b, err := build()
	if err != nil {
		return "", err
	}
	services := filepath.Join("..", "..")
	errs := []error{
		compile("..", filepath.Join(b.dir, "setup"), "./cmd/setup"),
		compileAlone(filepath.Join(services, "..", "scripts", "tools", "nats"), filepath.Join(b.dir, natsProcess), "github.com/nats-io/nats-server/v2"),
	}
	for _, name := range stackServices {
		errs = append(errs, compile(filepath.Join(services, name), filepath.Join(b.dir, name), "./cmd/"+name))
	}
	return b.dir, errors.Join(errs...)
})

// stack is the suite as separate processes beside a NATS server, each of which can
// be killed by itself and started again at the same addresses with the same files.
type stack struct {
	programs string
	dir      string
	addr     map[string]string // by what is there
	running  map[string]*process
}

// startStack starts all processes and waits until they are ready.
func startStack(t *testing.T) *stack {
	t.Helper()
	programs, err := buildStack()
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{programs: programs, dir: t.TempDir(), addr: map[string]string{natsProcess: reserved(t), "data": reserved(t)}, running: map[string]*process{}}
	for _, name := range stackServices {
		s.addr[name], s.addr[name+" http"] = reserved(t), reserved(t)
	}
	identities := s.path("identities")
	for _, name := range append([]string{natsProcess}, stackServices...) {
		if err := os.MkdirAll(filepath.Join(identities, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	made := launch(t, nil, filepath.Join(programs, "setup"), "--dir", s.path("setup"), "--identities", identities)
	if code := made.exit(t); code != 0 {
		t.Fatalf("setup ended with %d:\n%s", code, made.out)
	}
	s.configureNATS(t)
	s.revive(t)
	s.awaitReady(t)
	return s
}

func (s *stack) path(name string) string { return filepath.Join(s.dir, name) }

// reserved returns an address of loopback that was free a moment ago.
func reserved(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// configureNATS writes the configuration of the message bus: that of the containers
// in other folders.
func (s *stack) configureNATS(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "compose", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer(
		"port: 4222", "listen: "+s.addr[natsProcess], `http: "127.0.0.1:8222"`, "",
		`"/var/lib/ferrule"`, fmt.Sprintf("%q", s.path("nats-data")), "/etc/ferrule/tls", s.path("identities/nats"),
	).Replace(string(text))
	if err := os.WriteFile(s.path("nats.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
}

// revive starts what does not run: what was killed, and what ended by itself because
// it found its neighbours dead. It returns how many that were.
func (s *stack) revive(t *testing.T) (started int) {
	t.Helper()
	for _, name := range append([]string{natsProcess}, stackServices...) {
		if p := s.running[name]; p != nil && !p.gone() {
			continue
		}
		started++
		if name == natsProcess {
			s.running[name] = launch(t, nil, filepath.Join(s.programs, natsProcess), "-c", s.path("nats.conf"))
			continue
		}
		s.running[name] = launch(t, s.environment(name), filepath.Join(s.programs, name))
	}
	return started
}

// environment are the settings of a service.
func (s *stack) environment(name string) []string {
	identity := s.path("identities/" + name)
	env := []string{
		"FERRULE_GRPC_ADDR=" + s.addr[name], "FERRULE_HTTP_ADDR=" + s.addr[name+" http"], "FERRULE_DATA=" + s.path("data"),
		"FERRULE_NATS_URL=tls://" + s.addr[natsProcess], "FERRULE_TLS_DIR=" + identity, "FERRULE_TOKEN_KEY=" + filepath.Join(identity, "token.pub"),
		"FERRULE_REGISTRY_ADDR=" + s.addr["registry"], "FERRULE_VAULT_ADDR=" + s.addr["credential-vault"],
		"FERRULE_RUNTIME_ADDR=" + s.addr[runtimeProcess], "FERRULE_TRIGGER_ADDR=" + s.addr[triggerProcess],
		"FERRULE_PUBLIC_URL=" + s.url(), "FERRULE_LOG_LEVEL=error",
	}
	if name != gatewayProcess {
		env = append(env, "FERRULE_ALLOW_NETWORK=127.0.0.0/8")
	}
	if name == runtimeProcess {
		env = append(env, "FERRULE_DATA_ADDR="+s.addr["data"])
	}
	return append(env, "FERRULE_RUNTIME_DATA_URL=https://"+s.addr["data"])
}

// url is that of the REST edge.
func (s *stack) url() string { return "http://" + s.addr[gatewayProcess+" http"] }

// ready reports whether every service says that it is.
func (s *stack) ready(ctx context.Context) bool {
	for _, name := range stackServices {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr[name+" http"]+"/readyz", http.NoBody)
		if err != nil {
			return false
		}
		res, err := plain.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

// awaitReady starts what is gone until all are ready.
func (s *stack) awaitReady(t *testing.T) {
	t.Helper()
	awaitLonger(t, "all processes to be ready", func() bool {
		s.revive(t)
		return s.ready(t.Context())
	})
}

// clients speak REST, with the token of the administrator.
func (s *stack) clients(t *testing.T) clients {
	t.Helper()
	token, err := os.ReadFile(s.path("setup/admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	return clientsOn(&restConn{base: s.url(), token: strings.TrimSpace(string(token))})
}
