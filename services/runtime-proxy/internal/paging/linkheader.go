package paging

import "strings"

// maxLinkHeader bounds what is read of the Link fields of one answer, in bytes.
const maxLinkHeader = 64 << 10

// relNext returns the target of the first link with the relation "next" (RFC 8288,
// section 3); empty if there is none. What is badly formed is skipped up to the
// next comma outside of quotes.
func relNext(lines []string) string {
	for _, line := range lines {
		rest := line[:min(len(line), maxLinkHeader)]
		for rest != "" {
			var one linkValue
			one, rest = oneLink(rest)
			if one.target != "" && !one.anchored && one.is("next") {
				return one.target
			}
		}
	}
	return ""
}

// linkValue is one link of a Link field.
type linkValue struct {
	text     string // as it was written, with what stands before it
	target   string // empty if there is none
	rel      string // its relations; only the first parameter rel counts (section 3.3)
	anchored bool   // it speaks of something else than the answer (section 3.2)
}

// oneLink reads the first link-value of a field value.
func oneLink(s string) (one linkValue, rest string) {
	whole := s
	s = strings.TrimLeft(s, " \t,")
	if strings.HasPrefix(s, "<") {
		if end := strings.IndexByte(s, '>'); end > 0 {
			one.target, s = strings.TrimSpace(s[1:end]), s[end+1:]
		}
	}
	related := false
	for s != "" && s[0] != ',' {
		if s[0] != ';' {
			s = s[1:]
			continue
		}
		var name, value string
		name, value, s = oneParameter(s[1:])
		switch {
		case name == "rel" && !related:
			related, one.rel = true, value
		case name == "anchor":
			one.anchored = true
		}
	}
	one.text = whole[:len(whole)-len(s)]
	return one, strings.TrimPrefix(s, ",")
}

// oneParameter reads a link-param behind its ";".
func oneParameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return "", "", ""
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end = strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return name, out.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		out.WriteByte(s[i])
	}
	return name, "", "" // quotes that nobody closes
}
