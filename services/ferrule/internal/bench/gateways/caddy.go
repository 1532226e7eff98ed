package gateways

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// CaddyReady matches what Caddy prints once it listens.
var CaddyReady = regexp.MustCompile(`serving initial configuration`)

// The parts of Caddy's configuration that are used.
type (
	caddy struct {
		Admin   caddyAdmin   `json:"admin"`
		Logging caddyLogging `json:"logging"`
		Apps    struct {
			HTTP struct {
				Servers map[string]caddyServer `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	caddyAdmin struct {
		Disabled bool `json:"disabled"`
		Config   struct {
			Persist bool `json:"persist"`
		} `json:"config"`
	}
	caddyLogging struct {
		Logs map[string]caddyLog `json:"logs"`
	}
	caddyLog struct {
		Level  string            `json:"level"`
		Writer map[string]string `json:"writer"`
	}
	caddyServer struct {
		Listen    []string `json:"listen"`
		Protocols []string `json:"protocols"`
		Routes    []struct {
			Handle []caddyProxy `json:"handle"`
		} `json:"routes"`
		AutomaticHTTPS map[string]bool `json:"automatic_https"`
	}
	caddyProxy struct {
		Handler   string              `json:"handler"`
		Upstreams []map[string]string `json:"upstreams"`
		Headers   struct {
			Request struct {
				Set map[string][]string `json:"set"`
			} `json:"request"`
		} `json:"headers"`
		Transport caddyTransport `json:"transport"`
	}
	caddyTransport struct {
		Protocol    string         `json:"protocol"`
		Compression bool           `json:"compression"`
		KeepAlive   map[string]int `json:"keep_alive"`
	}
)

// CaddyProxy returns the configuration of a Caddy at addr that is a reverse proxy
// in front of the API at target, and adds the header: plain HTTP/1.1, no admin
// endpoint, no log of calls.
func CaddyProxy(addr, target, header, value string) (string, error) {
	proxy := caddyProxy{
		Handler: "reverse_proxy", Upstreams: []map[string]string{{"dial": target}},
		Transport: caddyTransport{Protocol: "http", KeepAlive: map[string]int{"max_idle_conns": Kept, "max_idle_conns_per_host": Kept}},
	}
	proxy.Headers.Request.Set = map[string][]string{header: {value}}
	server := caddyServer{Listen: []string{addr}, Protocols: []string{"h1"}, AutomaticHTTPS: map[string]bool{"disable": true}}
	server.Routes = append(server.Routes, struct {
		Handle []caddyProxy `json:"handle"`
	}{[]caddyProxy{proxy}})
	c := caddy{
		Admin:   caddyAdmin{Disabled: true},
		Logging: caddyLogging{Logs: map[string]caddyLog{"default": {Level: "INFO", Writer: map[string]string{"output": "stdout"}}}},
	}
	c.Apps.HTTP.Servers = map[string]caddyServer{"bench": server}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write caddy's configuration: %w", err)
	}
	return string(text), nil
}
