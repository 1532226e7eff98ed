// Package sign works out what proves a finished request: signatures under a
// shared secret ([HMAC], described by templates) and AWS Signature Version 4
// ([AWS]).
//
// It gets keys for the length of one call and keeps none of them; package inject
// alone knows where they come from. A signature is made of exactly the bytes that
// are sent: nothing may change the request afterwards.
//
//	scheme, err := sign.CompileHMAC(placement.GetScheme())
//	err = scheme.Sign(&req, sign.Moment{Key: key, Now: now, Parameter: values})
package sign

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxTemplate is the longest template, in bytes: several times what any
	// documented signature needs.
	maxTemplate = 8 << 10
	// maxPlaceholders bounds the placeholders of a template.
	maxPlaceholders = 64
)

// Part is a piece of a template: text, or the name of a placeholder.
type Part struct {
	// Text is sent as it is; empty for a placeholder.
	Text string
	// Placeholder is what stood between the braces; empty for text.
	Placeholder string
}

var (
	errTooLong = fmt.Errorf("a template may have %d bytes and %d placeholders", maxTemplate, maxPlaceholders)
	errClosing = errors.New("a closing brace has no opening one; write two for one that is meant")
	errOpening = errors.New("an opening brace has no closing one; write two for one that is meant")
	errUnnamed = errors.New("a placeholder has no name")
)

// ParseTemplate reads a template: text with placeholders in braces, two braces in
// a row standing for one. A template has at most 8 KiB and 64 placeholders.
// Errors say what is wrong without repeating the text.
func ParseTemplate(text string) ([]Part, error) {
	if len(text) > maxTemplate {
		return nil, errTooLong
	}
	var parts []Part
	var literal strings.Builder
	for text != "" {
		at := strings.IndexAny(text, "{}")
		if at < 0 {
			literal.WriteString(text)
			break
		}
		literal.WriteString(text[:at])
		brace := text[at]
		text = text[at+1:]
		if text != "" && text[0] == brace {
			literal.WriteByte(brace)
			text = text[1:]
			continue
		}
		if brace == '}' {
			return nil, errClosing
		}
		end := strings.IndexAny(text, "{}")
		if end < 0 || text[end] == '{' {
			return nil, errOpening
		}
		if end == 0 {
			return nil, errUnnamed
		}
		if literal.Len() > 0 {
			parts = append(parts, Part{Text: literal.String()})
			literal.Reset()
		}
		parts = append(parts, Part{Placeholder: text[:end]})
		if len(parts) > 2*maxPlaceholders {
			return nil, errTooLong
		}
		text = text[end+1:]
	}
	if literal.Len() > 0 {
		parts = append(parts, Part{Text: literal.String()})
	}
	return parts, nil
}
