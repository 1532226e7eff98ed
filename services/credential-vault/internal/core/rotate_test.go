package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// plant is what processes share: the store, the key file and the time.
type plant struct {
	*rig
	engine kv.Store
	path   string
	ids    atomic.Int64
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	return &plant{rig: newRig(t), engine: memkv.New(), path: filepath.Join(t.TempDir(), "kek.json")}
}

// process starts a vault of its own on the shared store, seen through inner.
func (p *plant) process(inner kv.Store) (*core.Vault, *seal.Keyring) {
	p.t.Helper()
	records := store.New(inner, func() {})
	keys, err := seal.Unlock(p.t.Context(), p.path, records, seal.WithClock(p.clock))
	if err != nil {
		p.t.Fatal(err)
	}
	records.Prove(chain.New(keys, records))
	return core.New(core.Config{Lease: time.Minute, Runtime: "runtime-proxy", Trusted: []string{"trigger"}}, core.Ports{
		Store: records, Sealer: keys, Connectors: steady{}, Environments: &p.environments, Clock: p.clock,
		NewID: func() string { n := p.ids.Add(1); return fmt.Sprintf("%016x%016x", n, n) },
	}), keys
}

// stored returns the store itself, past any vault.
func (p *plant) stored(announced func()) *store.Store {
	p.t.Helper()
	records := store.New(p.engine, announced)
	keys, err := seal.Unlock(p.t.Context(), p.path, records, seal.WithClock(p.clock))
	if err != nil {
		p.t.Fatal(err)
	}
	records.Prove(chain.New(keys, records))
	return records
}

// steady knows one connector and, unlike the other double, can be asked by many.
type steady struct{}

func (steady) Definition(context.Context, resource.Connector, string) (*connectorv1.Definition, error) {
	return crm(), nil
}

// fill stores connections with the password "pw-" and their number.
func (p *plant) fill(v *core.Vault, n int) {
	p.t.Helper()
	for i := range n {
		d := draft()
		d.ID = fmt.Sprintf("crm-%d", i)
		d.Secrets = texts("password", fmt.Sprintf("pw-%d", i))
		if _, err := v.Create(p.t.Context(), ann(), d); err != nil {
			p.t.Fatal(err)
		}
	}
}

// lends checks that a vault lends a connection's password.
func lends(ctx context.Context, v *core.Vault, id, want string) error {
	lent, err := v.Resolve(ctx, through("runtime-proxy", ann()), core.Request{Name: name(id), OperationID: "ListItems"})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	got := ""
	for _, s := range lent.Secrets {
		err = errors.Join(err, s.Value.Use(granted, func(b []byte) error { got = string(b); return nil }))
	}
	if err == nil && want != "" && got != want {
		err = fmt.Errorf("%s has the password %q, want %q", id, got, want)
	}
	return err
}

// readable checks that a vault lends everything that fill has stored.
func (p *plant) readable(v *core.Vault, n int, who string) {
	p.t.Helper()
	for i := range n {
		if err := lends(p.t.Context(), v, fmt.Sprintf("crm-%d", i), fmt.Sprintf("pw-%d", i)); err != nil {
			p.t.Fatalf("%s: %v", who, err)
		}
	}
}

func (p *plant) begin(v *core.Vault, level core.KeyLevel, environment string) core.Rotation {
	p.t.Helper()
	r, err := v.RotateKeys(p.t.Context(), admin(), level, environment)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *plant) latest(v *core.Vault) core.Rotation {
	p.t.Helper()
	r, err := v.GetKeyRotation(p.t.Context(), admin(), core.LatestRotation)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// finish drives a rotation to its end, however long it waits.
func (p *plant) finish(v *core.Vault, between func()) core.Rotation {
	p.t.Helper()
	for range 100 {
		_ = v.ContinueRotation(p.t.Context())
		r := p.latest(v)
		if r.State != core.RotationRunning {
			return r
		}
		between()
		p.clock.Advance(time.Minute)
	}
	p.t.Fatalf("the rotation does not end: %+v", p.latest(v))
	return core.Rotation{}
}

func wantSucceeded(t *testing.T, r core.Rotation) {
	t.Helper()
	if r.State != core.RotationSucceeded || r.Done != r.Total || r.EndTime.IsZero() || r.Reason != "" {
		t.Fatalf("the rotation ended as %+v", r)
	}
}

const planted = 5

func TestFailureMode11RotationOfBothLevelsSurvivesAKillAtEveryCommit(t *testing.T) {
	commits := killed(t, faultkv.AfterCommit, 0)
	if commits < 15 {
		t.Fatalf("a rotation without a kill has %d commits only", commits)
	}
	for title, point := range map[string]faultkv.Point{"before": faultkv.BeforeCommit, "after": faultkv.AfterCommit} {
		for n := 1; n <= commits; n++ {
			t.Run(fmt.Sprintf("%s commit %d", title, n), func(t *testing.T) { killed(t, point, n) })
		}
	}
}

// killed rotates both levels, with a kill at the nth passing of the point unless
// that is 0, and returns how many commits there were.
func killed(t *testing.T, at faultkv.Point, nth int) int {
	t.Helper()
	p := newPlant(t)
	p.bystander()
	faulty := faultkv.New(p.engine)
	doomed, _ := p.process(faulty)
	p.fill(doomed, planted)
	other, _ := p.process(p.engine) // another replica, with the old keys in memory
	p.readable(other, planted, "the other replica at the start")
	before := p.keep()
	p.begin(doomed, core.KeyLevelAll, "")
	begun := faulty.Passed(faultkv.AfterCommit)
	if nth > 0 {
		faulty.Crash(at, nth)
	}
	for range 20 {
		_ = doomed.ContinueRotation(t.Context())
		p.clock.Advance(time.Minute)
	}
	if faulty.Crashed() != (nth > 0) {
		t.Fatalf("crashed: %v", faulty.Crashed())
	}
	p.readable(other, planted, "the other replica after the kill")
	again, _ := p.process(p.engine)
	p.readable(again, planted, "the process that started again")
	p.clock.Advance(10 * time.Minute) // the lease of the dead ends
	r := p.finish(again, func() {
		p.readable(other, planted, "the other replica during the rotation")
		p.readable(again, planted, "the process that resumed")
	})
	wantSucceeded(t, r)
	p.readable(other, planted, "the other replica at the end")
	p.readable(again, planted, "the process that resumed, at the end")
	fresh, _ := p.process(p.engine)
	p.readable(fresh, planted, "a process that started after the rotation")
	verdict, err := fresh.VerifyAudit(t.Context(), admin(), "default", core.AuditAnchor{})
	if err != nil || verdict.Broken != 0 || verdict.Checked == 0 {
		t.Errorf("the audit trail is not proved any more: %+v, %v", verdict, err)
	}
	p.wantOldKeysGone(before)
	return faulty.Passed(faultkv.AfterCommit) - begun
}

// bystander is an environment with keys and without connections.
func (p *plant) bystander() {
	p.t.Helper()
	_, keys := p.process(p.engine)
	if _, err := keys.NewKey(p.t.Context(), "staging", "environments/staging/auditTrail"); err != nil {
		p.t.Fatal(err)
	}
}

// kept is a backup: everything in the store, and the key file.
type kept struct {
	records map[string]string
	key     []byte
}

func (p *plant) keep() kept {
	p.t.Helper()
	key, err := os.ReadFile(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	return kept{records: records(p.t, p.engine), key: key}
}

func records(t *testing.T, engine kv.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := engine.View(t.Context(), func(r kv.Reader) error {
		for pair, err := range kv.All(r, nil, 100) {
			if err != nil {
				return err
			}
			all[string(pair.Key)] = string(pair.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantOldKeysGone checks that nothing of before opens anything of now.
func (p *plant) wantOldKeysGone(before kept) {
	p.t.Helper()
	now := p.keep()
	if string(now.key) == string(before.key) || strings.Count(string(now.key), `"keyId"`) != 1 {
		p.t.Error("the key file has kept an old key")
	}
	stale := filepath.Join(p.t.TempDir(), "old.json")
	if err := os.WriteFile(stale, before.key, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if _, err := seal.Unlock(p.t.Context(), stale, store.New(p.engine, func() {})); err == nil || !strings.Contains(err.Error(), "not the one that the stored secrets need") {
		p.t.Errorf("the old key file: got %v, want a refusal", err)
	}
	// Yesterday's keyset with today's records: the data key is another one.
	mixed := memkv.New()
	for key, value := range now.records {
		if old, ok := before.records[key]; ok && strings.HasPrefix(key, "k/") {
			value = old
		}
		put(p.t, mixed, key, value)
	}
	keys, err := seal.Unlock(p.t.Context(), stale, onlyOld{store.New(mixed, func() {})})
	if err != nil {
		p.t.Fatal(err)
	}
	conn, err := p.stored(func() {}).Connection(p.t.Context(), name("crm-0"))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := keys.Open(p.t.Context(), core.KeyPlace("default", conn.Name.String()), conn.Key); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		p.t.Errorf("the old data key still opens a connection's key: %v", err)
	}
}

// onlyOld hides the environments, so that keysets are looked at one by one.
type onlyOld struct{ *store.Store }

func (onlyOld) KeysetEnvironments(context.Context) ([]string, error) { return []string{"default"}, nil }

func put(t *testing.T, engine kv.Store, key, value string) {
	t.Helper()
	if err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

func TestFailureMode11ServingGoesOnDuringARotation(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	w, _ := p.process(p.engine) // two replicas serve, and both may rotate
	p.fill(v, planted)
	var stop atomic.Bool
	// A request never takes as long as old keys are kept: time passes only while
	// none is under way.
	var requests sync.RWMutex
	var all sync.WaitGroup
	last := make([]string, 4)
	for worker := range last {
		all.Go(func() {
			for n := 0; !stop.Load() || n < 3; n++ {
				requests.RLock()
				value, err := churn(t.Context(), []*core.Vault{v, w}[worker%2], worker, n)
				requests.RUnlock()
				if err != nil {
					t.Errorf("worker %d: %v", worker, err)
					return
				}
				last[worker] = value
			}
		})
	}
	p.begin(v, core.KeyLevelAll, "")
	var end core.Rotation
	for range 100 {
		_ = v.ContinueRotation(t.Context())
		_ = w.ContinueRotation(t.Context())
		if end = p.latest(v); end.State != core.RotationRunning {
			break
		}
		requests.Lock()
		p.clock.Advance(time.Minute)
		requests.Unlock()
	}
	stop.Store(true)
	all.Wait()
	wantSucceeded(t, end)
	fresh, _ := p.process(p.engine)
	for _, vault := range []*core.Vault{v, w, fresh} {
		p.readable(vault, planted, "at the end")
		for worker, value := range last {
			if err := lends(t.Context(), vault, fmt.Sprintf("busy-%d", worker), value); err != nil {
				t.Error(err)
			}
		}
	}
}

// churn makes, changes, reads and removes connections, and returns the password
// that the worker's own connection has now.
func churn(ctx context.Context, v *core.Vault, worker, n int) (string, error) {
	id, value := fmt.Sprintf("busy-%d", worker), fmt.Sprintf("value-%d-%d", worker, n)
	var err error
	if n == 0 {
		d := draft()
		d.ID, d.Secrets = id, texts("password", value)
		_, err = v.Create(ctx, ann(), d)
	} else {
		_, err = v.Update(ctx, ann(), core.Edit{Name: name(id), Secrets: texts("password", value)})
	}
	if err != nil {
		return "", err
	}
	brief := draft()
	brief.ID = fmt.Sprintf("brief-%d", worker)
	if _, err := v.Create(ctx, ann(), brief); err != nil {
		return "", err
	}
	if err := lends(ctx, v, brief.ID, "pw-one"); err != nil {
		return "", err
	}
	if err := v.Delete(ctx, ann(), name(brief.ID), ""); err != nil {
		return "", err
	}
	return value, lends(ctx, v, id, value)
}

func TestOneEnvironmentIsRotatedWithoutTheOthers(t *testing.T) {
	p := newPlant(t)
	p.bystander()
	v, _ := p.process(p.engine)
	p.fill(v, 3)
	before := p.keep()
	p.begin(v, core.KeyLevelData, "default")
	r := p.finish(v, func() {})
	wantSucceeded(t, r)
	if r.Total != 3+1 {
		t.Errorf("it counted %d records, want the connections and the audit key of one environment", r.Total)
	}
	after := p.keep()
	if string(before.key) != string(after.key) {
		t.Error("the key file has changed")
	}
	if before.records["k/staging"] != after.records["k/staging"] || before.records["k/default"] == after.records["k/default"] {
		t.Error("the keys of the wrong environment were exchanged")
	}
	p.readable(v, 3, "at the end")
	records, _, err := p.stored(func() {}).AuditRecords(t.Context(), core.AuditQuery{
		AuditFilter: core.AuditFilter{Environment: "default", Action: core.ActionKeysRotated}, Limit: 10,
	})
	if err != nil || len(records) != 1 || records[0].Principal != "root" {
		t.Errorf("the exchange is on record as %v, %v", records, err)
	}
}

func TestAConnectionWithoutAKeyGetsOne(t *testing.T) {
	p := newPlant(t)
	v, keys := p.process(p.engine)
	p.fill(v, 1)
	legacy(t, p, keys)
	p.readable(v, 1, "before")
	p.begin(v, core.KeyLevelData, "")
	wantSucceeded(t, p.finish(v, func() { p.readable(v, 1, "during") }))
	p.readable(v, 1, "after")
	conn, err := p.stored(func() {}).Connection(t.Context(), name("crm-0"))
	if err != nil || len(conn.Key) == 0 {
		t.Errorf("it still has none: %v", err)
	}
}

// legacy seals a connection's secrets directly under its environment.
func legacy(t *testing.T, p *plant, keys *seal.Keyring) {
	t.Helper()
	records := p.stored(func() {})
	conn, sealed, err := records.WithSecrets(t.Context(), name("crm-0"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Key = nil
	conn.Change++
	at := core.Place{Environment: "default", Resource: conn.Name.String(), Parameter: "password", Version: sealed[0].Version}
	if sealed[0].Blob, err = keys.Seal(t.Context(), at, texts("x", "pw-0")["x"]); err != nil {
		t.Fatal(err)
	}
	if err := records.Replace(t.Context(), core.Write{Connection: conn, Secrets: sealed}); err != nil {
		t.Fatal(err)
	}
}
