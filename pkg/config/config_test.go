package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/config"
)

func TestApply(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "addr")
	if err := os.WriteFile(file, []byte("from-file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, []byte(strings.Repeat("x", 1<<17)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		args  []string
		env   map[string]string
		addr  string
		count int
		err   string
	}{
		{name: "defaults stay where nothing is set", addr: "default", count: 1},
		{
			name: "a variable sets its flag", env: map[string]string{"FERRULE_HTTP_ADDR": "from-env", "FERRULE_COUNT": "7"},
			addr: "from-env", count: 7,
		},
		{
			name: "the command line wins", args: []string{"--http-addr=from-line"}, env: map[string]string{"FERRULE_HTTP_ADDR": "from-env"},
			addr: "from-line", count: 1,
		},
		{
			name: "a file's first line is the value", env: map[string]string{"FERRULE_HTTP_ADDR_FILE": file},
			addr: "from-file", count: 1,
		},
		{name: "an empty variable is a value", env: map[string]string{"FERRULE_HTTP_ADDR": ""}, addr: "", count: 1},
		{
			name: "both ways at once is refused", env: map[string]string{"FERRULE_HTTP_ADDR": "x", "FERRULE_HTTP_ADDR_FILE": file},
			err: "remove one",
		},
		{name: "a value of the wrong type is refused by name", env: map[string]string{"FERRULE_COUNT": "many"}, err: "FERRULE_COUNT"},
		{name: "a missing file is refused by name", env: map[string]string{"FERRULE_COUNT_FILE": filepath.Join(dir, "none")}, err: "FERRULE_COUNT"},
		{name: "a huge file is refused", env: map[string]string{"FERRULE_HTTP_ADDR_FILE": huge}, err: "larger than"},
		{
			name: "all faults are reported together", env: map[string]string{"FERRULE_COUNT": "many", "FERRULE_HTTP_ADDR_FILE": huge},
			err: "FERRULE_HTTP_ADDR",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			addr := flags.String("http-addr", "default", "where to listen")
			count := flags.Int("count", 1, "how many")
			if err := flags.Parse(row.args); err != nil {
				t.Fatal(err)
			}
			err := config.Apply(flags, func(name string) (string, bool) { v, ok := row.env[name]; return v, ok })
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("Apply() = %v, want an error with %q", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *addr != row.addr || *count != row.count {
				t.Errorf("addr, count = %q, %d, want %q, %d", *addr, *count, row.addr, row.count)
			}
		})
	}
}

func TestAFlagCanHaveNoVariable(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	path := flags.String("output", "", "file to write")
	flags.Lookup("output").Annotations = map[string][]string{config.OnlyFlag: nil}
	config.Document(flags)
	err := config.Apply(flags, func(name string) (string, bool) { return "json", name == "FERRULE_OUTPUT" })
	if usage := flags.Lookup("output").Usage; err != nil || *path != "" || usage != "file to write" {
		t.Errorf("%v, output = %q, usage %q", err, *path, usage)
	}
}

func TestDocumentNamesTheVariableOfEachFlag(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.String("nats-url", "", "where NATS is")
	config.Document(flags)
	if got := flags.Lookup("nats-url").Usage; got != "where NATS is [FERRULE_NATS_URL]" {
		t.Errorf("usage = %q", got)
	}
}
