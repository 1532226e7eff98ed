package bus_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

func TestTokens(t *testing.T) {
	for _, row := range []struct{ name, value, token string }{
		{"an id stays as it is", "my-connector-2", "my-connector-2"},
		{"an operation id in camel case stays as it is", "On_NewItem", "On_NewItem"},
		{"dots would make two tokens", "pets.list", "pets%2Elist"},
		{"wildcards would match others", "a*>", "a%2A%3E"},
		{"slashes and braces of a path", "GET /pets/{id}", "GET%20%2Fpets%2F%7Bid%7D"},
		{"the escape itself", "100%", "100%25"},
		{"what looks like an escape", "%2E", "%252E"},
		{"a leading dollar is the server's own", "$JS", "%24JS"},
		{"any script, byte by byte", "Größe", "Gr%C3%B6%C3%9Fe"},
		{"line breaks and zero bytes", "a\r\n\x00", "a%0D%0A%00"},
		{"bytes that are not UTF-8", "\xff\xfe", "%FF%FE"},
		{"nothing at all", "", "%"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := bus.Token(row.value); got != row.token {
				t.Errorf("Token(%q) = %q, want %q", row.value, got, row.token)
			}
			if got, err := bus.ParseToken(row.token); err != nil || got != row.value {
				t.Errorf("ParseToken(%q) = %q, %v; want %q", row.token, got, err, row.value)
			}
		})
	}
}

func TestTokensThatTokenNeverMakesAreRefused(t *testing.T) {
	for _, row := range []struct{ name, token string }{
		{"an empty token", ""},
		{"a wildcard", "*"},
		{"a dot", "a.b"},
		{"a space", "a b"},
		{"an escape that is cut off", "a%2"},
		{"an escape without digits", "a%"},
		{"an escape in lower case", "%2e"},
		{"an escape of what needs none", "%41"},
		{"letters outside ASCII", "ö"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := bus.ParseToken(row.token); err == nil {
				t.Errorf("ParseToken(%q) = %q, want an error", row.token, got)
			}
		})
	}
}

func FuzzTokenRoundTrip(f *testing.F) {
	for _, seed := range []string{"", "a", "pets.list", "100%", "%41", "Größe", "\xff", strings.Repeat(".", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token := bus.Token(value)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00") {
			t.Fatalf("Token(%q) = %q is not one token", value, token)
		}
		back, err := bus.ParseToken(token)
		if err != nil || back != value {
			t.Fatalf("ParseToken(Token(%q)) = %q, %v", value, back, err)
		}
		if v, err := bus.ParseToken(value); err == nil && bus.Token(v) != value {
			t.Fatalf("%q is a second token for %q", value, v)
		}
	})
}

func TestKeys(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		key    string
	}{
		{"ids stay as they are", []string{"default", "crm-2"}, "default.crm-2"},
		{"what a bucket does not take is escaped without a percent sign", []string{"a.b", "", "100%", "x=y"}, "a=2Eb.=.100=25.x=3Dy"},
	} {
		t.Run(row.name, func(t *testing.T) {
			key := bus.Key(row.values...)
			if key != row.key {
				t.Errorf("Key(%q) = %q, want %q", row.values, key, row.key)
			}
			values, err := bus.ParseKey(key)
			if err != nil || !slices.Equal(values, row.values) {
				t.Errorf("ParseKey(%q) = %q, %v", key, values, err)
			}
		})
	}
	if got, err := bus.ParseKey("a..b"); err == nil {
		t.Errorf("an empty token is %q", got)
	}
}
