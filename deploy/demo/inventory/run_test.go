package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheProgramFromStartToEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "address")
	out, stop := start(t, options{addr: "127.0.0.1:0", addrFile: file, maxItems: 5})
	text := out()

	key := regexp.MustCompile(`X-Api-Key: +(\S{20,})`).FindStringSubmatch(text)
	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(text)
	if key == nil || base == "" {
		t.Fatalf("no key or no address in %q", text)
	}
	if written, err := os.ReadFile(file); err != nil || "http://"+strings.TrimSpace(string(written)) != base {
		t.Errorf("the address file holds %q, %v, want %s", written, err, base)
	}
	for given, want := range map[string]int{"": 401, key[1]: 200} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Api-Key", given)
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("status with key %q: %d, want %d", given, resp.StatusCode, want)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		_ = conn.Close()
		t.Error("the server still listens")
	}
}

func TestAGivenKeyIsNotPrinted(t *testing.T) {
	out, stop := start(t, options{addr: "127.0.0.1:0", apiKey: "given-key", maxItems: 5})
	if text := out(); strings.Contains(text, "given-key") || strings.Contains(text, "X-Api-Key") {
		t.Errorf("printed %q", text)
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestRunFailsWhereItCannotServe(t *testing.T) {
	tests := []struct {
		name    string
		options options
	}{
		{"an address of somebody else", options{addr: "192.0.2.1:0", apiKey: "k", maxItems: 1}},
		{"an address file in no directory", options{addr: "127.0.0.1:0", apiKey: "k", maxItems: 1, addrFile: filepath.Join(t.TempDir(), "no", "file")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := run(t.Context(), tt.options, io.Discard, slog.New(slog.DiscardHandler)); err == nil {
				t.Error("run returned no error")
			}
		})
	}
}

func TestFlags(t *testing.T) {
	environment := map[string]string{"INVENTORY_API_KEY": "from-environment"}
	tests := []struct {
		name string
		args []string
		want options
		fail bool
	}{
		{"none", nil, options{addr: "127.0.0.1:8790", apiKey: "from-environment", maxItems: 10_000}, false},
		{"all", []string{"-addr", ":0", "-api-key", "k", "-addr-file", "f", "-max-items", "3"}, options{":0", "f", "k", 3}, false},
		{"an argument too many", []string{"serve"}, options{}, true},
		{"no items at all", []string{"-max-items", "0"}, options{}, true},
		{"an unknown flag", []string{"-verbose"}, options{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var help strings.Builder
			got, err := parse(tt.args, func(name string) string { return environment[name] }, &help)
			if (err != nil) != tt.fail || tt.fail != strings.Contains(help.String(), "-addr-file") {
				t.Fatalf("error %v, help %q", err, help.String())
			}
			if err == nil && got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// start runs the program. out returns what it printed, once it listens; stop
// ends it and returns its error.
func start(t *testing.T, o options) (out func() string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	printed, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, o, announcement(printed), slog.New(slog.DiscardHandler))
		close(printed)
	}()
	t.Cleanup(cancel)
	out = func() string {
		text, ok := <-printed
		if !ok {
			t.Fatalf("run ended early: %v", <-done)
		}
		return text
	}
	return out, func() error { cancel(); return <-done }
}

// announcement is a writer that hands on what is written at once.
type announcement chan<- string

func (a announcement) Write(p []byte) (int, error) {
	select {
	case a <- string(bytes.Clone(p)):
		return len(p), nil
	default:
		return 0, errors.New("printed twice")
	}
}
