package core

import (
	"strings"
	"testing"
)

func TestOriginsHaveOneForm(t *testing.T) {
	for url, want := range map[string]Origin{
		"https://api.example.com":               {"https", "api.example.com:443"},
		"http://api.example.com/v1":             {"http", "api.example.com:80"},
		"https://API.Example.COM./v1/":          {"https", "api.example.com:443"},
		"HTTPS://api.example.com:443":           {"https", "api.example.com:443"},
		"https://api.example.com:08443":         {"https", "api.example.com:8443"},
		"http://127.0.0.1:9000":                 {"http", "127.0.0.1:9000"},
		"http://[::1]":                          {"http", "[::1]:80"},
		"http://[0:0:0:0:0:0:0:1]:8080/x":       {"http", "[::1]:8080"},
		"https://xn--bcher-kva.example":         {"https", "xn--bcher-kva.example:443"},
		"https://my_host.example/a@b":           {"https", "my_host.example:443"},
		"https://example.com/path:80/with?no=0": {},
	} {
		got, err := ParseOrigin(url)
		if want == (Origin{}) {
			if err == nil {
				t.Errorf("%s: got %v, want a refusal", url, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", url, got, err, want)
		}
	}
}

func TestURLsThatAreNoServerAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"no scheme":                       {"api.example.com", "must begin with"},
		"only a path":                     {"/v1", "must begin with"},
		"another scheme":                  {"ftp://api.example.com", "must begin with"},
		"a file":                          {"file:///etc/passwd", "must begin with"},
		"a user":                          {"https://hunter2@api.example.com", "user name or password"},
		"a user and a password":           {"https://ann:hunter2@api.example.com", "user name or password"},
		"a query":                         {"https://api.example.com?key=hunter2", "query"},
		"an empty query":                  {"https://api.example.com?", "query"},
		"a fragment":                      {"https://api.example.com#hunter2", "fragment"},
		"an empty fragment":               {"https://api.example.com/#", "fragment"},
		"no host":                         {"https:///v1", "name a host"},
		"only a port":                     {"https://:443", "name a host"},
		"a colon and no port":             {"https://api.example.com:", "port"},
		"port zero":                       {"https://api.example.com:0", "port"},
		"a port that is too large":        {"https://api.example.com:65536", "port"},
		"a port that is a word":           {"https://api.example.com:hunter2", "URL"},
		"letters outside ASCII":           {"https://bücher.example", "xn--"},
		"an empty label":                  {"https://api..example.com", "letters"},
		"two trailing dots":               {"https://api.example.com..", "letters"},
		"a space":                         {"https://api example.com", "URL"},
		"an address with a zone":          {"http://[fe80::1%25eth0]", "zone"},
		"a host that is too long":         {"https://" + strings.Repeat("a.", 130) + "com", "letters"},
		"a label that is too long":        {"https://" + strings.Repeat("a", 64) + ".com", "letters"},
		"a backslash before another host": {`https://api.example.com\@evil.example`, "URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseOrigin(c.url)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want something about %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the refusal repeats what may be a password: %v", err)
			}
		})
	}
}

func TestAdministratorsAllowHosts(t *testing.T) {
	for name, c := range map[string]struct {
		entry   string
		allowed []string
		refused []string
	}{
		"a host, with any port": {
			"Sandbox.Example.com",
			[]string{"sandbox.example.com:443", "sandbox.example.com:8443"},
			[]string{"example.com:443", "x.sandbox.example.com:443", "sandbox.example.com.evil.example:443"},
		},
		"a host with its port": {
			"sandbox.example.com:8443",
			[]string{"sandbox.example.com:8443"},
			[]string{"sandbox.example.com:443", "sandbox.example.com:80"},
		},
		"everything below a domain": {
			"*.example.com",
			[]string{"a.example.com:443", "b.a.example.com:80"},
			[]string{"example.com:443", "badexample.com:443", "example.com.evil.example:443"},
		},
		"an IPv4 address":             {"127.0.0.1", []string{"127.0.0.1:80"}, []string{"127.0.0.10:80", "127.0.0.1.evil.example:80"}},
		"an IPv6 address":             {"::1", []string{"[::1]:80", "[::1]:8080"}, []string{"[::2]:80"}},
		"an IPv6 address in brackets": {"[::1]:8080", []string{"[::1]:8080"}, []string{"[::1]:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := ParseHostRules([]string{"other.example.org", " " + c.entry + " "})
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range c.allowed {
				if !rules.Allow(host) {
					t.Errorf("%s is refused", host)
				}
			}
			for _, host := range c.refused {
				if rules.Allow(host) {
					t.Errorf("%s is allowed", host)
				}
			}
		})
	}
}

func TestNoRulesAllowNothing(t *testing.T) {
	if (HostRules{}).Allow("api.example.com:443") {
		t.Error("a host is allowed that nobody named")
	}
}

func TestEveryUnreadableRuleIsNamed(t *testing.T) {
	bad := []string{"", "*", "*.", "**.example.com", "*.example.com:443", "a*.example.com", "https://example.com", "example.com/v1", "ann@example.com", "example.com:0", "example.com:", "10.0.0.0/8", "*.[::1]"}
	_, err := ParseHostRules(append([]string{"good.example.com"}, bad...))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, entry := range bad {
		if !strings.Contains(err.Error(), `"`+entry+`"`) {
			t.Errorf("the error does not name %q", entry)
		}
	}
	if strings.Contains(err.Error(), "good.example.com") {
		t.Error("the error names a good entry")
	}
}
