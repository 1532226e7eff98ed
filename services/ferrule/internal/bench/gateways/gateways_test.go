package gateways_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/gateways"
)

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
	if strings.Count(text, "{") != strings.Count(text, "}") {
		t.Errorf("the braces do not match in\n%s", text)
	}
}

func TestNginxIsTheAPI(t *testing.T) {
	text := gateways.NginxAPI("/dir", gateways.API{
		Addr: "127.0.0.1:4711", KeyHeader: "X-Api-Key", Key: "secret", Checked: "/checked", Marks: map[string]string{"X-Bench-First": "one"}, Answer: `{"id":"42"}`,
	})
	contains(t, text, "listen 127.0.0.1:4711 ", `if ($http_x_api_key != "secret") { return 401; }`, `if ($http_x_bench_first != "one") { return 400; }`,
		`return 200 '{"id":"42"}';`, "pid /dir/nginx.pid;", "keepalive_requests 1000000000;", "Cache-Control no-store")
	if strings.Count(text, "return 401") != 2 || strings.Count(text, "return 400") != 1 {
		t.Errorf("the key is wanted everywhere and the marks only at the checked part, but\n%s", text)
	}
}

func TestNginxIsAProxyThatKeepsItsConnections(t *testing.T) {
	contains(t, gateways.NginxProxy("/dir", "127.0.0.1:1", "127.0.0.1:2", "X-Api-Key", "secret"),
		"server 127.0.0.1:2;", "keepalive 1024;", "listen 127.0.0.1:1 ", "proxy_http_version 1.1;", `proxy_set_header Connection "";`,
		`proxy_set_header X-Api-Key "secret";`, "access_log off;")
}

func TestCaddyIsAPlainProxy(t *testing.T) {
	text, err := gateways.CaddyProxy("127.0.0.1:1", "127.0.0.1:2", "X-Api-Key", "secret")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	dig := func(path ...string) any {
		value := any(got)
		for _, name := range path {
			if list, ok := value.([]any); ok {
				value = list[0]
			}
			value = value.(map[string]any)[name]
		}
		return value
	}
	server := []string{"apps", "http", "servers", "bench"}
	handler := append(server[:4:4], "routes", "handle")
	for name, row := range map[string]struct{ got, want any }{
		"the admin endpoint": {dig("admin", "disabled"), true},
		"where it listens":   {dig(append(server[:4:4], "listen")...), []any{"127.0.0.1:1"}},
		"protocols":          {dig(append(server[:4:4], "protocols")...), []any{"h1"}},
		"https":              {dig(append(server[:4:4], "automatic_https", "disable")...), true},
		"the api":            {dig(append(handler[:6:6], "upstreams", "dial")...), "127.0.0.1:2"},
		"the key":            {dig(append(handler[:6:6], "headers", "request", "set", "X-Api-Key")...), []any{"secret"}},
		"kept connections":   {dig(append(handler[:6:6], "transport", "keep_alive", "max_idle_conns_per_host")...), float64(gateways.Kept)},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestProgramsSayThatTheyAreReady(t *testing.T) {
	if !gateways.NginxReady.MatchString("2026/01/01 10:00:00 [notice] 17#17: start worker process 18\n") {
		t.Error("nginx is not understood")
	}
	if !gateways.CaddyReady.MatchString(`{"level":"info","ts":1,"msg":"serving initial configuration"}`) {
		t.Error("Caddy is not understood")
	}
}
