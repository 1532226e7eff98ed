package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// inStore changes the stored vault of a suite that does not run.
func inStore(t *testing.T, dir string, change func(kv.Tx) error) {
	t.Helper()
	store, err := boltkv.Open(filepath.Join(dir, "credential-vault", "credential-vault.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Update(context.WithoutCancel(t.Context()), change); err != nil {
		t.Fatal(err)
	}
}

// as returns the suite as somebody else sees it.
func (s *suite) as(t *testing.T, who, role string) *suite {
	t.Helper()
	other := *s
	other.token = strings.TrimSpace(s.do(t, nil, "token", who, "--role", role, "--data", s.data))
	return &other
}

// load calls APIs, makes connections and reads them until it is stopped.
type load struct {
	stop  context.CancelFunc
	done  chan struct{}
	mu    sync.Mutex
	calls int
	wrong []string
}

// keepCalling begins to call, each time through another one of n connections.
func keepCalling(t *testing.T, s *suite, n int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &load{stop: stop, done: make(chan struct{})}
	c := s.overREST()
	go func() {
		defer close(l.done)
		for i := 0; ctx.Err() == nil; i++ {
			id := fmt.Sprint("shop-", i%n)
			res, err := c.invoke(t, id, "ListItems", `{"limit": 1}`)
			if err == nil && res.GetStatusCode() != 200 {
				err = fmt.Errorf("status %d", res.GetStatusCode())
			}
			if err == nil && i%n == 0 {
				_, err = c.vault.UpdateConnection(ctx, &vaultv1.UpdateConnectionRequest{
					Connection: &vaultv1.Connection{Name: connectionName(id)}, Secrets: map[string]string{"api_key": apiKey},
				})
			}
			l.mu.Lock()
			l.calls++
			if err != nil && ctx.Err() == nil {
				l.wrong = append(l.wrong, err.Error())
			}
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() { stop(); <-l.done })
	return l
}

// end stops the calls after some more of them. None may have failed.
func (l *load) end(t *testing.T, when string) {
	t.Helper()
	enough := l.count() + 50
	testkit.Await(t, "more calls "+when, func() bool { return l.count() >= enough })
	l.stop()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d calls %s", l.calls, when)
	if len(l.wrong) > 0 {
		t.Errorf("%s, %d of %d calls failed: %.500q", when, len(l.wrong), l.calls, l.wrong)
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// sooner lets a rotation that waits, or whose process has died, go on at once.
// What it waits for is that minutes have passed.
func sooner(t *testing.T, dir string) {
	t.Helper()
	inStore(t, dir, func(tx kv.Tx) error {
		found, err := tx.Scan([]byte("kr/"), nil, 10)
		if err != nil || len(found) != 1 {
			return fmt.Errorf("there are %d rotations: %w", len(found), err)
		}
		format, text := found[0].Value[:1], found[0].Value[1:]
		var record map[string]any
		if err := json.Unmarshal(text, &record); err != nil {
			return err
		}
		step, ok := record["step"].(map[string]any)
		if !ok {
			return fmt.Errorf("the rotation is stored as %s", found[0].Value)
		}
		delete(step, "until")
		delete(record, "lease")
		changed, err := json.Marshal(record)
		if err != nil {
			return err
		}
		return tx.Put(found[0].Key, slices.Concat(format, changed))
	})
}

func keyFile(t *testing.T, s *suite) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.data, "credential-vault", "kek.json"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestFailureMode11KeysAreExchangedWhileTheSuiteServes: failure mode 11, with the
// real program: no call fails, and a kill at any moment stops nothing.
func TestFailureMode11KeysAreExchangedWhileTheSuiteServes(t *testing.T) {
	t.Parallel()
	const connections = 12
	o := suiteOptions{data: t.TempDir(), flags: []string{"--lease", "1s"}} // calls ask the vault again and again
	shop, s := startInventory(t, apiKey), up(t, o)
	c := s.overREST()
	c.connect(t, "shop", shop.url, apiKey)
	for n := range connections {
		must[*vaultv1.Connection](t, "connect")(c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
			Parent: environment, ConnectionId: fmt.Sprint("shop-", n),
			Connection: &vaultv1.Connection{Connector: connectorName("shop")}, Secrets: map[string]string{"api_key": apiKey},
		}))
	}
	s.fail(t, 1, []string{"KEY_ROTATION_NOT_FOUND"}, "keys", "status", "-o", "json")
	s.as(t, "mia", "maker").fail(t, 1, []string{"PERMISSION_DENIED"}, "keys", "rotate")
	s.as(t, "mia", "maker").fail(t, 1, []string{"PERMISSION_DENIED"}, "keys", "status")

	before := keyFile(t, s)
	// Somebody rotates, and the process dies in the middle of it.
	calls := keepCalling(t, s, connections)
	command := launch(t, nil, programs(t).ferrule, "keys", "rotate", "--wait", "--server", s.rest, "--token", s.token)
	testkit.Await(t, "the rotation to begin", func() bool { return strings.Contains(s.cli(t, "keys", "status").out, "running") })
	moment := time.Now().Add(time.Duration(rand.Int64N(int64(7 * time.Second))))
	testkit.Await(t, "the moment of the kill", func() bool { return time.Now().After(moment) })
	t.Logf("killed at: %s", s.cli(t, "keys", "status").out)
	calls.end(t, "until the kill")
	s.kill()
	if code := command.exit(t); code == 0 {
		t.Errorf("the command ended with 0 although the server was killed:\n%s", command.out)
	}
	sooner(t, s.data)

	// It goes on by itself after a start.
	s = up(t, s.again(t, o))
	calls = keepCalling(t, s, connections)
	testkit.Await(t, "the rotation to wait or to end", func() bool {
		text := s.cli(t, "keys", "status").out
		return strings.Contains(text, "waits until no request") || strings.Contains(text, "succeeded")
	})
	calls.end(t, "after the first start")
	if !strings.Contains(s.cli(t, "keys", "status").out, "succeeded") {
		if code := s.terminate(t); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		sooner(t, s.data)
		s = up(t, s.again(t, o))
	}
	calls = keepCalling(t, s, connections)
	testkit.Await(t, "the rotation to end", func() bool { return strings.Contains(s.cli(t, "keys", "status").out, "succeeded") })
	calls.end(t, "until the end")
	if bytes.Equal(before, keyFile(t, s)) {
		t.Error("the key file is the one from before the rotation")
	}
	keepCalling(t, s, connections).end(t, "afterwards") // all old keys are destroyed
	s.do(t, []string{"intact"}, "audit", "verify")
}
