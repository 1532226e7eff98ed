package mock

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// maxText is the longest text that is made.
const maxText = 1000

// formats are texts of the formats that JSON Schema, OpenAPI and connector
// packages name.
func formats() map[string]string {
	return map[string]string{
		"date-time": "2026-01-31T09:30:00Z", "date": "2026-01-31", "time": "09:30:00Z", "duration": "PT1H30M",
		"date-no-tz": "2026-01-31T09:30:00", "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "email": "ann@example.com",
		"idn-email": "ann@example.com", "hostname": "api.example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
		"uri": "https://example.com/1", "url": "https://example.com/1", "uri-reference": "/1", "iri": "https://example.com/1",
		"byte": "ZmVycnVsZQ==", "binary": "ferrule", "password": "password", "html": "<p>text</p>", "json-pointer": "/a",
		"phone": "+15550100", "regex": "a+", "int64": "1", "int32": "1", "decimal": "1.5",
	}
}

// another makes a text of a format that differs from others: most begin with a year, or
// end with what is no part of a name.
func another(format, text string, number int) string {
	switch {
	case number == 0 || text == "":
		return text
	case strings.HasPrefix(text, "2026-"):
		return strconv.Itoa(2026+number) + text[4:]
	case format == "time":
		return fmt.Sprintf("09:%02d:00Z", (30+number)%60)
	case format == "duration":
		return fmt.Sprintf("PT%dH30M", 1+number)
	case format == "byte":
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "ferrule %d", number+1))
	case format == "uuid":
		return fmt.Sprintf("%s%04x", text[:len(text)-4], 0x3301+number)
	case format == "ipv4", format == "phone":
		return text[:len(text)-1] + strconv.Itoa(1+number)
	case strings.Contains(format, "email"), format == "hostname":
		return fmt.Sprintf("a%d%s", number+1, text)
	case format == "decimal", format == "int32", format == "int64", strings.HasPrefix(format, "ur"), format == "iri", format == "ipv6":
		return text + strconv.Itoa(number)
	}
	return text + strconv.Itoa(number+1)
}

// stringFor makes a text: of the format, of the pattern, or the name of what it is
// for. Texts that must differ have numbers.
func stringFor(list []member, name string, number int) string {
	format := strings.ToLower(textOf(get(list, "format")))
	out := another(format, formats()[format], number)
	if pattern := textOf(get(list, "pattern")); pattern != "" && out == "" {
		out = matching(pattern)
	}
	if out == "" {
		if out = name; out == "" {
			out = "text"
		}
		out = another("", out, number)
	}
	if least := int(min(numberOf(get(list, "minLength"), 0), maxText)); len([]rune(out)) < least {
		out += strings.Repeat("x", least-len([]rune(out)))
	}
	if most := get(list, "maxLength"); most != nil {
		if limit := int(max(min(numberOf(most, maxText), maxText), 0)); len([]rune(out)) > limit {
			ending := ""
			if number > 0 && limit > 1 {
				ending = strconv.Itoa((number + 1) % 10)
			}
			out = string([]rune(out)[:limit-len(ending)]) + ending
		}
	}
	return out
}

// matching returns a short text that a pattern accepts, empty if none was found.
func matching(pattern string) string {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return ""
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var out strings.Builder
	write(&out, parsed.Simplify())
	if text := out.String(); compiled.MatchString(text) {
		return text
	}
	return ""
}

// write writes the shortest text of an expression that is not empty.
func write(out *strings.Builder, re *syntax.Regexp) {
	if out.Len() > maxText {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		out.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		out.WriteRune(friendly(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		write(out, re.Sub[0])
	case syntax.OpRepeat:
		for range max(re.Min, 1) {
			write(out, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(out, sub)
		}
	case syntax.OpAlternate:
		write(out, re.Sub[0])
	default: // what may be absent, and what stands between characters
	}
}

// friendly chooses a letter or a digit from a class of characters, if it has one.
func friendly(ranges []rune) rune {
	for _, want := range "aA1" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	if len(ranges) == 0 {
		return 'a'
	}
	return ranges[0]
}
