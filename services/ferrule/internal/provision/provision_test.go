package provision_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/provision"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func run(t *testing.T, dir string, clk *clocktest.Fake) {
	t.Helper()
	err := provision.Run(t.Context(), provision.Config{
		Dir: filepath.Join(dir, "setup"), Identities: filepath.Join(dir, "identities"), Clock: clk, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// files returns the contents of all files below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && d.Name() != provision.TrustFile { // certificates are public
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEachServiceGetsItsOwnIdentityAndNoKeyOfAnybodyElse(t *testing.T) {
	dir := t.TempDir()
	clk := clocktest.New(start)
	run(t, dir, clk)
	for _, name := range []string{"registry", "credential-vault", "runtime-proxy", "trigger", "gateway", "nats"} {
		own := filepath.Join(dir, "identities", name)
		entries, err := os.ReadDir(own)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		want := []string{"ca.pem", name + ".pem", "token.pub"}
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s has %v, want %v", name, names, want)
		}
		trust, err := os.ReadFile(filepath.Join(own, "ca.pem"))
		if err != nil || strings.Contains(string(trust), "PRIVATE") {
			t.Errorf("%s holds the authority's key: %v", name, err)
		}
		if _, err := pki.Open(pki.Config{Dir: own, Service: name, Clock: clk, Log: slog.New(slog.DiscardHandler)}); err != nil {
			t.Errorf("%s cannot use its identity: %v", name, err)
		}
	}
}

func TestTheTokenThatIsLeftIsAnAdminsAndTheServicesAcceptIt(t *testing.T) {
	dir := t.TempDir()
	clk := clocktest.New(start)
	run(t, dir, clk)
	token, err := os.ReadFile(filepath.Join(dir, "setup", provision.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := authn.LoadPublicKey(filepath.Join(dir, "identities", "gateway", provision.TokenKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authn.NewVerifier(clk, key).Verify(t.Context(), string(token))
	if err != nil || !p.Is(authn.RoleAdmin) {
		t.Errorf("the token is %v, %v", p, err)
	}
}

func TestRunningAgainChangesNothingThatIsStillGood(t *testing.T) {
	dir := t.TempDir()
	clk := clocktest.New(start)
	run(t, dir, clk)
	before := files(t, dir)
	run(t, dir, clk)
	for name, content := range files(t, dir) {
		if before[name] != content {
			t.Errorf("%s changed", name)
		}
	}
	// A year later, what runs out has been renewed, and nothing else.
	clk.Advance(350 * 24 * time.Hour)
	run(t, dir, clk)
	after := files(t, dir)
	for _, name := range []string{"identities/gateway/gateway.pem", "setup/authority/gateway.pem"} {
		if before[name] == after[name] {
			t.Errorf("%s was not renewed", name)
		}
	}
	for _, name := range []string{"setup/token.key", "identities/gateway/ca.pem", "identities/gateway/token.pub"} {
		if before[name] != after[name] {
			t.Errorf("%s changed", name)
		}
	}
}

func TestIssueMakesTokensForOthers(t *testing.T) {
	dir := t.TempDir()
	clk := clocktest.New(start)
	run(t, dir, clk)
	setup := filepath.Join(dir, "setup")
	token, err := provision.Issue(setup, "ann", []authn.Role{authn.RoleMaker}, time.Hour, clk)
	if err != nil {
		t.Fatal(err)
	}
	key, err := authn.LoadPublicKey(filepath.Join(dir, "identities", "gateway", provision.TokenKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authn.NewVerifier(clk, key).Verify(t.Context(), token)
	if err != nil || p.Name != "ann" || !p.Is(authn.RoleMaker) || p.Is(authn.RoleAdmin) {
		t.Errorf("the token is %v, %v", p, err)
	}
	for _, row := range []struct {
		name, dir, bearer string
		role              authn.Role
		ttl               time.Duration
		reason            fault.Reason
	}{
		{"a directory without a key", t.TempDir(), "ann", authn.RoleUser, time.Hour, fault.ReasonPermissionDenied},
		{"an unknown role", setup, "ann", "king", time.Hour, fault.ReasonInvalidArgument},
		{"a token for ever", setup, "ann", authn.RoleUser, 10 * 366 * 24 * time.Hour, fault.ReasonInvalidArgument},
		{"a token in the name of a service", setup, "trigger", authn.RoleUser, time.Hour, fault.ReasonInvalidArgument},
		{"a token for nobody", setup, "", authn.RoleUser, time.Hour, fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := provision.Issue(row.dir, row.bearer, []authn.Role{row.role}, row.ttl, clk); fault.ReasonOf(err) != row.reason {
				t.Errorf("Issue() = %v, want %s", err, row.reason)
			}
		})
	}
}
