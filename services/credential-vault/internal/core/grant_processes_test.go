package core_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest/sharedkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// replicaEnv names the environment variable that turns the test binary into
// another vault. It holds a replicaSetup.
const replicaEnv = "VAULT_TEST_REPLICA"

// replicaSetup is what the processes of a test agree upon.
type replicaSetup struct {
	Store   string // the socket of the shared store
	Token   string // the URL of the token endpoint
	Callers int
	Renewal core.Renewal
}

// vault returns the vault of one process.
func (s replicaSetup) vault(engine kv.Store) *core.Vault {
	rig := &grantRig{def: signInDefinition()}
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy", Renewal: s.Renewal}, core.Ports{
		Store: proved(engine), Sealer: &safeSealer{}, Connectors: rig, Environments: onlyEnvironment{}, Clock: clock.System(),
		Tokens: oauth.New(oauth.Config{
			HTTP: func(*tls.Certificate) *http.Client { return &http.Client{} }, Clock: clock.System(),
		}),
		Presets: grantPresets{func(provider.Given) *oauth.Profile { return s.profile() }},
		NewID:   func() string { return fmt.Sprintf("%016x%016x", os.Getpid(), vaultIDs.Add(1)) },
	})
}

func (s replicaSetup) profile() *oauth.Profile {
	return &oauth.Profile{
		Grant: oauth.AuthorizationCode, Endpoints: oauth.Endpoints{Token: s.Token}, Client: oauth.Registration{ID: "client"},
	}
}

// hammer lets many callers resolve the connection at once, and returns a line for
// what each of them got.
func (s replicaSetup) hammer(ctx context.Context, v *core.Vault) (lines []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range s.Callers {
		wg.Go(func() {
			values, _, err := lend(ctx, v)
			line := values["token"]
			if err != nil {
				line = string(fault.ReasonOf(err))
			}
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, line)
		})
	}
	wg.Wait()
	return lines
}

// TestAnotherProcess is the other process of the tests below. It begins when it is
// told to.
func TestAnotherProcess(t *testing.T) {
	raw := os.Getenv(replicaEnv)
	if raw == "" {
		t.Skip("this is run by other tests, in a process of its own")
	}
	var setup replicaSetup
	if err := json.Unmarshal([]byte(raw), &setup); err != nil {
		t.Fatal(err)
	}
	v := setup.vault(sharedkv.Dial("unix", setup.Store))
	out := os.NewFile(3, "answers")
	defer func() { _ = out.Close() }()
	fmt.Fprintln(out, "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, line := range setup.hammer(t.Context(), v) {
		fmt.Fprintln(out, line)
	}
}

// otherProcess is a process under way.
type otherProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *bufio.Scanner
	tell io.WriteCloser
}

// startReplica begins another process and waits until it is ready.
func startReplica(t *testing.T, setup replicaSetup) *otherProcess {
	t.Helper()
	raw, err := json.Marshal(setup)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &otherProcess{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAnotherProcess$"), out: bufio.NewScanner(read)}
	p.cmd.Env = append(os.Environ(), replicaEnv+"="+string(raw))
	p.cmd.ExtraFiles = []*os.File{write}
	p.cmd.Stderr = t.Output()
	if p.tell, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	t.Cleanup(func() { _ = read.Close() })
	if !p.out.Scan() || p.out.Text() != "ready" {
		t.Fatalf("the other process says %q", p.out.Text())
	}
	return p
}

// begin lets it go.
func (p *otherProcess) begin() {
	p.t.Helper()
	if _, err := io.WriteString(p.tell, "go\n"); err != nil {
		p.t.Error(err)
	}
}

// answers returns all its lines, when it has ended.
func (p *otherProcess) answers() (lines []string) {
	p.t.Helper()
	for p.out.Scan() {
		lines = append(lines, p.out.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Error(err)
	}
	return lines
}

// singleUse is the token endpoint of a provider whose refresh tokens are good for
// one use. A second use revokes all that came of the first, unless it is lenient.
type singleUse struct {
	mu      sync.Mutex
	lenient bool
	slow    time.Duration
	calls   int
	serial  int
	used    map[string]bool
	revoked bool
	asked   chan struct{} // gets a value at every call
}

func (s *singleUse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	s.calls++
	refresh := r.PostForm.Get("refresh_token")
	status, body := http.StatusBadRequest, `{"error":"invalid_grant"}`
	if s.used[refresh] && !s.lenient {
		s.revoked = true
	}
	s.used[refresh] = true
	if !s.revoked {
		s.serial++
		status, body = http.StatusOK, fmt.Sprintf(`{"access_token":"access-%d","token_type":"bearer","expires_in":3600,"refresh_token":"refresh-%d"}`, s.serial, s.serial)
	}
	slow := s.slow
	s.mu.Unlock()
	s.asked <- struct{}{}
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (s *singleUse) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// between sets up a provider, a shared store, and in it a connection whose token
// has ended.
func between(t *testing.T, server *singleUse, renewal core.Renewal) (replicaSetup, *core.Vault, *grantRig) {
	t.Helper()
	server.used, server.asked = map[string]bool{}, make(chan struct{}, 1000)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	dir, err := os.MkdirTemp("", "vault") //nolint:usetesting // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	rig := &grantRig{t: t, engine: memkv.New(), def: signInDefinition()}
	setup := replicaSetup{Store: filepath.Join(dir, "s"), Token: web.URL + "/token", Callers: 64, Renewal: renewal}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", setup.Store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sharedkv.Serve(ctx, listener, rig.engine) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	v := setup.vault(rig.engine)
	ended := oauth.Token{
		Access: secret.FromString("access-0"), Refresh: secret.FromString("refresh-0"), ExpireTime: time.Now().Add(-time.Hour),
	}
	if _, err := v.AcceptGrant(t.Context(), ann(), rig.insert(func(c *core.Connection) {
		c.TokenOrigins, c.Profile, c.Kind = []string{web.URL}, outlineOf(setup.profile()), setup.profile().Grant
	}), setup.profile(), ended); err != nil {
		t.Fatal(err)
	}
	return setup, v, rig
}

func tally(lines ...[]string) map[string]int {
	got := map[string]int{}
	for _, some := range lines {
		for _, line := range some {
			got[line]++
		}
	}
	return got
}

// Failure modes 1 and 3, with processes.
func TestTwoProcessesAskTheProviderOnce(t *testing.T) {
	for title, c := range map[string]struct {
		slow    time.Duration
		renewal core.Renewal
		want    map[string]int
	}{
		"of a quick provider": {
			0, core.Renewal{Poll: 5 * time.Millisecond}, map[string]int{"access-1": 192},
		},
		"of one that takes a while": {
			300 * time.Millisecond, core.Renewal{Poll: 5 * time.Millisecond}, map[string]int{"access-1": 192},
		},
		"of one that takes longer than an attempt holds": {
			3 * time.Second,
			core.Renewal{Call: 200 * time.Millisecond, Slack: 300 * time.Millisecond, Poll: 5 * time.Millisecond},
			map[string]int{"PROVIDER_UNAVAILABLE": 192},
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			server := &singleUse{slow: c.slow}
			setup, v, _ := between(t, server, c.renewal)
			one, two := startReplica(t, setup), startReplica(t, setup)
			one.begin()
			two.begin()
			mine := setup.hammer(t.Context(), v)
			if diff := cmp.Diff(c.want, tally(mine, one.answers(), two.answers())); diff != "" {
				t.Error(diff)
			}
			if n := server.count(); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

// Failure mode 4, with a process that is killed while the provider answers.
func TestAProcessThatIsKilledDuringARenewal(t *testing.T) {
	for title, lenient := range map[string]bool{
		"leaves a connection that needs a sign-in, if the provider gives every token once": false,
		"leaves one that another process renews, if the provider is lenient":               true,
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			server := &singleUse{slow: time.Hour, lenient: lenient}
			setup, v, rig := between(t, server, core.Renewal{Call: 2 * time.Second, Slack: time.Second, Poll: 5 * time.Millisecond})
			setup.Callers = 4
			victim := startReplica(t, setup)
			victim.begin()
			<-server.asked
			if err := victim.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = victim.cmd.Wait()
			server.mu.Lock()
			server.slow = 0
			server.mu.Unlock()
			want := map[string]int{"CONNECTION_NOT_READY": 4}
			if lenient {
				want = map[string]int{"access-2": 4}
			}
			if diff := cmp.Diff(want, tally(setup.hammer(t.Context(), v))); diff != "" {
				t.Error(diff)
			}
			setup.hammer(t.Context(), v)
			if n := server.count(); n != 2 {
				t.Errorf("the provider was asked %d times", n)
			}
			conn := rig.state(v)
			if lenient != (conn.State == core.StateConnected) || lenient == strings.Contains(conn.StateReason, "interrupted") {
				t.Errorf("the connection is %v: %s", conn.State, conn.StateReason)
			}
		})
	}
}
