package conformance_test

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// formats are values of the string formats that APIs care about, by mode.
var formats = map[string][4]string{
	"date-time":  {"2024-02-29T23:59:59Z", "2024-02-29T23:59:59+05:30", "2024-02-29T23:59:59.1230000-08:00", "2024-02-29T23:59:59"},
	"date-no-tz": {"2024-02-29T23:59:59", "2024-02-29T23:59:59.5", "2024-02-29T00:00:00", "2024-02-29 23:59"},
	"date":       {"2024-02-29", "2024-02-29", "2024-12-31", "1970-01-01"},
	"time":       {"23:59:59Z", "23:59:59Z", "23:59:59.5+05:30", "00:00:00Z"},
	"uuid":       {"123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "00000000-0000-0000-0000-000000000000"},
	"guid":       {"123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "00000000-0000-0000-0000-000000000000"},
	"byte":       {"aGVsbG8=", "/+8=", "//79+vv8/Q==", ""},
	"email":      {"a@example.com", "a@example.com", "o'hara+tag@example.com", "a@example.com"},
	"uri":        {"https://example.com/", "https://example.com/a?b=c", "https://example.com/a%20b?c=d&e=f#g", "https://example.com/"},
	"url":        {"https://example.com/", "https://example.com/a?b=c", "https://example.com/a%20b?c=d&e=f#g", "https://example.com/"},
	"ipv4":       {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
	"ipv6":       {"2001:db8::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
	"hostname":   {"example.com", "example.com", "example.com", "example.com"},
}

// What JavaScript writes in patterns and Go does not: \u0000, and more than 1000
// repetitions, of which as many will do; and what lies ahead, which hardly ever
// matters to what is made up here.
var (
	unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
	lookAhead     = regexp.MustCompile(`\(\?[!=][^()]*\)`)
	hugeRepeat    = regexp.MustCompile(`(\{\d+),(?:1\d{3}|[2-9]\d{3}|\d{5,})\}`)
)

// strictFormats are values of formats that our runtime leaves to the API.
var strictFormats = map[string]string{
	"duration": "P1DT2H", "uri-reference": "/a?b=c", "uri-template": "/a/{b}", "regex": "^a$", "json-pointer": "/a/0", "iso-time": "23:59:59",
	"iso-date-time": "2024-02-29T23:59:59Z", "relative-json-pointer": "0/a", "json-pointer-uri-fragment": "#/a/0",
}

// trickyTexts are what encodings spoil.
var trickyTexts = []string{"50% of a/b + c&d=e?f#g", `ümläut 日本 "q" 'r' \ ;`, "%2F %41,x|y", "true", "1e3", "a:b@[c]{d}<e>~f"}

// guesses are tried where a pattern wants something special.
var guesses = []string{
	"a", "A", "1", "12", "123", "1234", "12345", "123456", "AB", "ABC", "abc", "abcdef", "abc123", "a-b", "a_b", "a1b2c3d4", "US", "en", "en-US", "USD",
	"2024-02-29", "2024-02-29T23:59:59Z", "23:59", "23:59:59", "12:00", "+15551234567", "15551234567", "5551234567", "a@example.com", "https://example.com",
	"https://example.com/a.png", "123e4567-e89b-12d3-a456-426614174000", "0123456789abcdef01234567", "0123456789abcdef0123456789abcdef", "#aabbcc",
	"1.0", "1.0.0", "10.00", "0.5", "true", "/a", "/a/b", "example.com", "192.0.2.1", "P1D", "PT1H", "desc", "asc", "00", "000000", "A1", "A12345678",
	"d1c2v3", "0:1d", "DB!1.1", "en_US",
}

// usable returns the default of a schema, unless every judge has to take it and some
// would not: an empty text passes for none, and some are no value of their format.
func (g generator) usable(f facts) any {
	d := mended(f)
	line, is := d.(string)
	_, formatted := formats[text(f.object["format"])]
	if g.doc.strict && is && (line == "" || formatted) {
		return nil
	}
	return d
}

func (g generator) string(f facts, nth int) (any, bool) {
	candidates := []string{g.text(f, nth), "text", ""}
	if g.filled && candidates[0] == "" {
		candidates = []string{"-", "AA=="}
	}
	for _, key := range []string{"default", "example", "x-example", "x-ms-test-value"} {
		if s, ok := f.object[key].(string); ok {
			candidates = append(candidates, s)
		}
	}
	candidates = append(append(candidates, guesses...), text(f.object["pattern"])) // some give an example for a pattern
	var pattern *regexp.Regexp
	if p := text(f.object["pattern"]); p != "" {
		if g.doc.strict {
			p = lookAhead.ReplaceAllString(p, "")
			p = hugeRepeat.ReplaceAllString(unicodeEscape.ReplaceAllString(p, `\x{$1}`), "$1,1000}")
		}
		pattern, _ = regexp.Compile(p) // what does not compile restricts nothing
	}
	least, _ := f.count("minLength")
	most, limited := f.count("maxLength")
	if pattern != nil {
		if made, ok := matching(pattern.String(), least); ok {
			candidates = append(candidates, made)
		}
	}
	for _, one := range candidates {
		if short := least - utf8.RuneCountInString(one); short > 0 {
			one += strings.Repeat("x", short)
		}
		if limited && utf8.RuneCountInString(one) > most {
			one = strings.TrimSpace(string([]rune(one)[:max(most, 0)]))
		}
		if n := utf8.RuneCountInString(one); n < least || pattern != nil && !pattern.MatchString(one) {
			continue
		}
		return one, true
	}
	return nil, false
}

func (g generator) text(f facts, nth int) string {
	if of, known := formats[text(f.object["format"])]; known {
		if g.doc.strict && g.mode == edges {
			return of[plain]
		}
		return of[g.mode]
	}
	if of, known := strictFormats[text(f.object["format"])]; known && g.doc.strict {
		return of
	}
	switch g.mode {
	case tricky:
		return trickyTexts[nth%len(trickyTexts)]
	case edges:
		return ""
	case required, plain:
	}
	return "text" + strings.Repeat("s", nth)
}
