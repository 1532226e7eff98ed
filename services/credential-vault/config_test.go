package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
)

func TestTheDefaultsAreValid(t *testing.T) {
	var c vault.Config
	c.Flags(pflag.NewFlagSet("vault", pflag.ContinueOnError))
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Lease != time.Minute || len(c.AllowServerHosts) != 0 || c.KEK != "" {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsFillTheConfig(t *testing.T) {
	var c vault.Config
	flags := pflag.NewFlagSet("vault", pflag.ContinueOnError)
	c.Flags(flags)
	err := flags.Parse([]string{"--lease=30s", "--allow-server-hosts=a.example,*.b.example", "--allow-server-hosts=c.example:8443", "--kek=file:/k"})
	if err != nil {
		t.Fatal(err)
	}
	want := vault.Config{Lease: 30 * time.Second, AllowServerHosts: []string{"a.example", "*.b.example", "c.example:8443"}, KEK: "file:/k", AuditRetention: 400 * 24 * time.Hour}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestEverythingThatIsWrongIsReported(t *testing.T) {
	for title, c := range map[string]struct {
		config vault.Config
		want   []string
	}{
		"a lease that is too short":   {vault.Config{Lease: time.Second - 1}, []string{"--lease"}},
		"a lease that is too long":    {vault.Config{Lease: 10*time.Minute + 1}, []string{"--lease"}},
		"two hosts and a lease":       {vault.Config{AllowServerHosts: []string{"*", "https://x"}}, []string{"--lease", `"*"`, `"https://x"`, "--allow-server-hosts"}},
		"a host with a path, no more": {vault.Config{Lease: time.Minute, AllowServerHosts: []string{"x/y"}}, []string{`"x/y"`}},
	} {
		t.Run(title, func(t *testing.T) {
			err := c.config.Validate()
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want something about %s", err, part)
				}
			}
		})
	}
}
