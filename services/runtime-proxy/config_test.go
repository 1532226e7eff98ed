package runtimeproxy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

func TestMain(m *testing.M) {
	sandbox.Main() // does not return in a process that runs custom code
	trustTestAuthority()
	goleak.VerifyTestMain(m)
}

func TestDefaultsAreValidAndFlagsSetThem(t *testing.T) {
	var cfg runtimeproxy.Config
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	cfg.Flags(flags)
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	must(t, flags.Parse([]string{"--call-timeout=5s", "--max-conns-per-host=7"}))
	want := cfg
	want.CallTimeout, want.MaxConnsPerHost = 5e9, 7
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	cfg := runtimeproxy.Config{CallTimeout: 301e9, MaxConnsPerHost: -1}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, flag := range []string{"call-timeout", "proxy-timeout", "cache-max-age", "cache-connections", "cache-revision-bytes", "max-conns-per-host"} {
		if !strings.Contains(err.Error(), "--"+flag) {
			t.Errorf("%s is not named in %v", flag, err)
		}
	}
}
