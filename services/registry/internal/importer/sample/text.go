package sample

import (
	"math/big"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// maxFormatBytes is the length of text that is looked at for a format; none
	// of the known ones is longer.
	maxFormatBytes = 2048
	// maxDigits is the length of numbers that stay exact in every JSON reader.
	// Longer ones are identifiers, and text.
	maxDigits = 15
)

// Text returns the JSON Schema of a value that travels as text, from samples of
// it: an integer, number or boolean if all of the samples are written like one,
// else a string, with a format if all agree. Empty samples say nothing. Numbers
// with leading zeros, a plus sign, an exponent or more than 15 digits are
// strings: they are codes and identifiers that must not be rewritten.
func Text(samples ...string) []byte {
	var s shape
	for _, v := range samples {
		if v == "" {
			continue
		}
		k := textKind(v)
		s.kinds |= k
		if k == text {
			s.addFormat(formatOf(v))
		}
	}
	if s.kinds&number != 0 {
		s.kinds &^= integer
	}
	if s.kinds == 0 || s.kinds&(s.kinds-1) != 0 {
		s = shape{kinds: text}
	}
	return (&inference{}).append(nil, &s)
}

// Typed returns the text as JSON text of the schema's type that [Text] gives
// it: "7" is a number, "true" a boolean, everything else a string.
func Typed(v string) []byte {
	if textKind(v) == text {
		return document.AppendString(nil, v)
	}
	return []byte(v)
}

func textKind(v string) kind {
	if v == "true" || v == "false" {
		return boolean
	}
	digits := strings.TrimPrefix(v, "-")
	whole, fraction, hasFraction := strings.Cut(digits, ".")
	if len(digits) > maxDigits || !isDigits(whole) || len(whole) > 1 && whole[0] == '0' {
		return text
	}
	if !hasFraction {
		if v == "-0" {
			return text
		}
		return integer
	}
	if isDigits(fraction) {
		return number
	}
	return text
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// numberKind tells integers by their value: 1.0 and 1e3 are ones in JSON Schema.
func numberKind(literal string) kind {
	if !strings.ContainsAny(literal, ".eE") {
		return integer
	}
	if len(literal) > 64 {
		return number
	}
	if f, err := strconv.ParseFloat(literal, 64); err != nil || f > 1e15 || f < -1e15 {
		return number
	} else if strings.Contains(literal, ".") && !strings.ContainsAny(literal, "eE") {
		return number // whoever writes 1.0 has fractions in mind
	} else if big.NewFloat(f).IsInt() {
		return integer
	}
	return number
}

// formatOf returns the JSON Schema format of the text, or "".
func formatOf(s string) string {
	switch {
	case len(s) < 6 || len(s) > maxFormatBytes:
		return ""
	case isUUID(s):
		return "uuid"
	case len(s) == len(time.DateOnly) && parses(time.DateOnly, s):
		return "date"
	case len(s) >= len("2006-01-02T15:04:05Z") && len(s) < 64 && !strings.Contains(s, ",") && parses(time.RFC3339, s):
		return "date-time"
	case strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://"):
		if u, err := url.Parse(s); err == nil && u.Host != "" && isASCII(s) && !strings.ContainsAny(s, "\"<>\\^`{|}") {
			return "uri"
		}
	case strings.Contains(s, "@"):
		if a, err := mail.ParseAddress(s); err == nil && a.Address == s && strings.Contains(s, ".") && isASCII(s) {
			return "email"
		}
	}
	return ""
}

// isASCII reports whether all characters are visible ones of ASCII, as "uri" and
// "email" demand (RFC 3986, RFC 5321).
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func parses(layout, s string) bool {
	_, err := time.Parse(layout, s)
	return err == nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
				return false
			}
		}
	}
	return true
}
