// Package gateways writes the configurations of the reverse proxies that the suite
// is measured beside, and of the fast API behind all of them.
//
// Each configuration is the plainest one that is fair: connections to the API are
// kept, nothing is logged for a call, and no call is counted against a limit of
// calls per connection.
package gateways

import (
	"fmt"
	"regexp"
	"strings"
)

// Kept is how many connections to the API a proxy keeps at most, more than any
// measurement uses at once.
const Kept = 1024

// NginxReady matches what nginx prints once it listens.
var NginxReady = regexp.MustCompile(`start worker process \d+`)

// API says what the fast API is like.
type API struct {
	// Addr is the "host:port" where it listens.
	Addr string
	// KeyHeader and Key are the header and the value that it wants.
	KeyHeader, Key string
	// Checked is a path prefix at which it wants the headers of Marks as well.
	Checked string
	// Marks are headers and their values.
	Marks map[string]string
	// Answer is what it answers with status 200. It must be JSON without a single
	// quote, a dollar sign or a backslash, which nginx would read.
	Answer string
}

// NginxAPI returns the configuration of an nginx that is the API. All its files
// are in the folder dir.
func NginxAPI(dir string, a API) string {
	variable := func(header string) string {
		return "$http_" + strings.ReplaceAll(strings.ToLower(header), "-", "_")
	}
	var checks strings.Builder
	for header, value := range a.Marks {
		fmt.Fprintf(&checks, "      if (%s != %q) { return 400; }\n", variable(header), value)
	}
	answer := fmt.Sprintf("      if (%s != %q) { return 401; }\n      add_header Cache-Control no-store;\n      return 200 '%s';\n",
		variable(a.KeyHeader), a.Key, a.Answer)
	return nginx(dir, fmt.Sprintf(`  default_type application/json;
  server {
    listen %s backlog=4096;
    location %s/ {
%s%s    }
    location / {
%s    }
  }
`, a.Addr, a.Checked, checks.String(), answer, answer))
}

// NginxProxy returns the configuration of an nginx at addr that is a reverse proxy
// in front of the API at target, and adds the header.
func NginxProxy(dir, addr, target, header, value string) string {
	return nginx(dir, fmt.Sprintf(`  upstream api {
    server %s;
    keepalive %d;
    keepalive_requests 1000000000;
  }
  server {
    listen %s backlog=4096;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header %s %q;
    }
  }
`, target, Kept, addr, header, value))
}

// nginx returns a configuration around what is inside of http.
func nginx(dir, inside string) string {
	return fmt.Sprintf(`daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log /dev/stdout notice;
events { worker_connections 8192; }
http {
  access_log off;
  log_not_found off;
  keepalive_requests 1000000000;
  keepalive_timeout 10m;
  tcp_nodelay on;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
%[2]s}
`, dir, inside)
}
