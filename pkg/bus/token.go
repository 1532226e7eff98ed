package bus

import (
	"fmt"
	"strings"
)

// emptyToken stands for the empty value, since a subject cannot hold an empty
// token. It is not a valid escape, so it stands for nothing else.
const emptyToken = "%"

const upperHex = "0123456789ABCDEF"

// Token encodes any value as one token of a subject. Letters, digits, "-" and
// "_" stand for themselves; every other byte becomes "%" and two upper-case
// hexadecimal digits, as in URLs; the empty value becomes a single "%".
//
// Ids of resources therefore stay as they are, and operation ids, which may
// hold dots, spaces, wildcards or any script, become safe and stay readable.
// Different values have different tokens: [ParseToken] undoes it exactly.
func Token(value string) string {
	if value == "" {
		return emptyToken
	}
	escaped := 0
	for i := range len(value) {
		if !plain(value[i]) {
			escaped++
		}
	}
	if escaped == 0 {
		return value
	}
	var s strings.Builder
	s.Grow(len(value) + 2*escaped)
	for i := range len(value) {
		if c := value[i]; plain(c) {
			s.WriteByte(c)
		} else {
			s.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return s.String()
}

// ParseToken undoes [Token]. It accepts exactly what Token produces, so that no
// two subjects mean the same.
func ParseToken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	var s strings.Builder
	s.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '%' && i+2 < len(token) {
			hi, lo := strings.IndexByte(upperHex, token[i+1]), strings.IndexByte(upperHex, token[i+2])
			if b := byte(hi<<4 | lo); hi >= 0 && lo >= 0 && !plain(b) {
				s.WriteByte(b)
				i += 2
				continue
			}
		}
		if !plain(c) {
			return "", fmt.Errorf("token %q is not well formed at byte %d", token, i)
		}
		s.WriteByte(c)
	}
	if s.Len() == 0 {
		return "", fmt.Errorf("token %q is empty", token)
	}
	return s.String(), nil
}

// plain reports whether a byte stands for itself in a token.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// join builds a subject from a prefix and values that become one token each.
func join(prefix string, values ...string) string {
	var s strings.Builder
	s.WriteString(prefix)
	for _, v := range values {
		s.WriteByte('.')
		s.WriteString(Token(v))
	}
	return s.String()
}

// joinFilter is join, with a wildcard for every empty value.
func joinFilter(prefix string, values ...string) string {
	var s strings.Builder
	s.WriteString(prefix)
	for _, v := range values {
		s.WriteByte('.')
		if v == "" {
			s.WriteByte('*')
			continue
		}
		s.WriteString(Token(v))
	}
	return s.String()
}

// split undoes join; there must be exactly n tokens after the prefix.
func split(subject, prefix string, n int) ([]string, error) {
	rest, ok := strings.CutPrefix(subject, prefix+".")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != n {
		return nil, fmt.Errorf("subject %q is not %s with %d tokens", subject, prefix, n)
	}
	for i, token := range tokens {
		value, err := ParseToken(token)
		if err != nil {
			return nil, fmt.Errorf("subject %q: %w", subject, err)
		}
		tokens[i] = value
	}
	return tokens, nil
}

// Key builds a key of a bucket: one [Token] for each value, with dots between
// them. A bucket takes no "%", so "=" stands in its place.
func Key(values ...string) string {
	tokens := make([]string, len(values))
	for i, v := range values {
		tokens[i] = strings.ReplaceAll(Token(v), "%", "=")
	}
	return strings.Join(tokens, ".")
}

// ParseKey undoes [Key].
func ParseKey(key string) ([]string, error) {
	values := strings.Split(key, ".")
	for i, token := range values {
		value, err := ParseToken(strings.ReplaceAll(token, "=", "%"))
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		values[i] = value
	}
	return values, nil
}
