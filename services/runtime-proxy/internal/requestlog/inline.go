package requestlog

import (
	"net/url"
	"slices"
	"strings"
)

// Secrets that stand in a text of any kind, among other things.

// withoutUsers takes the user information out of URLs. What has no scheme is one only
// with a password.
func withoutUsers(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	var out strings.Builder
	done, word, at := 0, 0, 0 // where the text is passed on to, and where the next word and the next "@" end
	for i := 0; ; {
		slashes := strings.Index(text[i:], "//")
		if slashes < 0 {
			out.WriteString(text[done:])
			return out.String()
		}
		scheme := text[i : i+slashes]
		i += slashes + len("//")
		word, at = following(text, i, word, space+"\"'<>\\"), following(text, i, at, "@")
		if at >= word {
			continue
		}
		user := userOf(text[i:word])
		if user != "" && (strings.HasSuffix(scheme, ":") || strings.Contains(user, ":")) {
			out.WriteString(text[done:i] + Redacted)
			i += len(user)
			done = i
		}
	}
}

// following returns where the first of some characters is in a text from a place on, its
// length if there is none. It looks only if the one that was found last lies before
// that: the whole text is read once, however many places there are.
func following(text string, from, last int, chars string) int {
	if last >= from {
		return last
	}
	if next := strings.IndexAny(text[from:], chars); next >= 0 {
		return from + next
	}
	return len(text)
}

// userOf returns the user information that an authority begins with. A password that
// is not escaped may hold what ends an authority: then what follows the colon is no
// port.
func userOf(text string) string {
	authority := text
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		authority = text[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return authority[:at]
	}
	_, port, ok := strings.Cut(authority, ":")
	if !ok || strings.HasPrefix(authority, "[") || strings.Trim(port, "0123456789") == "" {
		return ""
	}
	return text[:max(0, strings.IndexByte(text, '@'))]
}

// harmlessWords are what follows the name of a scheme where no credential does.
func harmlessWords() []string {
	return []string{
		"realm", "error", "error_description", "error_uri", "scope", "charset", "authorization_uri", "resource_metadata",
		"token", "tokens", "auth", "authentication", "authorization", "scheme", "credentials", "access", "or", "and", "is",
	}
}

// schemes redacts what follows "Bearer" and "Basic".
func (r *redactor) schemes(text string) string {
	var out strings.Builder
	done := 0
	for i := 0; i+len("basic ") < len(text); i++ {
		if text[i]|' ' != 'b' || i > 0 && isWord(text[i-1]) {
			continue
		}
		end := i
		for _, scheme := range [...]string{"bearer", "basic"} {
			if len(text)-i > len(scheme) && strings.EqualFold(text[i:i+len(scheme)], scheme) {
				end = i + len(scheme)
			}
		}
		start := end + len(text[end:]) - len(strings.TrimLeft(text[end:], " \t"))
		if start == end || end == i {
			continue
		}
		size := strings.IndexAny(text[start:], space+"\"'<>,;&\\")
		if size < 0 {
			size = len(text) - start
		}
		word, _, _ := strings.Cut(text[start:start+size], "=")
		if size > 0 && !slices.Contains(r.names.afterScheme, strings.ToLower(strings.TrimRight(word, ".:!?"))) {
			out.WriteString(text[done:start] + Redacted)
			done = start + size
			i = done - 1
		}
	}
	if done == 0 {
		return text
	}
	return out.String() + text[done:]
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// pairs redacts "name=value" after each "?", "&", ";" and "#", by the name. bare is true
// if the text begins with such a pair, as forms do.
func (r *redactor) pairs(text string, bare bool) string {
	if !strings.Contains(text, "=") {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for text != "" {
		end := strings.IndexAny(text, "?&;#")
		segment := text
		if end >= 0 {
			segment = text[:end]
		}
		if bare {
			segment = r.pair(segment)
		}
		out.WriteString(segment)
		if end < 0 {
			break
		}
		out.WriteByte(text[end])
		text, bare = text[end+1:], true
	}
	return out.String()
}

// pair redacts one pair; what follows a space or a quote is no part of it.
func (r *redactor) pair(segment string) string {
	name, value, ok := strings.Cut(segment, "=")
	if !ok {
		return segment
	}
	rest := ""
	if end := strings.IndexAny(value, " \t\r\n\"'<>"); end >= 0 {
		value, rest = value[:end], value[end:]
	}
	if value != "" && r.names.parameter(strings.TrimSpace(name)) {
		value = Redacted
	}
	return name + "=" + value + rest
}

// encoded redacts what is encoded as in URLs by what it says: values of queries and
// forms, segments of paths.
func (r *redactor) encoded(text string, depth int) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	const ends = space + "\"'<>?&;#=/\\"
	var out strings.Builder
	for text != "" {
		size := strings.IndexAny(text, ends)
		if size < 0 {
			size = len(text)
		}
		if r.encodes(text[:size], depth) {
			out.WriteString(Redacted)
		} else {
			out.WriteString(text[:size])
		}
		text = text[size:]
		rest := strings.TrimLeft(text, ends)
		out.WriteString(text[:len(text)-len(rest)])
		text = rest
	}
	return out.String()
}

// encodes reports whether a text holds a secret once it is decoded.
func (r *redactor) encodes(text string, depth int) bool {
	if !strings.ContainsAny(text, "%+") {
		return false
	}
	for _, decode := range [...]func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if plain, err := decode(text); err == nil && plain != text && r.said(plain, depth+1) != plain {
			return true
		}
	}
	return false
}
