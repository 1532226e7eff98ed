package page_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
)

func TestTokensReturnThePositionTheyWereMadeFrom(t *testing.T) {
	scope := page.Scope("environments/default", "filter")
	for name, position := range map[string]string{
		"an id":                      "contoso-crm",
		"one character":              "a",
		"text outside ASCII":         "Größe/☃",
		"bytes that are not text":    "\x00\xff\x01",
		"the longest that is stated": strings.Repeat("p", page.MaxPosition),
	} {
		t.Run(name, func(t *testing.T) {
			token := page.Encode(scope, position)
			if len(token) > page.MaxToken {
				t.Fatalf("token has %d characters, more than MaxToken", len(token))
			}
			if strings.ContainsAny(token, "+/=&?# ") {
				t.Errorf("token %q needs escaping in a URL", token)
			}
			got, err := page.Decode(scope, token)
			if err != nil || got != position {
				t.Errorf("Decode = %q, %v; want %q", got, err, position)
			}
		})
	}
}

func TestNoPositionIsNoToken(t *testing.T) {
	if token := page.Encode("scope", ""); token != "" {
		t.Errorf("Encode of the end = %q, want no token", token)
	}
	if position, err := page.Decode("scope", ""); position != "" || err != nil {
		t.Errorf("Decode of no token = %q, %v; want the start", position, err)
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	scope := page.Scope("environments/default", "")
	good := page.Encode(scope, "position")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	raw[0]++
	for name, token := range map[string]string{
		"text":                       "hello",
		"not base64":                 "***",
		"padded":                     good + "==",
		"with a line break":          good[:4] + "\n" + good[4:],
		"without position":           base64.RawURLEncoding.EncodeToString(raw[:9]),
		"of another version":         base64.RawURLEncoding.EncodeToString(raw),
		"of another filter":          page.Encode(page.Scope("environments/default", "crm"), "position"),
		"of another parent":          page.Encode(page.Scope("environments/test", ""), "position"),
		"longer than any that exist": strings.Repeat("A", page.MaxToken+4),
	} {
		t.Run(name, func(t *testing.T) {
			position, err := page.Decode(scope, token)
			if fault.ReasonOf(err) != fault.ReasonInvalidPageToken || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("Decode = %q, %v; want INVALID_PAGE_TOKEN", position, err)
			}
			if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != "page_token" {
				t.Errorf("violations = %v, want one on page_token", v)
			}
		})
	}
}

func TestScopesOfDifferentPartsDiffer(t *testing.T) {
	scopes := map[string][]string{}
	for _, parts := range [][]string{nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"a\x01b"}} {
		s := page.Scope(parts...)
		if other, ok := scopes[s]; ok {
			t.Errorf("%q and %q have the same scope", parts, other)
		}
		scopes[s] = parts
	}
}

func TestSizeStaysInBounds(t *testing.T) {
	for _, row := range []struct {
		name      string
		requested int32
		want      int
	}{
		{"nothing asked for gives the default", 0, 50},
		{"a negative size gives the default", -1, 50},
		{"a size inside the bounds is used", 7, 7},
		{"the limit itself is used", 1000, 1000},
		{"more than the limit is cut", 1001, 1000},
		{"the largest number is cut", 1<<31 - 1, 1000},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := page.Size(row.requested, 50, 1000); got != row.want {
				t.Errorf("Size(%d) = %d, want %d", row.requested, got, row.want)
			}
		})
	}
}

func TestPositionsThatCouldNotBeUsedPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Encode accepted a position that Decode would refuse")
		}
	}()
	page.Encode("scope", strings.Repeat("p", page.MaxPosition+1))
}

func FuzzDecode(f *testing.F) {
	f.Add("scope", page.Encode("scope", "position"))
	f.Add("scope", "AQ")
	f.Add("", "!")
	f.Fuzz(func(t *testing.T, scope, token string) {
		position, err := page.Decode(scope, token)
		if err == nil && page.Encode(scope, position) != token {
			t.Errorf("token %q is accepted but is not the token of its position %q", token, position)
		}
	})
}
